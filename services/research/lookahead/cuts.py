"""A cut says behind which tick the future is changed; this module changes it and writes the file to be read then."""

import csv
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from shared.history import HistoryBar
from shared.history.bar import EXTRAS
from shared.history.columns import GROUP_OF, OHLC, PRICE, TIME
from shared.history.files import groups_of
from shared.history.prices import HIGHEST, LOWEST
from shared.history.times import time_text
from shared.history.zone import Zone, start_of


def choose_cuts(possible: Sequence[int], count: int) -> list[int]:
    """Returns `count` of the ticks, ascending, or all that there are.

    They are the first, the last, the quarters, and others by a seeded draw.

    >>> choose_cuts(range(10, 110), 5), choose_cuts([3, 4], 5)
    ([10, 35, 60, 85, 109], [3, 4])
    """
    size = len(possible)
    if size <= count:
        return list(possible)
    drawn = random.Random(size).sample(range(size), count)  # noqa: S311  (no secret)
    chosen = list(dict.fromkeys((0, size - 1, size // 2, size // 4, 3 * size // 4, *drawn)))[:count]
    return [possible[at] for at in sorted(chosen)]


class Shortest:
    """Finds how many of a file's first rows make a backtest by themselves, as the file as a whole does.

    There a price that is traded on has moved, and two rows are an interval apart. `rows` is beyond any file until then.
    """

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self.rows = sys.maxsize

    def watch(self, found: Iterable[HistoryBar]) -> Iterator[HistoryBar]:
        """Yields the bars, as they are."""
        before: HistoryBar | None = None
        moved = close = False
        for n, bar in enumerate(found, 1):
            if before is not None and not (moved and close):
                moved = moved or (before.ts_event >= self._start_ns and bar.close != before.close)
                close = close or bar.ts_event - before.ts_event == self._interval_ns
                if moved and close:
                    self.rows = n
            before = bar
            yield bar


_WIDEST = 4.0  # times higher or lower


class Change(StrEnum):
    """A change says what the bars behind a cut might have been.

    MIRRORED: each later return is the opposite one.
    SCALED: each later bar is higher or lower by a factor of its own.
    REMOVED: there is no later bar.

    In the first two there is more or less traded by a factor of each bar's own, what was bought is sold, and funding
    has the other sign.
    """

    MIRRORED = "mirrored"
    SCALED = "scaled"
    REMOVED = "removed"


def changed(bars: Iterable[HistoryBar], cut: int, change: Change) -> Iterator[HistoryBar]:
    """Yields the bars, the first `cut` (1 or more) as they are, the others changed but for their times.

    What is random is seeded by `cut`: the same future each time.

    >>> from shared.history.bar import bar_of
    >>> found = [bar_of(i, [Decimal(price)], i + 2) for i, price in enumerate((100, 110, 121, 88))]
    >>> [str(bar.close) for bar in changed(found, 2, Change.MIRRORED)]
    ['100', '110', '100', '137.5']
    """
    dice = random.Random(cut)  # noqa: S311  (no secret)
    square = Decimal(0)
    for i, bar in enumerate(bars, 1):
        if i <= cut:
            square = bar.close * bar.close
            yield bar
        elif change is Change.REMOVED:
            return
        elif change is Change.MIRRORED:
            other = _with(bar, square / bar.open, square / bar.low, square / bar.high, square / bar.close)
            yield _quoted(_traded(other, _factor(dice)), bar)
        else:
            by = _factor(dice)
            other = _with(bar, by * bar.open, by * bar.high, by * bar.low, by * bar.close)
            yield _quoted(_traded(other, _factor(dice)), bar)


def _factor(dice: random.Random) -> Decimal:
    return Decimal(str(round(_WIDEST ** dice.uniform(-1, 1), 6)))


def _with(bar: HistoryBar, *prices: Decimal) -> HistoryBar:
    """Returns the bar with these prices, as far as a file can hold them; a price alone stays one."""
    first, high, low, last = (min(max(price, LOWEST), HIGHEST) for price in prices)
    if bar.price_alone:
        return bar._replace(open=last, high=last, low=last, close=last)
    return bar._replace(open=first, high=high, low=low, close=last)


def _traded(bar: HistoryBar, by: Decimal) -> HistoryBar:
    """Returns the bar with other amounts, all by one factor, but sold where it was bought; a rate is the opposite."""
    volume, quote_volume, taker = (
        None if amount is None else amount * by for amount in (bar.volume, bar.quote_volume, bar.taker_volume)
    )
    return bar._replace(
        volume=volume,
        quote_volume=quote_volume,
        trades=None if bar.trades is None else int(bar.trades * by),
        taker_volume=taker if taker is None or volume is None else volume - taker,
        bid_qty=None if bar.bid_qty is None else bar.bid_qty * by,
        ask_qty=None if bar.ask_qty is None else bar.ask_qty * by,
        funding_rate=None if bar.funding_rate is None else -bar.funding_rate * by,
    )


def _quoted(bar: HistoryBar, before: HistoryBar) -> HistoryBar:
    """Returns the bar with bid and ask as far from its close as they were from the one before it was changed."""
    if bar.bid is None or bar.ask is None:
        return bar
    by = bar.close / before.close
    bid, ask = (min(max(price * by, LOWEST), HIGHEST) for price in (bar.bid, bar.ask))
    return bar._replace(bid=bid, ask=ask)


def fields_of_file(path: Path) -> tuple[str, ...]:
    """Returns what the bars of a file have beside their prices: all fields of the groups that its columns have."""
    groups = groups_of(path)
    return tuple(field for field in EXTRAS if GROUP_OF[field] in groups)


def write_bars(
    path: Path,
    bars: Iterable[HistoryBar],
    interval_ns: int,
    zone: Zone | None = None,
    extras: Sequence[str] = (),
) -> int:
    """Writes bars as a CSV file out of which `shared.history.bars` reads the same ones; returns how many there were.

    - zone: whose days they are, where they are of whole days.
    - extras: what is written beside the prices, of `HistoryBar`'s fields.

    >>> import tempfile
    >>> from tickline import bars
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Path(folder) / "one.csv", Path(folder) / "two.csv"
    ...     _ = one.write_text("datetime,price\\n2024-10-29,2.50\\n2024-10-30,1e-7\\n")
    ...     rows = write_bars(two, bars(one, "1d"), 86_400 * 10**9)
    ...     rows, list(bars(one, "1d")) == list(bars(two, "1d"))
    (2, True)
    """
    rows, alone, start = 0, False, start_of(interval_ns, zone)
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        for rows, bar in enumerate(bars, 1):
            if rows == 1:
                alone = bar.price_alone
                write((TIME, *(PRICE if alone else OHLC), *extras))
            prices = (bar.close,) if alone else (bar.open, bar.high, bar.low, bar.close)
            write((time_text(start(bar.ts_event)), *prices, *(getattr(bar, field) for field in extras)))
    return rows
