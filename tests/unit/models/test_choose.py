"""Which card a line takes."""

import json
import shutil
from pathlib import Path

import pytest

from shared.config import Settings, load_settings
from shared.errors import ConfigError
from shared.models.card import ModelRefused
from shared.models.choose import choose_model, chosen_model

WEIGHTS = Path(__file__).parents[3] / "weights"
SHIPPED = "btcusdt_12h_linear"
LIVE = {"mode": "live", "venue": "ccxt", "exchange": "binance", "account": "a", "markets": {"BTCUSDT": "BTC/USDT"}}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def card(path: Path, **changed: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    known = json.loads((WEIGHTS / f"{SHIPPED}.json").read_text())
    path.write_text(json.dumps({**known, "name": path.stem, **changed}))
    return path


def settings(**given: object) -> Settings:
    return load_settings(symbols=("BTCUSDT",), interval="12h", **given)


def test_an_interval_may_be_written_in_another_way_than_on_the_card(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / f"{SHIPPED}.json", tmp_path)
    assert choose_model("auto", [tmp_path], ["BTCUSDT"], "720m").stem == SHIPPED


def test_a_model_of_the_configs_folder_goes_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen_model(settings()) == WEIGHTS / f"{SHIPPED}.json"
    mine = card(Path("weights/mine.json"))
    assert chosen_model(settings()) == mine
    assert chosen_model(settings(signal={"model": "mine"})) == mine
    assert chosen_model(settings(signal={"model": SHIPPED})) == WEIGHTS / f"{SHIPPED}.json"
    same_name = card(Path(f"weights/{SHIPPED}.json"))
    assert chosen_model(settings(signal={"model": SHIPPED})) == same_name
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "my.toml").write_text("")
    monkeypatch.setenv("TICKLINE_CONFIG", str(elsewhere / "my.toml"))
    assert chosen_model(settings()) == WEIGHTS / f"{SHIPPED}.json"
    assert chosen_model(settings()) != card(elsewhere / "weights/theirs.json") == chosen_model(settings())


def test_a_folder_that_is_named_is_the_only_one() -> None:
    mine = card(Path("models/mine.json"))
    named = {"weights": "models"}
    assert chosen_model(settings(signal=named)) == mine
    with pytest.raises(ModelRefused, match=f"no model '{SHIPPED}' in models .there are: mine."):
        chosen_model(settings(signal={**named, "model": SHIPPED}))


@pytest.mark.parametrize("model", ["models/v1.2", "models/v1.2.json", "models/v1.2.pth", "./models/v1.2"])
def test_a_path_names_its_card(model: str) -> None:
    assert choose_model(model, [], ["X"], "1s") == Path("models/v1.2.json")


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_real_orders_follow_no_guess(mode: str) -> None:
    gateway = {**LIVE, "mode": mode}
    with pytest.raises(ConfigError, match=f"signal.model is auto.*gateway.mode {mode}.*there are: {SHIPPED}"):
        chosen_model(settings(gateway=gateway))
    assert chosen_model(settings(gateway=gateway, signal={"model": SHIPPED})).stem == SHIPPED
