"""The options of `tickline run` over the config."""

import re
import shlex
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.console.settings import RunOptions, new_run_id, settings_for
from shared.config import Settings
from shared.errors import ConfigError
from shared.messages import Stream
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.recording.folder import RecordingFolder
from shared.recording.layout import RecordingOrigin, claim
from tests.unit.recording.entries import taken


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_options_it_is_the_simulated_market() -> None:
    settings = settings_for(RunOptions())
    assert settings.ingestor.source == "simulated"
    assert settings.run_id == ""
    assert settings.namespace == "tickline"


def test_files_make_a_replay_in_a_namespace_of_its_own() -> None:
    options = RunOptions(data=[Path("a.csv"), Path("b.parquet")], sym=["AUSDT", "BUSDT"], interval="12h")
    first, second = settings_for(options), settings_for(options)
    assert first.ingestor.source == "replay"
    assert first.ingestor.files == {"AUSDT": Path("a.csv"), "BUSDT": Path("b.parquet")}
    assert first.symbols == ("AUSDT", "BUSDT")
    assert first.namespace != second.namespace
    assert settings_for(options._replace(run_id="again")).namespace == "tickline.replay.again"


@pytest.mark.parametrize("option", [{"limit": 3}, {"rate": 1.0}])
def test_options_of_the_simulated_market_do_not_go_with_files(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="simulated market's"):
        settings_for(RunOptions(data=[Path("a.csv")], sym=["AUSDT"], **option))


def test_a_recording_brings_its_symbols_and_its_interval(tmp_path: Path) -> None:
    claim(tmp_path, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
    write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings=kept_settings(Settings(interval="5m")), snapshots={}))
    RecordingFolder(tmp_path).add(Stream.TICKS, [taken(1, "B"), taken(1, "A")], "server")
    settings = settings_for(RunOptions(data=[tmp_path]))
    assert settings.ingestor.files == {"A": tmp_path, "B": tmp_path}
    assert (settings.symbols, settings.interval) == (("A", "B"), "5m")
    one = settings_for(RunOptions(data=[tmp_path], sym=["B"], interval="1h"))
    assert (one.symbols, one.interval) == (("B",), "1h")
    write_checkpoint(
        tmp_path, Checkpoint(taken_ns=2, settings={**kept_settings(Settings()), "interval": "trade"}, snapshots={})
    )
    assert settings_for(RunOptions(data=[tmp_path])).interval == "trade"


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=re.escape(f"; {path} is no recording and no file")):
            settings_for(RunOptions(data=[path]))


def test_an_option_wins_over_the_file_and_leaves_the_rest_of_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tickline.toml").write_text("[strategy]\nname = 'threshold'\nbalance = '7'\nparams = { threshold = 0.5 }\n")
    monkeypatch.setenv("TICKLINE_GATEWAY__SLIPPAGE_BPS", "2")
    settings = settings_for(RunOptions(balance="250.50", fee="0.001", limit=3, rate=0.0))
    assert (settings.strategy.name, settings.strategy.balance) == ("threshold", Decimal("250.50"))
    assert settings.strategy.params == {"threshold": 0.5}
    assert (settings.gateway.fee, settings.gateway.slippage_bps) == (Decimal("0.001"), Decimal(2))
    assert (settings.ingestor.limit, settings.ingestor.ticks_per_s) == (3, 0.0)


def test_parameters_are_json_where_they_can_be() -> None:
    given = ["netting=true", "leverage=1.5", "mode=fast", 'list=[1, "a"]', "empty=", "sign=a=b"]
    assert settings_for(RunOptions(param=given)).strategy.params == {
        "netting": True,
        "leverage": 1.5,
        "mode": "fast",
        "list": [1, "a"],
        "empty": "",
        "sign": "a=b",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": [Path("a.csv")]}, "--sym is missing: say of which symbol a.csv is"),
        ({"data": [Path("a.csv")], "sym": ["A", "B"]}, "--data: 1 file for 2 symbols: give each --sym its file"),
        ({"data": [Path("a"), Path("b")], "sym": ["A", "A"]}, "--sym names a symbol twice"),
        ({"param": ["netting"]}, "--param 'netting': write name=value"),
        ({"param": ["=1"]}, "write name=value"),
        ({"interval": "3q"}, "interval '3q' is unknown"),
        ({"balance": "0"}, "strategy.balance"),
        ({"balance": "ten"}, "strategy.balance"),
        ({"balance": "NaN"}, "strategy.balance"),
        ({"fee": "1"}, "gateway.fee"),
        ({"fee": "-0.1"}, "gateway.fee"),
        ({"limit": 0}, "ingestor.limit"),
        ({"rate": -1.0}, "ingestor.ticks_per_s"),
        ({"rate": float("inf")}, "ingestor.ticks_per_s"),
        ({"data": [Path("a.csv")], "sym": ["A"], "run_id": "a b"}, "run_id"),
        ({"data": [Path("a.csv")], "sym": [""]}, "symbols"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        settings_for(RunOptions(**given))
    assert len(str(refused.value).splitlines()) == 1


def test_run_ids_differ_and_sort_by_time() -> None:
    made = [new_run_id() for _ in range(50)]
    assert len(set(made)) == 50
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", run_id) for run_id in made)


@pytest.mark.parametrize(
    ("typed", "given", "lacking", "command"),
    [
        (
            "run --data f.csv --interval 12h",
            {"data": [Path("f.csv")], "interval": "12h"},
            "f.csv",
            "tickline run --data f.csv --interval 12h --sym=BTCUSDT",
        ),
        (
            "backtest --data ETHUSDT-1h.csv --data 'b c.csv' --sym ETHUSDT",
            {"data": [Path("ETHUSDT-1h.csv"), Path("b c.csv")], "sym": ["ETHUSDT"]},
            "b c.csv",
            "tickline backtest --data ETHUSDT-1h.csv --data 'b c.csv' --sym ETHUSDT --sym=BTCUSDT",
        ),
    ],
)
def test_a_file_without_its_symbol_is_answered_with_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, typed: str, given: Mapping[str, Any], lacking: str, command: str
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/tickline", *shlex.split(typed)])
    with pytest.raises(ConfigError) as refused:
        settings_for(RunOptions(**given))
    assert str(refused.value).startswith(
        f"--sym is missing: say of which symbol {lacking} is, in the order of the files, e.g. `{command}`"
    )
