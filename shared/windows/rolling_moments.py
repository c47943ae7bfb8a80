"""Mean and variance of the last n values, which no rounding error outlives."""

import math
from typing import Any, NamedTuple

from shared.record import Snapshot, fields_of
from shared.tick import State, Tick
from shared.windows.capacity import whole
from shared.windows.numpy_window import numbers_of


class WindowMoments(NamedTuple):
    """The moments of n values: their mean, and their population variance (the sum of squares divided by n)."""

    mean: float
    variance: float

    def z_score(self, value: float) -> float:
        """Returns (value - mean) / s.d., and 0 where there is no deviation."""
        return (value - self.mean) / math.sqrt(self.variance) if self.variance > 0 else 0.0


class RollingMomentsSnapshot(Snapshot):
    """The saved form of a RollingMoments: its values, oldest first, in the two blocks."""

    older: Any
    block: Any


_snapshot = fields_of(RollingMomentsSnapshot)


class RollingMoments(Tick[float, WindowMoments]):
    """A RollingMoments gives mean and variance of the last n values; None until there are n.

    Nothing is ever subtracted, so no error of a large value stays behind when that leaves, and none grows with the
    stream: values come in blocks of n, a window is the end of one block and the beginning of the next, and the moments
    of both parts are merged. Equal values have a variance of exactly 0. O(1) a tick on average: every n-th one sums
    the ends of its block, O(n).

    - n: a whole number, positive, else ValueError.
    - Input: finite, which the caller checks.
    - Source: Welford (1962) for one more value; Chan, Golub, LeVeque, The American Statistician 37 (1983), 2.1 for two
      parts; van Herk, Pattern Recognition Letters 13 (1992) for the blocks.

    >>> moments = RollingMoments(3)
    >>> [moments.on_tick(v) for v in (1.0, 2.0, 6.0)]
    [None, None, WindowMoments(mean=3.0, variance=4.666666666666667)]
    """

    def __init__(self, n: int) -> None:
        self._n = whole(n, "a RollingMoments' n")
        self._block: list[float] = []
        self._mean = 0.0  # of the block
        self._squares = 0.0  # sum of squared deviations from it
        self._older: list[float] = []  # the block before
        self._ends: list[tuple[float, float]] = []  # of that one's last r values mean and squares, for each r

    def on_tick(self, val: float) -> WindowMoments | None:
        """Takes a value; returns the moments once there are n."""
        n, block = self._n, self._block
        block.append(val)
        count = len(block)
        deviation = val - self._mean
        mean = self._mean = self._mean + deviation / count
        squares = self._squares = self._squares + deviation * (val - mean)
        if count == n:
            self._turn()
            return WindowMoments(mean, squares / n)
        if not self._ends:
            return None
        rest = n - count
        older_mean, older_squares = self._ends[rest]
        apart = mean - older_mean
        share = count / n
        return WindowMoments(older_mean + apart * share, (older_squares + squares + apart * apart * share * rest) / n)

    def _turn(self) -> None:
        self._older, self._block = self._block[1:], []  # the first one leaves with the next value
        self._mean = self._squares = 0.0
        self._sum_ends()

    def _sum_ends(self) -> None:
        mean = squares = 0.0
        self._ends = [(mean, squares)] if self._older else []
        for count, value in enumerate(reversed(self._older), 1):
            deviation = value - mean
            mean += deviation / count
            squares += deviation * (value - mean)
            self._ends.append((mean, squares))

    def capacity(self) -> int:
        """Returns n."""
        return self._n

    def state(self) -> State:
        """Returns the values that the next results need."""
        return _snapshot(older=self._older[len(self._block) :], block=self._block.copy())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = RollingMomentsSnapshot.of(state)
        older, block = numbers_of(saved.older, self._n - 1), numbers_of(saved.block, self._n - 1)
        if older and len(older) + len(block) != self._n - 1:
            raise ValueError(
                f"a RollingMoments({self._n}) restores {self._n - 1} values, not {len(older)}+{len(block)}"
            )
        self._block, self._mean, self._squares, self._ends = [], 0.0, 0.0, []
        for value in block:  # fewer than n, so none turns the block
            self.on_tick(value)
        self._older = older
        self._sum_ends()
        self._older = [0.0] * len(block) * bool(older) + older

    def __repr__(self) -> str:
        values = [*self._older[len(self._block) :], *self._block]
        return f"{type(self).__name__}(capacity={self._n}, values={values})"
