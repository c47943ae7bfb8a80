"""The config of `tickline run --venue fake`."""

import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.console.run.try_out import fake_settings, write_config
from services.console.settings import RunOptions
from shared.config import Mode, load_settings
from shared.config.fingerprint import config_hash
from shared.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_it_trades_on() -> None:
    settings = fake_settings(RunOptions(limit=7))
    gateway = settings.gateway
    assert (gateway.mode, gateway.venue, gateway.account) == (Mode.TESTNET, "fake", "fake")
    assert (settings.ingestor.source, settings.ingestor.limit, settings.interval) == ("fake", 7, "1s")
    assert settings.namespace == "tickline.fake"
    assert settings.strategy.params == {"threshold": 0.001}


def test_of_the_users_config_only_the_folders_the_bus_the_seed_and_the_alerts_count(tmp_path: Path) -> None:
    Path("tickline.toml").write_text(
        'symbols = ["AUSDT"]\nstate_dir = "mine"\n[bus]\npartitions = 3\n[ingestor]\nseed = 5\n'
        '[gateway]\nmode = "testnet"\nvenue = "ccxt"\nexchange = "okx"\naccount = "real"\nkeys_dir = "keys"\n'
        'markets = {AUSDT = "A/USDT"}\n[strategy]\nname = "basic_taker"\nparams = {leverage = 3}\n'
        '[alerts]\nurls_file = "urls"\nsilent_s = 7\n'
    )
    settings = fake_settings(RunOptions(sym=["ETHUSDT"]))
    assert (settings.state_dir, settings.bus.partitions, settings.ingestor.seed) == (tmp_path / "mine", 3, 5)
    assert settings.gateway.markets == {"ETHUSDT": "ETH/USDT:USDT"}
    assert (settings.alerts.urls_file, settings.alerts.silent_s) == (tmp_path / "urls", 7)
    assert (settings.gateway.exchange, settings.gateway.account, settings.gateway.keys_dir) == ("binance", "fake", None)
    assert settings.strategy.params == {"threshold": 0.001}


@pytest.mark.parametrize(
    "options",
    [
        RunOptions(),
        RunOptions(sym=["BTCUSDT"], balance="250.5", strategy="basic_taker", param=["leverage=2", "netting=true"]),
        RunOptions(param=["threshold=0.00001"], interval="5s", model="simulated_linear"),
    ],
)
def test_the_other_verbs_find_the_same_config(options: RunOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fake_settings(options)
    path = write_config(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "fake-secret" not in path.read_text()
    monkeypatch.setenv("TICKLINE_CONFIG", str(path))
    again = load_settings()
    assert config_hash(again) == config_hash(settings)
    keys: dict[str, Any] = {name: getattr(settings.gateway, name) for name in ("api_key", "api_secret")}
    assert again.model_copy(update={"gateway": again.gateway.model_copy(update=keys)}) == settings


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (RunOptions(data=[Path("a.csv")], sym=["BTCUSDT"]), "--data"),
        (RunOptions(rate=0.0), "--rate"),
        (RunOptions(run_id="x"), "--run-id"),
        (RunOptions(fee="0"), "--fee"),
        (RunOptions(sym=["SIM-A"]), "SIM-A"),
    ],
)
def test_what_does_not_go_with_it(options: RunOptions, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        fake_settings(options)


def test_what_is_typed_of_the_recorder_wins_over_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_RECORDER__ON", "false")
    assert not fake_settings(RunOptions()).recorder.on
    assert fake_settings(RunOptions(record=Path("session"))).recorder.on


@pytest.mark.parametrize(
    ("variables", "option"),
    [
        ({"STRATEGY__NAME": "basic_taker"}, "--strategy"),
        ({"STRATEGY__PARAMS": '{"threshold": 0.5}'}, "--param"),
        ({"STRATEGY__BALANCE": "7"}, "--balance"),
        ({"INTERVAL": "12h"}, "--interval"),
        ({"GATEWAY__EXCHANGE": "bybit"}, "--venue fake"),
        ({"GATEWAY__ACCOUNT": "real"}, "--venue fake"),
        ({"GATEWAY__MODE": "live", "GATEWAY__VENUE": "ccxt", "INGESTOR__SOURCE": "ccxt"}, "--venue fake"),
    ],
)
def test_no_variable_wins_over_what_was_typed(
    variables: dict[str, str], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("tickline.toml").write_text(
        'symbols = ["BTCUSDT"]\n[ingestor]\nexchange = "okx"\nmarkets = {BTCUSDT = "BTC/USDT:USDT"}\n'
        '[gateway]\nmarkets = {BTCUSDT = "BTC/USDT:USDT"}\n'
    )
    options = RunOptions(
        sym=["BTCUSDT"], strategy="threshold", param=["threshold=0.1"], interval="5s", model="none", balance="100"
    )
    assert fake_settings(options).strategy.params["threshold"] == 0.1
    for name, value in variables.items():
        monkeypatch.setenv(f"TICKLINE_{name}", value)
    with pytest.raises(ConfigError, match=r"config: |the variable TICKLINE_") as refused:
        fake_settings(options)
    assert option == "--venue fake" or option in str(refused.value)


def test_a_rule_needs_no_model_and_a_session_is_recorded(tmp_path: Path) -> None:
    settings = fake_settings(RunOptions(model="none", strategy="moving_average_cross", record=Path("session")))
    assert settings.signal.model == "none"
    assert settings.recorder.folder == tmp_path / "session"
    assert (fake_settings(RunOptions()).recorder.folder, fake_settings(RunOptions()).recorder.on) == (None, True)
    assert not fake_settings(RunOptions(no_record=True)).recorder.on
    with pytest.raises(ConfigError, match="--record and --no-record"):
        fake_settings(RunOptions(record=Path("session"), no_record=True))


def test_what_is_around_the_strategy_has_no_option_and_comes_from_the_users_config() -> None:
    Path("tickline.toml").write_text(
        '[strategy]\nqty_step = 0.001\nwrappers = [{name = "trailing_stop", distance = 0.02}]\n'
    )
    strategy = fake_settings(RunOptions()).strategy
    assert (strategy.name, strategy.qty_step) == ("threshold", Decimal("0.001"))
    assert strategy.wrappers == ({"name": "trailing_stop", "distance": 0.02},)
