"""The time of the week as a point on a circle."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
from shared.features.feature import BarFeature
from shared.features.time_of_day import all_on_circle, on_circle
from shared.messages.market import Group

_WEEK_NS = 7 * 86_400 * 10**9
_TO_MONDAY_NS = 3 * 86_400 * 10**9  # 1970-01-01, where ts_event begins, was a Thursday


class TimeOfWeek(BarFeature[NDArray[np.float32]]):
    """TimeOfWeek gives sine and cosine of the time since Monday 00:00 UTC; it has no warm-up.

    - Input: bars; the time is `ts_event`, a bar's end. No group is needed.
    - Output: float32 of shape (2,), without a unit: Monday 00:00 is (0, 1), Thursday 12:00 is (0, -1).

    >>> from decimal import Decimal
    >>> TimeOfWeek().on_tick(Bar("BTCUSDT", 12 * 3600 * 10**9, Decimal(2), 2.0)).round(3)
    array([ 0., -1.], dtype=float32)
    """

    needs: ClassVar[frozenset[Group]] = frozenset()
    width = 2
    looks_back = 1

    def on_tick(self, val: Bar) -> NDArray[np.float32]:
        """Takes a bar; returns its point on the circle."""
        return on_circle((val.ts_event + _TO_MONDAY_NS) % _WEEK_NS, _WEEK_NS)

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the point of each of n bars, of shape (n, 2)."""
        return all_on_circle((bars.ts_event + _TO_MONDAY_NS) % _WEEK_NS, _WEEK_NS)
