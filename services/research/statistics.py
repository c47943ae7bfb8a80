"""Pure functions say what a Sharpe ratio or a mean is worth, how two series go together, and how sure that is.

Sharpe ratios here are those of one period (mean / standard deviation of the period returns), never annualised ones.
Sources: Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The Deflated Sharpe Ratio:
Correcting for Selection Bias, Backtest Overfitting and Non-Normality" (2014); for means Newey and West, "A Simple,
Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix" (1987), Andrews,
"Heteroskedasticity and Autocorrelation Consistent Covariance Matrix Estimation" (1991), for how far back to look, and
Politis and Romano, "The Stationary Bootstrap" (1994).
"""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1_000
LEVEL = 0.95
MIN_BLOCKS = 10  # with fewer, resampling says nothing
_EULER = 0.5772156649015329
_NORMAL = NormalDist()
_MOST_RHO = 0.97  # a series nearer to a random walk would look back over all of itself


class Interval(NamedTuple):
    """An interval has a lower and an upper bound."""

    low: float
    high: float


def probabilistic_sharpe(
    sharpe: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float | None:
    """Returns the probability that the true Sharpe ratio is above `benchmark`, after `n` returns gave `sharpe`.

    - skewness, kurtosis: of the period returns, 0 and 3 for normal ones. None with fewer than two returns, or where
      these moments leave the estimate no variance.

    >>> round(probabilistic_sharpe(0.458, 24), 3), round(probabilistic_sharpe(0.458, 24, -2.448, 10.164), 3)
    (0.982, 0.913)
    """
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe
    if n < 2 or not variance > 0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt((n - 1) / variance))


def expected_max_sharpe(trials: int, variance: float) -> float:
    """Returns the highest Sharpe ratio to expect of `trials` independent strategies that all have none.

    - variance: of the trials' Sharpe ratios, per period and not below 0. One trial: 0.

    >>> round(expected_max_sharpe(100, 1 / 500), 4), expected_max_sharpe(1, 1 / 500)
    (0.1132, 0.0)
    """
    if trials < 1 or not variance >= 0:
        raise ValueError(f"needs at least 1 trial and a variance of 0 or more, not {trials} and {variance}")
    if trials == 1:
        return 0.0
    # The upper quantile is minus the lower one, which keeps its digits for any number of trials.
    highest = -_NORMAL.inv_cdf(1 / trials)
    beyond = -_NORMAL.inv_cdf(1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER) * highest + _EULER * beyond)


def deflated_sharpe(
    sharpe: float, n: int, skewness: float, kurtosis: float, trials: int, variance: float
) -> float | None:
    """Returns the probability that the true Sharpe ratio of the best of `trials` is above 0.

    It is its probabilistic Sharpe ratio against the highest that luck alone would have given.

    - trials: all that were looked at, those that were thrown away too.
    - variance: of their Sharpe ratios, per period. None as in `probabilistic_sharpe`.

    >>> year = 250
    >>> round(deflated_sharpe(2.5 / year**0.5, 5 * year, -3, 10, trials=100, variance=0.5 / year), 4)
    0.9004
    """
    return probabilistic_sharpe(sharpe, n, skewness, kurtosis, expected_max_sharpe(trials, variance))


def block_length(n: int) -> int:
    """Returns how many neighbours of `n` values stay together in a bootstrap: the power of two nearest to n^(1/3).

    >>> [block_length(n) for n in (1, 20, 688, 10_000_000)]
    [1, 2, 8, 256]
    """
    return 1 << round(math.log2(n) / 3) if n > 1 else 1


