"""A user's own feature, model, strategy and wrapper in a grid: tasks carry their source, and nothing else of them."""

import pickle
import shutil
from pathlib import Path

import pytest

from services.research.sweep import Axis, Learner, Pool, SweepSpec, Trading, sweep
from services.research.sweep.data import BarSeries, Span
from services.research.sweep.fold import Task, trade
from services.research.sweep.spec import planned
from services.research.sweep.traded import block_edges
from services.research.train import FitSpec
from shared.config import Settings
from shared.errors import DataError, UserCodeFailed
from shared.history.resampled import bars_of
from shared.user_code.bundle import Bundle
from tests.unit.research.sweep.made import SYM, bits, settings_of, written

FEATURES = """
from collections import deque
from helper import change
from tickline import BarFeature, Feature


class Momentum(Feature[float]):
    def __init__(self, n):
        self._prices = deque(maxlen=n + 1)

    def on_tick(self, val):
        self._prices.append(val)
        return change(val, self._prices[0]) if len(self._prices) == self._prices.maxlen else None


class Thrust(BarFeature[float]):
    def on_tick(self, val):
        return (2 * val.close - val.high - val.low) / val.close * val.volume
"""
HELPER = """
def change(new, old):
    return new / old - 1
"""
NETS = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, no_features, hidden=3):
        super().__init__(nn.Linear(no_features, hidden), nn.Tanh(), nn.Linear(hidden, 1))
"""
STRATEGY = """
from tickline import StatefulStrategy


class Patient(StatefulStrategy):
    ticks: int = 2
    _seen: int = 0

    def on_prediction(self, prediction):
        self._seen += 1
        if self._seen % self.ticks:
            return None
        size = self.account.equity(self.sym, prediction.price) / prediction.price
        return self.move_to(size if prediction.y_hat > 0 else -size)
"""
FILES = {"features.py": FEATURES, "helper.py": HELPER, "nets.py": NETS, "own.py": STRATEGY}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, the present one."""
    own = tmp_path / "own"
    own.mkdir()
    for name, text in FILES.items():
        (own / name).write_text(text)
    monkeypatch.chdir(own)
    return own


def own_settings(path: Path) -> Settings:
    settings = settings_of(path)
    stop = {"name": "trailing_stop", "distance": 0.02}
    update = {"name": "own.py:Patient", "params": {}, "wrappers": (stop,)}
    return settings.model_copy(update={"strategy": settings.strategy.model_copy(update=update)})


def axes(*texts: str) -> tuple[Axis, ...]:
    return tuple(map(Axis.told, texts))


SPEC = SweepSpec(
    features=("features.py:Momentum(4)", "log_return()"),
    fit=FitSpec(model="nets.py:Net"),
    grid=axes("Momentum.n=2,5", "model.hidden=2,4", "strategy.ticks=1,3", "trailing_stop.distance=0.005,0.05"),
    folds=2,
)


@pytest.mark.long
def test_the_same_in_processes_of_its_own_as_in_this_one(folder: Path, tmp_path: Path) -> None:
    settings = own_settings(written(tmp_path))
    here = sweep(settings, SPEC, Pool("sequential"))
    assert here.model_dump() == sweep(settings, SPEC, Pool(jobs=2)).model_dump()
    assert len(here.rows) == 16
    assert list(here.rows[0].values) == [axis.name for axis in SPEC.grid]
    totals = {tuple(row.values.values()): row.total for row in here.rows}
    for at in range(4):  # each of the four parameters decides something
        others = {key: total for key, total in totals.items() if key[at] == SPEC.grid[at].values[0]}
        changed = [totals[(*key[:at], SPEC.grid[at].values[1], *key[at + 1 :])] for key in others]
        assert changed != list(others.values()), SPEC.grid[at].name


def own_task(path: Path) -> Task:
    settings = own_settings(path)
    series = BarSeries.of("1h", bars_of(path, "1h", "1h"))
    span = Span(*series.ts[[200, 250]].tolist())
    plan = planned(settings, SPEC)
    edges = block_edges([series.ts], *span)
    return Task("one", settings, series, span, plan.learners[0], plan.tradings[:2], plan.needs, plan.code, edges)


def test_a_task_travels_without_the_folder_and_is_not_changed_by_it(folder: Path, tmp_path: Path) -> None:
    task = own_task(written(tmp_path))
    wanted = bits(trade(task))
    packed = pickle.dumps(task)
    assert b"def change(new, old)" in packed
    (folder / "helper.py").write_text(HELPER.replace("- 1", "- 2"))
    assert bits(trade(pickle.loads(packed))) == wanted
    shutil.rmtree(folder)
    assert bits(trade(pickle.loads(packed))) == wanted


def test_an_error_names_the_line_where_it_lay(folder: Path, tmp_path: Path) -> None:
    (folder / "helper.py").write_text("def change(new, old):\n    return new / 0\n")
    settings = own_settings(written(tmp_path))
    with pytest.raises(UserCodeFailed, match=rf"ZeroDivisionError: .*{folder}/helper\.py:2, in change\)$"):
        sweep(settings, SPEC, Pool(jobs=2))


def test_bars_with_all_that_they_have_travel_too(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path)
    spec = SPEC.model_copy(update={"features": ("features.py:Thrust",), "grid": axes("strategy.ticks=1,2")})
    with pytest.raises(DataError, match=r"bars\.csv: what is tried needs bar, but the file has the price only"):
        sweep(own_settings(path), spec, Pool("sequential"))
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    lines = [
        f"{time},{close},{float(close) * 1.01},{float(close) * 0.98},{close},{1 + at % 7}"
        for at, (time, close) in enumerate(rows)
    ]
    path.write_text("\n".join(["datetime,open,high,low,close,volume", *lines]) + "\n")
    found = sweep(own_settings(path), spec, Pool(jobs=2))
    assert found.model_dump() == sweep(own_settings(path), spec, Pool("sequential")).model_dump()
    assert found.rows[0].fills > 0


def test_a_strategy_without_a_model(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path)
    settings = settings_of(path)
    own = settings.strategy.model_copy(update={"name": "moving_average_cross", "params": {}})
    signal = settings.signal.model_copy(update={"model": "none"})
    settings = settings.model_copy(update={"strategy": own, "signal": signal})
    spec = SweepSpec(trained=False, grid=axes("strategy.fast=3,5", "strategy.slow=20,40"), folds=2)
    found = sweep(settings, spec, Pool("sequential"))
    assert len(found.rows) == 4
    assert found.rows[0].fills > 0
    assert found.best.learner is None


def test_a_learner_is_told_by_what_was_chosen() -> None:
    assert str(Learner(("log_return()",), FitSpec(), 1)) == "log_return()"
    assert str(Learner(("log_return_lags(2)",), FitSpec(), 1, (("lags", 2),))) == "lags=2"
    assert Trading().settings(settings_of(Path("f"))) == settings_of(Path("f"))
    assert Bundle.of([]).packed == ()
    assert SYM == "BTCUSDT"
