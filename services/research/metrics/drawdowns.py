"""The deepest and the longest fall from a peak, of a series that comes in pieces."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Fall(NamedTuple):
    """From the last time at a peak to the lowest point, and the first time at the peak again. depth: share of it."""

    depth: float
    money: float
    peak_ts: int
    trough_ts: int
    recovery_ts: int | None


class Falls:
    """Watches a series. value and ts: the first peak, above 0.

    >>> falls = Falls(100.0, 0)
    >>> falls.add(np.array([1, 2, 3, 4]), np.array([110.0, 88.0, 99.0, 110.0]))
    >>> falls.deepest
    Fall(depth=0.2, money=22.0, peak_ts=1, trough_ts=2, recovery_ts=4)
    >>> falls.longest
    3
    """

    def __init__(self, value: float, ts: int) -> None:
        self.deepest: Fall | None = None
        self._peak = value
        self._peak_ts = ts  # last time at the peak
        self._last_ts = ts
        self._below = False
        self._longest = 0

    def add(self, ts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the next values and their times."""
        if not len(values):
            return
        peaks = np.maximum(np.maximum.accumulate(values), self._peak)
        tops = np.flatnonzero(values == peaks)
        depths = (peaks - values) / peaks
        trough = int(depths.argmax())
        if (depth := float(depths[trough])) > (self.deepest.depth if self.deepest else 0.0):
            before = int(np.searchsorted(tops, trough))
            since = int(ts[tops[before - 1]]) if before else self._peak_ts
            recovery = int(ts[tops[before]]) if before < len(tops) else None
            self.deepest = Fall(depth, float(peaks[trough] - values[trough]), since, int(ts[trough]), recovery)
        elif self.deepest and self.deepest.recovery_ts is None and len(tops):
            self.deepest = self.deepest._replace(recovery_ts=int(ts[tops[0]]))
        self._measure(ts, tops)
        self._peak, self._last_ts = float(peaks[-1]), int(ts[-1])

    def _measure(self, ts: NDArray[np.int64], tops: NDArray[np.intp]) -> None:
        """How long the series was below its peak between the times at which it was there."""
        if not len(tops):
            self._below = True
            return
        if self._below or tops[0]:
            self._longest = max(self._longest, int(ts[tops[0]]) - self._peak_ts)
        apart = np.diff(ts[tops])[np.diff(tops) > 1]
        if len(apart):
            self._longest = max(self._longest, int(apart.max()))
        self._peak_ts = int(ts[tops[-1]])
        self._below = bool(tops[-1] + 1 < len(ts))

    @property
    def longest(self) -> int:
        """The longest time from a peak until the peak was reached again, or until now; 0 where it never fell."""
        return max(self._longest, self._last_ts - self._peak_ts) if self._below else self._longest
