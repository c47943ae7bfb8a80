"""A bar is what features and strategies see of the market at one tick."""

from decimal import Decimal
from typing import NamedTuple

from shared.messages.market import BarGroup, FundingGroup, QuoteGroup


class Bar(NamedTuple):
    """A bar has one symbol's market data at a tick, flat, with None for what its source does not give.

    - ts_event: the bar's end, in ns since 1970 UTC; at a tick of a single price, when that was known.
    - price: the decision price, exact; close: the same as a float.
    - open, high, low, volume, quote_volume, trades, taker_volume: the group `bar`, in base and quote units.
    - bid, ask, bid_qty, ask_qty: the group `quote`. funding_rate: the group `funding`, as a share.

    >>> bar = Bar.of("BTCUSDT", 60, Decimal("2.5"), BarGroup(open=2.0, high=3.0, low=1.0, volume=7.0))
    >>> bar.close, bar.high, bar.bid
    (2.5, 3.0, None)
    """

    sym: str
    ts_event: int
    price: Decimal
    close: float
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None
    quote_volume: float | None = None
    trades: int | None = None
    taker_volume: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_qty: float | None = None
    ask_qty: float | None = None
    funding_rate: float | None = None

    @classmethod
    def of(
        cls,
        sym: str,
        ts_event: int,
        price: Decimal,
        bar: BarGroup | None = None,
        quote: QuoteGroup | None = None,
        funding: FundingGroup | None = None,
    ) -> "Bar":
        """Returns the bar of a tick's groups."""
        found = cls(sym, ts_event, price, float(price))
        if bar is not None:
            found = found._replace(**bar.__dict__)
        if quote is not None:
            found = found._replace(**quote.__dict__)
        return found if funding is None else found._replace(funding_rate=funding.rate)
