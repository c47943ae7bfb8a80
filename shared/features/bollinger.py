"""Where the price is between Bollinger's bands, and how wide they are."""

import math

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.rolling_moments import RollingMoments


class Bollinger(Feature[NDArray[np.float32]]):
    """Bollinger gives %b and bandwidth of the last n prices; None until it has n.

    The bands lie `deviations` standard deviations (population) above and below the mean of the last n prices.

    - n: a whole number, positive. deviations: positive. Else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: float32 of shape (2,), without units, finite. The first is (price - lower) / (upper - lower): 0 at the
      lower band, 1 at the upper, beyond them outside; 0.5 where all n prices are equal. The second is (upper - lower) /
      mean; 0 where they are equal.
    - Source: Bollinger, Bollinger on Bollinger Bands (2001), chapter 8.

    >>> bands = Bollinger(2, 2.0)
    >>> [bands.on_tick(price) for price in (1.0, 3.0, 3.0)]
    [None, array([0.75, 2.  ], dtype=float32), array([0.5, 0. ], dtype=float32)]
    """

    width = 2

    def __init__(self, n: int = 20, deviations: float = 2.0) -> None:
        if not 0 < deviations < math.inf:
            raise ValueError(f"Bollinger's deviations must be positive, not {deviations}")
        self._deviations = deviations
        self._moments = RollingMoments(n)

    def on_tick(self, val: float) -> NDArray[np.float32] | None:
        """Takes a price; returns %b and bandwidth."""
        price = checked_price(val)
        moments = self._moments.on_tick(price)
        if moments is None:
            return None
        reach = self._deviations * math.sqrt(moments.variance)
        within = 0.5 + (price - moments.mean) / (2 * reach) if reach > 0 else 0.5
        return np.array((within, 2 * reach / moments.mean), dtype=np.float32)

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns %b and bandwidth at each of n prices, of shape (n, 2)."""
        moments = self._moments.array(checked_prices(prices))
        reach = self._deviations * np.sqrt(moments.variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            within = 0.5 + (prices - moments.mean) / (2 * reach)
        within[reach <= 0] = 0.5
        return as_rows(within, 2 * reach / moments.mean)