def resampled(blocks: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.intp]]:
    """Yields, for each resample, how often each block was drawn: `blocks` draws with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, blocks, blocks), minlength=blocks)


def pair_sums(x: Floats, y: Floats) -> Floats:
    """Returns n, Σx, Σy, Σx², Σy², Σxy of each pair alone: shape (len(x), 6), zeros where x or y is NaN.

    Rows add up, so stretches of pairs can be joined without the pairs.

    >>> pair_sums(np.array([2.0, np.nan]), np.array([3.0, 1.0])).tolist()
    [[1.0, 2.0, 3.0, 4.0, 9.0, 6.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    return np.stack(pair_columns(x, y), axis=-1)


def pair_columns(x: Floats, y: Floats) -> tuple[Floats, ...]:
    """Returns the six columns of `pair_sums`."""
    known = np.isfinite(x) & np.isfinite(y)
    if not known.all():
        x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    return known.astype(np.float64), x, y, x * x, y * y, x * y


def least_squares_line(total: Floats) -> tuple[float, float] | None:
    """Returns slope and intercept of the line of y on x, out of added-up `pair_sums`; None where x does not vary.

    >>> x = np.array([1.0, 2.0, 4.0])
    >>> slope, intercept = least_squares_line(pair_sums(x, 3 * x + 1).sum(axis=0))
    >>> round(slope, 12), round(intercept, 12)
    (3.0, 1.0)
    """
    n, x, y, xx, _, xy = (float(value) for value in total)
    varies = n * xx - x * x
    if varies <= 1e-12 * n * xx:  # no more than rounding
        return None
    slope = (n * xy - x * y) / varies
    return slope, (y - slope * x) / n


def pearson(sums: Floats) -> Floats:
    """Returns correlations out of `pair_sums` that were added up, shape (..., 6); NaN where one does not vary."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    of_x, of_y, both = n * xx - x * x, n * yy - y * y, n * xy - x * y
    varies = (of_x > 1e-12 * n * xx) & (of_y > 1e-12 * n * yy)
    scale = np.sqrt(np.where(varies, of_x, 1.0)) * np.sqrt(np.where(varies, of_y, 1.0))
    return np.where(varies, np.clip(both / scale, -1.0, 1.0), np.nan)


def pearson_interval(sums: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Returns the 95 % block bootstrap interval of a correlation. sums: a row for each block of neighbours."""
    blocks = len(sums)
    if blocks < MIN_BLOCKS:
        return None
    # einsum, as BLAS would wake its threads for so little.
    drawn = [np.einsum("b,bs->s", counts, sums) for counts in resampled(blocks, resamples, seed)]
    return _percentiles(pearson(np.array(drawn).reshape(-1, 6)))


def spearman(x: Floats, y: Floats) -> float | None:
    """Returns the rank correlation; None for fewer than two pairs or where one does not vary.

    Equal values share their mean rank.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 100.0, 1000.0]))
    1.0
    """
    return _some(_rank_correlation(_groups(x), _groups(y), np.ones(len(x)))) if len(x) > 1 else None


def spearman_interval(x: Floats, y: Floats, block: int, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Returns the 95 % interval of a rank correlation: blocks of `block` pairs are resampled, and ranked anew."""
    blocks = -(-len(x) // block)
    if blocks < MIN_BLOCKS:
        return None
    of_x, of_y = _groups(x), _groups(y)
    drawn = (np.repeat(counts, block)[: len(x)] for counts in resampled(blocks, resamples, seed))
    return _percentiles(np.array([_rank_correlation(of_x, of_y, weights.astype(np.float64)) for weights in drawn]))


def _groups(values: Floats) -> NDArray[np.intp]:
    """Returns for each value how many smaller ones there are, equal ones counted once."""
    return np.unique(values, return_inverse=True)[1]


def _rank_correlation(x: NDArray[np.intp], y: NDArray[np.intp], weights: Floats) -> float:
    """Returns Spearman's correlation where pair i is there weights[i] times; NaN where one does not vary."""
    of_x, of_y = _centred_ranks(x, weights), _centred_ranks(y, weights)
    heavy = of_x * weights
    scale = math.sqrt((heavy * of_x).sum() * (of_y * of_y * weights).sum())
    return float((heavy * of_y).sum()) / scale if scale > 0 else math.nan


def _centred_ranks(groups: NDArray[np.intp], weights: Floats) -> Floats:
    """Returns mean ranks less their mean, which is half of all weights, ties or not."""
    sizes = np.bincount(groups, weights=weights)
    ranks: Floats = np.cumsum(sizes) - (sizes + weights.sum()) / 2
    return ranks[groups]


def _percentiles(values: Floats) -> Interval | None:
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def _some(value: float) -> float | None:
    return None if math.isnan(value) else value


class MeanTest(NamedTuple):
    """A test of a mean has its standard error.

    - t: mean / error.
    - bandwidth: lags of fewer than so many values count.
    """

    mean: float
    error: float
    t: float
    bandwidth: float


def andrews_bandwidth(values: Floats) -> float:
    """Returns how far back the values' dependence is looked for: below 1, not at all.

    Andrews' plug-in for the Bartlett kernel, with an autoregression of order one: 1.1447 (α n)^(1/3), where α =
    4 ρ² / ((1 − ρ)² (1 + ρ)²), his equations 6.2 and 6.4; at most half of the values.

    >>> round(andrews_bandwidth(np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0])), 3)
    4.0
    """
    apart = values - values.mean()
    before = apart[:-1]
    square = float((before * before).sum())
    if not square > 0:
        return 0.0
    rho = min(max(float((apart[1:] * before).sum()) / square, -_MOST_RHO), _MOST_RHO)
    alpha = 4 * rho * rho / ((1 - rho) * (1 + rho)) ** 2
    return min(1.1447 * math.cbrt(alpha * len(values)), len(values) / 2)


def mean_test(values: Floats, bandwidth: float | None = None) -> MeanTest | None:
    """Returns the mean and its error by Newey and West; None for fewer than two values, or without variance.

    - bandwidth: Andrews' by default. Lag j weighs 1 − j / bandwidth. The variance is of n − 1, so without lags t is the
      textbook's.

    >>> found = mean_test(np.array([3.0, 1.0, 2.0, 4.0]), bandwidth=1)
    >>> found.mean, round(found.error, 6), round(found.t, 6)
    (2.5, 0.645497, 3.872983)
    """
    n = len(values)
    if n < 2:
        return None
    mean = float(values.mean())
    apart = values - mean
    width = andrews_bandwidth(values) if bandwidth is None else bandwidth
    total = float((apart * apart).sum())
    for lag in range(1, min(math.ceil(width), n)):
        total += 2 * (1 - lag / width) * float((apart[lag:] * apart[:-lag]).sum())
    if not total > 1e-24 * n * (mean * mean + float(np.abs(values).max()) ** 2):
        return None
    error = math.sqrt(total / (n - 1) / n)
    return MeanTest(mean, error, mean / error, width)


def bootstrap_mean(
    values: Floats, block: int | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Returns the 95 % interval of the mean by a stationary bootstrap; None for fewer than two values.

    - block: mean length of the pieces that are drawn, whose lengths are geometric; n^(1/3) by default. The series is
      taken as a ring, so that each value has the same chance.

    >>> bootstrap_mean(np.full(50, 0.25))
    Interval(low=0.25, high=0.25)
    """
    n = len(values)
    if n < 2 or not resamples:
        return None
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values]))])
    drawn = stationary_pieces(n, block or block_length(n), resamples, seed)
    means = [(sums[first + lengths] - sums[first]).sum() / n for first, lengths in drawn]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def stationary_pieces(
    n: int, block: int, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yields the pieces of each resample of a stationary bootstrap, of n values in a ring.

    They are their first places, and their lengths, which are geometric with mean `block` and whose sum is n.

    >>> [int(lengths.sum()) for first, lengths in stationary_pieces(8, 2, resamples=3)]
    [8, 8, 8]
    """
    chance = 1 / block
    rng = np.random.default_rng(seed)
    room = math.ceil(n * chance + 6 * math.sqrt(n * chance) + 20)
    for _ in range(resamples):
        lengths = np.minimum(rng.geometric(chance, room), n)
        while (drawn := np.cumsum(lengths))[-1] < n:
            lengths = np.concatenate([lengths, np.minimum(rng.geometric(chance, room), n)])
        last = int(np.searchsorted(drawn, n))
        lengths[last] -= drawn[last] - n
        yield rng.integers(n, size=last + 1), lengths[: last + 1]


def student_quantile(probability: float, freedom: int) -> float:
    """Returns Student's quantile, by the expansion in Abramowitz and Stegun (26.7.5); 1e-3 off at 10 degrees, or less.

    >>> round(student_quantile(0.975, 29), 3), round(student_quantile(0.975, 10_000), 3)
    (2.045, 1.96)
    """
    x = _NORMAL.inv_cdf(probability)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
    )
    return x + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))


def normal_quantile(probability: float) -> float:
    """Returns the standard normal distribution's quantile."""
    return _NORMAL.inv_cdf(probability)
