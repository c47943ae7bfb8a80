"""Pure functions say how far the best of many trials was found by luck, out of sums per block of time.

Sources: Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest Overfitting" (2017); Romano and Wolf,
"Stepwise Multiple Testing as Formalized Data Snooping" (2005) and "Efficient Computation of Adjusted p-Values for
Resampling-Based Stepdown Multiple Testing" (2016); Götze and Künsch, "Second-Order Correctness of the Blockwise
Bootstrap for Stationary Observations" (1996), for how a resample is studentised; Politis and Romano, "The Stationary
Bootstrap" (1994).
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from services.research.statistics import RESAMPLES, Floats, block_length, stationary_pieces

Ints = NDArray[np.int64]

GROUPS = 16  # stretches of time, of which each half is once in sample; with fewer blocks nothing is said
_SPLITS_AT_ONCE = 1 << 20  # splits x trials; bounds memory
_TRIALS_AT_ONCE = 1_024
_ROUNDING = 1e-12


def overfitting_probability(sums: Floats, periods_per_year: Floats, ruined: NDArray[np.bool_]) -> float | None:
    """Returns how often the best trial of one half of the time is below the median of all in the other half.

    The time is cut into `GROUPS` stretches, and every half of them (12,870) is once that in sample. Trials go by their
    Sharpe ratio, as in a sweep's ranking: what has none is not chosen, and out of sample it is 0, or the last after
    ruin. A tie with the median counts half.

    - sums: (trials, blocks, 3), of each block of neighbours n, Σ return, Σ return².
    - periods_per_year, ruined: (trials,).

    None for fewer than two trials, fewer blocks than `GROUPS`, or where nothing can be chosen.

    >>> good = np.tile([10, 1.0, 1.0], (16, 1))
    >>> overfitting_probability(np.array([good, good * [1, -1, 1]]), np.full(2, 365.0), np.array([False, False]))
    0.0
    """
    trials, blocks, _ = sums.shape
    if trials < 2 or blocks < GROUPS:
        return None
    scale = np.sqrt(periods_per_year)
    groups = np.add.reduceat(sums, np.arange(GROUPS) * blocks // GROUPS, axis=1)
    by_group = np.ascontiguousarray(np.moveaxis(groups, 1, 0)).reshape(GROUPS, -1)  # (16, trials * 3)
    splits = _splits()
    below, count = 0.0, 0
    for part in np.array_split(splits, -(-len(splits) * trials // _SPLITS_AT_ONCE)):
        halves = [
            _sharpe((side.astype(np.float64) @ by_group).reshape(len(part), trials, 3)) * scale
            for side in (part, ~part)
        ]
        for inside, outside in (halves, halves[::-1]):
            found, chosen = _below_median(inside, outside, ruined)
            below, count = below + found, count + chosen
    return below / count if count else None


@cache
def _splits() -> NDArray[np.bool_]:
    """Returns each half of the groups that has the first one; the others are the same splits the other way round."""
    halves = np.array([(0, *rest) for rest in combinations(range(1, GROUPS), GROUPS // 2 - 1)])
    splits = np.zeros((len(halves), GROUPS), np.bool_)
    np.put_along_axis(splits, halves, True, axis=1)
    return splits


def _sharpe(sums: Floats) -> Floats:
    """Returns the Sharpe ratio of one period out of n, Σ, Σ² (..., 3); NaN without variance."""
    n, total, squares = np.moveaxis(sums, -1, 0)
    known = n > 1
    n = np.where(known, n, 2.0)
    mean = total / n
    spread = squares - total * mean
    known &= spread > _ROUNDING * squares
    return np.where(known, mean / np.sqrt(np.where(known, spread, 1.0) / (n - 1)), np.nan)


def _below_median(inside: Floats, outside: Floats, ruined: NDArray[np.bool_]) -> tuple[float, int]:
    """Returns in how many splits the best of `inside` is below the median of `outside`, and in how many one is best."""
    sought = np.where(np.isnan(inside) | ruined, -np.inf, inside)
    best = sought.argmax(axis=1)
    rows = np.arange(len(best))
    chosen = np.isfinite(sought[rows, best])
    found = np.where(ruined, -np.inf, np.nan_to_num(outside, nan=0.0))
    own = found[rows, best][:, np.newaxis]
    ahead = (found > own).sum(axis=1) - (found < own).sum(axis=1)
    return float(((ahead > 0) + 0.5 * (ahead == 0))[chosen].sum()), int(chosen.sum())


def stepdown_p_values(sums: Floats, resamples: int = RESAMPLES, seed: int = 0) -> list[float | None]:
    """Returns for each trial the p-value of "its mean is not above 0", adjusted for all trials at once.

    With Romano and Wolf's step-down, of studentised means by a stationary bootstrap, the chance that any trial without
    an edge has a p-value of at most q is about q.

    - sums: (blocks, trials), Σ return of each block of neighbours.

    None for a trial without variance, and for all with fewer blocks than `GROUPS`.

    >>> noise = np.random.default_rng(0).standard_normal((64, 3))
    >>> [None if p is None else round(p, 3) for p in stepdown_p_values(noise + [1.0, 0.0, -0.5])]
    [0.001, 0.527, 0.976]
    """
    blocks, trials = sums.shape
    if blocks < GROUPS:
        return [None] * trials
    length = block_length(blocks)
    means = sums.mean(axis=0)
    apart = sums - means
    errors = np.sqrt(stationary_variance(apart, length) / blocks)
    tested = np.flatnonzero(errors > _ROUNDING * np.abs(sums).max(axis=0))
    t = means[tested] / errors[tested]
    upwards = np.argsort(t, kind="stable")
    pieces = list(stationary_pieces(blocks, length, resamples, seed))
    highest = np.full(resamples, -np.inf)  # of all trials so far, which are those with a lower t
    p = np.empty(len(tested))
    for first in range(0, len(tested), _TRIALS_AT_ONCE):
        some = upwards[first : first + _TRIALS_AT_ONCE]
        drawn = studentised_draws(apart[:, tested[some]], errors[tested[some]], pieces)
        p[some], highest = one_step_values(t[some], drawn, highest)
    p[upwards] = np.maximum.accumulate(p[upwards][::-1])[::-1]  # a better one's is never above a worse one's
    found: list[float | None] = [None] * trials
    for at, value in zip(tested.tolist(), p.tolist(), strict=True):
        found[at] = value
    return found


def one_step_values(t: Floats, drawn: Floats, highest: Floats) -> tuple[Floats, Floats]:
    """Returns the p-value of each t against the highest draw of itself and all lower ones, and the highest of all.

    - t: (trials,), ascending. drawn: (resamples, trials), without an edge. highest: (resamples,), of lower ones before.

    >>> one_step_values(np.array([1.0, 2.0]), np.array([[0.0, 3.0], [1.5, 0.0], [0.0, 0.0]]), np.full(3, -np.inf))
    (array([0.5, 0.5]), array([3. , 1.5, 0. ]))
    """
    running = np.maximum.accumulate(np.column_stack([highest, drawn]), axis=1)[:, 1:]
    return (1 + (running >= t).sum(axis=0)) / (len(drawn) + 1), running[:, -1]


def studentised_draws(apart: Floats, errors: Floats, pieces: Sequence[tuple[Ints, Ints]]) -> Floats:
    """Returns the mean of each resample by the resample's own error, (resamples, series).

    Its error is that of the pieces' sums, as Götze and Künsch have it, but half of the series' own at least: a series
    with a few losses and nothing else has resamples without any of them, in which it seems to be sure.

    - apart: (n, series), without their means. errors: (series,), of these. pieces: see `stationary_pieces`.
    """
    n = len(apart)
    before = np.zeros((2 * n + 1, apart.shape[1]))
    np.cumsum(np.concatenate([apart, apart]), axis=0, out=before[1:])
    drawn = np.empty((len(pieces), apart.shape[1]))
    for at, (first, lengths) in enumerate(pieces):
        sums = before[first + lengths] - before[first]
        mean = sums.sum(axis=0) / n
        sums -= lengths[:, np.newaxis] * mean
        error = np.sqrt((sums * sums).sum(axis=0)) / n
        drawn[at] = mean / np.maximum(error, errors / 2)
    return drawn


def stationary_variance(apart: Floats, block: int) -> Floats:
    """Returns n × the variance that a stationary bootstrap gives the mean, of series without their means, (n, series).

    Politis and Romano's closed form, lemma 1: no resample is drawn.

    >>> stationary_variance(np.array([[-1.0], [1.0], [-1.0], [1.0]]), 1).tolist()
    [1.0]
    """
    n, going_on = len(apart), 1 - 1 / block
    lags = np.arange(n)
    kept = (1 - lags / n) * going_on**lags + lags / n * going_on ** (n - lags)
    kept[0] = 1.0
    weights = kept[np.abs(lags[:, np.newaxis] - lags)]
    total: Floats = (weights @ apart * apart).sum(axis=0) / n
    return np.maximum(total, 0.0)
