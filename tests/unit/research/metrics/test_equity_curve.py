"""EquityCurve: period returns, a year's growth, and where they end."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.equity_curve import YEAR_NS, Drawdown, Drawdowns, EquityCurve, Moments
from tests.unit.research.metrics.series import MOVES, PIECE, Floats, in_pieces, values_of


@given(MOVES, PIECE)
def test_any_pieces_give_the_returns_of_the_whole(moves: list[int], piece: int) -> None:
    values, curve = values_of(moves), EquityCurve(100.0, 0)
    in_pieces(curve.add, piece, np.arange(1, len(values) + 1), values)
    returns = np.diff(np.concatenate([[100.0], values])) / np.concatenate([[100.0], values[:-1]])
    assert curve.returns.n == len(moves)
    assert curve.total == pytest.approx(np.prod(1 + returns) - 1, abs=1e-12)
    deviation, downside = returns.std(ddof=1) if len(moves) > 1 else 0, np.sqrt(np.mean(np.minimum(returns, 0) ** 2))
    assert curve.sharpe == (pytest.approx(returns.mean() / deviation) if len(set(moves)) > 1 else None)
    assert curve.sortino == (pytest.approx(returns.mean() / downside) if min(moves) < 0 else None)


def test_growth_a_year_is_by_elapsed_time_with_365_days() -> None:
    curve = EquityCurve(100.0, 0)
    curve.add(np.array([YEAR_NS, 2 * YEAR_NS]), np.array([90.0, 144.0]))
    assert curve.cagr == pytest.approx(0.2)


def test_a_time_too_short_for_a_year_has_no_growth_a_year() -> None:
    curve = EquityCurve(100.0, 0)
    assert curve.cagr is None
    curve.add(np.array([1_000_000_000]), np.array([110.0]))
    assert curve.cagr is None


@pytest.mark.parametrize("piece", [1, 2, 5])
def test_ruin_ends_the_returns(piece: int) -> None:
    curve = EquityCurve(100.0, 0)
    in_pieces(curve.add, piece, np.arange(1, 6), np.array([110.0, 55.0, -11.0, 20.0, 40.0]))
    assert curve.ruined_ts == 3
    assert curve.returns.n == 3
    assert curve.returns.lowest == pytest.approx(-1.2)
    assert (curve.cagr, curve.sharpe, curve.sortino) == (None, None, None)
    assert curve.total == pytest.approx(-0.6)


# Drawdowns in pieces against a walk over the whole series, one value after the other.


def walked(start: float, values: Floats) -> tuple[Drawdown | None, int]:
    """The deepest fall, and the longest time from a peak until it was reached again or until the end. The time of the
    start is 0, that of value i is i + 1.
    """
    deepest: Drawdown | None = None
    peak, peak_at, below, longest = start, 0, False, 0
    for at, value in enumerate(values.tolist(), start=1):
        if below or value < peak:
            longest = max(longest, at - peak_at)
        if value >= peak:
            if deepest and deepest.recovery_ts is None:
                deepest = deepest._replace(recovery_ts=at)
            peak, peak_at, below = value, at, False
            continue
        below = True
        if (depth := (peak - value) / peak) > (deepest.depth if deepest else 0):
            deepest = Drawdown(depth, peak - value, peak_at, at, None)
    return deepest, longest


@given(MOVES, PIECE)
def test_any_pieces_give_the_falls_of_the_whole(moves: list[int], piece: int) -> None:
    values, drawdowns = values_of(moves), Drawdowns(100.0, 0)
    in_pieces(drawdowns.add, piece, np.arange(1, len(values) + 1), values)
    assert (drawdowns.deepest, drawdowns.longest) == walked(100.0, values)


def test_a_loss_of_more_than_everything() -> None:
    drawdowns = Drawdowns(100.0, 0)
    drawdowns.add(np.array([1, 2, 3]), np.array([200.0, -50.0, 10.0]))
    assert drawdowns.deepest == Drawdown(1.25, 250.0, 1, 2, None)
    assert drawdowns.longest == 2


def test_a_series_that_only_rises_or_stands_still_never_fell() -> None:
    drawdowns = Drawdowns(100.0, 0)
    drawdowns.add(np.arange(1, 4), np.array([100.0, 101.0, 101.0]))
    drawdowns.add(np.arange(4, 6), np.array([101.0, 102.0]))
    assert (drawdowns.deepest, drawdowns.longest) == (None, 0)


def test_the_first_of_two_falls_of_one_depth_counts() -> None:
    drawdowns = Drawdowns(100.0, 0)
    drawdowns.add(np.arange(1, 5), np.array([90.0, 100.0, 90.0, 95.0]))
    assert drawdowns.deepest == Drawdown(pytest.approx(0.1), 10.0, 0, 1, 2)


# Moments in pieces against scipy over the whole series.

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
