"""Where a position is liquidated, from what margin is."""

from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from services.research.backtest.venue import liquidated_at, liquidation_price
from shared.account import Position

PRICE = st.decimals("0.01", 100_000, places=2)
QTY = st.decimals(-100, 100, places=4).filter(bool)
LEVERAGE = st.decimals(1, 100, places=1)


@given(QTY, PRICE, LEVERAGE, st.decimals(0, "0.2", places=3))
def test_there_what_is_left_of_the_margin_is_the_maintenance_margin(
    qty: Decimal, entry: Decimal, leverage: Decimal, rate: Decimal
) -> None:
    assume(rate * leverage < 1)
    position = Position("BTCUSDT", qty, entry)
    price = liquidation_price(position, leverage, rate)
    initial = abs(qty) * entry / leverage
    left = initial + position.unrealised(price)
    assert abs(left - rate * abs(qty) * price) <= Decimal("1e-18")
    assert (price - entry) * qty < 0, "on the losing side"
    assert price > 0 or (qty > 0 and leverage == 1), "without leverage a long never is"


@given(QTY, PRICE, LEVERAGE, st.lists(PRICE, min_size=4, max_size=4))
def test_a_bar_liquidates_where_it_reaches_the_price_and_never_at_a_better_one(
    qty: Decimal, entry: Decimal, leverage: Decimal, prices: list[Decimal]
) -> None:
    low, first, _, high = sorted(prices)
    position = Position("BTCUSDT", qty, entry)
    limit = liquidation_price(position, leverage, Decimal(0))
    price = liquidated_at(position, limit, first, high, low)
    reached = low <= limit if qty > 0 else high >= limit
    assert (price is not None) == reached
    if price is not None:
        gapped = first <= limit if qty > 0 else first >= limit
        assert price == (first if gapped else limit)
        assert low <= price <= high or gapped
        assert (price - limit) * qty <= 0
