"""What a config needs of the market, and its refusal by name."""

import json
from pathlib import Path

import pytest

from shared.config import Settings
from shared.config.settings import SignalSettings
from shared.config.strategy import StrategySettings
from shared.errors import ConfigError
from shared.messages.market import Group
from shared.needs import carried_groups, needed_groups, require_fields, require_groups


def with_model(tmp_path: Path, needs: tuple[str, ...], fields: tuple[str, ...] = ()) -> Settings:
    """A config whose model's card names these needs; its features are never looked at."""
    card = {
        "name": "mine", "model": "LinearModel", "features": ["mine.py:Volume()"], "no_features": 1, "needs": needs,
        "fields": fields,
        "symbols": ["*"], "interval": "1s", "sha256": "0" * 64, "origin": "a test",
    }  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(card))
    return Settings(signal=SignalSettings(model=str(tmp_path / "mine.json")))


def test_a_config_needs_what_its_card_says(tmp_path: Path) -> None:
    settings = with_model(tmp_path, ("bar", "funding"))
    assert needed_groups(settings) == {Group.BAR, Group.FUNDING}
    require_groups(settings, set(Group), "this source")


def test_without_a_model_there_is_nothing_to_need() -> None:
    assert needed_groups(Settings(signal=SignalSettings(model="none"))) == frozenset()


def test_what_is_around_a_strategy_needs_too(tmp_path: Path) -> None:
    wrappers = ({"name": "trailing_stop", "distance": 0.1, "bars": True}, {"name": "cool_down", "ticks": 2})
    settings = Settings(signal=SignalSettings(model="none"), strategy=StrategySettings(wrappers=wrappers))
    assert needed_groups(settings) == {Group.BAR}
    with pytest.raises(ConfigError, match=r"strategy basic_taker needs bar, but replay of a.csv gives the price only"):
        require_groups(settings, set(), "replay of a.csv")


@pytest.mark.parametrize(("offered", "has"), [(set(), "the price only"), ({Group.QUOTE}, "the price and quote only")])
def test_what_a_source_does_not_give_is_refused_by_name(tmp_path: Path, offered: set[Group], has: str) -> None:
    settings = with_model(tmp_path, ("bar",))
    with pytest.raises(ConfigError, match=f"^config: model mine needs bar, but replay of a.csv gives {has}: "):
        require_groups(settings, offered, "replay of a.csv")


def test_a_field_that_not_every_source_tells_is_refused_by_its_name(tmp_path: Path) -> None:
    settings = with_model(tmp_path, ("bar",), ("taker_volume", "trades"))
    require_fields(settings, {"taker_volume", "trades"}, "a source")
    said = "^config: model mine needs taker_volume of each bar, but a.csv tells volume and trades only: take a source"
    with pytest.raises(ConfigError, match=said):
        require_fields(settings, {"trades"}, "a.csv")
    require_fields(Settings(signal=SignalSettings(model="none")), set(), "a source")


@pytest.mark.parametrize(("market", "on", "carried"), [
    ("BTC/USDT:USDT", True, {Group.FUNDING}), ("BTC/USDT:USDT", False, set()), ("BTC/USDT", True, set()),
])  # fmt: skip
def test_predictions_carry_the_funding_where_a_monitor_looks_at_swaps(
    market: str, on: bool, carried: set[Group]
) -> None:
    ingestor = {"source": "ccxt", "exchange": "binance", "markets": {"BTCUSDT": market}}
    settings = Settings(symbols=("BTCUSDT",), ingestor=ingestor, monitor={"on": on})
    assert carried_groups(settings) == carried
