"""Sums over pairs, so that stretches of bars can be joined without their pairs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sums(x: Floats, y: Floats) -> Floats:
    """n, Σx, Σy, Σx², Σy², Σxy of each pair alone: shape (len(x), 6), zeros where x or y is NaN. Rows add up.

    >>> sums(np.array([2.0, np.nan]), np.array([3.0, 1.0])).tolist()
    [[1.0, 2.0, 3.0, 4.0, 9.0, 6.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    return np.stack((known.astype(np.float64), x, y, x * x, y * y, x * y), axis=-1)


def line(total: Floats) -> tuple[float, float] | None:
    """Slope and intercept of the least-squares line of y on x, out of added-up `sums`; None where x does not vary.

    >>> x = np.array([1.0, 2.0, 4.0])
    >>> slope, intercept = line(sums(x, 3 * x + 1).sum(axis=0))
    >>> round(slope, 12), round(intercept, 12)
    (3.0, 1.0)
    """
    n, x, y, xx, _, xy = (float(value) for value in total)
    varies = n * xx - x * x
    if varies <= 1e-12 * n * xx:  # no more than rounding
        return None
    slope = (n * xy - x * y) / varies
    return slope, (y - slope * x) / n
