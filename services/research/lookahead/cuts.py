"""Behind which ticks the future is changed."""

import random
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
    chosen = list(dict.fromkeys((0, size - 1, size // 2, size // 4, 3 * size // 4)))[:count]
    left = [at for at in range(size) if at not in chosen]
    chosen += random.Random(size).sample(left, count - len(chosen))  # noqa: S311  (no secret)
    return [possible[at] for at in sorted(chosen)]


class Moves:
    """first: the first row, from 1, at which a price that is traded on differs from the one before; before it a
    backtest that ends there is refused.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self.first = 0

    def watch(self, found: Iterable[Bar]) -> Iterator[Bar]:
        """The bars, as they are."""
        before: Bar | None = None
        for n, bar in enumerate(found, 1):
            if bar.ts_event >= self._start_ns:
                if before is not None and not self.first and bar.close != before.close:
                    self.first = n
                before = bar
            yield bar
