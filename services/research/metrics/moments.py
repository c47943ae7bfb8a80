"""Mean, variance, skewness and kurtosis of a series that comes in pieces."""

import math

import numpy as np
from numpy.typing import NDArray

_NOISE = 1e-14  # a standard deviation of returns below it is rounding


class Moments:
    """Central moments to the fourth, merged by the formulas of Chan and Pébay, so that pieces of any size agree.

    >>> moments = Moments()
    >>> moments.add(np.array([0.01, -0.02]))
    >>> moments.add(np.array([0.03]))
    >>> moments.n, round(moments.mean, 6), round(moments.std, 6), moments.lowest
    (3, 0.006667, 0.025166, -0.02)
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean = 0.0
        self.lowest: float | None = None
        self.highest: float | None = None
        self._m2 = self._m3 = self._m4 = self._down = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take the next values."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        self.lowest = low if self.lowest is None else min(self.lowest, low)
        self.highest = high if self.highest is None else max(self.highest, high)
        below = np.minimum(values, 0.0)
        self._down += float((below * below).sum())
        mean = float(values.mean())
        apart = values - mean
        squares = apart * apart
        # Sums, not dot products: BLAS would wake its threads for these.
        m3, m4 = float((squares * apart).sum()), float((squares * squares).sum())
        self._merge(len(values), mean, float(squares.sum()), m3, m4)

    def _merge(self, n: int, mean: float, m2: float, m3: float, m4: float) -> None:
        before, total = self.n, self.n + n
        delta = mean - self.mean
        share = delta / total
        self._m4 += (
            m4
            + delta * share**3 * before * n * (before * before - before * n + n * n)
            + 6 * share**2 * (before * before * m2 + n * n * self._m2)
            + 4 * share * (before * m3 - n * self._m3)
        )
        self._m3 += m3 + delta * share**2 * before * n * (before - n) + 3 * share * (before * m2 - n * self._m2)
        self._m2 += m2 + delta * share * before * n
        self.mean += share * n
        self.n = total

    @property
    def std(self) -> float | None:
        """Standard deviation with n − 1; None for fewer than two values, 0 where they differ by rounding only."""
        if self.n < 2:
            return None
        std = math.sqrt(max(self._m2, 0.0) / (self.n - 1))
        return std if std > _NOISE else 0.0

    @property
    def downside(self) -> float | None:
        """Root of the mean of min(value, 0)²; None without values."""
        return math.sqrt(self._down / self.n) if self.n else None

    @property
    def skewness(self) -> float | None:
        """Third central moment / standard deviation³, both with n; None where nothing varies."""
        return self._m3 / self.n / (self._m2 / self.n) ** 1.5 if self.std else None

    @property
    def kurtosis(self) -> float | None:
        """Fourth central moment / variance², both with n, 3 for normal values; None where nothing varies."""
        return self._m4 * self.n / self._m2**2 if self.std else None
