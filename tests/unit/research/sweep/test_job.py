"""A whole sweep."""

import pickle
from pathlib import Path

import pytest
import torch

from services.research.sweep import Axis, Pool, SweepSpec, job, sweep
from services.research.train import FitSpec, Fitted
from shared.errors import ConfigError, DataError, UserCodeFailed
from shared.models.linear_model import LinearModel
from shared.models.model import TensorFunction
from shared.models.registry import MODELS
from tests.unit.research.sweep.made import PRICES, settings_of, written

GRID = tuple(map(Axis.told, ("lags=1,3", "leverage=1,2", "threshold=0,0.002", "strategy.netting=true")))
SPEC = SweepSpec(intervals=("1h", "2h"), grid=GRID, folds=2)
FEWER = SPEC.model_copy(update={"grid": GRID[:1] + GRID[2:]})


@pytest.mark.long
def test_the_same_for_any_number_of_jobs(tmp_path: Path) -> None:
    settings = settings_of(written(tmp_path))
    said: list[tuple[str, int, int]] = []
    one = sweep(settings, FEWER, Pool(jobs=1), lambda *told: said.append(told))
    assert one == sweep(settings, FEWER, Pool(jobs=2)) == sweep(settings, FEWER, Pool("threading", 2))
    assert one.trials == len(one.rows) == 8
    assert [row.rank for row in one.rows] == [*range(1, 9)]
    assert {row.periods for row in one.rows if row.interval == "1h"} == {161}
    assert {row.periods for row in one.rows if row.interval == "2h"} == {80}
    assert [told for told in said if told[0] == "walk-forward"] == [("walk-forward", done, 8) for done in range(9)]
    assert said[-1][0] == "hold-out"


def test_what_can_be_learned_is_found(tmp_path: Path) -> None:
    """The market reverts: without costs even the expected best of luck is surpassed, and so it is later."""
    swept = sweep(settings_of(written(tmp_path), fee="0"), SPEC, Pool(jobs=1))
    assert swept.rows[0].interval == "1h"
    assert swept.expected_max_sharpe is not None
    assert (swept.rows[0].sharpe or 0) > swept.expected_max_sharpe > 0
    assert (swept.holdout.results.risk.sharpe or 0) > 0


def test_the_holdout_has_no_part_in_the_ranking(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cut = len(PRICES) - round(0.2 * len(PRICES))
    other = written(tmp_path / "other", PRICES[:cut] + PRICES[cut:][::-1])
    here, there = (sweep(settings_of(path), FEWER, Pool(jobs=1)) for path in (written(tmp_path), other))
    assert (here.rows, here.expected_max_sharpe) == (there.rows, there.expected_max_sharpe)
    assert here.holdout.trained_until == there.holdout.trained_until
    assert here.holdout.results.returns.total != there.holdout.results.returns.total


def test_the_holdout_is_the_last_share_and_the_model_learned_from_all_before(tmp_path: Path) -> None:
    swept = sweep(
        settings_of(written(tmp_path)), SweepSpec(grid=(Axis.told("lags=2"),), folds=2, earlier_trials=4), Pool(jobs=1)
    )
    period = swept.holdout.results.period
    assert (swept.trials, len(swept.rows), period.bars) == (5, 1, 60)
    assert f"{period.end:%Y-%m-%dT%H:%M:%SZ}" == "2024-01-13T13:00:00Z"  # the end of the last of 301 bars
    assert f"{period.start:%Y-%m-%dT%H:%M:%SZ}" == swept.holdout.trained_until == "2024-01-11T01:00:00Z"
    assert swept.folds[-1][1] == "2024-01-11T02:00:00Z"  # the end of the hold-out's first bar


def test_purge_and_embargo_hold_for_the_folds_and_the_hold_out(tmp_path: Path) -> None:
    settings = settings_of(written(tmp_path))
    spec = SweepSpec(grid=(Axis.told("lags=2"),), folds=2)
    plain = sweep(settings, spec, Pool(jobs=1))
    gone = sweep(settings, spec.model_copy(update={"purge": True, "embargo": 0.05}), Pool(jobs=1))
    assert (plain.holdout.trained_until, plain.holdout.until) == ("2024-01-11T01:00:00Z", "2024-01-11T02:00:00Z")
    assert gone.holdout.trained_until == "2024-01-10T10:00:00Z"  # 15 bars sooner: 2, and 5 % of 241
    assert gone.folds == plain.folds
    assert gone.rows[0].total != plain.rows[0].total


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        (SweepSpec(intervals=("90m",)), DataError, r"its bars are 1h long, which make no 90m: pass --interval 1h or"),
        (SweepSpec(intervals=("30m",)), DataError, r"its bars are 1h long, which make no 30m: pass --interval 1h or"),
        (SweepSpec(intervals=("2d",)), DataError, r"[012] bars? of 2d from 2024-.* on, 3 are the least"),
        (SweepSpec(trained=False, purge=True), ConfigError, r"--purge: no model is made here that could know too much"),
        (SweepSpec(folds=99), ConfigError, r"a hold-out of 0\.2 and 99 folds in 301 bars"),
        (SweepSpec(grid=(Axis.told("lags=70"),)), DataError, r"1h, lags=70, fold 1 of 4: 0 samples to fit 70 features"),
        (SweepSpec(grid=(Axis.told("threshold=9"),)), DataError, r"1 trial, none with a Sharpe ratio"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, spec: SweepSpec, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        sweep(settings_of(written(tmp_path)), spec, Pool(jobs=1))
    assert error is ConfigError or str(refused.value).startswith(str(tmp_path / "bars.csv"))


class Failing(LinearModel):
    """An author's, with a mistake that shows as soon as it is fitted."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("close")


class LateFailing(LinearModel):
    """It is fitted, but cannot be traded."""

    def plain(self) -> TensorFunction:
        raise KeyError("close")


@pytest.mark.parametrize(("model", "where"), [(Failing, "forward"), (LateFailing, "plain")])
def test_a_model_that_raises_is_its_authors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: type[LinearModel], where: str
) -> None:
    monkeypatch.setitem(MODELS, "Mine", model)
    spec = SPEC.model_copy(update={"fit": FitSpec(model="Mine")})
    said = rf"bars.csv: 1h, lags=1, fold 1 of 2: BTCUSDT: KeyError: 'close' \(.*test_job.py:\d+, in {where}\)$"
    with pytest.raises(UserCodeFailed, match=said) as failed:
        sweep(settings_of(written(tmp_path)), spec, Pool("sequential"))
    told = pickle.loads(pickle.dumps(failed.value))  # as it leaves a worker's process
    assert (str(told), told.exit_code) == (str(failed.value), 7)


def test_a_model_that_raises_on_the_hold_out_is_its_authors_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "learn", lambda task: Fitted(LateFailing(1), 1))  # folds have a `learn` of their own
    with pytest.raises(UserCodeFailed, match=r"^BTCUSDT: KeyError: 'close' \(.*test_job.py:\d+, in plain\)$"):
        sweep(settings_of(written(tmp_path)), SPEC, Pool("sequential"))
