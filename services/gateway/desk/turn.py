"""Whose turn it is: pure, over the open orders of one symbol.

One order at a time in a symbol: the next waits until the one on the way is settled, so also behind an UNKNOWN one. The
open leg of a decision waits until its close leg is FILLED. What has waited past its time expires.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from services.gateway.desk.rows import Ticket
from shared.messages import Leg, Reason
from shared.messages.reasons import OrderState

Decision = tuple[str, int, int]


class Turn(StrEnum):
    """GO: it may be judged and sent. WAIT: something must end before."""

    GO = "GO"
    WAIT = "WAIT"


def turn_of(ticket: Ticket, lane: Iterable[Ticket], closed: Mapping[Decision, OrderState], now_ns: int) -> Turn | Reason:
    """GO, WAIT, or the reason why it expires.

    lane: the symbol's open orders, in the order in which they came. closed: how close legs ended that are settled.
    """
    until = ticket.row.valid_until_ns
    if until and now_ns > until:
        return Reason.PAST_VALID_UNTIL
    if ticket.row.leg is Leg.OPEN and closed.get(ticket.decision, OrderState.FILLED) is not OrderState.FILLED:
        return Reason.CLOSE_NOT_FILLED
    first = next(iter(lane), ticket)
    return Turn.GO if first is ticket else Turn.WAIT
