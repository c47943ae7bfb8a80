"""Mean and variance of the last n values, which no rounding error outlives."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.record import Snapshot, fields_of
from shared.tick import State, Tick
from shared.windows.capacity import whole
from shared.windows.numpy_window import numbers_of

Floats = NDArray[np.float64]
AT_ONCE = 1 << 18  # values of which `array` holds the blocks side by side


class WindowMoments(NamedTuple):
    """The moments of n values: their mean, and their population variance (the sum of squares divided by n)."""

    mean: float
    variance: float

    def z_score(self, value: float) -> float:
        """Returns (value - mean) / s.d., and 0 where there is no deviation."""
        return (value - self.mean) / math.sqrt(self.variance) if self.variance > 0 else 0.0


class MomentArrays(NamedTuple):
    """The moments of the windows that end at each of many values; NaN until there are n."""

    mean: Floats
    variance: Floats

    def z_scores(self, values: Floats) -> Floats:
        """Returns the z-score of each value in its window, and 0 where there is no deviation."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = (values - self.mean) / np.sqrt(self.variance)
        scores[self.variance <= 0] = 0.0
        return scores


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

    def array(self, values: Floats) -> MomentArrays:
        """Returns what a new one gives for each of many values, to the last bit: the sums of all blocks go on at once.

        Each block's values are added one by one, in the order of `on_tick`, and merged with the block before in its.
        """
        n = self._n
        found = MomentArrays(np.full(len(values), np.nan), np.full(len(values), np.nan))
        step = max(AT_ONCE // n, 1) * n
        for first in range(0, len(values), step):
            begin = max(first - n, 0)  # with the block before
            part = _block_moments(values[begin : first + step], n)
            for column, made in zip(found, part, strict=True):
                column[first : first + step] = made[first - begin :]
        return found

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


def _block_moments(values: Floats, n: int) -> MomentArrays:
    """Returns the moments at each value; the first block has no other before it."""
    padded = np.zeros(-(-len(values) // n) * n)
    padded[: len(values)] = values
    blocks = padded.reshape(-1, n).T.copy()  # a row has the values of one place in all blocks
    none = np.zeros(blocks.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # as in Python
        ends = [(none, none), *_growing(blocks[:0:-1])]
        means, variances = np.full_like(blocks, np.nan), np.full_like(blocks, np.nan)
        for count, (mean, squares) in enumerate(_growing(blocks), 1):
            rest = n - count
            if not rest:
                means[-1], variances[-1] = mean, squares / n
                continue
            older_mean, older_squares = (column[:-1] for column in ends[rest])
            mean, squares = mean[1:], squares[1:]
            apart = mean - older_mean
            share = count / n
            means[count - 1, 1:] = older_mean + apart * share
            variances[count - 1, 1:] = (older_squares + squares + apart * apart * share * rest) / n
    return MomentArrays(means.T.reshape(-1)[: len(values)], variances.T.reshape(-1)[: len(values)])


def _growing(rows: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yields mean and squares of the first row, the first two, and so on, each column by itself."""
    mean = squares = np.zeros(rows.shape[1])
    for count, row in enumerate(rows, 1):
        deviation = row - mean
        mean = mean + deviation / count
        squares = squares + deviation * (row - mean)
        yield mean, squares
