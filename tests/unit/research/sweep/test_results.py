"""Ranks and deflation."""

from decimal import Decimal

import pytest

from services.research.metrics.statistics import probabilistic_sharpe
from services.research.sweep import Trading, Trial
from services.research.sweep.results import highest_by_luck, rank
from services.research.sweep.score import Score

YEAR = 365


def trial(lags: int, interval: str = "1d") -> Trial:
    return Trial(interval, lags, Trading("compounding", Decimal(1), 0.0, False))


def scored(sharpe: float | None, periods: int = 1250, a_year: int = YEAR) -> Score:
    """A score with this Sharpe ratio of a year, and the moments of the paper's example."""
    per_period = None if sharpe is None else sharpe / a_year**0.5
    return Score(
        periods=periods, fills=1, ruined=sharpe is None, sharpe=sharpe, sharpe_per_period=per_period, skewness=-3.0,
        kurtosis=10.0,
    )  # fmt: skip


def test_the_papers_example() -> None:
    """Bailey and López de Prado 2014: 100 trials, 1250 days, 2.5 a year of 250 days, variance 1/2: 0.9004."""
    best, apart = 2.5 * (YEAR / 250) ** 0.5, (0.5 * YEAR / 250) ** 0.5
    scores = {trial(lags): scored(best - lags * apart) for lags in range(3)}  # their variance is apart²
    first = rank(scores, earlier_trials=97)[0]
    assert first.lags == 0
    assert first.deflated_sharpe == pytest.approx(0.9004, abs=1e-4)
    assert highest_by_luck(list(scores.values()), 97) == pytest.approx(0.1132 * YEAR**0.5, abs=1e-3)


def test_order_and_ties() -> None:
    given = {1: -0.5, 2: None, 3: 1.5, 4: 0.0, 5: 1.5, 6: None}
    rows = rank({trial(lags): scored(sharpe) for lags, sharpe in given.items()})
    assert [row.lags for row in rows] == [3, 5, 4, 1, 2, 6]
    assert [row.rank for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.deflated_sharpe is None for row in rows] == [False] * 4 + [True] * 2


def test_more_trials_deflate_more() -> None:
    scores = {trial(1): scored(1.0), trial(2): scored(0.5)}
    found = [rank(scores, earlier)[0].deflated_sharpe or 0.0 for earlier in (0, 10, 1_000)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 3


def test_intervals_are_compared_by_the_year() -> None:
    rows = rank({trial(1): scored(1.0), trial(1, "12h"): scored(2.0, 2500, 2 * YEAR), trial(2): scored(0.0)})
    assert [row.interval for row in rows] == ["12h", "1d", "1d"]
    a_year = highest_by_luck([scored(1.0), scored(2.0), scored(0.0)])
    assert a_year is not None
    for row, periods_a_year in zip(rows, (730, 365, 365), strict=True):
        benchmark = a_year / periods_a_year**0.5
        assert row.sharpe_per_period is not None
        expected = probabilistic_sharpe(row.sharpe_per_period, row.periods, -3.0, 10.0, benchmark)
        assert row.deflated_sharpe == pytest.approx(expected)


def test_a_single_trial_is_not_deflated_and_a_variance_that_is_not_known_deflates_nothing() -> None:
    one = {trial(1): scored(1.0)}
    assert highest_by_luck(list(one.values())) == 0.0
    assert rank(one)[0].deflated_sharpe == probabilistic_sharpe(1.0 / YEAR**0.5, 1250, -3.0, 10.0)
    assert highest_by_luck(list(one.values()), 5) is None
    assert rank(one, 5)[0].deflated_sharpe is None
