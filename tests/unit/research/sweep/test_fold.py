"""A fold: what its model knows, and that it is traded as `tickline backtest` would."""

import pickle
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from services.research.backtest import Backtest
from services.research.fast import EnginesDiffer
from services.research.sweep import Trading
from services.research.sweep.data import BarSeries
from services.research.sweep.fold import Task, compare, learn, learns_until, trade
from services.research.train import TrainSpec, fit, train
from shared.errors import DataError
from shared.features.log_return_lags import LogReturnLags
from shared.features.vector import FeatureVector
from shared.history import bars
from shared.models.dataset import dataset, samples
from shared.models.model_files import weights_bytes
from tests.unit.research.backtest.helpers import Seen
from tests.unit.research.sweep.made import PRICES, SYM, WAYS, bits, task_of, written


def learned(task: Task) -> nn.Module:
    made = learn(task)
    assert made is not None
    return made.module


def test_a_model_is_made_of_the_bars_before_its_fold(tmp_path: Path) -> None:
    task = task_of(written(tmp_path))
    known = list(bars(task.settings.ingestor.files[SYM], "1h"))[:200]
    assert task.learner is not None
    expected = fit(dataset(known, "log_return_lags(2)"), task.learner.fit).module
    assert weights_bytes(learned(task).state_dict()) == weights_bytes(expected.state_dict())


@pytest.mark.parametrize(
    ("features", "window", "purge", "embargo", "left_out"),
    [
        (("log_return_lags(2)",), 1, False, 0, 0),
        (("log_return_lags(2)",), 1, False, 7, 7),
        (("log_return_lags(2)",), 1, True, 0, 2),  # the first sample sees 3 prices: the fold's own, and two before
        (("log_return_lags(2)", "log_return_lags(5)"), 4, True, 7, 5 + 3 + 7),
        (("log_return_lags(2)",), 1, False, 999, 200),
    ],
)
def test_purge_and_embargo_leave_out_the_last_bars(
    tmp_path: Path, features: tuple[str, ...], window: int, purge: bool, embargo: int, left_out: int
) -> None:
    task = task_of(written(tmp_path))
    assert task.learner is not None
    learner = task.learner._replace(features=features, window=window)
    task = task._replace(learner=learner, purge=purge, embargo=embargo)
    until = learns_until(task)
    assert task.bars.count_until(until) == 200 - left_out
    if purge:  # no outcome that is learned is a bar that the fold's first sample sees
        first_sample = samples(task.bars.closes(), FeatureVector(features), window)
        at = int(np.searchsorted(first_sample.ts, task.span.start_ns))
        learned = samples(task.bars.until(until).closes(), FeatureVector(features), window)
        seen_from = task.bars.ts[200 - (left_out - embargo)]
        assert learned.ts_next[-1] < seen_from
        assert first_sample.ts[0] - task.bars.ts[0] == first_sample.ts[at] - seen_from


def test_a_purged_model_knows_no_bar_of_the_gap(tmp_path: Path) -> None:
    task = task_of(written(tmp_path))._replace(purge=True, embargo=3)
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", PRICES[:195] + [price * 2 for price in PRICES[195:]])
    known, same = (learned(each) for each in (task, task_of(other)._replace(purge=True, embargo=3)))
    assert weights_bytes(known.state_dict()) == weights_bytes(same.state_dict())
    assert weights_bytes(known.state_dict()) != weights_bytes(learned(task_of(other)).state_dict())


