"""The standard deviation of the last prices."""

import math

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.rolling_moments import RollingMoments


class RollingStd(Feature[float]):
    """RollingStd gives the population standard deviation (over n, not n - 1) of the last n prices; None until it has n.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: in the price's unit, finite, not negative; exactly 0 where all n prices are equal.

    >>> deviation = RollingStd(2)
    >>> [deviation.on_tick(price) for price in (1.0, 3.0, 3.0)]
    [None, 1.0, 0.0]
    """

    def __init__(self, n: int) -> None:
        self._moments = RollingMoments(n)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the standard deviation."""
        moments = self._moments.on_tick(checked_price(val))
        return None if moments is None else math.sqrt(moments.variance)

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the standard deviation at each of n prices, of shape (n, 1)."""
        return as_rows(np.sqrt(self._moments.array(checked_prices(prices)).variance))
