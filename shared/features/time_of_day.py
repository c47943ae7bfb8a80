"""The time of day as a point on a circle."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shared.bar import Bar, BarArrays
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
    looks_back = 1

    def on_tick(self, val: Bar) -> NDArray[np.float32]:
        """Takes a bar; returns its point on the circle."""
        return on_circle(val.ts_event % _DAY_NS, _DAY_NS)

    def array(self, bars: BarArrays) -> NDArray[np.float32]:
        """Returns the point of each of n bars, of shape (n, 2)."""
        return all_on_circle(bars.ts_event % _DAY_NS, _DAY_NS)


def on_circle(ns: int, round_ns: int) -> NDArray[np.float32]:
    """Returns sine and cosine of a time since a round of so many ns began."""
    angle = 2 * math.pi * (ns / round_ns)
    return np.array((math.sin(angle), math.cos(angle)), dtype=np.float32)


def all_on_circle(ns: NDArray[np.int64], round_ns: int) -> NDArray[np.float32]:
    """Returns the points of many times; each that is there once is computed, since numpy's sine has other bits."""
    times, at = np.unique(ns, return_inverse=True)
    points = np.array([on_circle(each, round_ns) for each in times.tolist()], np.float32).reshape(-1, 2)
    return points[at]
