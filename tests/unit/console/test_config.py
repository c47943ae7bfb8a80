"""`tickline config show`: every setting, where it comes from, and no secret."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.config import config_json, config_lines
from services.console.output import json_text
from services.console.run.processes import as_environment
from shared.config import load_settings


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TICKLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def shown() -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in config_lines(load_settings()))


def test_defaults() -> None:
    lines = shown()
    assert lines["interval"] == '"1s"  (default)'
    assert lines["gateway.risk.max_order_notional"] == '"100"  (default)'
    assert lines["ingestor.limit"] == "null  (default)"
    assert lines["gateway.api_key"] == '""  (default)'


def test_where_a_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tickline.toml").write_text(
        "interval = '5m'\n[gateway]\nfee = 0.001\n[gateway.risk]\nreduce_only = true\n[strategy.params]\nleverage = 2\n"
    )
    monkeypatch.setenv("TICKLINE_GATEWAY__FEE", "0.002")
    monkeypatch.setenv("TICKLINE_BUS", '{"partitions": 4}')
    monkeypatch.setenv("TICKLINE_GATEWAY__RISK__DAILY_LOSS", "5")
    lines = shown()
    assert lines["interval"] == '"5m"  (tickline.toml:1)'
    assert lines["gateway.fee"] == '"0.002"  (TICKLINE_GATEWAY__FEE)'
    assert lines["gateway.risk.reduce_only"] == "true  (tickline.toml:5)"
    assert lines["gateway.risk.daily_loss"] == '"5"  (TICKLINE_GATEWAY__RISK__DAILY_LOSS)'
    assert lines["bus.partitions"] == "4  (TICKLINE_BUS)"
    assert lines["bus.lease_s"] == "3.0  (default)"
    assert lines["strategy.params"] == '{"leverage": 2}  (tickline.toml:6)'
    told = config_json(load_settings())
    assert told["gateway.fee"] == {"value": Decimal("0.002"), "origin": ("variable", "TICKLINE_GATEWAY__FEE", 0)}
    assert told["interval"]["origin"] == ("file", "tickline.toml", 1)


def test_a_variable_counts_in_either_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("tickline_interval", "5m")
    monkeypatch.setenv("Tickline_Bus", '{"partitions": 4}')
    lines = shown()
    assert lines["interval"] == '"5m"  (tickline_interval)'
    assert lines["bus.partitions"] == "4  (Tickline_Bus)"


def test_each_key_of_each_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tickline.toml").write_text(
        'symbols = ["B", "E"]\n[ingestor]\nsource = "ccxt"\ngrace_s = 3\n'
        '[ingestor.venues.okx]\nmarkets = {B = "B/U"}\n[ingestor.venues.perp]\nmarkets = {E = "E/U:U"}\ngrace_s = 2\n'
    )
    monkeypatch.setenv("TICKLINE_INGESTOR__VENUES__PERP__EXCHANGE", "binanceusdm")
    lines = shown()
    assert lines["ingestor.venues.okx.exchange"] == '"okx"  (default)'
    assert lines["ingestor.venues.okx.markets"] == '{"B": "B/U"}  (tickline.toml:6)'
    assert lines["ingestor.venues.okx.grace_s"] == "3.0  (tickline.toml:4)"
    assert lines["ingestor.venues.perp.exchange"] == '"binanceusdm"  (TICKLINE_INGESTOR__VENUES__PERP__EXCHANGE)'
    assert lines["ingestor.venues.perp.grace_s"] == "2.0  (tickline.toml:9)"
    assert lines["ingestor.venues.perp.warm_bars"] == "200  (default)"


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_SECRET", "API_PASSWORD"):
        monkeypatch.setenv(f"TICKLINE_GATEWAY__{name}", "hush")
    monkeypatch.setenv("TICKLINE_BUS__URL", "rediss://:hu/sh@bus:6379/0")
    monkeypatch.setenv("TICKLINE_GATEWAY__JOURNAL", "postgresql://me:hush@db/tickline?password=hush")
    lines = shown()
    assert lines["gateway.api_secret"] == "********  (TICKLINE_GATEWAY__API_SECRET)"
    assert lines["gateway.journal"] == '"postgresql://db/tickline"  (TICKLINE_GATEWAY__JOURNAL)'
    assert "hush" not in str(lines) + json_text(config_json(load_settings()))


def test_the_files_of_keys_are_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "api_key").write_text("hush")
    Path("tickline.toml").write_text("[gateway]\nkeys_dir = 'keys'\n")
    lines = shown()
    assert lines["gateway.api_key"] == "********  (keys/api_key)"
    assert lines["gateway.api_password"] == '""  (default)'


def test_every_setting_of_a_service_comes_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in as_environment(load_settings()).items():
        monkeypatch.setenv(name, value)
    assert {name for name, line in shown().items() if "(TICKLINE_" not in line} == {
        *(f"gateway.api_{name}" for name in ("key", "secret", "password")),
        "user_code",  # of None: the config's folder is the same for a child
    }
