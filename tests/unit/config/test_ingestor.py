"""The ingestor's part of the config: what a live source needs."""

from pathlib import Path
from typing import Any

import pytest

from shared.config import load_settings
from shared.config.fingerprint import config_hash
from shared.errors import ConfigError

MARKETS = {"BTCUSDT": "BTC/USDT:USDT"}
LIVE: dict[str, Any] = {"source": "ccxt", "exchange": "binance", "markets": MARKETS}


def loaded(interval: str = "1m", **changed: object) -> Any:
    return load_settings(symbols=("BTCUSDT",), interval=interval, ingestor={**LIVE, **changed})


def test_a_live_source() -> None:
    settings = loaded("trade")
    assert (settings.interval, settings.ingestor.markets) == ("trade", MARKETS)
    assert not settings.ingestor.works_ahead


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exchange": ""}, "source ccxt needs an exchange"),
        ({"markets": {}}, "ingestor.markets must name one market for each of symbols"),
        ({"markets": {"BTCUSDT": "BTCUSDT"}}, "ingestor.markets.BTCUSDT"),
        ({"markets": {**MARKETS, "ETHUSDT": "ETH/USDT:USDT"}}, "ingestor.markets must name one market"),
        ({"markets": {**MARKETS, "XBT": "BTC/USDT:USDT"}}, "one market for two symbols"),
        ({"price": "mid", "stream": "candles"}, "price mid needs stream = trades"),
        ({"interval": "trade", "stream": "candles"}, "interval trade needs ingestor.stream = trades"),
        ({"interval": "trade", "source": "simulated"}, "interval 'trade' is unknown"),
        ({"base_url": "ftp://x"}, "ingestor.base_url"),
    ],
)
def test_what_does_not_fit_together(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        loaded(**changed)


def test_an_arming_is_for_the_data_of_one_venue_and_price() -> None:
    armed = config_hash(loaded())
    assert armed == config_hash(loaded(grace_s=2.0))
    assert armed != config_hash(loaded(price="mid"))
    assert armed != config_hash(loaded(exchange="bybit"))
    assert armed != config_hash(loaded(base_url="http://127.0.0.1:1"))


PERP = {"exchange": "binanceusdm", "markets": {"BTCUSDT": "BTC/USDT:USDT"}, "grace_s": 2}
OKX = {"markets": {"ETHUSDT": "ETH/USDT"}}


def of_venues(interval: str = "1m", **changed: object) -> Any:
    ingestor = {"source": "ccxt", "venues": {"perp": PERP, "okx": OKX}, **changed}
    return load_settings(symbols=("BTCUSDT", "ETHUSDT"), interval=interval, ingestor=ingestor)


def test_a_venue_has_what_it_says_and_else_what_stands_above() -> None:
    perp, okx = of_venues(grace_s=3, warm_bars=7).ingestor.venues.values()
    assert (perp.exchange, perp.grace_s, perp.warm_bars, perp.attempts) == ("binanceusdm", 2, 7, 5)
    assert (okx.exchange, okx.grace_s, okx.warm_bars, okx.attempts) == ("okx", 3, 7, 5)


def test_one_venue_is_the_one_of_its_section() -> None:
    own = loaded().ingestor
    assert own.each_venue == {"binance": own}


def test_venues_by_variables_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = tmp_path / "venues.toml"
    toml.write_text(
        'symbols = ["BTCUSDT", "ETHUSDT"]\ninterval = "1m"\n[ingestor]\nsource = "ccxt"\ngrace_s = 3\n'
        '[ingestor.venues.perp]\nexchange = "binanceusdm"\nmarkets = {BTCUSDT = "BTC/USDT:USDT"}\n'
    )
    monkeypatch.setenv("TICKLINE_CONFIG", str(toml))
    monkeypatch.setenv("TICKLINE_INGESTOR__VENUES__OKX__MARKETS", '{"ETHUSDT": "ETH/USDT"}')
    monkeypatch.setenv("TICKLINE_INGESTOR__VENUES__PERP__WARM_BARS", "9")
    monkeypatch.setenv("TICKLINE_INGESTOR__GRACE_S", "4")
    perp, okx = load_settings().ingestor.venues.values()
    assert (perp.exchange, perp.grace_s, perp.warm_bars) == ("binanceusdm", 4, 9)
    assert (okx.exchange, okx.grace_s, okx.warm_bars, okx.markets) == ("okx", 4, 200, {"ETHUSDT": "ETH/USDT"})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exchange": "binance"}, "exchange and markets are of one venue: with venues, each has its own"),
        ({"markets": MARKETS}, "exchange and markets are of one venue"),
        ({"venues": {"perp": PERP, "okx": {}}}, "venues.okx needs markets"),
        ({"venues": {"perp": {**PERP, "exchange": ""}, "okx": OKX}}, "venues.perp needs an exchange"),
        (
            {"venues": {"perp": PERP, "okx": {"markets": MARKETS}}},
            "BTCUSDT is in venues.perp and in venues.okx: a symbol has one venue",
        ),
        ({"venues": {"perp": PERP}}, "ingestor.venues must name one market for each of symbols, and no other"),
        ({"venues": {"perp": PERP, "okx": {**OKX, "colour": 1}}}, "ingestor.venues.okx.colour"),
        ({"venues": {"perp": PERP, "okx": {**OKX, "venues": {}}}}, "ingestor.venues.okx.venues"),
        ({"venues": {"perp": PERP, "okx": 5}}, "ingestor.venues.okx: "),
        ({"venues": {"perp": PERP, "Okx": OKX}}, "ingestor.venues.Okx"),
        ({"venues": {"perp": PERP, "okx": {**OKX, "price": "mid", "stream": "candles"}}}, "ingestor.venues.okx: .*mid"),
        (
            {"interval": "trade", "venues": {"perp": PERP, "okx": {**OKX, "stream": "candles"}}},
            "interval trade needs ingestor.venues.okx.stream = trades",
        ),
    ],
)
def test_what_does_not_fit_together_in_several_venues(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as error:
        of_venues(**changed)
    assert "\n" not in str(error.value)


def test_an_arming_is_for_the_data_of_all_venues() -> None:
    armed = config_hash(of_venues())
    assert armed == config_hash(of_venues(warm_bars=7))
    assert armed != config_hash(of_venues(base_url="http://127.0.0.1:1"))
    assert armed != config_hash(of_venues(venues={"perp": PERP, "okx": {**OKX, "price": "mid"}}))
    assert armed != config_hash(of_venues(venues={"perp": PERP, "bybit": OKX}))


@pytest.mark.parametrize(
    "market", ["币安人生/USDT:USDT", "币安人生/USDT", "kPEPE/USDC:USDC", "BTC/USD:BTC-240329", "a.b-c_1/USDT"]
)
def test_market_names_of_any_script_and_case_as_ccxt_has_them(market: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tickline.toml").write_text(
        'symbols = ["X"]\ninterval = "12h"\n[ingestor]\nsource = "ccxt"\nexchange = "binance"\n'
        f'markets = {{X = "{market}"}}\n',
        encoding="utf-8",
    )
    assert load_settings().ingestor.markets == {"X": market}
