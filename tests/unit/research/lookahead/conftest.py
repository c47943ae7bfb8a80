"""The momentum model of the backtests, and strategies that know too much, by name."""

import pytest

from shared.features.registry import FEATURES
from shared.strategies.registry import STRATEGIES
from tests import lookahead_examples as planted
from tests.unit.research.backtest.conftest import momentum, settings_of

__all__ = ["momentum", "settings_of"]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted ones, as a line in the registries would make them known."""
    monkeypatch.setitem(FEATURES, "normalised", "tests.lookahead_examples:Normalised")
    for name, kind in planted.STRATEGIES.items():
        monkeypatch.setitem(STRATEGIES, name, kind)
