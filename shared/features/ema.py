"""The exponential moving average."""

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.smoothed_average import SmoothedAverage


class Ema(Feature[float]):
    """Ema gives the exponential moving average of prices with weight 2 / (n + 1); None until it has seen n.

    It begins with the mean of the first n prices, which it never forgets entirely: after 4 n prices 0.03 % of it is
    left.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: in the price's unit, finite.
    - Source: TA-Lib's EMA, which begins the same way.

    >>> average = Ema(3)
    >>> [average.on_tick(price) for price in (1.0, 2.0, 3.0, 5.0)]
    [None, None, 2.0, 3.5]
    """

    def __init__(self, n: int) -> None:
        self._average = SmoothedAverage(n, 2 / (n + 1) if n > 0 else 1)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the average."""
        return self._average.on_tick(checked_price(val))

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the average at each of n prices, of shape (n, 1)."""
        return as_rows(self._average.array(checked_prices(prices)))
