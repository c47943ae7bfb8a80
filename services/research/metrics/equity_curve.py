"""Period returns and falls of a series of values above 0: equity, or a price that is held."""

import math

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.drawdowns import Falls
from services.research.metrics.moments import Moments
from shared.intervals import NS_PER_S

YEAR_NS = 365 * 86_400 * NS_PER_S


class Growth:
    """Watches a series that begins with `value` at `ts`; each further value gives a period return.

    A value of 0 or less is ruin: the return that led there is the last one.

    >>> growth = Growth(100.0, 0)
    >>> growth.add(np.array([1, 2]), np.array([110.0, 99.0]))
    >>> round(growth.returns.mean, 6), round(growth.total, 6), growth.ruined_ts
    (0.0, -0.01, None)
    """

    def __init__(self, value: float, ts: int) -> None:
        self.returns = Moments()
        self.falls = Falls(value, ts)
        self.ruined_ts: int | None = None
        self._first = self._last = value
        self.first_ts = self.last_ts = ts

    def add(self, ts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the next values and their times."""
        if not len(values):
            return
        self.falls.add(ts, values)
        if self.ruined_ts is None:
            ruined = np.flatnonzero(values <= 0)
            known = values[: ruined[0] + 1] if len(ruined) else values
            before = np.concatenate([[self._last], known[:-1]])
            self.returns.add(known / before - 1)
            self.ruined_ts = int(ts[ruined[0]]) if len(ruined) else None
        self._last, self.last_ts = float(values[-1]), int(ts[-1])

    @property
    def total(self) -> float:
        """The last value / the first − 1."""
        return self._last / self._first - 1

    @property
    def span_ns(self) -> int:
        """Time from the first value to the last."""
        return self.last_ts - self.first_ts

    @property
    def cagr(self) -> float | None:
        """Growth a year of 365 days; None after ruin, without time, or where so short a time gives no finite number."""
        if self.ruined_ts is not None or self.span_ns <= 0:
            return None
        try:
            return math.expm1(math.log(self._last / self._first) * YEAR_NS / self.span_ns)
        except OverflowError:
            return None

    @property
    def sharpe(self) -> float | None:
        """Mean / standard deviation of the period returns, of one period; None after ruin or without variance."""
        std = self.returns.std
        return self.returns.mean / std if std and self.ruined_ts is None else None

    @property
    def sortino(self) -> float | None:
        """Mean / downside deviation of the period returns, of one period; None after ruin or without a loss."""
        downside = self.returns.downside
        return self.returns.mean / downside if downside and self.ruined_ts is None else None
