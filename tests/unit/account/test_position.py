"""Position: its closing order and its profit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Order, Position
from shared.messages import Leg

QTY = st.decimals(-1000, 1000, places=8).filter(bool)
PRICE = st.decimals("0.01", 100_000, places=2)


@given(QTY, PRICE, PRICE)
def test_unrealised_is_qty_times_the_move(qty: Decimal, entry: Decimal, price: Decimal) -> None:
    position = Position("A", qty, entry)
    assert position.unrealised(price) == qty * (price - entry)
    assert position.unrealised(entry) == 0


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(bool))
def test_the_closing_order_is_the_exact_opposite_of_any_quantity(qty: Decimal) -> None:
    close = Position("A", qty, Decimal(1)).close()
    assert close == Order("A", qty.copy_negate())
    assert close.leg is Leg.CLOSE


@pytest.mark.parametrize(("qty", "price"), [("0", "1"), ("NaN", "1"), ("1", "0"), ("1", "-1"), ("1", "NaN")])
def test_nonsense_is_refused(qty: str, price: str) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Position("A", Decimal(qty), Decimal(price))


def test_repr_and_equality() -> None:
    position = Position("A", Decimal(1), Decimal(2))
    assert repr(position) == "Position(sym='A', signed_qty=Decimal('1'), price=Decimal('2'))"
    assert position == Position("A", Decimal(1), Decimal(2))
    assert position != Position("A", Decimal(1), Decimal(3))
    assert position != "A"
    assert len({position, Position("A", Decimal(1), Decimal(2))}) == 1
