"""A bar is what features and strategies see of the market at one tick."""

from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


# What a bar has for certain where a group is there.
GROUP_FIELDS: Mapping[Group, Sequence[str]] = {
    Group.BAR: ("open", "high", "low", "volume"),
    Group.QUOTE: ("bid", "ask", "bid_qty", "ask_qty"),
    Group.FUNDING: ("funding_rate",),
}


def fields_needed(needs: Set[Group], fields: Set[str]) -> tuple[str, ...]:
    """Returns the fields of a Bar that groups, and further fields of them, come to; in a Bar's order.

    >>> fields_needed({Group.FUNDING, Group.BAR}, {"trades"})
    ('open', 'high', 'low', 'volume', 'trades', 'funding_rate')
    """
    wanted = {name for group in needs for name in GROUP_FIELDS[group]} | fields
    return tuple(name for name in Bar._fields if name in wanted)


class BarArrays(NamedTuple):
    """Bar arrays are the columns of n bars of one symbol: the fields of a Bar, each of shape (n,).

    - ts_event: int64. All others are float64, NaN where a bar does not tell the field; None where nobody asked for it.
    """

    ts_event: "NDArray[np.int64]"
    close: "NDArray[np.float64]"
    open: "NDArray[np.float64] | None" = None
    high: "NDArray[np.float64] | None" = None
    low: "NDArray[np.float64] | None" = None
    volume: "NDArray[np.float64] | None" = None
    quote_volume: "NDArray[np.float64] | None" = None
    trades: "NDArray[np.float64] | None" = None
    taker_volume: "NDArray[np.float64] | None" = None
    bid: "NDArray[np.float64] | None" = None
    ask: "NDArray[np.float64] | None" = None
    bid_qty: "NDArray[np.float64] | None" = None
    ask_qty: "NDArray[np.float64] | None" = None
    funding_rate: "NDArray[np.float64] | None" = None

    @classmethod
    def of(cls, bars: Iterable[Bar], fields: Iterable[str]) -> "BarArrays":
        """Returns bars as arrays, with these fields beside time and close.

        >>> bars = [Bar("BTCUSDT", 60, Decimal(2), 2.0, volume=7.0), Bar("BTCUSDT", 120, Decimal(3), 3.0)]
        >>> BarArrays.of(bars, ["volume"]).volume
        array([ 7., nan])
        """
        import numpy as np  # who has no arrays needs none

        found = list(bars)
        told = {name: np.array([getattr(bar, name) for bar in found], np.float64) for name in ("close", *fields)}
        return cls(np.array([bar.ts_event for bar in found], np.int64), **told)
