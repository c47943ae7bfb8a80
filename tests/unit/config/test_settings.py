"""Settings: where they come from, and what is refused with one line that names the key."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from shared.config import Settings, load_settings
from shared.errors import ConfigError


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, without a config of the machine's."""
    for name in os.environ:
        if name.startswith("TICKLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused() -> str:
    with pytest.raises(ConfigError) as error:
        load_settings()
    text = str(error.value)
    assert text.startswith("config: ")
    assert "\n" not in text
    return text


def test_the_defaults_are_the_simulated_market() -> None:
    settings = load_settings()
    assert (settings.ingestor.source, settings.bus.partitions, settings.namespace) == ("simulated", 8, "tickline")
    assert settings == Settings()


def test_a_file_and_a_variable_that_wins_over_it(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing_set / "tickline.toml").write_text(
        'symbols = ["A", "B"]\n[bus]\npartitions = 4\nbound = 7\n[strategy]\nbalance = 12.5\nparams = {leverage = 2}\n'
    )
    monkeypatch.setenv("TICKLINE_BUS__PARTITIONS", "16")
    monkeypatch.setenv("TICKLINE_GATEWAY__FEE", "0.001")
    settings = load_settings()
    assert (settings.symbols, settings.bus.partitions, settings.bus.bound) == (("A", "B"), 16, 7)
    assert (settings.strategy.balance, settings.gateway.fee) == (Decimal("12.5"), Decimal("0.001"))
    assert settings.strategy.params == {"leverage": 2}


def test_a_named_file(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing_set / "other.toml").write_text("[bus]\npartitions = 3\n")
    monkeypatch.setenv("TICKLINE_CONFIG", "other.toml")
    assert load_settings().bus.partitions == 3


def test_a_named_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_CONFIG", "nowhere.toml")
    assert "nowhere.toml" in refused()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "config: colour: there is no such key"),
        ("[bus]\ncolour = 1", "bus.colour"),
        ("[gateway]\nvenue = 'binance'", "gateway.venue"),
        ("[gateway]\nmarkets = {A = 'btcusdt'}", "config: gateway.markets.A: 'btcusdt' is no market: write it as ccxt"),
        ("[gateway]\nmarkets = {A = 'BTC/USDT'}", "config: gateway.markets must name one market for each of symbols"),
        ("[bus]\npartitions = 'many'", "bus.partitions"),
        ("[bus]\npartitions = 0", "bus.partitions"),
        ("[bus]\npartitions = 2.5", "bus.partitions"),
        ("[bus]\nlease_s = nan", "bus.lease_s"),
        ("[bus]\nlease_s = -1", "bus.lease_s"),
        ("[bus]\nnamespace = 'a b'", "bus.namespace"),
        ("bus = 5", "config: bus: it must be a table: write bus = {KEY"),
        ("symbols = []", "symbols"),
        ("symbols = ['']", "symbols.0"),
        ("symbols = 'BTCUSDT'", 'config: symbols: it must be a list, also of one: write symbols = ["..."]'),
        ("[recorder]\nalso = 'x'", 'config: recorder.also: it must be a list, also of one: write also = ["..."]'),
        ("[gateway]\nmarkets = 'BTC/USDT'", "config: gateway.markets: it must be a table: write markets = {KEY"),
        ('[gateway]\nmarkets = {A = "BTC/USDT\\tX"}', "is no market: write it as ccxt does"),
        ("[gateway]\nmarkets = {A = 'BTC/USDT:USDT:USDT'}", "is no market: write it as ccxt does"),
        ("[gateway]\nmarkets = {A = 'BTC/ USDT'}", "is no market: write it as ccxt does"),
        ("interval = '5 minutes'", "config: interval '5 minutes' is unknown"),
        ("[strategy]\nbalance = 0", "strategy.balance"),
        ("[strategy]\nbalance = inf", "strategy.balance"),
        ("[gateway]\nfee = 1", "gateway.fee"),
        ("[strategy]\nmax_slippage_bps = -1", "config: strategy.max_slippage_bps: it is a number of basis points"),
        ("[strategy]\nmax_slippage_bps = 'off'", 'from 0 to below 10000, or "none"'),
        ("[strategy]\nmax_slippage_bps = 10000", "config: strategy.max_slippage_bps: it is a number of basis points"),
        ("[strategy]\nreduce = 'limit'", "config: strategy.reduce"),
        ("[strategy]\nreduce = 'ioc'\nmax_slippage_bps = 'none'", 'config: strategy: reduce = "ioc" takes its limit'),
        ("[gateway]\nslippage_bps = 51", "config: gateway.slippage_bps is 51, and strategy.max_slippage_bps 50: no"),
        ("[signal]\ninstance = 'a.b'", "signal.instance"),
        ("[ingestor]\nsource = 'replay'", "run_id"),
        ("run_id = 'r1'\n[ingestor]\nsource = 'replay'", "ingestor.files"),
        ("run_id = 'a/b'", "run_id"),
        ("bus = ", "tickline.toml"),
        ("[bus]\nurl = 'a'\nurl = 'b'", "tickline.toml"),
    ],
)
def test_what_the_file_may_not_say(nothing_set: Path, text: str, named: str) -> None:
    (nothing_set / "tickline.toml").write_text(text)
    assert named in refused()


def test_a_file_that_is_no_text(nothing_set: Path) -> None:
    (nothing_set / "tickline.toml").write_bytes(b"\xff\xfe")
    assert refused() == "config: tickline.toml: not UTF-8 text: save it in UTF-8"


def test_a_file_of_windows(nothing_set: Path) -> None:
    (nothing_set / "tickline.toml").write_bytes(b"\xef\xbb\xbf[bus]\r\npartitions = 3\r\n")
    assert load_settings().bus.partitions == 3


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TICKLINE_COLOUR", "1", "TICKLINE_COLOUR"),
        ("TICKLINE_BUS__COLOUR", "1", "bus.colour"),
        ("TICKLINE_BUS_URL", "redis://bus/0", "TICKLINE_BUS_URL"),
        ("TICKLINE_BUS__PARTITIONS", "many", "bus.partitions"),
        ("TICKLINE_BUS__PARTITIONS", "", "bus.partitions"),
        ("TICKLINE_GATEWAY__FEE", "-0.1", "gateway.fee"),
        ("TICKLINE_BUS", "{", "TICKLINE_BUS is no JSON"),
        ("TICKLINE_SYMBOLS", "BTCUSDT", "config: TICKLINE_SYMBOLS is no JSON: write a list as"),
        ("TICKLINE_SYMBOLS", '"BTCUSDT"', "config: symbols: it must be a list"),
        ("TICKLINE_INTERVAL__X", "1", "TICKLINE_INTERVAL__X"),
        ("TICKLINE_BUS__URL__X", "1", "bus.url"),
        ("TICKLINE_STRATEGY__PARAMS", "[1]", "strategy.params"),
    ],
)
def test_what_a_variable_may_not_say(monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str) -> None:
    monkeypatch.setenv(name, value)
    assert named in refused()


def test_a_replay_has_a_namespace_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        run_id="r1", symbols=("A",), ingestor={"source": "replay", "files": {"A": "a.csv"}}, bus={"namespace": "mine"}
    )
    assert settings.namespace == "mine.replay.r1"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().bus.partitions = 4  # type: ignore[misc]
