"""Bars: of one row of a price file, and of shorter bars."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.errors import DataError
from shared.intervals import interval_text

_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class HistoryBar(NamedTuple):
    """A bar is known at `ts_event`, its end, in ns since 1970 UTC. What its file does not tell is None.

    - row: its number in the file, as an editor shows it, the header being row 1.
    - price_alone: the file has one price for it, and all four are that one: nobody knows what it opened with.
    - volume, taker_volume: base units; taker_volume is what takers bought. quote_volume: quote units.
    - trades: how many there were.
    - bid, ask, bid_qty, ask_qty: the best ones at its end, quantities in base units.
    - funding_rate: the last one known at its end, as a share. funding_interval_h: it is one for so many hours.
    """

    ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    row: int
    price_alone: bool = False
    volume: Decimal | None = None
    quote_volume: Decimal | None = None
    trades: int | None = None
    taker_volume: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_qty: Decimal | None = None
    ask_qty: Decimal | None = None
    funding_rate: Decimal | None = None
    funding_interval_h: int | None = None


EXTRAS = HistoryBar._fields[HistoryBar._fields.index("volume") :]
NO_EXTRAS: tuple[object, ...] = (None,) * len(EXTRAS)


def bar_of(ts_event: int, prices: Sequence[Decimal], row: int, extras: tuple[object, ...] = NO_EXTRAS) -> HistoryBar:
    """Returns a bar of open, high, low and close, or of one price; raises ValueError where they contradict each other.

    - extras: the values of EXTRAS.

    >>> bar_of(0, [Decimal(7)], 2).low
    Decimal('7')
    >>> bar_of(0, [Decimal(2), Decimal(5), Decimal(3), Decimal(4)], 2)
    Traceback (most recent call last):
    ValueError: low 3 is above open 2: correct or remove the row
    """
    if len(prices) == 1:
        price = prices[0]
        own: tuple[object, ...] = (ts_event, price, price, price, price, row, True)
    else:
        first, high, low, last = prices
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(f"{_fault(first, high, low, last)}: correct or remove the row")
        own = (ts_event, first, high, low, last, row, False)
    made: HistoryBar = _new(HistoryBar, own + extras)  # `(*own, *extras)` costs half as much again
    if extras is not NO_EXTRAS:
        _require_sense(made)
    return made


def _fault(first: Decimal, high: Decimal, low: Decimal, last: Decimal) -> str:
    if low > high:
        return f"low {low} is above high {high}"
    side, edge, beyond = ("high", high, "below") if max(first, last) > high else ("low", low, "above")
    name, price = ("open", first) if not low <= first <= high else ("close", last)
    return f"{side} {edge} is {beyond} {name} {price}"


def _require_sense(bar: HistoryBar) -> None:
    if bar.taker_volume is not None and bar.volume is not None and bar.taker_volume > bar.volume:
        raise ValueError(f"taker_volume {bar.taker_volume} is above volume {bar.volume}: correct or remove the row")
    if bar.bid is not None and bar.ask is not None and bar.bid > bar.ask:
        raise ValueError(f"bid {bar.bid} is above ask {bar.ask}: correct or remove the row")


class Aggregate:
    """An aggregate adds bars, or trades, up to one: first open, highest, lowest, last close; sums of what was traded.

    A sum is None as soon as one of its parts is. Quotes and funding are those of the last part.

    >>> one = HistoryBar(60, *map(Decimal, (2, 3, 1, 2)), row=2, volume=Decimal("0.1"), trades=3)
    >>> made = Aggregate(one)
    >>> made.add(HistoryBar(120, *map(Decimal, (2, 5, 2, 4)), row=3, volume=Decimal("0.2")))
    >>> (made.at(120).high, made.at(120).volume, made.at(120).trades)
    (Decimal('5'), Decimal('0.3'), None)
    """

    def __init__(self, first: HistoryBar) -> None:
        self.last = first
        self._open, self._high, self._low = first.open, first.high, first.low
        self._alone = first.price_alone
        self._volume, self._quote_volume = first.volume, first.quote_volume
        self._trades, self._taker_volume = first.trades, first.taker_volume

    def add(self, bar: HistoryBar) -> None:
        """Takes the next part."""
        self._high, self._low = max(self._high, bar.high), min(self._low, bar.low)
        self._alone = False  # there are two prices
        self._volume = _sum(self._volume, bar.volume)
        self._quote_volume = _sum(self._quote_volume, bar.quote_volume)
        self._taker_volume = _sum(self._taker_volume, bar.taker_volume)
        self._trades = None if self._trades is None or bar.trades is None else self._trades + bar.trades
        self.last = bar

    def at(self, end: int, of_trades: bool = False) -> HistoryBar:
        """Returns the bar that ends there. of_trades: its first price is what it opened with."""
        last = self.last
        return HistoryBar(
            end, self._open, self._high, self._low, last.close, last.row, self._alone and not of_trades,
            self._volume, self._quote_volume, self._trades, self._taker_volume,
            last.bid, last.ask, last.bid_qty, last.ask_qty, last.funding_rate, last.funding_interval_h,
        )  # fmt: skip


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def resample(bars: Iterable[HistoryBar], interval_ns: int) -> Iterator[HistoryBar]:
    """Returns bars of `interval_ns`, aligned to its multiples since 1970 UTC, as the shorter ones come.

    A period takes the bars that end within it or with it, so nothing is known before its time; `row` is that of its
    last bar. It has their first open, highest high, lowest low and last close, quote and funding rate, and the sums of
    their volumes and trades. Only whole periods are given: neither a last one whose end is not reached, nor a first one
    that the bars enter in its midst. A period without bars is a hole here too; in one with holes, the bars that are
    there stand for it. Raises ValueError for an interval that is not positive, DataError behind the last bar where no
    two bars were as close as the interval: a longer bar cannot be divided.

    >>> from decimal import Decimal
    >>> one, two, three = Decimal(1), Decimal(2), Decimal(3)
    >>> hours = [HistoryBar(60, two, two, one, one, 2), HistoryBar(120, one, three, one, two, 3)]
    >>> hours.append(HistoryBar(180, two, two, two, two, 4))
    >>> [(bar.ts_event, *map(int, bar[1:6])) for bar in resample(hours, 120)]
    [(120, 2, 3, 1, 2, 3)]
    """
    if interval_ns < 1:
        raise ValueError(f"interval of {interval_ns} ns is not positive")
    return _periods(bars, interval_ns)


def _periods(bars: Iterable[HistoryBar], interval_ns: int) -> Iterator[HistoryBar]:
    found = iter(bars)
    first = next(found, None)
    if first is None:
        return
    begins, closest, differences = first.ts_event, None, 0
    end = _end(begins, interval_ns)
    period = Aggregate(first)
    entered = False  # whether the period was seen from its start on
    for bar in found:
        apart, differences = bar.ts_event - period.last.ts_event, differences + 1
        if closest is None or apart < closest:
            closest = apart
        if bar.ts_event > end:
            # The first bar's start is not known, but the closest two bars tell how long it is.
            if entered or begins - closest <= end - interval_ns:
                yield period.at(end)
            entered, end = True, _end(bar.ts_event, interval_ns)
            period = Aggregate(bar)
        else:
            period.add(bar)
    if closest is not None and differences > 1 and closest > interval_ns:
        longer, shorter = interval_text(closest), interval_text(interval_ns)
        raise DataError(f"bars that are {longer} apart cannot be resampled to {shorter}: pass {longer} or a multiple")
    if period.last.ts_event == end and (entered or closest is None or begins - closest <= end - interval_ns):
        yield period.at(end)


def _end(ts_event: int, interval_ns: int) -> int:
    return -(-ts_event // interval_ns) * interval_ns
