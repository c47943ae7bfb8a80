"""The gateway's settings: what goes together, and where keys may stand."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.console.run.processes import as_environment, keys_environment
from services.console.settings import RunOptions, settings_for
from shared.config import Mode, load_settings
from shared.config.gateway import GatewaySettings, read_keys
from shared.errors import ConfigError

LIVE = """
symbols = ["BTCUSDT"]
[gateway]
mode = "live"
venue = "ccxt"
account = "main"
exchange = "binance"
markets = {BTCUSDT = "BTC/USDT:USDT"}
"""


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TICKLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_live_config() -> None:
    Path("tickline.toml").write_text(LIVE)
    settings = load_settings()
    assert settings.gateway.mode is Mode.LIVE
    assert settings.journal_url == f"sqlite:///{Path.cwd()}/.tickline/journal-main.db"


def test_paper_needs_no_journal() -> None:
    assert load_settings().journal_url == ""


def test_a_journal_of_ones_own() -> None:
    Path("tickline.toml").write_text(LIVE + 'journal = "postgresql+psycopg://db/tickline"')
    assert load_settings().journal_url == "postgresql+psycopg://db/tickline"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"live"', '"paper"'), "does not go with venue ccxt"),
        (('"ccxt"', '"paper"'), "mode live does not go with venue paper"),
        (('"main"', '"paper"'), "name the account"),
        (('"binance"', '""'), "needs an exchange"),
        (('exchange = "binance"', ""), "needs an exchange"),
        (('{BTCUSDT = "BTC/USDT:USDT"}', "{}"), "one market for each of symbols"),
        (('"BTC/USDT:USDT"', '"BTCUSDT"'), "markets"),
        (('symbols = ["BTCUSDT"]', 'symbols = ["BTCUSDT", "ETHUSDT"]'), "one market for each of symbols"),
        (("markets = {", 'markets = {ETHUSDT = "BTC/USDT:USDT", '), "two symbols"),
        (("markets = {", "risk = {symbols = ['ETHUSDT']}\nmarkets = {"), "ETHUSDT"),
        (("markets = {", "risk = {max_drawdown = 1.5}\nmarkets = {"), "gateway.risk.max_drawdown"),
        (("markets = {", "risk = {daily_loss = 0}\nmarkets = {"), "gateway.risk.daily_loss"),
        (("markets = {", "margin = 'cross'\nmarkets = {"), "gateway.margin"),
        (("[gateway]", "[ingestor]\nsource = 'fake'\n[gateway]"), "prices are of no real market"),
        (("[gateway]", "run_id = 'r'\n[ingestor]\nsource = 'replay'\nfiles={BTCUSDT='a.csv'}\n[gateway]"), "the past"),
    ],
)
def test_what_does_not_go_together(change: tuple[str, str], said: str) -> None:
    assert change[0] in LIVE
    Path("tickline.toml").write_text(LIVE.replace(*change))
    with pytest.raises(ConfigError, match=said):
        load_settings()


def test_the_past_is_tried_on_paper_beside_the_config_of_an_account() -> None:
    Path("tickline.toml").write_text(LIVE.replace("markets = {", "risk = {symbols = ['BTCUSDT']}\nmarkets = {"))
    settings = settings_for(RunOptions(data=[Path("a.csv")], sym=["ETHUSDT"]))
    assert (settings.gateway.mode, settings.symbols) == (Mode.PAPER, ("ETHUSDT",)), "of another symbol, too"


@pytest.mark.parametrize("name", ["api_key", "api_secret", "api_password"])
def test_no_key_in_the_config_file(name: str) -> None:
    Path("tickline.toml").write_text(LIVE + f'{name} = "hush"')
    with pytest.raises(ConfigError, match=f"gateway.{name} does not belong") as error:
        load_settings()
    assert "hush" not in str(error.value)


def test_keys_are_neither_shown_nor_handed_over_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_GATEWAY__API_KEY", "hush")
    settings = load_settings()
    assert settings.gateway.api_key.get_secret_value() == "hush"
    assert "hush" not in repr(settings) + settings.model_dump_json() + str(as_environment(settings))
    monkeypatch.delenv("TICKLINE_GATEWAY__API_KEY")
    for name, value in (as_environment(settings) | keys_environment(settings)).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings, "what the gateway is given"


# Keys come from variables or files, one of the two, and no error shows them.


def written(folder: Path, **files: str) -> GatewaySettings:
    for name, text in files.items():
        (folder / name).write_text(text)
    return GatewaySettings(keys_dir=folder)


def test_from_files(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, api_key="the key\n".replace(" ", "-"), api_secret="s"))
    assert [key.get_secret_value() for key in keys] == ["the-key", "s", ""]
    assert "the-key" not in repr(keys)


def test_a_password_beside_them(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, api_key="k", api_secret="s", api_password="p"))
    assert keys.api_password.get_secret_value() == "p"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "api_key cannot be read: No such file"),
        ({"api_key": "k"}, "api_secret cannot be read"),
        ({"api_key": "", "api_secret": "s"}, "one key on one line"),
        ({"api_key": "hush", "api_secret": "hush\nhush"}, "one key on one line"),
        ({"api_key": "hush" * 2_000, "api_secret": "s"}, "one key on one line"),
        ({"api_key": "hüsh", "api_secret": "s"}, "it is no text"),
    ],
)
def test_files_that_are_no_keys(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        read_keys(written(tmp_path, **files))
    assert "hush" not in str(error.value)


def test_none_at_all() -> None:
    with pytest.raises(ConfigError, match="TICKLINE_GATEWAY__API_KEY"):
        read_keys(GatewaySettings())


def test_given_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keep one of the two"):
        read_keys(GatewaySettings(keys_dir=tmp_path, api_key=SecretStr("k")))
