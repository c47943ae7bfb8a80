"""Bars: of one row of a price file, of shorter bars, and of trades."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.errors import DataError
from shared.history.zone import DAY_NS, Zone
from shared.intervals import interval_text

_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class HistoryBar(NamedTuple):
    """A bar is known at `ts_event`, its end, in ns since 1970 UTC.

    In a file with a price alone all four prices are that one.

    row: its number in the file, as an editor shows it, the header being row 1.
    """

    ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    row: int


def bar_of(ts_event: int, prices: Sequence[Decimal], row: int) -> HistoryBar:
    """Returns a bar of open, high, low and close, or of one price; raises ValueError where they contradict each other.

    >>> bar_of(0, [Decimal(7)], 2).low
    Decimal('7')
    >>> bar_of(0, [Decimal(2), Decimal(5), Decimal(3), Decimal(4)], 2)
    Traceback (most recent call last):
    ValueError: low 3 is above open 2: correct or remove the row
    """
    if len(prices) == 1:
        price = prices[0]
        return _new(HistoryBar, (ts_event, price, price, price, price, row))
    first, high, low, last = prices
    if low <= first <= high and low <= last <= high:
        return _new(HistoryBar, (ts_event, first, high, low, last, row))
    raise ValueError(f"{_fault(first, high, low, last)}: correct or remove the row")


def _fault(first: Decimal, high: Decimal, low: Decimal, last: Decimal) -> str:
    if low > high:
        return f"low {low} is above high {high}"
    side, edge, beyond = ("high", high, "below") if max(first, last) > high else ("low", low, "above")
    name, price = ("open", first) if not low <= first <= high else ("close", last)
    return f"{side} {edge} is {beyond} {name} {price}"


def resample(bars: Iterable[HistoryBar], interval_ns: int) -> Iterator[HistoryBar]:
    """Returns bars of `interval_ns`, aligned to its multiples since 1970 UTC, as the shorter ones come.

    A period takes the bars that end within it or with it, so nothing is known before its time; `row` is that of its
    last bar. Only whole periods are given: neither a last one whose end is not reached, nor a first one that the bars
    enter in its midst. A period without bars is a hole here too; in one with holes, the bars that are there stand for
    it. Raises ValueError for an interval that is not positive, DataError behind the last bar where no two bars were as
    close as the interval: a longer bar cannot be divided.

    >>> from decimal import Decimal
    >>> one, two, three = Decimal(1), Decimal(2), Decimal(3)
    >>> hours = [HistoryBar(60, two, two, one, one, 2), HistoryBar(120, one, three, one, two, 3)]
    >>> hours.append(HistoryBar(180, two, two, two, two, 4))
    >>> [(bar.ts_event, *map(int, bar[1:])) for bar in resample(hours, 120)]
    [(120, 2, 3, 1, 2, 3)]
    """
    if interval_ns < 1:
        raise ValueError(f"interval of {interval_ns} ns is not positive")
    return _periods(bars, interval_ns)


def _periods(bars: Iterable[HistoryBar], interval_ns: int) -> Iterator[HistoryBar]:
    found = iter(bars)
    last = next(found, None)
    if last is None:
        return
    begins, closest, differences = last.ts_event, None, 0
    end = _end(begins, interval_ns)
    first, high, low = last.open, last.high, last.low
    entered = False  # whether the period was seen from its start on
    for bar in found:
        apart, differences = bar.ts_event - last.ts_event, differences + 1
        if closest is None or apart < closest:
            closest = apart
        if bar.ts_event > end:
            # The first bar's start is not known, but the closest two bars tell how long it is.
            if entered or begins - closest <= end - interval_ns:
                yield HistoryBar(end, first, high, low, last.close, last.row)
            entered, end = True, _end(bar.ts_event, interval_ns)
            first, high, low = bar.open, bar.high, bar.low
        else:
            high, low = max(high, bar.high), min(low, bar.low)
        last = bar
    if closest is not None and differences > 1 and closest > interval_ns:
        longer, shorter = interval_text(closest), interval_text(interval_ns)
        raise DataError(f"bars that are {longer} apart cannot be resampled to {shorter}: pass {longer} or a multiple")
    if last.ts_event == end and (entered or closest is None or begins - closest <= end - interval_ns):
        yield HistoryBar(end, first, high, low, last.close, last.row)


def _end(ts_event: int, interval_ns: int) -> int:
    return -(-ts_event // interval_ns) * interval_ns


def bars_of_trades(trades: Iterable[HistoryBar], interval_ns: int, zone: Zone | None = None) -> Iterator[HistoryBar]:
    """Returns bars of `interval_ns` at its multiples since 1970, of UTC or, for whole days, of the zone's clock.

    A bar has the trades from its start until before its end; `row` is that of its last one. One without trades is a
    hole. Only whole bars are given: neither a last one whose end is not reached, nor a first one that the trades enter
    in its midst.

    >>> from decimal import Decimal
    >>> trades = [HistoryBar(at, *[Decimal(p)] * 4, row) for row, (at, p) in enumerate([(60, 3), (90, 1), (120, 2)], 1)]
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
            bar = HistoryBar(end, bar.open, max(bar.high, price), min(bar.low, price), price, trade.row)
            continue
        if bar is not None and whole:
            yield bar
        start, end = bounds(trade.ts_event)
        whole = bar is not None or start == trade.ts_event
        # Another object than its close: of a bar whose open is its close there was one price alone.
        bar = HistoryBar(end, price.copy_abs(), price, price, price, trade.row)
