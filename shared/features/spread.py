"""What it costs to cross the market."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature, as_rows
from shared.messages.market import Group


class Spread(BarFeature[float]):
    """Spread gives (ask - bid) / middle of the two; it has no warm-up.

    - Input: bars with the group quote, finite, else ValueError.
    - Output: a share of the price (0.0001 is a basis point), below 0 where the quotes cross.
    - Source: Foucault, Pagano, Röell, Market Liquidity (2013), 2.2.1, the relative quoted spread.

    >>> from decimal import Decimal
    >>> Spread().on_tick(Bar("BTCUSDT", 0, Decimal(2), 2.0, bid=1.5, ask=2.5, bid_qty=1.0, ask_qty=1.0))
    0.5
    """

    needs: ClassVar[frozenset[Group]] = frozenset({Group.QUOTE})
    looks_back = 1

    def on_tick(self, val: Bar) -> float:
        """Takes a bar; returns its spread."""
        bid, ask = self.given(val, "bid"), self.given(val, "ask")
        return (ask - bid) / ((ask + bid) / 2)

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the spread at each of n bars, of shape (n, 1)."""
        bid, ask = self.column(bars, "bid"), self.column(bars, "ask")
        return as_rows((ask - bid) / ((ask + bid) / 2))
