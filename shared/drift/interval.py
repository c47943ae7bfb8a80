"""Where the mean of X lies: an interval that holds at every moment at once, so that one may look whenever one likes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.drift.scale import BOUND
from shared.drift.wealth import BETS, MOST, RUIN

FARTHEST = 1.0  # standard deviations a held bar: no mean lies beyond it, on either side
STEPS = 40  # of halving, to 1e-12

Floats = npt.NDArray[np.float64]

# One grid for all candidates: else those that are left would make no interval.
_BETS_UP: Floats = np.array([MOST / (RUIN + FARTHEST) / 2**k for k in range(BETS)])
_BETS_DOWN: Floats = np.array([MOST / (BOUND + FARTHEST) / 2**k for k in range(BETS)])


class MeanInterval(NamedTuple):
    """An interval has its two ends, in standard deviations a held bar; -FARTHEST and FARTHEST say nothing."""

    low: float
    high: float


def mean_interval(xs: Sequence[float], alpha: float = 0.05) -> MeanInterval:
    """Returns the interval of the mean of X, as readings have it, with a confidence of 1 − alpha at any time.

    A candidate is out when bets against "at most this", or "at least this", have ever come to 2 / alpha. Both know
    gains up to BOUND alone, as all that is said of X does; no more is known from below once a bar lost more than RUIN.

    >>> mean_interval([])
    MeanInterval(low=-1.0, high=1.0)
    >>> [round(end, 2) for end in mean_interval([1.0, -0.8] * 500)]
    [-0.04, 0.19]
    """
    x = np.asarray(xs, np.float64)
    if not len(x):
        return MeanInterval(-FARTHEST, FARTHEST)
    ruined = np.flatnonzero(x < -RUIN)
    known = x[: ruined[0]] if len(ruined) else x
    least = np.log(2 / alpha)
    low = _edge(known, _BETS_UP, least) if len(known) else -FARTHEST
    return MeanInterval(low, -_edge(-x, _BETS_DOWN, least))


def _edge(x: Floats, bets: Floats, least: float) -> float:
    """Returns the largest candidate up to which "the mean is at most this" is out; the wealth falls with it."""
    low, high = -FARTHEST, FARTHEST
    if _most(x - low, bets) < least:
        return low
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _most(x - middle, bets) >= least else (low, middle)
    return low


def _most(off: Floats, bets: Floats) -> float:
    """Returns the largest logarithm, over time, of the mean of all bets' wealth."""
    logs = np.cumsum(np.log1p(bets[:, None] * off), axis=1)
    most = logs.max(axis=0)
    return float((most + np.log(np.exp(logs - most).mean(axis=0))).max())
