"""Statistics against the papers' own numbers, scipy and simulation."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.forecasts import PairSums
from services.research.statistics import (
    Interval,
    block_length,
    deflated_sharpe,
    expected_max_sharpe,
    pearson,
    pearson_interval,
    probabilistic_sharpe,
    spearman,
    spearman_interval,
)
from tests.unit.research.metrics.series import Floats

YEAR = 250  # trading days, as the paper has it


@pytest.mark.parametrize(
    ("sharpe", "n", "skewness", "kurtosis", "expected"),
    [(0.458, 24, 0.0, 3.0, 0.982), (0.458, 24, -2.448, 10.164, 0.913)],
)
def test_probabilistic_sharpe_of_the_paper(
    sharpe: float, n: int, skewness: float, kurtosis: float, expected: float
) -> None:
    """Bailey and López de Prado 2012: two years of monthly returns, once taken for normal, once as they are."""
    assert probabilistic_sharpe(sharpe, n, skewness, kurtosis) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("n", "skewness", "kurtosis", "sharpe", "error"),
    [(134, -0.2250, 2.9570, 0.7079, 0.1028), (134, -1.4455, 7.0497, 0.8183, 0.1550)],
)
def test_the_papers_standard_errors(n: int, skewness: float, kurtosis: float, sharpe: float, error: float) -> None:
    """Bailey and López de Prado 2012, two hedge fund indices: one standard error below is where 84 % are above."""
    below = probabilistic_sharpe(sharpe, n, skewness, kurtosis, benchmark=sharpe - error)
    assert below == pytest.approx(scipy.stats.norm.cdf(1), abs=2e-4)


def test_the_highest_of_many_by_luck() -> None:
    """Bailey and López de Prado 2014: 100 trials, variance 1/2 a year."""
    assert expected_max_sharpe(100, 0.5 / YEAR) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)]
)
def test_deflated_sharpe_of_the_paper(trials: int, skewness: float, kurtosis: float, expected: float) -> None:
    """Bailey and López de Prado 2014: 2.5 a year over five years of days."""
    deflated = deflated_sharpe(2.5 / YEAR**0.5, 5 * YEAR, skewness, kurtosis, trials, 0.5 / YEAR)
    assert deflated == pytest.approx(expected, abs=1e-4)


def test_the_highest_of_many_against_simulation() -> None:
    highest = np.random.default_rng(2).normal(0, 0.1, (20_000, 50)).max(axis=1)
    assert expected_max_sharpe(50, 0.01) == pytest.approx(highest.mean(), rel=0.02)


def test_one_trial_deflates_nothing_and_more_trials_deflate_more() -> None:
    values = [deflated_sharpe(0.05, 1_000, -0.5, 5, trials, 0.001) for trials in (1, 2, 10, 1_000, 10**15)]
    assert values[0] == probabilistic_sharpe(0.05, 1_000, -0.5, 5)
    assert values == sorted(values, key=lambda value: -(value or 0))
    assert None not in values


def test_what_has_no_probability() -> None:
    assert probabilistic_sharpe(1.0, 1) is None
    assert probabilistic_sharpe(1.0, 10, skewness=2.0, kurtosis=5.0) is None  # the estimate's variance would be 0
    with pytest.raises(ValueError, match="at least 1 trial"):
        expected_max_sharpe(0, 1.0)


SMALL = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=40)


def sums_of(x: Floats, y: Floats) -> Floats:
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])


@given(SMALL)
def test_correlations_with_ties_against_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(pearson(sums_of(x, y)))
        assert spearman(x, y) is None
    else:
        assert pearson(sums_of(x, y)) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-9)
        assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-9)


def test_a_block_bootstrap_against_one_that_really_resamples() -> None:
    """The sums and the weights give, draw for draw, what the pairs themselves give when they are drawn."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, 20, 96).astype(float)
    y = x + rng.normal(0, 20, 96)
    sums, block, rank, linear = PairSums(), 8, [], []
    sums.add(x, y)
    draws = np.random.default_rng(9)
    for _ in range(200):
        chosen = np.sort(draws.integers(0, 12, 12))
        at = (chosen[:, None] * block + np.arange(block)).ravel()
        rank.append(scipy.stats.spearmanr(x[at], y[at]).statistic)
        linear.append(scipy.stats.pearsonr(x[at], y[at]).statistic)
    blocks = np.array([sums_of(a, b) for a, b in zip(x.reshape(12, 8), y.reshape(12, 8), strict=True)])
    for found, expected in (
        (spearman_interval(x, y, block, 200, seed=9), rank),
        (pearson_interval(blocks, 200, seed=9), linear),
    ):
        assert found == pytest.approx(np.quantile(expected, [0.025, 0.975]))


def test_an_interval_covers_as_often_as_it_says() -> None:
    """Pairs that lean on their neighbours, of correlation 0.3: some 95 of 100 intervals hold it."""
    covered = 0
    for seed in range(150):
        both = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], 1_000)
        x, y = (both[1:] + 0.3 * both[:-1]).T
        sums = PairSums()
        sums.add(x, y)
        interval = pearson_interval(sums.blocks(), 200, seed)
        assert interval is not None
        covered += interval.low < 0.3 < interval.high
    assert 132 <= covered <= 149


def test_same_seed_same_interval_and_too_few_blocks_none() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 200))
    first = spearman_interval(x, y, 4, 100, seed=3)
    assert isinstance(first, Interval)
    assert first == spearman_interval(x, y, 4, 100, seed=3) != spearman_interval(x, y, 4, 100, seed=4)
    assert spearman_interval(x[:36], y[:36], 4, 100) is None
    assert pearson_interval(np.ones((9, 6)), 100) is None
    assert pearson_interval(np.ones((20, 6)), 0) is None


def test_blocks_grow_with_the_cube_root() -> None:
    assert [block_length(n) for n in (0, 1, 2, 8, 64, 1_000, 10**6)] == [1, 1, 1, 2, 4, 8, 128]
