"""What is not installed is said in one line, with what to type."""

import sys

import pytest

from services.console.resolve import waiting
from services.console.terminal import on_account
from services.gateway.main import build
from shared.config import load_settings
from shared.errors import ConfigError
from shared.runner.service import limits_of

SAYS = r"orders at a venue need alembic: pip install 'tickline\[ccxt,journal\]'"


@pytest.fixture(autouse=True)
def without_alembic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)


def test_the_gateway_says_it() -> None:
    settings = load_settings(
        symbols=("A",), gateway={"mode": "testnet", "venue": "fake", "account": "a", "markets": {"A": "A/USDT"}}
    )
    with pytest.raises(ConfigError, match=SAYS):
        build(settings, limits_of(settings))


def test_paper_needs_none() -> None:
    settings = load_settings()
    assert build(settings, limits_of(settings)).store is None


def test_the_verbs_say_it() -> None:
    with pytest.raises(ConfigError, match=SAYS):
        on_account(waiting)
