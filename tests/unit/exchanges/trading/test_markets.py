from decimal import Decimal
from typing import Any

import pytest

from shared.errors import ConfigError, VenueError
from shared.exchanges.trading.amounts import most_at_once, sized
from shared.exchanges.trading.markets import rules_of
from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import Reason
from tests.unit.exchanges.trading.raw import Raw

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


# The numbers of BTC's markets as the exchanges list them (P: the pages that the profiles cite).
@pytest.mark.parametrize(
    ("exchange", "kind", "most_qty", "most_notional"),
    [
        ("binance", "swap", "120", None),  # not LOT_SIZE's 1000
        ("binance", "spot", "120", None),
        ("okx", "swap", "120.00", None),  # maxMktSz 12000 x ctVal 0.01, not maxLmtSz 100,000,000 x 0.01
        ("okx", "spot", "100000000", "12000"),  # maxMktSz of spot is USDT, maxMktAmt 1,000,000 USD
        ("bybit", "swap", "500.000", None),  # maxMktOrderQty, not maxOrderQty 1190
        ("bybit", "spot", "33.3", None),
    ],
)
def test_the_largest_market_order(exchange: str, kind: str, most_qty: str, most_notional: str | None) -> None:
    raw = Raw(exchange, kind, {})
    rules = raw.rules(raw.markets[0])
    assert rules.most_qty == Decimal(most_qty)
    assert rules.most_notional == (None if most_notional is None else Decimal(most_notional))


def test_a_bound_in_money_counts_at_the_price() -> None:
    raw = Raw("okx", "spot", {})
    rules = raw.rules(raw.markets[0])
    assert most_at_once(rules, Decimal(40_000)) == Decimal("0.3")
    assert sized(rules, Decimal("0.3"), Decimal(40_000)) == Decimal("0.3")
    assert sized(rules, Decimal("0.31"), Decimal(40_000)) is Reason.VENUE_REFUSED


def test_market_orders_have_a_step_and_a_least_of_their_own_on_binance() -> None:
    raw = Raw("binance", "spot", {})
    market = raw.client.markets["BTC/USDT"]
    lot = next(one for one in market["info"]["filters"] if one["filterType"] == "MARKET_LOT_SIZE")
    lot |= {"stepSize": "0.01", "minQty": "0.05"}
    assert (raw.rules("BTC/USDT").step, raw.rules("BTC/USDT").min_qty) == (Decimal("0.01"), Decimal("0.05"))
    lot |= {"stepSize": "0.00000000", "minQty": "0.00000000", "maxQty": "0.00000000"}  # as most spot markets have it
    rules = raw.rules("BTC/USDT")
    assert (rules.step, rules.min_qty, rules.most_qty) == (Decimal("0.001"), Decimal("0.001"), Decimal(1000))


@pytest.mark.parametrize(("applies", "most"), [(True, Decimal(9_000_000)), (False, None)])
def test_binances_bound_in_money_holds_for_market_orders_where_it_says_so(applies: bool, most: Decimal | None) -> None:
    """P: https://developers.binance.com/docs/binance-spot-api-docs/filters#notional."""
    raw = Raw("binance", "spot", {})
    filters = raw.client.markets["BTC/USDT"]["info"]["filters"]
    filters.append({"filterType": "NOTIONAL", "maxNotional": "9000000.00000000", "applyMaxToMarket": applies})
    assert raw.rules("BTC/USDT").most_notional == most
