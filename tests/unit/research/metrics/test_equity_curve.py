"""Growth: period returns, a year's growth, and where they end."""

import numpy as np
import pytest
from hypothesis import given

from services.research.metrics.equity_curve import YEAR_NS, Growth
from tests.unit.research.metrics.series import MOVES, PIECE, in_pieces, values_of


@given(MOVES, PIECE)
def test_any_pieces_give_the_returns_of_the_whole(moves: list[int], piece: int) -> None:
    values, growth = values_of(moves), Growth(100.0, 0)
    in_pieces(growth.add, piece, np.arange(1, len(values) + 1), values)
    returns = np.diff(np.concatenate([[100.0], values])) / np.concatenate([[100.0], values[:-1]])
    assert growth.returns.n == len(moves)
    assert growth.total == pytest.approx(np.prod(1 + returns) - 1, abs=1e-12)
    deviation, downside = returns.std(ddof=1) if len(moves) > 1 else 0, np.sqrt(np.mean(np.minimum(returns, 0) ** 2))
    assert growth.sharpe == (pytest.approx(returns.mean() / deviation) if len(set(moves)) > 1 else None)
    assert growth.sortino == (pytest.approx(returns.mean() / downside) if min(moves) < 0 else None)


def test_growth_a_year_is_by_elapsed_time_with_365_days() -> None:
    growth = Growth(100.0, 0)
    growth.add(np.array([YEAR_NS, 2 * YEAR_NS]), np.array([90.0, 144.0]))
    assert growth.cagr == pytest.approx(0.2)


def test_a_time_too_short_for_a_year_has_no_growth_a_year() -> None:
    growth = Growth(100.0, 0)
    assert growth.cagr is None
    growth.add(np.array([1_000_000_000]), np.array([110.0]))
    assert growth.cagr is None


@pytest.mark.parametrize("piece", [1, 2, 5])
def test_ruin_ends_the_returns(piece: int) -> None:
    growth = Growth(100.0, 0)
    in_pieces(growth.add, piece, np.arange(1, 6), np.array([110.0, 55.0, -11.0, 20.0, 40.0]))
    assert growth.ruined_ts == 3
    assert growth.returns.n == 3
    assert growth.returns.lowest == pytest.approx(-1.2)
    assert (growth.cagr, growth.sharpe, growth.sortino) == (None, None, None)
    assert growth.total == pytest.approx(-0.6)
