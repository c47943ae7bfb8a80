"""Sums per block of time, for all intervals the same time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.equity_curve import Moments
from services.research.overfitting import GROUPS
from services.research.sweep.traded import MOST_BLOCKS, Traded, block_edges, joined_blocks, joined_moments


@given(st.integers(1, 3_000), st.integers(1, 5), st.integers(0, 40))
def test_a_block_has_the_same_time_and_about_as_many_bars_for_all_intervals(n: int, longer: int, before: int) -> None:
    ts = np.arange(1, before + n * longer + 1) * 60
    start, end = int(ts[before]), int(ts[-1]) + 1
    series = [ts, ts[before + longer - 1 :: longer]]
    edges = block_edges(series, start, end)
    blocks = len(edges) - 1
    assert blocks == (min(n, MOST_BLOCKS) // GROUPS * GROUPS or 1)
    assert (edges[0], edges[-1]) == (start, end)
    counts = [np.histogram(each, edges)[0] for each in series]
    assert counts[1].max() - counts[1].min() <= 1 <= counts[1].min()
    assert counts[0].tolist() == (counts[1] * longer).tolist()


RETURNS = np.random.default_rng(5).normal(0.001, 0.02, 200)


@given(st.lists(st.integers(1, 199), unique=True, max_size=5), st.sampled_from([1, 16, 64, 192]))
def test_folds_however_cut_give_the_sums_and_moments_of_all(cuts: list[int], blocks: int) -> None:
    equity, ts = np.cumprod([50.0, *(1 + RETURNS)]), np.arange(200)
    edges = np.arange(blocks + 1) * 200 // blocks
    parts = list(pairwise([0, *sorted(cuts), 200]))
    folds = [Traded.of(equity[first : last + 1], ts[first:last], edges, 1) for first, last in parts]
    assert sum(len(fold.blocks) for fold in folds) <= blocks + len(folds)  # each has its own blocks alone
    total, whole = joined_blocks(folds, blocks), Moments()
    expected = [[last - first, RETURNS[first:last].sum(), (RETURNS[first:last] ** 2).sum()]
                for first, last in pairwise(edges)]  # fmt: skip
    assert total == pytest.approx(np.array(expected), rel=1e-9, abs=1e-12)
    whole.add(RETURNS)
    found = joined_moments(folds)
    for name in ("n", "mean", "std", "downside", "skewness", "kurtosis", "lowest", "highest"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=1e-9), name


def test_nothing_counts_after_ruin() -> None:
    fold = Traded.of(np.array([100.0, 50.0, -1.0, 80.0]), np.array([4, 5, 6]), np.array([0, 5, 9]), 3)
    assert (fold.ruined, fold.first, fold.blocks.tolist()) == (True, 0, [[1, -0.5, 0.25], [1, -1.02, 1.02**2]])


def test_a_fold_without_a_bar_adds_nothing() -> None:
    none = Traded.of(np.array([100.0]), np.array([], np.int64), np.array([0, 9]), 0)
    assert joined_blocks([none], 1).tolist() == [[0, 0, 0]]
    assert joined_moments([none]).n == 0
