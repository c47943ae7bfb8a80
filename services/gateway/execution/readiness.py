"""Whose turn it is: pure, over the open orders of one symbol.

One order at a time in a symbol: the next waits until the one before is settled, so also behind an UNKNOWN one. An order
that comes `after` another waits until that one is FILLED, or has left no more than dust. What has waited past its time
expires.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from services.gateway.execution.rows import OpenOrder
from shared.messages import Reason
from shared.messages.reasons import OrderPhase


class Readiness(StrEnum):
    """GO: it may be judged and sent. WAIT: something must end before."""

    GO = "GO"
    WAIT = "WAIT"


def turn_of(
    ticket: OpenOrder, lane: Iterable[OpenOrder], ended: Mapping[str, OrderPhase], now_ns: int, *, dust: bool = False
) -> Readiness | Reason:
    """GO, WAIT, or the reason why it expires.

    lane: the symbol's open orders, in the order in which they came. ended: how the orders ended that others come after.
    dust: what the book holds now cannot be sold, so there is nothing left to close.
    """
    row = ticket.row
    if row.valid_until_ns and now_ns > row.valid_until_ns:
        return Reason.PAST_VALID_UNTIL
    if row.after and not dust and ended.get(row.after, OrderPhase.FILLED) is not OrderPhase.FILLED:
        return Reason.CLOSE_NOT_FILLED
    return Readiness.GO if next(iter(lane), ticket) is ticket else Readiness.WAIT
