"""The ingestor's part of the config: what a live source needs."""

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
    armed = config_hash(loaded(), "")
    assert armed == config_hash(loaded(grace_s=2.0), "")
    assert armed != config_hash(loaded(price="mid"), "")
    assert armed != config_hash(loaded(exchange="bybit"), "")
    assert armed != config_hash(loaded(base_url="http://127.0.0.1:1"), "")
