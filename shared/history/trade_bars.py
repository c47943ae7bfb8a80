"""Bars out of files of trades."""

from collections.abc import Iterable, Iterator

from shared.errors import DataError
from shared.history.bar import Bar
from shared.history.row_order import RowOrder
from shared.history.times import Instant, time_text
from shared.history.zone import DAY_NS, Zone
from shared.intervals import NS_PER_S

BACK_NS = NS_PER_S  # how far the times of an archive may go back from one trade to the next: ids are its order


class TradeOrder(RowOrder):
    """Gives the time of each trade, never before that of the one before; refuses trades that are not in order.

    >>> order = TradeOrder("trades.csv")
    >>> [order.end(row, Instant(ms * 1_000_000, "epoch milliseconds")) for row, ms in enumerate((5, 5, 4), 2)]
    [5000000, 5000000, 5000000]
    """

    def __init__(self, name: str, zone: Zone | None = None) -> None:
        super().__init__(name, 1, zone)

    def end(self, row: int, start: Instant) -> int:
        """When the trade was known."""
        last = self.last
        if last is not None:
            if start.form != last.form:
                raise DataError(f"{self.name}: {self._fault(row, start, last, 0)}")
            if start.ns < last.ns - BACK_NS:
                raise DataError(
                    f"{self.name}: row {row}: time {time_text(start.ns)} is before {time_text(last.ns)} of row "
                    f"{self.row}: sort the trades by time"
                )
            start = max(start, last)
        self.row, self.last = row, start
        return start.ns


def bars_of_trades(trades: Iterable[Bar], interval_ns: int, zone: Zone | None = None) -> Iterator[Bar]:
    """Bars of `interval_ns` at its multiples since 1970, of UTC or of the zone's clock where they are whole days.

    A bar has the trades from its start until before its end; `row` is that of its last one. One without trades is a
    hole. Only whole bars are given: neither a last one whose end is not reached, nor a first one that was entered in
    its midst.

    >>> from decimal import Decimal
    >>> trades = [Bar(at, *[Decimal(p)] * 4, row) for row, (at, p) in enumerate([(60, 3), (90, 1), (120, 2)], 1)]
    >>> [(bar.ts_event, *map(int, bar[1:])) for bar in bars_of_trades(trades, 60)]
    [(120, 3, 3, 1, 1, 2)]
    """
    days = zone if zone is not None and interval_ns % DAY_NS == 0 else None

    def bounds(ns: int) -> tuple[int, int]:
        if days is None:
            start = ns - ns % interval_ns
            return start, start + interval_ns
        wall = days.wall_ns(ns)
        start = wall - wall % interval_ns
        return days.instant_ns(start), days.instant_ns(start + interval_ns)

    end, whole, bar = 0, False, None
    for trade in trades:
        price = trade.close
        if bar is not None and trade.ts_event < end:
            bar = Bar(end, bar.open, max(bar.high, price), min(bar.low, price), price, trade.row)
            continue
        if bar is not None and whole:
            yield bar
        start, end = bounds(trade.ts_event)
        whole = bar is not None or start == trade.ts_event
        # Another object than its close: of a bar whose open is its close there was one price alone.
        bar = Bar(end, price.copy_abs(), price, price, price, trade.row)
