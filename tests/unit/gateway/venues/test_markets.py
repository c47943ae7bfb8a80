from decimal import Decimal
from typing import Any

import pytest

from services.gateway.venues.markets import rules_of
from services.gateway.venues.venue import MarketRules
from shared.errors import ConfigError, VenueError

LINEAR: dict[str, Any] = {
    "type": "swap", "linear": True, "active": True, "base": "BTC", "quote": "USDT", "settle": "USDT",
    "contractSize": "0.01", "precision": {"amount": "0.1", "price": "0.5"},
    "limits": {"amount": {"min": "0.2", "max": "50"}, "cost": {"min": None}, "market": {"max": ""}},
}  # fmt: skip


def of(**changes: Any) -> MarketRules:
    return rules_of("okx", "BTCUSDT", "BTC/USDT:USDT", {"BTC/USDT:USDT": {**LINEAR, **changes}})


def test_steps_and_limits_become_base_units() -> None:
    assert of() == MarketRules(
        "swap", "BTC/USDT:USDT", "BTC", "USDT", Decimal("0.001"), Decimal("0.002"), Decimal("0.50"), Decimal(0),
        Decimal("0.5"), Decimal("0.01"),
    )  # fmt: skip


def test_spot_has_no_contracts_and_the_step_is_the_least() -> None:
    rules = of(type="spot", linear=None, contractSize=None, limits={"amount": {"min": None}, "cost": {"min": "5"}})
    assert (rules.step, rules.min_qty, rules.contract_size, rules.min_notional, rules.most_qty) == (
        Decimal("0.1"), Decimal("0.1"), Decimal(1), Decimal(5), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"linear": False, "settle": "BTC"}, "an inverse contract, settled in BTC"),
        ({"type": "option"}, "a option market: only swap and spot"),
        ({"type": "future"}, "a future market"),
        ({"active": False}, "does not trade it now"),
    ],
)
def test_what_is_not_traded_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        of(**changes)


def test_an_unknown_market_names_those_near_to_it() -> None:
    with pytest.raises(
        ConfigError, match=r"\[gateway\] markets: B = 'BTC/USDT': okx has no such market.*BTC/USDT:USDT"
    ):
        rules_of("okx", "B", "BTC/USDT", {"BTC/USDT:USDT": LINEAR})


@pytest.mark.parametrize("changes", [{"contractSize": None}, {"precision": {"amount": None}}])
def test_without_size_or_step_nothing_is_traded(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueError, match="does not tell"):
        of(**changes)
