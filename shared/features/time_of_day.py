"""The time of day as a point on a circle."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar
from shared.features.feature import BarFeature
from shared.messages.market import Group

_DAY_NS = 86_400 * 10**9


class TimeOfDay(BarFeature[NDArray[np.float32]]):
    """TimeOfDay gives sine and cosine of the time of day, UTC, so that 23:59 is near 00:00; it has no warm-up.

    - Input: bars; the time is `ts_event`, a bar's end. No group is needed.
    - Output: float32 of shape (2,), without a unit: midnight is (0, 1), 06:00 is (1, 0).

    >>> from decimal import Decimal
    >>> TimeOfDay().on_tick(Bar("BTCUSDT", 6 * 3600 * 10**9, Decimal(2), 2.0)).round(3)
    array([1., 0.], dtype=float32)
    """

    needs: ClassVar[frozenset[Group]] = frozenset()
    width = 2

    def on_tick(self, val: Bar) -> NDArray[np.float32]:
        """Takes a bar; returns its point on the circle."""
        angle = 2 * math.pi * (val.ts_event % _DAY_NS / _DAY_NS)
        return np.array((math.sin(angle), math.cos(angle)), dtype=np.float32)
