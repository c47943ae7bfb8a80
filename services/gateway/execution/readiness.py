"""Whose turn it is: pure, over the open orders of one symbol.

One order at a time in a symbol: the next waits until the one before is settled, so also behind an UNKNOWN one. An order
that comes `after` another waits until that one is FILLED, or has left no more than dust. What has waited past its time
expires.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from services.gateway.execution.rows import Ticket
from shared.messages import Reason
from shared.messages.reasons import OrderState


class Turn(StrEnum):
    """GO: it may be judged and sent. WAIT: something must end before."""

    GO = "GO"
    WAIT = "WAIT"


def turn_of(
    ticket: Ticket, lane: Iterable[Ticket], ended: Mapping[str, OrderState], now_ns: int, *, dust: bool = False
) -> Turn | Reason:
    """GO, WAIT, or the reason why it expires.

    lane: the symbol's open orders, in the order in which they came. ended: how the orders ended that others come after.
    dust: what the book holds now cannot be sold, so there is nothing left to close.
    """
    row = ticket.row
    if row.valid_until_ns and now_ns > row.valid_until_ns:
        return Reason.PAST_VALID_UNTIL
    if row.after and not dust and ended.get(row.after, OrderState.FILLED) is not OrderState.FILLED:
        return Reason.CLOSE_NOT_FILLED
    return Turn.GO if next(iter(lane), ticket) is ticket else Turn.WAIT
