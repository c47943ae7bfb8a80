"""How much the price has moved of late."""

import math

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows
from shared.features.log_return import LogReturn, log_returns
from shared.windows.rolling_moments import RollingMoments


class RealisedVolatility(Feature[float]):
    """RealisedVolatility gives the root of the sum of the last n squared log returns; None until it has n + 1 prices.

    It is the volatility over n ticks, not a year's: a year's is sqrt(ticks a year / n) times as much.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: a log return's unit, finite, not negative; 0 where no price moved.
    - Source: Andersen, Bollerslev, Diebold, Labys, Econometrica 71 (2003), (3) and (4).

    >>> volatility = RealisedVolatility(2)
    >>> [volatility.on_tick(price) for price in (1.0, 1.0, 1.0, 2.0)]
    [None, None, 0.0, 0.6931471805599453]
    """

    def __init__(self, n: int) -> None:
        self._log_return = LogReturn()
        self._moments = RollingMoments(n)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the volatility."""
        log_return = self._log_return.on_tick(val)
        if log_return is None:
            return None
        moments = self._moments.on_tick(float(log_return) ** 2)
        return None if moments is None else math.sqrt(moments.mean * self._moments.capacity())

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the volatility at each of n prices, of shape (n, 1)."""
        found = np.full(len(prices), np.nan)
        # Python's power, whose last bit numpy's square may not have.
        squares = np.array([log_return**2 for log_return in log_returns(prices).tolist()], np.float64)
        found[1:] = np.sqrt(self._moments.array(squares).mean * self._moments.capacity())
        return as_rows(found)
