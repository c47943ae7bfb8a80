"""Ranks and deflation."""

import csv
import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for

from services.research.statistics import Floats, probabilistic_sharpe
from services.research.sweep import Axis, Pool, RankedTrial, SweepSpec, Swept, Trading, Trial, sweep
from services.research.sweep.results import Score, described, highest_by_luck, lines, ranked, score, write_csv
from services.research.sweep.traded import Traded
from tests.unit.research.sweep.made import settings_of, written

YEAR = 365


def trial(number: int, interval: str = "1d") -> Trial:
    return Trial(interval, None, Trading((("strategy.number", number),)))


def scored(sharpe: float | None, periods: int = 1250, a_year: int = YEAR) -> Score:
    """A score with this Sharpe ratio of a year, and the moments of the paper's example."""
    per_period = None if sharpe is None else sharpe / a_year**0.5
    return Score(
        periods=periods,
        fills=1,
        ruined=sharpe is None,
        sharpe=sharpe,
        sharpe_per_period=per_period,
        skewness=-3.0,
        kurtosis=10.0,
    )


def test_the_papers_example() -> None:
    """Bailey and López de Prado 2014: 100 trials, 1250 days, 2.5 a year of 250 days, variance 1/2: 0.9004."""
    best, apart = 2.5 * (YEAR / 250) ** 0.5, (0.5 * YEAR / 250) ** 0.5
    scores = [(trial(number), scored(best - number * apart)) for number in range(3)]  # their variance is apart²
    first = ranked(scores, earlier_trials=97)[0]
    assert first.values == {"strategy.number": 0}
    assert first.deflated_sharpe == pytest.approx(0.9004, abs=1e-4)
    assert highest_by_luck([found for _, found in scores], 97) == pytest.approx(0.1132 * YEAR**0.5, abs=1e-3)


def test_order_and_ties() -> None:
    given = {1: -0.5, 2: None, 3: 1.5, 4: 0.0, 5: 1.5, 6: None}
    rows = ranked([(trial(number), scored(sharpe)) for number, sharpe in given.items()])
    assert [row.values["strategy.number"] for row in rows] == [3, 5, 4, 1, 2, 6]
    assert [row.rank for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.deflated_sharpe is None for row in rows] == [False] * 4 + [True] * 2


def test_more_trials_deflate_more() -> None:
    scores = [(trial(1), scored(1.0)), (trial(2), scored(0.5))]
    found = [ranked(scores, earlier)[0].deflated_sharpe or 0.0 for earlier in (0, 10, 1_000)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 3


def test_intervals_are_compared_by_the_year() -> None:
    given = [(trial(1), scored(1.0)), (trial(1, "12h"), scored(2.0, 2500, 2 * YEAR)), (trial(2), scored(0.0))]
    rows = ranked(given)
    assert [row.interval for row in rows] == ["12h", "1d", "1d"]
    a_year = highest_by_luck([scored(1.0), scored(2.0), scored(0.0)])
    assert a_year is not None
    for row, periods_a_year in zip(rows, (730, 365, 365), strict=True):
        benchmark = a_year / periods_a_year**0.5
        assert row.sharpe_per_period is not None
        expected = probabilistic_sharpe(row.sharpe_per_period, row.periods, -3.0, 10.0, benchmark)
        assert row.deflated_sharpe == pytest.approx(expected)


def test_a_single_trial_is_not_deflated_and_a_variance_that_is_not_known_deflates_nothing() -> None:
    one = [(trial(1), scored(1.0))]
    assert highest_by_luck([scored(1.0)]) == 0.0
    assert ranked(one)[0].deflated_sharpe == probabilistic_sharpe(1.0 / YEAR**0.5, 1250, -3.0, 10.0)
    assert highest_by_luck([scored(1.0)], 5) is None
    assert ranked(one, 5)[0].deflated_sharpe is None


# Scores of joined folds, against numpy and scipy.

RETURNS = np.random.default_rng(3).normal(0.001, 0.01, 300)


def fold_of(returns: Floats, fills: int) -> Traded:
    ts = np.arange(len(returns))
    return Traded.of(np.cumprod([100.0, *(1 + returns)]), ts, np.array([0, len(returns)]), fills)


def test_folds_are_joined() -> None:
    found = score([fold_of(RETURNS[:100], 5), fold_of(RETURNS[100:], 6)], "12h")
    assert (found.periods, found.fills, found.ruined) == (300, 11, False)
    ratio = RETURNS.mean() / RETURNS.std(ddof=1)
    assert found.sharpe_per_period == pytest.approx(ratio)
    assert found.sharpe == pytest.approx(ratio * 730**0.5)
    assert found.total == pytest.approx(np.prod(1 + RETURNS) - 1)
    assert found.skewness == pytest.approx(scipy.stats.skew(RETURNS))
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(RETURNS, fisher=False))


