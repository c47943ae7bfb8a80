"""How much of the time a position is held, and how large."""

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.results import Exposure


class Holding:
    """Watches exposures: signed position value / equity, 0 when flat.

    >>> holding = Holding()
    >>> holding.add(np.array([0.0, 1.0, -1.5, 1.0]))
    >>> holding.exposure()
    Exposure(share=0.75, long=0.5, short=0.25, max_leverage=1.5)
    """

    def __init__(self) -> None:
        self._bars = self._long = self._short = 0
        self._highest = 0.0

    def add(self, exposure: NDArray[np.float64]) -> None:
        """Take the next bars' exposures."""
        self._bars += len(exposure)
        self._long += int((exposure > 0).sum())
        self._short += int((exposure < 0).sum())
        sizes = np.abs(exposure)
        self._highest = max(self._highest, float(sizes.max(initial=0.0, where=np.isfinite(sizes))))

    def exposure(self) -> Exposure:
        """The shares; None without a bar."""
        if not self._bars:
            return Exposure(share=None, long=None, short=None, max_leverage=None)
        long, short = self._long / self._bars, self._short / self._bars
        both = (self._long + self._short) / self._bars
        return Exposure(share=both, long=long, short=short, max_leverage=self._highest)
