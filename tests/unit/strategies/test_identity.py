"""The hash of who decides: the strategy process has it of what it has loaded, the console of the files."""

import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.strategy.plan import plan
from services.strategy.stage import StrategyStage
from shared.config import Settings
from shared.messages import OrderIntent, Prediction
from shared.models.choose import card_at, chosen_model
from shared.models.code import predicting_hash
from shared.strategies import make_strategy
from shared.strategies.identity import Identity, decided_by_config, loaded_hash, own_files, strategy_hash
from shared.user_code import code_hash, use_folder
from shared.user_code.finder import FINDER
from shared.user_code.hash import decided_by

MINE = """
from tickline import Decider, Order
import helper
class Mine(Decider):
    size: float = 1.0
    def decide(self, prediction, account):
        return [Order(prediction.sym, helper.sized(self.size))]
"""
STOP = "from tickline import TrailingStop\nclass Stop(TrailingStop):\n    pass\n"
HELPER = "from decimal import Decimal\ndef sized(size):\n    return Decimal(str(size))\n"
FEATURE = "from tickline import Feature\nclass Price(Feature):\n    def on_tick(self, val):\n        return val\n"
WEIGHTS = Path("weights")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(FINDER, "reads_once", False)
    for name, text in {"mine": MINE, "helper": HELPER, "stop": STOP, "feature": FEATURE, "other": "X = 1\n"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    for name in ("btcusdt_12h_linear.json", "btcusdt_12h_linear.pth"):
        shutil.copy(WEIGHTS / name, tmp_path / name)
    use_folder(tmp_path)
    yield tmp_path
    use_folder(None)


def settings(folder: Path, **strategy: object) -> Settings:
    own = {"name": "mine.py:Mine", "wrappers": [{"name": "stop.py:Stop", "distance": 0.1}], **strategy}
    return Settings.model_validate(
        {
            "symbols": ["BTCUSDT"], "interval": "12h", "strategy": own, "gateway": {"mode": "paper"},
            "signal": {"model": "btcusdt_12h_linear", "weights": folder},
        }
    )  # fmt: skip


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def with_feature(folder: Path) -> None:
    card = json.loads((folder / "btcusdt_12h_linear.json").read_text())
    card["features"] = ["feature.py:Price()"] * 3
    (folder / "btcusdt_12h_linear.json").write_text(json.dumps(card))


def test_orders_carry_what_the_console_shows(folder: Path) -> None:
    own = settings(folder, wrappers=[])
    stage = plan(own).make_stage("BTCUSDT")
    assert isinstance(stage, StrategyStage)
    model = "0123456789abcdef"
    prediction = Prediction(n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, price=Decimal(5), y_hat=1.0, model=model)
    orders = [made for made in stage.on_tick(prediction) or [] if isinstance(made, OrderIntent)]
    assert [order.by for order in orders] == [decided_by(loaded_hash(own, make_strategy(own.strategy)), model)]
    assert orders[0].by == decided_by(strategy_hash(own, [code_hash("mine.py:Mine")]), model)


@pytest.mark.parametrize(
    "change",
    [
        edit("mine.py", "1.0", "2.0"),
        edit("helper.py", "str(size)", "str(2 * size)"),
        edit("stop.py", "pass", "distance: float = 0.2"),
        edit("btcusdt_12h_linear.json", '"log_return_lags(3)"', '"log_return_lags( 3)"'),
        with_feature,
    ],
    ids=["strategy", "helper", "wrapper", "card", "feature"],
)
def test_whatever_decides_counts(folder: Path, change: Callable[[Path], None]) -> None:
    before = decided_by_config(settings(folder))
    edit("other.py", "1", "2")(folder)
    assert decided_by_config(settings(folder)) == before
    change(folder)
    assert decided_by_config(settings(folder)) != before


def test_the_files_that_decide_are_told(folder: Path) -> None:
    assert own_files(settings(folder)) == ["helper.py", "mine.py", "stop.py"]
    with_feature(folder)
    assert own_files(settings(folder)) == ["feature.py", "helper.py", "mine.py", "stop.py"]
    assert own_files(settings(folder, name="basic_taker", wrappers=[])) == ["feature.py"]


def test_a_feature_of_the_users_counts_with_its_code(folder: Path) -> None:
    with_feature(folder)
    before = decided_by_config(settings(folder))
    edit("feature.py", "return val", "return 2 * val")(folder)
    assert decided_by_config(settings(folder)) != before


@pytest.mark.parametrize(
    "changed",
    [{"params": {"size": 2.0}}, {"wrappers": []}, {"wrappers": [{"name": "stop.py:Stop", "distance": 0.2}]},
     {"qty_step": "0.1"}, {"name": "basic_taker"}],
)  # fmt: skip
def test_parameters_count(folder: Path, changed: dict[str, object]) -> None:
    assert decided_by_config(settings(folder, **changed)) != decided_by_config(settings(folder))


@pytest.mark.parametrize(
    "changed",
    [{"interval": "6h"}, {"strategy": {"on_missing": "hold"}}, {"gateway": {"fee": "0"}},
     {"gateway": {"slippage_bps": "9"}}, {"strategy": {"max_slippage_bps": "49"}},
     {"strategy": {"max_slippage_bps": "none"}}, {"strategy": {"reduce": "ioc"}}],
)  # fmt: skip
def test_what_else_a_strategy_decides_by_counts(changed: dict[str, object]) -> None:
    """The gateway's hash of the config has these, too, as they were when the gateway started."""
    assert strategy_hash(Settings.model_validate(changed), [""]) != strategy_hash(Settings(), [""])
    assert strategy_hash(Settings(gateway={"fee": "0.00050"}), [""]) == strategy_hash(  # type: ignore[arg-type]
        Settings(gateway={"fee": "0.0005"}),
        [""],  # type: ignore[arg-type]
    )


def test_the_process_and_the_console_say_the_same_within_wrappers(folder: Path) -> None:
    own = settings(folder)
    made = loaded_hash(own, make_strategy(own.strategy))
    assert decided_by(made, predicting_hash(card_at(chosen_model(own)))[:16]) == decided_by_config(own)
    edit("stop.py", "pass", "distance: float = 0.2")(folder)
    assert loaded_hash(own, make_strategy(own.strategy)) != made


def test_a_person_sees_the_hash_that_predictions_carry(folder: Path) -> None:
    own = settings(folder)
    card = card_at(chosen_model(own))
    identity = Identity.of(own)
    carried = predicting_hash(card)[:16]
    assert identity.model_shown == f"{card.name} ({carried})"
    assert carried != card.sha256[:16]
    told = identity.as_json()
    assert Identity.told(told) == identity
    del told["model"]["hash"]  # as a recording of before has it
    assert Identity.told(told).model_shown == f"{card.name} ({card.sha256[:16]})"


def test_a_person_sees_the_steps_of_quantities(folder: Path) -> None:
    own = settings(folder, qty_step="0.001", qty_steps={"BTCUSDT": "0.01"})
    assert str(Identity.of(own)).endswith(
        "stop.py:Stop(bars=False, distance=0.1, window=14), in steps of 0.001, BTCUSDT 0.01"
    )
    assert Identity.of(own) != Identity.of(settings(folder))
    assert "steps" not in str(Identity.of(settings(folder)))
