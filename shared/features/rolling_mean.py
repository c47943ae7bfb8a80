"""The mean of the last prices."""

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.rolling_moments import RollingMoments


class RollingMean(Feature[float]):
    """RollingMean gives the mean of the last n prices; None until it has seen n.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: in the price's unit, finite.

    >>> mean = RollingMean(2)
    >>> [mean.on_tick(price) for price in (1.0, 3.0, 5.0)]
    [None, 2.0, 4.0]
    """

    def __init__(self, n: int) -> None:
        self._moments = RollingMoments(n)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the mean."""
        moments = self._moments.on_tick(checked_price(val))
        return None if moments is None else moments.mean

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the mean at each of n prices, of shape (n, 1)."""
        return as_rows(self._moments.array(checked_prices(prices)).mean)
