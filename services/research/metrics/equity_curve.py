"""A curve, of equity or of a price that is held, gives its returns and drawdowns; it may come in pieces of any size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.statistics import Floats, probabilistic_sharpe
from shared.intervals import NS_PER_S

Ints = NDArray[np.int64]

YEAR_NS = 365 * 86_400 * NS_PER_S
_NOISE = 1e-14  # a standard deviation of returns below it is rounding
_NOWHERE = np.empty(0, np.intp)


def periods_per_year(interval_ns: int) -> float:
    """Returns how many bars of this length a year of 365 days has."""
    return YEAR_NS / interval_ns


class Drawdown(NamedTuple):
    """A drawdown goes from the last time at a peak to the lowest point and the first time at the peak again.

    - depth: share of the peak.
    - recovery_ts: None where the peak was not reached again.
    """

    depth: float
    money: float
    peak_ts: int
    trough_ts: int
    recovery_ts: int | None


class Drawdowns:
    """Watches a series for its deepest and its longest fall from a peak. value and ts: the first peak, above 0.

    >>> drawdowns = Drawdowns(100.0, 0)
    >>> drawdowns.add(np.array([1, 2, 3, 4]), np.array([110.0, 88.0, 99.0, 110.0]))
    >>> drawdowns.deepest
    Drawdown(depth=0.2, money=22.0, peak_ts=1, trough_ts=2, recovery_ts=4)
    >>> drawdowns.longest
    3
    """

    def __init__(self, value: float, ts: int) -> None:
        self.deepest: Drawdown | None = None
        self._peak = value
        self._peak_ts = ts  # last time at the peak
        self._last_ts = ts
        self._below = False
        self._longest = 0

    def add(self, ts: Ints, values: Floats) -> None:
        """Takes the next values and their times."""
        if not len(values):
            return
        if values.max() < self._peak:  # as in most pieces of a long series: the lowest value is the deepest fall
            tops, trough, peak = _NOWHERE, int(values.argmin()), self._peak
        else:
            peaks = np.maximum(np.maximum.accumulate(values), self._peak)
            tops = np.flatnonzero(values == peaks)
            trough = int(((peaks - values) / peaks).argmax())
            peak, self._peak = float(peaks[trough]), float(peaks[-1])
        money = peak - float(values[trough])
        if (depth := money / peak) > (self.deepest.depth if self.deepest else 0.0):
            before = int(np.searchsorted(tops, trough))
            since = int(ts[tops[before - 1]]) if before else self._peak_ts
            recovery = int(ts[tops[before]]) if before < len(tops) else None
            self.deepest = Drawdown(depth, money, since, int(ts[trough]), recovery)
        elif self.deepest and self.deepest.recovery_ts is None and len(tops):
            self.deepest = self.deepest._replace(recovery_ts=int(ts[tops[0]]))
        self._measure(ts, tops)
        self._last_ts = int(ts[-1])

    def _measure(self, ts: Ints, tops: NDArray[np.intp]) -> None:
        """Measures how long the series was below its peak between the times at which it was there."""
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
    def depth(self) -> float:
        """Returns the deepest fall as a share of its peak; 0.0 where the series never fell."""
        return self.deepest.depth if self.deepest else 0.0

    @property
    def money(self) -> float:
        """Returns the deepest fall in money; 0.0 where the series never fell."""
        return self.deepest.money if self.deepest else 0.0

    @property
    def duration(self) -> int | None:
        """Returns the time from the deepest fall's peak until the peak again, or until now; None without a fall."""
        if self.deepest is None:
            return None
        recovery_ts = self.deepest.recovery_ts
        return (self._last_ts if recovery_ts is None else recovery_ts) - self.deepest.peak_ts

    @property
    def longest(self) -> int:
        """Returns the longest time from a peak until the peak again, or until now; 0 where it never fell."""
        return max(self._longest, self._last_ts - self._peak_ts) if self._below else self._longest


def _product_sum(one: Floats, other: Floats) -> float:
    return float(np.einsum("i,i->", one, other))  # not a dot product: BLAS would wake its threads for it


