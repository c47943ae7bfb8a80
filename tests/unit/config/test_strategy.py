"""Times of a live account that would make one another void are refused at the start, in one line with the remedy."""

from typing import Any

import pytest

from shared.config import Settings, load_settings
from shared.config.strategy import misfits
from shared.errors import ConfigError

LIVE = {
    "mode": "testnet", "venue": "fake", "account": "main", "markets": {"A": "BTC/USDT:USDT"},
}  # fmt: skip


HOUR_S = 3_600.0


def said(strategy: dict[str, Any], gateway: dict[str, Any], interval_s: float = HOUR_S) -> list[str]:
    """Of settings that are not held against each other yet."""
    plain = Settings()
    risk = plain.gateway.risk.model_copy(update=gateway.pop("risk", {}))
    own = plain.gateway.model_copy(update={**gateway, "risk": risk})
    return list(misfits(plain.strategy.model_copy(update=strategy), own, interval_s))


def test_the_defaults_fit() -> None:
    assert said({}, {}) == []


@pytest.mark.parametrize(
    ("strategy", "gateway", "named"),
    [
        ({"order_valid_s": 29.0}, {}, "strategy.prediction_stale_s is 30 s, and strategy.order_valid_s 29 s"),
        ({}, {"risk": {"max_prediction_age_s": 29.0}}, "strategy.prediction_stale_s is 30 s, and gateway.risk.max_p"),
        ({}, {"risk": {"max_tick_age_s": 29.0}}, "strategy.prediction_stale_s is 30 s, and gateway.risk.max_t"),
        ({"order_valid_s": 4.0}, {}, "strategy.order_valid_s is 4 s, and gateway.request_validity_ms lets"),
        ({"order_valid_s": 10.0}, {}, "strategy.order_valid_s is 10 s: an order may be unknown for 10 s"),
        ({"prediction_stale_s": 10.0}, {}, "strategy.prediction_stale_s is 10 s: an order may be unknown for 10 s"),
        ({}, {"timeout_s": 31.0}, "gateway.risk.max_prediction_age_s is 30 s: an order may be unknown for 31 s"),
        ({}, {"grace_ms": 60_000}, "gateway.risk.max_tick_age_s is 60 s: an order may be unknown for 65 s"),
    ],
)
def test_each_misfit_is_named(strategy: dict[str, Any], gateway: dict[str, Any], named: str) -> None:
    found = said(strategy, gateway)
    assert any(line.startswith(named) for line in found), found
    assert all("\n" not in line for line in found)


def test_where_the_next_bar_comes_soon_nothing_need_wait_for_a_lost_answer() -> None:
    early = {"order_valid_s": 6.0, "prediction_stale_s": 6.0}
    assert said(early, {}, interval_s=6.0) == said(early, {}, interval_s=0.0) == []
    assert len(said(early, {}, interval_s=7.0)) == 2


def test_a_live_config_that_does_not_fit_is_refused_and_paper_asks_for_nothing() -> None:
    wrong = {"order_valid_s": 5}
    with pytest.raises(ConfigError, match=r"config: strategy.prediction_stale_s is 30 s, and strategy.order_valid_s 5"):
        load_settings(symbols=("A",), strategy=wrong, gateway=LIVE)
    assert load_settings(symbols=("A",), strategy=wrong).strategy.order_valid_s == 5
    traded = {"source": "ccxt", "exchange": "binance", "markets": {"A": "BTC/USDT:USDT"}, "stream": "trades"}
    fits = {"order_valid_s": 6, "prediction_stale_s": 6}
    assert load_settings(symbols=("A",), interval="trade", strategy=fits, gateway=LIVE, ingestor=traded)
    with pytest.raises(ConfigError, match=r"config: strategy.order_valid_s is 6 s: an order may be unknown"):
        load_settings(symbols=("A",), interval="12h", strategy=fits, gateway=LIVE)
