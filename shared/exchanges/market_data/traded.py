"""Trades add up to the group of a bar that is made of them, sums in Decimal."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from shared.exchanges.market_data.events import ClosedBar, Trade
from shared.messages.market import BarGroup
from shared.record import unvalidated

_bar_group = unvalidated(BarGroup)


@dataclass
class TradeSum:
    """A sum has the trades of one bar so far, in their order. Who took them, not every exchange tells, so none does.

    >>> made = TradeSum.of(Trade(1, 5, Decimal(3), Decimal("0.1")))
    >>> made.add(Trade(2, 6, Decimal(2), Decimal("0.2")))
    >>> made.group().volume, made.group().quote_volume, made.group().low, made.group().taker_volume
    (0.3, 0.7, 2.0, None)
    """

    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int

    @classmethod
    def of(cls, trade: Trade) -> "TradeSum":
        """Returns the sum of one."""
        price = trade.price
        return cls(price, price, price, trade.qty, price * trade.qty, 1)

    def add(self, trade: Trade) -> None:
        """Takes the next one."""
        price = trade.price
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.volume += trade.qty
        self.quote_volume += price * trade.qty
        self.trades += 1

    def group(self) -> BarGroup:
        """Returns the group as far as it is."""
        return _bar_group(
            open=float(self.open),
            high=float(self.high),
            low=float(self.low),
            volume=float(self.volume),
            quote_volume=float(self.quote_volume),
            trades=self.trades,
            taker_volume=None,
        )


def silent_group(price: Decimal) -> BarGroup:
    """Returns the group of such a bar in which nothing traded."""
    at = float(price)
    return _bar_group(open=at, high=at, low=at, volume=0.0, quote_volume=0.0, trades=0, taker_volume=None)


def bars_of(trades: Iterable[Trade], interval_ns: int) -> list[ClosedBar]:
    """Returns the bars of trades in their order; those in which nothing traded are left out.

    >>> one, two = Trade(1, 5, Decimal(3), Decimal(1)), Trade(2, 25, Decimal(2), Decimal(1))
    >>> [(bar.ts_event, bar.price) for bar in bars_of([one, two], 10)]
    [(10, Decimal('3')), (30, Decimal('2'))]
    """
    sums: dict[int, TradeSum] = {}
    last: dict[int, Decimal] = {}
    for trade in trades:
        if not trade.on_book:
            continue
        end = trade.ts_event - trade.ts_event % interval_ns + interval_ns
        if end in sums:
            sums[end].add(trade)
        else:
            sums[end] = TradeSum.of(trade)
        last[end] = trade.price
    return [ClosedBar(end, last[end], sums[end].group()) for end in sorted(sums)]