class Moments:
    """Computes mean, deviation, skewness and kurtosis of a series.

    Central moments to the fourth are merged by the formulas of Chan and Pébay, so that pieces of any size agree.

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

    def numbers(self) -> tuple[float, ...]:
        """Returns all that it holds, for `of`."""
        low, high = (math.nan if each is None else each for each in (self.lowest, self.highest))
        return self.n, self.mean, self._m2, self._m3, self._m4, self._down, low, high

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Moments":
        """Returns the moments that had these `numbers`."""
        found = cls()
        n, found.mean, found._m2, found._m3, found._m4, found._down, low, high = numbers
        found.n = int(n)
        found.lowest, found.highest = (None if math.isnan(each) else each for each in (low, high))
        return found

    def add(self, values: Floats) -> None:
        """Takes the next values."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        self.lowest = low if self.lowest is None else min(self.lowest, low)
        self.highest = high if self.highest is None else max(self.highest, high)
        below = np.minimum(values, 0.0)
        self._down += _product_sum(below, below)
        mean = float(values.mean())
        apart = np.subtract(values, mean, out=below)
        squares = apart * apart
        m3, m4 = _product_sum(squares, apart), _product_sum(squares, squares)
        self._merge(len(values), mean, float(squares.sum()), m3, m4)

    def merge(self, other: "Moments") -> None:
        """Takes the values of another series."""
        if not other.n or other.lowest is None or other.highest is None:
            return
        self.lowest = other.lowest if self.lowest is None else min(self.lowest, other.lowest)
        self.highest = other.highest if self.highest is None else max(self.highest, other.highest)
        self._down += other._down
        self._merge(other.n, other.mean, other._m2, other._m3, other._m4)

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
        """Returns the deviation with n − 1; None for fewer than two values, 0 where they differ by rounding only."""
        if self.n < 2:
            return None
        std = math.sqrt(max(self._m2, 0.0) / (self.n - 1))
        return std if std > _NOISE else 0.0

    @property
    def downside(self) -> float | None:
        """Returns the root of the mean of min(value, 0)²; None without values."""
        return math.sqrt(self._down / self.n) if self.n else None

    @property
    def skewness(self) -> float | None:
        """Returns the third central moment / deviation³, both with n; None without variance."""
        return self._m3 / self.n / (self._m2 / self.n) ** 1.5 if self.std else None

    @property
    def kurtosis(self) -> float | None:
        """Returns the fourth central moment / variance², both with n, 3 for normal values; None without variance."""
        return self._m4 * self.n / self._m2**2 if self.std else None


class EquityCurve:
    """Watches a series that begins with `value` at `ts`; each further value gives a period return.

    A value of 0 or less is ruin: the return that led there is the last one.

    >>> curve = EquityCurve(100.0, 0)
    >>> curve.add(np.array([1, 2]), np.array([110.0, 99.0]))
    >>> round(curve.returns.mean, 6), round(curve.total, 6), curve.ruined_ts
    (0.0, -0.01, None)
    """

    def __init__(self, value: float, ts: int) -> None:
        self.returns = Moments()
        self.drawdowns = Drawdowns(value, ts)
        self.ruined_ts: int | None = None
        self._first = self._last = value
        self.first_ts = self.last_ts = ts

    def add(self, ts: Ints, values: Floats) -> None:
        """Takes the next values and their times."""
        if not len(values):
            return
        self.drawdowns.add(ts, values)
        if self.ruined_ts is None:
            ruined = np.flatnonzero(values <= 0)
            known = values[: ruined[0] + 1] if len(ruined) else values
            returns = np.empty(len(known))
            returns[0] = known[0] / self._last
            np.divide(known[1:], known[:-1], out=returns[1:])
            returns -= 1
            self.returns.add(returns)
            self.ruined_ts = int(ts[ruined[0]]) if len(ruined) else None
        self._last, self.last_ts = float(values[-1]), int(ts[-1])

    @property
    def total(self) -> float:
        """Returns the last value / the first − 1."""
        return self._last / self._first - 1

    @property
    def span_ns(self) -> int:
        """Returns the time from the first value to the last."""
        return self.last_ts - self.first_ts

    @property
    def cagr(self) -> float | None:
        """Returns the growth a year (365 days); None after ruin, or where so short a time gives no finite number."""
        if self.ruined_ts is not None or self.span_ns <= 0:
            return None
        try:
            return math.expm1(math.log(self._last / self._first) * YEAR_NS / self.span_ns)
        except OverflowError:
            return None

    @property
    def volatility(self) -> float | None:
        """Returns the standard deviation of the period returns; None after ruin, as all that follows."""
        return self.returns.std if self.ruined_ts is None else None

    @property
    def skewness(self) -> float | None:
        """Returns the skewness of the period returns."""
        return self.returns.skewness if self.ruined_ts is None else None

    @property
    def kurtosis(self) -> float | None:
        """Returns the kurtosis of the period returns, 3 for normal ones."""
        return self.returns.kurtosis if self.ruined_ts is None else None

    @property
    def sharpe(self) -> float | None:
        """Returns mean / deviation of the period returns, of one period; None after ruin or without variance."""
        std = self.returns.std
        return self.returns.mean / std if std and self.ruined_ts is None else None

    @property
    def sortino(self) -> float | None:
        """Returns mean / downside deviation of the period returns, of one period; None after ruin or without a loss."""
        downside = self.returns.downside
        return self.returns.mean / downside if downside and self.ruined_ts is None else None

    @property
    def calmar(self) -> float | None:
        """Returns the growth a year / the deepest fall; None without either."""
        return self.cagr / self.drawdowns.deepest.depth if self.drawdowns.deepest and self.cagr is not None else None

    @property
    def probabilistic_sharpe(self) -> float | None:
        """Returns the probability that the true Sharpe ratio is above 0; None where that is not defined."""
        skewness, kurtosis = self.skewness, self.kurtosis
        if self.sharpe is None or skewness is None or kurtosis is None:
            return None
        return probabilistic_sharpe(self.sharpe, self.returns.n, skewness, kurtosis)
