"""What one row of a price file says."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class Bar(NamedTuple):
    """One bar, known at `ts_event`, its end, in ns since 1970 UTC.

    In a file with a price alone all four prices are that one.
    row: as an editor shows it, the header being row 1.
    """

    ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    row: int


def bar_of(ts_event: int, prices: Sequence[Decimal], row: int) -> Bar:
    """A bar out of open, high, low and close, or out of one price; a ValueError where they contradict each other.

    >>> bar_of(0, [Decimal(7)], 2).low
    Decimal('7')
    >>> bar_of(0, [Decimal(2), Decimal(5), Decimal(3), Decimal(4)], 2)
    Traceback (most recent call last):
    ValueError: low 3 is above open 2: correct or remove the row
    """
    if len(prices) == 1:
        price = prices[0]
        return _new(Bar, (ts_event, price, price, price, price, row))
    first, high, low, last = prices
    if low <= first <= high and low <= last <= high:
        return _new(Bar, (ts_event, first, high, low, last, row))
    raise ValueError(f"{_fault(first, high, low, last)}: correct or remove the row")


def _fault(first: Decimal, high: Decimal, low: Decimal, last: Decimal) -> str:
    if low > high:
        return f"low {low} is above high {high}"
    side, edge, beyond = ("high", high, "below") if max(first, last) > high else ("low", low, "above")
    name, price = ("open", first) if not low <= first <= high else ("close", last)
    return f"{side} {edge} is {beyond} {name} {price}"
