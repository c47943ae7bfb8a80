"""Scores of joined folds, against numpy and scipy."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for

from services.research.sweep.fold import Traded
from services.research.sweep.score import score

RETURNS = np.random.default_rng(3).normal(0.001, 0.01, 300)


def test_folds_are_joined() -> None:
    found = score([Traded(RETURNS[:100], 5, False), Traded(RETURNS[100:], 6, False)], "12h")
    assert (found.periods, found.fills, found.ruined) == (300, 11, False)
    ratio = RETURNS.mean() / RETURNS.std(ddof=1)
    assert found.sharpe_per_period == pytest.approx(ratio)
    assert found.sharpe == pytest.approx(ratio * 730**0.5)
    assert found.total == pytest.approx(np.prod(1 + RETURNS) - 1)
    assert found.skewness == pytest.approx(scipy.stats.skew(RETURNS))
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(RETURNS, fisher=False))


def test_without_trades_or_after_ruin_there_is_no_sharpe() -> None:
    flat = score([Traded(np.zeros(10), 0, False)], "1d")
    assert (flat.sharpe, flat.sharpe_per_period, flat.total, flat.ruined) == (None, None, 0.0, False)
    lost = score([Traded(RETURNS, 5, False), Traded(np.array([0.1, -1.2]), 2, True)], "1d")
    assert (lost.sharpe, lost.total, lost.ruined, lost.periods, lost.fills) == (None, None, True, 302, 7)
