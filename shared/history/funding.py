"""Which funding rate was known at a bar's end: the same rule for files, for what is fetched, and live."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.intervals import NS_PER_S

KNOWN_NS = 60 * NS_PER_S  # exchanges tell a rate some seconds after it was settled
SETTLED_NS = 3_600 * NS_PER_S  # rates are settled at whole hours, or at some of them

DAY_HOURS = 24


class SettledRate(NamedTuple):
    """A rate was settled at `ts_event`, in ns since 1970 UTC; a share, > 0: longs pay."""

    ts_event: int
    rate: Decimal


def hours_between(one: int, other: int) -> int | None:
    """Returns the hours between two settlements, so for how long the later rate is one; None where that cannot be.

    Exchanges settle at the same hours of every day, some milliseconds late. What is 16 hours apart has one between
    that is missing.

    >>> hour = 3_600 * 10**9
    >>> [hours_between(0, apart * hour + 3_000_000) for apart in (1, 8, 16, 24, 72)]
    [1, 8, None, 24, None]
    """
    hours = round((other - one) / SETTLED_NS)
    return hours if hours >= 1 and DAY_HOURS % hours == 0 else None


def rate_at(rates: Sequence[SettledRate], end: int) -> SettledRate | None:
    """Returns the last of the rates, in order of time, that was settled a minute before `end` or earlier.

    >>> minute = 60 * 10**9
    >>> rates = [SettledRate(0, Decimal("0.0001")), SettledRate(480 * minute, Decimal("-0.0002"))]
    >>> [rate_at(rates, end * minute).rate for end in (1, 480, 481)]
    [Decimal('0.0001'), Decimal('0.0001'), Decimal('-0.0002')]
    """
    place = bisect_right(rates, end - KNOWN_NS, key=lambda rate: rate.ts_event)
    return rates[place - 1] if place else None


def last_settlement(end: int) -> int:
    """Returns the last whole hour at which a rate may have been settled that is known at `end`."""
    return (end - KNOWN_NS) // SETTLED_NS * SETTLED_NS
