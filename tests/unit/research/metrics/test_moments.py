"""Moments in pieces against scipy over the whole series."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.equity_curve import Moments
from tests.unit.research.metrics.series import PIECE, in_pieces

VALUES = st.lists(st.integers(-1_000, 1_000).map(lambda n: n / 10_000), min_size=2, max_size=60)


@given(VALUES, PIECE)
def test_any_pieces_give_the_moments_of_the_whole(values: list[float], piece: int) -> None:
    whole, moments = np.array(values), Moments()
    in_pieces(moments.add, piece, whole)
    assert moments.n == len(whole)
    assert moments.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-15)
    assert (moments.lowest, moments.highest) == (whole.min(), whole.max())
    assert moments.downside == pytest.approx(np.sqrt(np.mean(np.minimum(whole, 0) ** 2)))
    if np.ptp(whole) == 0:
        assert (moments.std, moments.skewness, moments.kurtosis) == (0.0, None, None)
    else:
        assert moments.std == pytest.approx(whole.std(ddof=1))
        assert moments.skewness == pytest.approx(scipy.stats.skew(whole), abs=1e-7)
        assert moments.kurtosis == pytest.approx(scipy.stats.kurtosis(whole, fisher=False), rel=1e-7)


def test_a_million_values_keep_their_digits() -> None:
    whole = np.random.default_rng(3).standard_t(5, 1_000_000) * 1e-4 + 1e-3
    moments = Moments()
    in_pieces(moments.add, 10_007, whole)
    assert moments.std == pytest.approx(whole.std(ddof=1), rel=1e-12)
    assert moments.skewness == pytest.approx(scipy.stats.skew(whole), rel=1e-9)
    assert moments.kurtosis == pytest.approx(scipy.stats.kurtosis(whole, fisher=False), rel=1e-9)


def test_what_one_value_or_none_leaves_undefined() -> None:
    moments = Moments()
    moments.add(np.array([]))
    assert (moments.n, moments.std, moments.downside, moments.lowest) == (0, None, None, None)
    moments.add(np.array([0.5]))
    assert (moments.std, moments.skewness, moments.kurtosis, moments.downside) == (None, None, None, 0.0)


def test_equal_returns_that_differ_by_rounding_do_not_vary() -> None:
    equity = 100 * 1.001 ** np.arange(200)
    moments = Moments()
    moments.add(equity[1:] / equity[:-1] - 1)
    assert np.ptp(equity[1:] / equity[:-1]) > 0
    assert moments.std == 0
