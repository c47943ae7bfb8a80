"""Bars of trades: a trade is a bar of one price, with what was traded."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from shared.history.bar import Aggregate, HistoryBar
from shared.history.zone import DAY_NS, Zone


def trade_of(
    ts_event: int, price: Decimal, row: int, qty: Decimal | None = None, count: int = 1, bought: bool | None = None
) -> HistoryBar:
    """Returns a trade, or several of one taker at one price.

    - qty: base units; None where the file does not tell.
    - count: how many there were.
    - bought: whether the taker did; None where the file does not tell.

    >>> trade_of(5, Decimal(7), 2, Decimal("0.5"), bought=False)[7:11]
    (Decimal('0.5'), Decimal('3.5'), 1, Decimal('0'))
    """
    if qty is None:
        return HistoryBar(ts_event, price, price, price, price, row, True)
    taken = None if bought is None else qty if bought else Decimal(0)
    return HistoryBar(ts_event, price, price, price, price, row, True, qty, price * qty, count, taken)


def bars_of_trades(trades: Iterable[HistoryBar], interval_ns: int, zone: Zone | None = None) -> Iterator[HistoryBar]:
    """Returns bars of `interval_ns` at its multiples since 1970, of UTC or, for whole days, of the zone's clock.

    A bar has the trades from its start until before its end: the first price, the highest, the lowest and the last, and
    the sums of what was traded; `row` is that of its last one. One without trades is a hole. Only whole bars are given:
    neither a last one whose end is not reached, nor a first one that the trades enter in its midst.

    >>> trades = [trade_of(at, Decimal(p), row) for row, (at, p) in enumerate([(60, 3), (90, 1), (120, 2)], 1)]
    >>> [(bar.ts_event, *map(int, bar[1:6])) for bar in bars_of_trades(trades, 60)]
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
        if bar is not None and trade.ts_event < end:
            bar.add(trade)
            continue
        if bar is not None and whole:
            yield bar.at(end, of_trades=True)
        start, end = bounds(trade.ts_event)
        whole = bar is not None or start == trade.ts_event
        bar = Aggregate(trade)
