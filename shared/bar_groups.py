"""What a row of history has in each group, in the form in which ticks carry it: float64, converted once."""

from collections.abc import Set
from typing import NamedTuple

from shared.bar import Bar
from shared.history.bar import HistoryBar
from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup
from shared.record import unvalidated

_bar, _quote, _funding = unvalidated(BarGroup), unvalidated(QuoteGroup), unvalidated(FundingGroup)
_BAR, _QUOTE, _FUNDING = Group.BAR, Group.QUOTE, Group.FUNDING
RANGE = "range"  # of the group `bar` the prices alone, which a simulated stop looks at where they are told


class Groups(NamedTuple):
    """The groups of one bar; None for one that is not wanted, or not there."""

    bar: BarGroup | None = None
    quote: QuoteGroup | None = None
    funding: FundingGroup | None = None

    @property
    def known(self) -> int:
        """Returns how many are there."""
        return sum(group is not None for group in self)


def groups_of(bar: HistoryBar, wanted: Set[str]) -> Groups:
    """Returns the groups of a row of a file.

    A group is there as a whole or not at all: `bar` where the row has more than a price alone, and a volume; `quote`
    where it has all four. Where RANGE alone is wanted of a bar, it needs no volume.

    >>> from decimal import Decimal
    >>> row = HistoryBar(60, *map(Decimal, (2, 3, 1, 2)), row=2, volume=Decimal("0.1"), funding_rate=Decimal("1e-4"))
    >>> groups_of(row, {"bar", "quote"})
    Groups(bar=BarGroup(open=2.0, high=3.0, low=1.0, volume=0.1), quote=None, funding=None)
    """
    return Groups(
        _bar_group(bar, _BAR in wanted) if _BAR in wanted or RANGE in wanted else None,
        _quote_group(bar) if _QUOTE in wanted else None,
        _funding_group(bar) if _FUNDING in wanted else None,
    )


def seen_bar(sym: str, bar: HistoryBar, needed: Set[str], fields: Set[str] = frozenset()) -> Bar | None:
    """Returns what features see of a row of a file; None where a group, or one of its fields, that they need lacks."""
    groups = groups_of(bar, needed)
    if any(getattr(groups.bar, field, None) is None for field in fields):
        return None
    return Bar.of(sym, bar.ts_event, bar.close, *groups) if groups.known == len(needed) else None


def _bar_group(bar: HistoryBar, whole: bool) -> BarGroup | None:
    volume, quote_volume, taker_volume = bar.volume, bar.quote_volume, bar.taker_volume
    if bar.price_alone or (volume is None and whole):
        return None
    return _bar(
        open=float(bar.open),
        high=float(bar.high),
        low=float(bar.low),
        volume=None if volume is None else float(volume),
        quote_volume=None if quote_volume is None else float(quote_volume),
        trades=bar.trades,
        taker_volume=None if taker_volume is None else float(taker_volume),
    )


def _funding_group(bar: HistoryBar) -> FundingGroup | None:
    rate = bar.funding_rate
    return None if rate is None else _funding(rate=float(rate), interval_h=bar.funding_interval_h)


def _quote_group(bar: HistoryBar) -> QuoteGroup | None:
    bid, ask, bid_qty, ask_qty = bar.bid, bar.ask, bar.bid_qty, bar.ask_qty
    if bid is None or ask is None or bid_qty is None or ask_qty is None:
        return None
    return _quote(bid=float(bid), ask=float(ask), bid_qty=float(bid_qty), ask_qty=float(ask_qty))
