"""The groups of a bar of history, in float64, as messages carry them: converted once, from the file's own digits."""

from decimal import Decimal

from shared.history.bar import HistoryBar
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.record import unvalidated

_bar, _quote, _funding = unvalidated(BarGroup), unvalidated(QuoteGroup), unvalidated(FundingGroup)


def bar_group(bar: HistoryBar) -> BarGroup | None:
    """Returns the group `bar`; None where the file has a price alone, or does not tell the volume.

    >>> row = HistoryBar(60, *map(Decimal, (2, 3, 1, 2)), row=2, volume=Decimal("0.3"))
    >>> found = bar_group(row)
    >>> found.high, found.volume, found.trades
    (3.0, 0.3, None)
    """
    if bar.price_alone or bar.volume is None:
        return None
    return _bar(
        open=float(bar.open),
        high=float(bar.high),
        low=float(bar.low),
        volume=float(bar.volume),
        quote_volume=_float(bar.quote_volume),
        trades=bar.trades,
        taker_volume=_float(bar.taker_volume),
    )


def quote_group(bar: HistoryBar) -> QuoteGroup | None:
    """Returns the group `quote`; None where one of its four is not there."""
    bid, ask, bid_qty, ask_qty = bar.bid, bar.ask, bar.bid_qty, bar.ask_qty
    if bid is None or ask is None or bid_qty is None or ask_qty is None:
        return None
    return _quote(bid=float(bid), ask=float(ask), bid_qty=float(bid_qty), ask_qty=float(ask_qty))


def funding_group(bar: HistoryBar) -> FundingGroup | None:
    """Returns the group `funding`."""
    return None if bar.funding_rate is None else _funding(rate=float(bar.funding_rate))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
