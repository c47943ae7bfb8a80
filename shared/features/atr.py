"""The average true range."""

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature, as_rows
from shared.windows.smoothed_average import SmoothedAverage


class Atr(BarFeature[float]):
    """Atr gives Wilder's average true range; None until it has seen n + 1 bars.

    A true range reaches from the lower of low and the close before to the higher of high and that close. Wilder's
    average of weight 1/n begins with the mean of the first n.

    - n: a whole number, positive, else ValueError.
    - Input: bars with high and low, finite, else ValueError, and nothing changes.
    - Output: in the price's unit, finite, not negative.
    - Source: Wilder, New Concepts in Technical Trading Systems (1978), section III; TA-Lib's ATR begins the same way.

    >>> from decimal import Decimal
    >>> bar = Bar("BTCUSDT", 0, Decimal(2), 2.0, high=3.0, low=1.0)
    >>> ranges = Atr(1)
    >>> ranges.on_tick(bar), ranges.on_tick(bar._replace(high=2.5, low=2.25))
    (None, 0.5)
    """

    def __init__(self, n: int = 14) -> None:
        self._average = SmoothedAverage(n, 1 / n if n > 0 else 1)
        self._close: float | None = None

    def on_tick(self, val: Bar) -> float | None:
        """Takes a bar; returns the average true range."""
        high, low, close = self.given(val, "high"), self.given(val, "low"), self.given(val, "close")
        before, self._close = self._close, close
        if before is None:
            return None
        return self._average.on_tick(max(high, before) - min(low, before))

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the average true range at each of n bars, of shape (n, 1)."""
        high, low, close = (self.column(bars, field) for field in ("high", "low", "close"))
        found = np.full(len(close), np.nan)
        before = close[:-1]
        found[1:] = self._average.array(np.maximum(high[1:], before) - np.minimum(low[1:], before))
        return as_rows(found)