def test_without_trades_or_after_ruin_there_is_no_sharpe() -> None:
    flat = score([fold_of(np.zeros(10), 0)], "1d")
    assert (flat.sharpe, flat.sharpe_per_period, flat.total, flat.ruined) == (None, None, 0.0, False)
    lost = score([fold_of(RETURNS, 5), fold_of(np.array([0.1, -1.2]), 2)], "1d")
    assert (lost.sharpe, lost.total, lost.ruined, lost.periods, lost.fills) == (None, None, True, 302, 7)


# What is shown and written of a sweep.

SPEC = SweepSpec(grid=(Axis.told("lags=1,2"), Axis.told("threshold=0,0.001,9")), folds=2)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    return sweep(settings_of(written(tmp_path_factory.mktemp("data"))), SPEC, Pool(jobs=1))


def test_lines_of_a_sweep(swept: Swept) -> None:
    shown = lines(swept, top=5)
    assert shown[0] == "walk-forward: 2 folds, 2024-01-04T09:00:00Z to 2024-01-11T02:00:00Z, 6 trials"
    table = shown[2:8]
    assert len({len(line) for line in table}) == 1
    assert [line.split()[0] for line in table] == ["rank", "1", "2", "3", "4", "5"]
    assert table[-1].split()[4:7] == ["-", "-", "-"]  # a threshold that nothing exceeds
    assert shown[8] == "... and 1 more"
    assert shown[-5].startswith(
        f"probability of backtest overfitting: {100 * (swept.overfitting or 0):.2f} % (how often"
    )
    assert shown[-4].startswith(f"p-value of the chosen row among 6 rows: {swept.rows[0].p_value:.3f} (Romano-Wolf")
    assert shown[-4].endswith(" at 0.05 or less")
    assert shown[-3].startswith("hold-out, once, trained until 2024-01-11T01:00:00Z: 60 bars to 2024-01-13, total ")
    assert shown[-2] == f"verdict on the hold-out: {swept.holdout.results.verdict.words}"
    bars = swept.engines.gated
    assert shown[-1] == f"fast engine: 6 of 6 trials; both engines did the same over {bars} bars"
    assert bars == 2 * (80 + 81) + 161 + 60, "two trials at both ends, which are the folds here; the best one whole"
    assert not any(line.startswith("...") for line in lines(swept, top=6))


def test_earlier_trials_have_no_returns_and_that_is_said(swept: Swept) -> None:
    told = lines(swept.model_copy(update={"earlier_trials": 3}))[-4]
    assert told.endswith("at 0.05 or less; 3 earlier trials not in it, as their returns are not known")


def test_ruin_is_shown(swept: Swept) -> None:
    ruined = swept.rows[0].model_copy(update={"ruined": True, "sharpe": None})
    assert "ruined" in lines(swept.model_copy(update={"rows": (ruined,)}))[3]


def test_csv_has_all_rows_and_fields(swept: Swept) -> None:
    text = io.StringIO()
    write_csv(swept, text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert len(rows) == 6
    assert set(rows[0]) == set(RankedTrial.model_fields) - {"values"} | {"lags", "threshold"}
    assert list(rows[0])[:5] == ["rank", "interval", "lags", "threshold", "sharpe"]
    assert {(row["lags"], row["threshold"]) for row in rows} == set(product(("1", "2"), ("0", "0.001", "9")))
    assert float(rows[0]["sharpe"]) == swept.rows[0].sharpe
    assert rows[-1]["sharpe"] == ""


def test_how_it_was_run_can_be_written_as_json() -> None:
    said = described(settings_of(Path("bars.csv"), fee="0.001"), SPEC)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert (said["data"], said["sym"], said["fee"], said["strategy"]) == ("bars.csv", "BTCUSDT", "0.001", "threshold")
    assert said["grid"] == [{"name": "lags", "values": [1, 2]}, {"name": "threshold", "values": [0, 0.001, 9]}]
