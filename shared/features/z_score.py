"""How far the price is from its mean, in standard deviations."""

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.rolling_moments import RollingMoments


class ZScore(Feature[float]):
    """ZScore gives (price - mean) / s.d. of the last n prices, this one among them; None until it has n.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: without a unit, between -sqrt(n - 1) and sqrt(n - 1); 0 where all n prices are equal.

    >>> z = ZScore(2)
    >>> [z.on_tick(price) for price in (1.0, 3.0, 3.0)]
    [None, 1.0, 0.0]
    """

    def __init__(self, n: int) -> None:
        self._moments = RollingMoments(n)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns its z-score."""
        price = checked_price(val)
        moments = self._moments.on_tick(price)
        return None if moments is None else moments.z_score(price)

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the z-score of each of n prices, of shape (n, 1)."""
        return as_rows(self._moments.array(checked_prices(prices)).z_scores(prices))
