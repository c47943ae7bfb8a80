"""What a trading came to is kept as sums per block of time, so that memory does not grow with the bars."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.research.metrics.equity_curve import Moments
from services.research.overfitting import GROUPS
from services.research.statistics import Floats

Ints = npt.NDArray[np.int64]

MOST_BLOCKS = 32 * GROUPS  # of all folds together


def block_edges(bars: Sequence[Ints], start_ns: int, end_ns: int) -> Ints:
    """Cuts the time from start to end into blocks: the same ones for all trials, whatever their intervals.

    - bars: the ends of the bars of each interval.

    Returns blocks + 1 times, ns; block b has the bars that end in [edges[b], edges[b + 1]). There are as many blocks as
    the longest interval has bars, `MOST_BLOCKS` at most, and a multiple of `GROUPS`; with fewer bars than those one.

    >>> hours = np.arange(1, 101)
    >>> block_edges([hours, hours[1::2]], 1, 65).tolist()[:3]  # 32 bars of two hours
    [1, 3, 5]
    """
    within = [ts[np.searchsorted(ts, start_ns) : np.searchsorted(ts, end_ns)] for ts in bars]
    longest = min(within, key=len)
    blocks = min(len(longest), MOST_BLOCKS) // GROUPS * GROUPS or 1
    ends = longest[np.arange(1, blocks) * len(longest) // blocks - 1] + 1
    return np.concatenate([[start_ns], ends, [end_ns]]).astype(np.int64)


class Traded(NamedTuple):
    """This is what one way to trade gave in a fold. It is small: the returns themselves are not in it.

    - moments: of the period returns, one a bar of the fold, from the start equity; none after ruin.
    - growth: the product of 1 + return.
    - first: the first block in which the fold has a bar.
    - blocks: float64 (m, 3), of that block and the following ones: n, Σ return, Σ return².
    - exact: why the exact engine traded it, a kind of `fast.WHY`; empty where the fast one did.
    """

    moments: Moments
    growth: float
    fills: int
    ruined: bool
    first: int
    blocks: Floats
    exact: str = ""

    @classmethod
    def of(cls, equity: Floats, ts: Ints, edges: Ints, fills: int, exact: str = "") -> "Traded":
        """Sums up a fold.

        - equity: float64 (n + 1,), quote units: at the start, and at the end of each of its n bars.
        - ts: int64 (n,), the ends of these bars, ns. edges: see `block_edges`.

        >>> fold = Traded.of(np.array([100.0, 110.0, 99.0, 99.0]), np.array([1, 2, 3]), np.array([0, 1, 3, 9]), fills=2)
        >>> fold.first, fold.blocks.round(2).tolist(), round(fold.growth, 2)
        (1, [[2.0, 0.0, 0.02], [1.0, 0.0, 0.0]], 0.99)
        """
        ruin = np.flatnonzero(equity <= 0)
        known = equity[: ruin[0] + 1] if len(ruin) else equity
        returns = known[1:] / known[:-1] - 1
        moments = Moments()
        moments.add(returns)
        # The block of each bar; there are far fewer edges than bars.
        starts = np.searchsorted(ts[: len(returns)], edges)
        places = np.repeat(np.arange(len(edges)), np.diff(starts, append=len(returns)))
        first = int(places[0]) if len(places) else 0
        sums = [np.bincount(places - first, weights) for weights in (np.ones_like(returns), returns, returns * returns)]
        return cls(moments, float(np.prod(1 + returns)), fills, bool(len(ruin)), first, np.stack(sums, axis=-1), exact)


def joined_blocks(folds: Sequence[Traded], blocks: int) -> Floats:
    """Returns the sums of all blocks, (blocks, 3), of folds in the order of time."""
    total = np.zeros((blocks, 3))
    for fold in folds:
        total[fold.first : fold.first + len(fold.blocks)] += fold.blocks
    return total


def joined_moments(folds: Sequence[Traded]) -> Moments:
    """Returns the moments of all period returns, of folds in the order of time."""
    total = Moments()
    for fold in folds:
        total.merge(fold.moments)
    return total
