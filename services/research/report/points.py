"""The points of a curve, and how neighbours become one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.report.pairs import Floats

Ints = NDArray[np.int64]


class Points(NamedTuple):
    """Each point stands for some bars in a row.

    bar: the number of its last bar, from 0; ts_event (ns), price, equity: at that bar. drawdown: the deepest of all its
    bars, ≤ 0. pairs: sums over all of them, shape (points, 6).
    """

    bar: Ints
    ts_event: Ints
    price: Floats
    equity: Floats
    drawdown: Floats
    pairs: Floats

    @classmethod
    def none(cls) -> "Points":
        """No point."""
        ints, floats = np.empty(0, np.int64), np.empty(0)
        return cls(ints, ints, floats, floats, floats, np.empty((0, 6)))

    def then(self, more: "Points") -> "Points":
        """These and then those."""
        return Points(*(np.concatenate(both) for both in zip(self, more, strict=True)))

    def joined(self, bars: int) -> "Points":
        """At most one point for each `bars` bars."""
        group = self.bar // bars
        first = np.flatnonzero(np.diff(group, prepend=-1))
        last = np.append(first[1:], len(group)) - 1
        return Points(
            self.bar[last],
            self.ts_event[last],
            self.price[last],
            self.equity[last],
            np.minimum.reduceat(self.drawdown, first),
            np.add.reduceat(self.pairs, first, axis=0),
        )
