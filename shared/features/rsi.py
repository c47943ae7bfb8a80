"""The relative strength index."""

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, as_rows, checked_price, checked_prices
from shared.windows.smoothed_average import SmoothedAverage


class Rsi(Feature[float]):
    """Rsi gives Wilder's relative strength index: gains' share of all movement; None until it has seen n + 1 prices.

    Gains and losses are smoothed by Wilder's average of weight 1/n, which begins with the mean of the first n.

    - n: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError, and nothing changes.
    - Output: between 0 (only losses) and 100 (only gains); 50 where no price ever moved.
    - Source: Wilder, New Concepts in Technical Trading Systems (1978), section VI. TA-Lib gives 0 where no price moved.

    >>> index = Rsi(2)
    >>> [index.on_tick(price) for price in (1.0, 4.0, 3.0, 3.0)]
    [None, None, 75.0, 75.0]
    """

    def __init__(self, n: int = 14) -> None:
        self._gains, self._losses = (SmoothedAverage(n, 1 / n if n > 0 else 1) for _ in range(2))
        self._before: float | None = None

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the index."""
        price = checked_price(val)
        before, self._before = self._before, price
        if before is None:
            return None
        gain = self._gains.on_tick(max(price - before, 0.0))
        loss = self._losses.on_tick(max(before - price, 0.0))
        if gain is None or loss is None:
            return None
        moved = gain + loss
        return 100 * (gain / moved) if moved > 0 else 50.0

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the index at each of n prices, of shape (n, 1)."""
        moves, found = np.diff(checked_prices(prices)), np.full(len(prices), np.nan)
        gains, losses = self._gains.array(np.maximum(moves, 0.0)), self._losses.array(np.maximum(-moves, 0.0))
        moved = gains + losses
        with np.errstate(invalid="ignore"):
            found[1:] = np.where(moved <= 0, 50.0, 100 * (gains / moved))
        return as_rows(found)
