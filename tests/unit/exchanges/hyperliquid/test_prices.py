"""Prices to five digits and 6 - szDecimals places, on the safe side; sizes down."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.engine.listing import Listing
from services.simulator.hyperliquid.orders import valid_price
from shared.exchanges.hyperliquid.profile import HyperliquidProfile
from shared.exchanges.trading.amounts import limit_at, truncated
from shared.exchanges.trading.markets import rules_of
from shared.exchanges.trading.venue import MarketRules

D = Decimal
NAME = "X/USDC:USDC"


def rules(size_decimals: int) -> MarketRules:
    """As ccxt's market and the exchange's own row say them."""
    step = D(1).scaleb(-size_decimals)
    market = {
        "type": "swap", "linear": True, "active": True, "base": "X", "quote": "USDC", "settle": "USDC",
        "contractSize": "1", "precision": {"amount": str(step), "price": "0.0001"},
        "limits": {"amount": {"min": None}, "cost": {"min": "10"}},
        "info": {"szDecimals": size_decimals, "maxLeverage": 40},
    }  # fmt: skip
    return rules_of("hyperliquid", "XUSDC", NAME, {NAME: market}, HyperliquidProfile("swap").market_order)


PRICES = st.decimals(min_value=D("0.001"), max_value=D(10**6), places=8)


@given(size_decimals=st.integers(0, 5), price=PRICES, side=st.sampled_from([1, -1]))
def test_a_limit_is_one_of_the_exchanges_and_no_worse_than_wanted(
    size_decimals: int, price: Decimal, side: int
) -> None:
    made = rules(size_decimals)
    limit = limit_at(made, price, D(side))
    assert side * limit <= side * price
    if limit:  # else: a buy below the least price
        step = D(1).scaleb(-size_decimals)
        listing = Listing("X", "swap", "X", "USDC", price, D(1), step, step)
        assert valid_price(listing, limit)
        assert limit_at(made, limit, D(side)) == limit
    assert abs(limit - price) < max(made.price_tick, min(D(1), price * D("0.0001"))), "and the next one"


@given(size_decimals=st.integers(0, 5), qty=st.decimals(min_value=D(-(10**6)), max_value=D(10**6), places=9))
def test_a_size_is_cut_down(size_decimals: int, qty: Decimal) -> None:
    cut = truncated(qty, rules(size_decimals).step)
    assert abs(cut) <= abs(qty) and cut == round(cut, size_decimals)


def test_the_examples_of_the_page() -> None:
    """https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/tick-and-lot-size (P)."""
    perps = [(D("1234.5"), 0, True), (D("1234.56"), 0, False), (D("0.001234"), 0, True), (D("0.0012345"), 0, False)]
    perps += [(D("0.01234"), 1, True), (D("0.012345"), 1, False), (D("123456"), 0, True)]
    for price, size_decimals, valid in perps:
        assert (limit_at(rules(size_decimals), price, D(1)) == price) is valid, price


def test_a_market_order_is_worth_no_more_than_its_leverage_allows() -> None:
    made = rules(3)
    assert (made.most_notional, made.min_notional) == (D(1_000_000), D(10))
    assert (made.price_digits, made.price_tick) == (5, D("0.001"))
