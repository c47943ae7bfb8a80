"""An average in which old values count less and less."""

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.record import Snapshot, fields_of
from shared.tick import State, Tick
from shared.windows.capacity import whole


class SmoothedAverageSnapshot(Snapshot):
    """The saved form of a SmoothedAverage."""

    count: int
    value: Any


_snapshot = fields_of(SmoothedAverageSnapshot)


class SmoothedAverage(Tick[float, float]):
    """A SmoothedAverage moves from its value towards each new one by the share `weight`: exponential smoothing.

    It begins with the plain mean of the first n values, and gives None before there are n. An error of rounding fades
    as the values do. O(1) a tick, and in memory.

    - n: a whole number, positive. weight: above 0, at most 1. Else ValueError.
    - Input: finite, which the caller checks.
    - Source: Wilder, New Concepts in Technical Trading Systems (1978), with weight 1/n; TA-Lib's EMA, with 2/(n+1).

    >>> average = SmoothedAverage(2, weight=0.5)
    >>> [average.on_tick(v) for v in (1.0, 3.0, 5.0)]
    [None, 2.0, 3.5]
    """

    def __init__(self, n: int, weight: float) -> None:
        if not 0 < weight <= 1:
            raise ValueError(f"a SmoothedAverage's weight must be above 0 and at most 1, not {weight}")
        self._n, self._weight = whole(n, "a SmoothedAverage's n"), weight
        self._count = 0  # up to n
        self._value = 0.0

    def on_tick(self, val: float) -> float | None:
        """Takes a value; returns the average once there are n."""
        if self._count == self._n:
            self._value += (val - self._value) * self._weight
            return self._value
        self._count += 1
        self._value += (val - self._value) / self._count
        return self._value if self._count == self._n else None

    def array(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns what a new one gives for each of many values, to the last bit; NaN until there are n.

        Each value needs the one before it, rounded as it is, and numpy has no sum that rounds so: this is a loop of
        Python's, without what a tick costs around it.
        """
        n, weight = self._n, self._weight
        found = np.full(len(values), np.nan)
        if len(values) >= n:
            mean = 0.0
            for count, val in enumerate(values[:n].tolist(), 1):
                mean += (val - mean) / count
            rest = accumulate(values[n:].tolist(), lambda value, val: value + (val - value) * weight, initial=mean)
            found[n - 1 :] = np.fromiter(rest, np.float64, len(values) - n + 1)
        return found

    def state(self) -> State:
        """Returns the average and how many values it has seen, up to n."""
        return _snapshot(count=self._count, value=self._value)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = SmoothedAverageSnapshot.of(state)
        if not isinstance(saved.value, float) or not 0 <= saved.count <= self._n:
            raise ValueError(f"a SmoothedAverage({self._n}) does not take {saved.value!r:.40} of {saved.count} values")
        self._count, self._value = saved.count, saved.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self._n}, weight={self._weight}, count={self._count}, value={self._value})"
