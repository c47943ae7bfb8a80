"""How unusual a bar's volume is."""

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature, as_rows
from shared.windows.rolling_moments import RollingMoments


class VolumeZ(BarFeature[float]):
    """VolumeZ gives (volume - mean) / s.d. (population) of the last n bars' volumes, this one's among them.

    - n: a whole number, positive, else ValueError. None until it has seen n bars.
    - Input: bars with a finite volume, else ValueError, and nothing changes.
    - Output: without a unit, between -sqrt(n - 1) and sqrt(n - 1); 0 where all n volumes are equal, e.g. all 0.

    >>> from decimal import Decimal
    >>> bar = Bar("BTCUSDT", 0, Decimal(2), 2.0, volume=1.0)
    >>> z = VolumeZ(2)
    >>> z.on_tick(bar), z.on_tick(bar._replace(volume=3.0)), z.on_tick(bar._replace(volume=3.0))
    (None, 1.0, 0.0)
    """

    def __init__(self, n: int = 48) -> None:
        self._moments = RollingMoments(n)

    def on_tick(self, val: Bar) -> float | None:
        """Takes a bar; returns its volume's z-score."""
        volume = self.given(val, "volume")
        moments = self._moments.on_tick(volume)
        return None if moments is None else moments.z_score(volume)

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the z-score of each of n bars' volume, of shape (n, 1)."""
        volume = self.column(bars, "volume")
        return as_rows(self._moments.array(volume).z_scores(volume))
