"""The hash that an arming is bound to: everything that decides an order is in it, nothing else."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.config import Settings, load_settings
from shared.config.fingerprint import config_hash


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def made(**gateway: Any) -> Settings:
    base = {"mode": "testnet", "venue": "ccxt", "account": "a", "exchange": "okx", "markets": {"B": "B/U:U"}}
    return load_settings(symbols=("B",), gateway=base | gateway)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "live"},
        {"venue": "fake"},
        {"account": "b"},
        {"exchange": "bybit"},
        {"markets": {"B": "B/U"}},
        {"leverage": 2},
        {"allow_unlisted": True},
        {"request_validity_ms": 6_000},
        {"risk": {"max_order_notional": 101}},
        {"risk": {"symbols": ["B"]}},
        {"risk": {"reduce_only": True}},
    ],
)
def test_what_is_armed(change: dict[str, Any]) -> None:
    assert config_hash(made(**change)) != config_hash(made())


def test_strategy_and_interval_are_armed() -> None:
    own = made()
    for other in (
        own.model_copy(update={"strategy": own.strategy.model_copy(update={"params": {"leverage": 2}})}),
        own.model_copy(update={"strategy": own.strategy.model_copy(update={"balance": Decimal(101)})}),
        own.model_copy(update={"interval": "5m"}),
        own.model_copy(update={"symbols": ("C",)}),
    ):
        assert config_hash(other) != config_hash(own)


@pytest.mark.parametrize(
    "change",
    [
        {"api_key": "k", "api_secret": "s"},
        {"keys_dir": "/run/secrets"},
        {"journal": "postgresql://u:p@db/x"},
        {"fee": "0.00030"},
        {"risk": {"max_order_notional": "100.0"}},
    ],
)
def test_what_is_not(change: dict[str, Any]) -> None:
    assert config_hash(made(**change)) == config_hash(made())
