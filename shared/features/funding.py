"""What it costs to hold a perpetual swap."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature, as_rows
from shared.messages.market import Group


class Funding(BarFeature[float]):
    """Funding gives the funding rate that was known last; it has no warm-up.

    - Input: bars with the group funding, finite, else ValueError.
    - Output: a share of the position per funding interval, as the exchange says it; above 0 longs pay shorts.

    >>> from decimal import Decimal
    >>> Funding().on_tick(Bar("BTCUSDT", 0, Decimal(2), 2.0, funding_rate=0.0001))
    0.0001
    """

    needs: ClassVar[frozenset[Group]] = frozenset({Group.FUNDING})
    looks_back = 1

    def on_tick(self, val: Bar) -> float:
        """Takes a bar; returns its funding rate."""
        return self.given(val, "funding_rate")

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the rate at each of n bars, of shape (n, 1)."""
        return as_rows(self.column(bars, "funding_rate"))
