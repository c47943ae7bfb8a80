"""Whether takers bought or sold."""

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature, as_rows
from shared.windows.rolling_moments import RollingMoments


class TakerImbalance(BarFeature[float]):
    """TakerImbalance gives (what takers bought - what they sold) / volume of the last n bars; None until it has n.

    - n: a whole number, positive, else ValueError.
    - Input: bars with finite volume and taker volume, else ValueError, and nothing changes.
    - Output: without a unit, between -1 (all sold) and 1 (all bought); 0 where there was no volume.
    - Source: Chordia, Roll, Subrahmanyam, Journal of Financial Economics 65 (2002), 2, there by trades and dollars.

    >>> from decimal import Decimal
    >>> bar = Bar("BTCUSDT", 0, Decimal(2), 2.0, volume=4.0, taker_volume=3.0)
    >>> TakerImbalance().on_tick(bar)
    0.5
    """

    fields = frozenset({"taker_volume"})

    def __init__(self, n: int = 1) -> None:
        self._volume, self._taken = RollingMoments(n), RollingMoments(n)

    def on_tick(self, val: Bar) -> float | None:
        """Takes a bar; returns the imbalance."""
        volume, taken = self.given(val, "volume"), self.given(val, "taker_volume")
        volumes, bought = self._volume.on_tick(volume), self._taken.on_tick(taken)
        if volumes is None or bought is None:
            return None
        return 2 * (bought.mean / volumes.mean) - 1 if volumes.mean > 0 else 0.0

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the imbalance at each of n bars, of shape (n, 1)."""
        volumes = self._volume.array(self.column(bars, "volume")).mean
        bought = self._taken.array(self.column(bars, "taker_volume")).mean
        with np.errstate(divide="ignore", invalid="ignore"):
            return as_rows(np.where(volumes <= 0, 0.0, 2 * (bought / volumes) - 1))
