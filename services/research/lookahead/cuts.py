"""Behind which ticks the future is changed."""

import random
import sys
from collections.abc import Iterable, Iterator, Sequence

from shared.history import Bar


def choose_cuts(possible: Sequence[int], count: int) -> list[int]:
    """`count` of the ticks, ascending: the first, the last, the quarters, others by a seeded draw; or all there are.

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
    """rows: how many of a file's first rows make a backtest by themselves, as the file as a whole does.

    There a price that is traded on has moved, and two rows are an interval apart. Beyond any file until then.
    """

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self.rows = sys.maxsize

    def watch(self, found: Iterable[Bar]) -> Iterator[Bar]:
        """The bars, as they are."""
        before: Bar | None = None
        moved = close = False
        for n, bar in enumerate(found, 1):
            if before is not None and not (moved and close):
                moved = moved or (before.ts_event >= self._start_ns and bar.close != before.close)
                close = close or bar.ts_event - before.ts_event == self._interval_ns
                if moved and close:
                    self.rows = n
            before = bar
            yield bar
