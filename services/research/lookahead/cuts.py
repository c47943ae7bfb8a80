"""A cut says behind which tick the future is changed; this module changes it and writes the file to be read then."""

import csv
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from shared.history import HistoryBar
from shared.history.columns import OHLC, PRICE, TIME
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
            yield _with(bar, square / bar.open, square / bar.low, square / bar.high, square / bar.close)
        else:
            by = Decimal(str(round(_WIDEST ** dice.uniform(-1, 1), 6)))
            yield _with(bar, by * bar.open, by * bar.high, by * bar.low, by * bar.close)


def _with(bar: HistoryBar, *prices: Decimal) -> HistoryBar:
    """Returns the bar with these prices, as far as a file can hold them; a price alone stays one."""
    first, high, low, last = (min(max(price, LOWEST), HIGHEST) for price in prices)
    if bar.open is bar.close:
        return bar._replace(open=last, high=last, low=last, close=last)
    return bar._replace(open=first, high=high, low=low, close=last)


def write_bars(path: Path, bars: Iterable[HistoryBar], interval_ns: int, zone: Zone | None = None) -> int:
    """Writes bars as a CSV file out of which `shared.history.bars` reads the same ones; returns how many there were.

    zone: whose days they are, where they are of whole days.

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
                alone = bar.open is bar.close
                write((TIME, *(PRICE if alone else OHLC)))
            prices = (bar.close,) if alone else (bar.open, bar.high, bar.low, bar.close)
            write((time_text(start(bar.ts_event)), *prices))
    return rows
