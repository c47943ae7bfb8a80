"""How the venue's account can differ from journal and books."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from shared.orders.answers import VenueFill


class DifferenceKind(StrEnum):
    """The name of a difference."""

    BALANCE = "BALANCE"
    EXTERNAL_FILL = "EXTERNAL_FILL"  # a trade of an order that is not ours
    EXTERNAL_FUNDING = "EXTERNAL_FUNDING"  # a payment for a symbol that no book trades
    EXTERNAL_ORDER = "EXTERNAL_ORDER"  # an open order that we did not send
    FILL_NOT_SHOWN = "FILL_NOT_SHOWN"  # the journal has a trade that the venue does not show
    FUNDING_MISSING = "FUNDING_MISSING"  # a payment is booked that the venue does not show, or with another amount
    MISSING_FILL = "MISSING_FILL"  # a trade of an order of ours that is over, and the journal lacks it
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"  # the journal has it as open, the venue's list does not
    ORDER_STILL_OPEN = "ORDER_STILL_OPEN"  # the journal has it as over, the venue as open
    POSITION = "POSITION"
    POSITION_ROWS = "POSITION_ROWS"  # several positions of one market: a hedge, or cross beside isolated


class Difference(NamedTuple):
    """One difference. key: what it is about (an id of order, trade or payment, or the symbol); text: for a person.

    trade: the one that the venue has, and the journal has not.
    """

    kind: DifferenceKind
    key: str
    sym: str
    text: str
    expected: str
    found: str
    trade: VenueFill | None = None


def persistent(before: Iterable[Difference], now: Iterable[Difference]) -> list[Difference]:
    """The differences of this run that the run before had too.

    A venue's reads are not made at one instant: a fill between two of them looks like a difference once, not twice.

    >>> gone, new = (Difference(DifferenceKind.POSITION, sym, sym, "", "0", "1") for sym in ("ADAUSDT", "BTCUSDT"))
    >>> [difference.sym for difference in persistent([gone, new], [new])]
    ['BTCUSDT']
    """
    known = {(difference.kind, difference.key) for difference in before}
    return [difference for difference in now if (difference.kind, difference.key) in known]
