"""Predictions beside outcomes: in pieces against scipy over the whole series."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.forecasts import Estimate, Forecasts, PairSample, PairSums
from services.research.statistics import block_length, pearson
from tests.unit.research.metrics.series import PIECE, Floats, in_pieces

BARS = st.lists(st.tuples(st.integers(90, 110), st.none() | st.integers(-3, 3)), min_size=1, max_size=60)
UNKNOWN = Estimate(value=None, low=None, high=None)


@given(BARS, PIECE)
def test_any_pieces_give_what_the_whole_gives(bars: list[tuple[int, int | None]], piece: int) -> None:
    prices = np.array([price for price, _ in bars], dtype=float)
    y_hats = np.array([np.nan if y_hat is None else y_hat for _, y_hat in bars])
    forecasts = Forecasts(resamples=0)
    in_pieces(forecasts.add, piece, prices, y_hats)
    ic, rank_ic = forecasts.ic(), forecasts.rank_ic()

    outcome, made = np.log(prices[1:] / prices[:-1]), ~np.isnan(y_hats[:-1])
    x, y = y_hats[:-1][made], outcome[made]
    assert forecasts.count == len(x)
    moved = y != 0
    hits = (np.sign(x) == np.sign(y))[moved]
    assert forecasts.hit_rate == (pytest.approx(hits.mean()) if moved.any() else None)
    assert forecasts.sampled is None
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        assert ic == rank_ic == UNKNOWN
    else:
        assert ic.value == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-9)
        # Log returns of equal price ratios may differ in the last digit, so ranks are compared on the same values.
        assert rank_ic.value == pytest.approx(scipy.stats.spearmanr(x, np.diff(np.log(prices))[made]).statistic)


def test_more_predictions_than_are_kept_are_sampled_and_say_so() -> None:
    rng = np.random.default_rng(6)
    n = 150_000
    y_hats = rng.normal(size=n)
    prices = np.exp(np.cumsum(np.concatenate([[0.0], (0.1 * y_hats + rng.normal(size=n))[:-1] / 1_000])))
    forecasts = [Forecasts(seed=1, resamples=50) for _ in range(2)]
    for one, piece in zip(forecasts, (16_384, 50_000), strict=True):
        in_pieces(one.add, piece, prices, y_hats)
    (ic, rank_ic), (other_ic, other_rank_ic) = ((one.ic(), one.rank_ic()) for one in forecasts)

    assert forecasts[0].count == n - 1
    assert forecasts[0].sampled == 65_536
    outcome = np.diff(np.log(prices))
    assert ic.value == pytest.approx(scipy.stats.pearsonr(y_hats[:-1], outcome).statistic)
    assert rank_ic.value == pytest.approx(scipy.stats.spearmanr(y_hats[:-1], outcome).statistic, abs=0.01)
    for estimate, size in ((ic, n), (rank_ic, 65_536)):
        assert estimate.value is not None and estimate.low is not None and estimate.high is not None
        assert estimate.low < estimate.value < estimate.high
        assert estimate.high - estimate.low == pytest.approx(2 * 1.96 / size**0.5, rel=0.4)
    assert other_rank_ic == rank_ic
    assert other_ic.low == pytest.approx(ic.low)


def test_nothing_seen() -> None:
    forecasts = Forecasts()
    assert_nothing(forecasts)
    forecasts.add(np.array([100.0]), np.array([0.1]))  # its outcome is not known yet
    assert_nothing(forecasts)


def assert_nothing(forecasts: Forecasts) -> None:
    assert (forecasts.count, forecasts.hit_rate, forecasts.sampled) == (0, None, None)
    assert forecasts.ic() == forecasts.rank_ic() == UNKNOWN


# Sums and samples of pairs: whatever the pieces, the same, and never more memory.


def pairs(n: int, seed: int = 5) -> tuple[Floats, Floats]:
    x = np.random.default_rng(seed).normal(size=n)
    return x, x + np.random.default_rng(seed + 1).normal(size=n)


@given(st.integers(1, 300), st.integers(1, 301), st.integers(2, 40))
def test_blocks_of_equal_length_with_all_pairs_in_them(n: int, piece: int, limit: int) -> None:
    x, y = pairs(n)
    sums = PairSums(limit)
    in_pieces(sums.add, piece, x, y)
    blocks = sums.blocks()
    length = int(blocks[0, 0])
    assert length >= min(block_length(n), n)
    assert length & (length - 1) == 0 or len(blocks) == 1
    assert blocks[:, 0].tolist() == [length] * (n // length) + ([n % length] if n % length else [])
    assert n // length <= limit
    x, y = x - x[0], y - y[0]
    np.testing.assert_allclose(blocks[:, 1], np.add.reduceat(x, np.arange(0, n, length)), atol=1e-9)
    np.testing.assert_allclose(blocks[:, 5], np.add.reduceat(x * y, np.arange(0, n, length)), atol=1e-9)


def test_a_large_mean_costs_no_digits() -> None:
    x, y = pairs(10_000)
    sums = PairSums()
    sums.add(x + 1e8, y - 1e8)
    expected = np.corrcoef(x + 1e8, y - 1e8)[0, 1]
    assert pearson(sums.blocks().sum(axis=0)) == pytest.approx(expected, abs=1e-7)


@given(st.integers(0, 400), st.integers(1, 401))
def test_a_sample_does_not_depend_on_the_pieces(n: int, piece: int) -> None:
    x, y = pairs(n)
    whole, parts = (PairSample(blocks=10, length=8, seed=1) for _ in range(2))
    whole.add(x, y)
    in_pieces(parts.add, piece, x, y)
    np.testing.assert_array_equal(whole.pairs(), parts.pairs())
    assert whole.complete == parts.complete == (n < 88)
    if whole.complete:
        np.testing.assert_array_equal(whole.pairs(), (x, y))


def test_a_sample_keeps_neighbours_together_and_their_order() -> None:
    sample = PairSample(blocks=10, length=8, seed=1)
    sample.add(np.arange(800.0), -np.arange(800.0))
    x, y = sample.pairs()
    np.testing.assert_array_equal(y, -x)
    blocks = x.reshape(10, 8)
    np.testing.assert_array_equal(blocks, blocks[:, :1] + np.arange(8))
    assert (np.diff(blocks[:, 0]) > 0).all()
    assert (blocks[:, 0] % 8 == 0).all()


def test_every_block_has_the_same_chance() -> None:
    drawn = np.zeros(40)
    for seed in range(400):
        sample = PairSample(blocks=10, length=1, seed=seed)
        sample.add(np.arange(40.0), np.zeros(40))
        drawn[sample.pairs()[0].astype(int)] += 1
    # 400 draws with chance 1/4 each: 100 with a standard deviation of 8.7.
    assert drawn.sum() == 4_000
    assert (np.abs(drawn - 100) < 40).all()
