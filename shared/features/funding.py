"""What it costs to hold a perpetual swap."""

from typing import ClassVar

from shared.bar import Bar
from shared.features.feature import BarFeature
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

    def on_tick(self, val: Bar) -> float:
        """Takes a bar; returns its funding rate."""
        return self.given(val, "funding_rate")