def test_nothing_after_the_fold_matters(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", PRICES[:250] + [price * 2 for price in PRICES[250:]])
    assert bits(trade(task_of(written(tmp_path)))) == bits(trade(task_of(other)))


def test_a_fold_is_a_backtest_of_that_time_with_that_model(tmp_path: Path) -> None:
    """The same model out of its files, the same prices out of theirs, and the engine as the command calls it."""
    path = written(tmp_path)
    task = task_of(path)._replace(exact=True)
    (tmp_path / "past").mkdir()
    spec = TrainSpec(
        data=written(tmp_path / "past", PRICES[:200]),
        sym=SYM,
        interval="1h",
        features=("log_return_lags(2)",),
        test_share=0.0,
    )
    _, card = train(spec).save(tmp_path / "models")
    for way, traded in zip(WAYS, trade(task), strict=True):
        settings = way.settings(task.settings)
        settings = settings.model_copy(update={"signal": settings.signal.model_copy(update={"model": str(card)})})
        seen = Seen()
        totals = Backtest(settings, start_ns=task.span.start_ns, end_ns=task.span.end_ns).run([seen])
        equity = np.array([100.0, *(mark[2] for mark in seen.marks)])
        returns = equity[1:] / equity[:-1] - 1
        assert (traded.moments.n, traded.first) == (50, 0)
        assert traded.growth == np.prod(1 + returns)
        sums = [np.bincount(np.searchsorted(task.edges, [mark[0] for mark in seen.marks], "right") - 1, weights)
                for weights in (np.ones(50), returns, returns**2)]  # fmt: skip
        assert traded.blocks.T.tolist() == [each.tolist() for each in sums]
        assert (traded.fills, traded.ruined) == (totals.fills, False)


def test_the_fast_engine_trades_a_fold_as_the_exact_one(tmp_path: Path) -> None:
    task = task_of(written(tmp_path))
    fast, exact = trade(task), trade(task._replace(exact=True))
    assert [each.exact for each in fast] == ["", "netting"]
    assert [each.exact for each in exact] == ["asked"] * 2
    for here, there in zip(fast, exact, strict=True):
        assert (here.fills, here.ruined) == (there.fills, there.ruined)
        assert (here.first, here.moments.n) == (there.first, there.moments.n)
        np.testing.assert_allclose(here.blocks, there.blocks, rtol=0, atol=1e-12)
    assert compare(task) == 50


@pytest.mark.parametrize(
    "features", [("ema(3)", "rsi(4)", "rolling_mean(5)"), ("atr(3)", "volume_z(4)", "time_of_day()")]
)
def test_both_engines_trade_on_features_that_forget_nothing_and_on_bars(
    tmp_path: Path, features: tuple[str, ...]
) -> None:
    task = task_of(written(tmp_path))
    assert task.learner is not None
    whole = [
        bar._replace(high=bar.high + at % 5, volume=Decimal(at % 7), price_alone=False)
        for at, bar in enumerate(task.bars.bars())
    ]
    task = task._replace(
        bars=BarSeries.of("1h", whole, True), needs=frozenset({"bar"}), learner=task.learner._replace(features=features)
    )
    assert [each.exact for each in trade(task)] == ["", "netting"]
    assert compare(task) == 50
    holed = [bar._replace(volume=None) if at == 220 else bar for at, bar in enumerate(whole)]
    found = trade(task._replace(bars=BarSeries.of("1h", holed, True)))
    assert [each.exact for each in found] == ["features" if features[0] == "atr(3)" else "", "netting"]


def test_the_gate_sees_a_last_bit(tmp_path: Path) -> None:
    """Planted: the features' array is another one in the last bit of its numbers."""

    def planted(self: LogReturnLags, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.nextafter(array(self, prices), np.float32(1))

    task, array = task_of(written(tmp_path)), LogReturnLags.array
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogReturnLags, "array", planted)
        with pytest.raises(EnginesDiffer, match=r"^one, .*2024-01-.*Z the fast engine predicts .*--exact"):
            compare(task)


def test_tradings_do_not_touch_each_other_and_a_task_travels(tmp_path: Path) -> None:
    path = written(tmp_path)
    task = task_of(path)
    path.unlink()  # a worker of a cluster has no such file
    both = trade(pickle.loads(pickle.dumps(task)))
    for way, traded in zip(WAYS, both, strict=True):
        (alone,) = trade(task._replace(tradings=(way,)))
        assert bits([alone]) == bits([traded])


def test_ruin_ends_the_returns(tmp_path: Path) -> None:
    ruin = PRICES[:220] + [PRICES[219] * Decimal(3)] * 40
    (tmp_path / "up").mkdir()
    down = PRICES[:220] + [PRICES[219] / Decimal(3)] * 40
    ways = (Trading((("sizing", "constant"), ("leverage", 9), ("threshold", 0.0))),)
    found = [trade(task_of(path, ways=ways))[0] for path in (written(tmp_path / "up", ruin), written(tmp_path, down))]
    assert [each.ruined for each in found].count(True) == 1, "up or down, but not both"
    (lost,) = [each for each in found if each.ruined]
    assert lost.moments.n == lost.blocks[:, 0].sum() == 21
    assert (lost.moments.lowest or 0) <= -1


def test_an_error_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^one: 0 samples to fit 2 features"):
        trade(task_of(written(tmp_path), first=2))
    with pytest.raises(DataError, match=r"^one: .*bars\.csv: all 30 prices are the same"):
        trade(task_of(written(tmp_path, PRICES[:200] + [PRICES[200]] * 50), last=230))
