"""Sums and samples of pairs: whatever the pieces, the same, and never more memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.forecasts import PairSample, PairSums
from services.research.metrics.statistics import block_length, pearson
from tests.unit.research.metrics.series import Floats, in_pieces


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
