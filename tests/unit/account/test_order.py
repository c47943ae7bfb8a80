"""Order: the notebook's str and repr, and what it refuses."""

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from shared.account import Order
from shared.messages import Leg


def test_repr_and_str() -> None:
    assert repr(Order("BTCUSDT", Decimal(100))) == "Order(sym='BTCUSDT', signed_qty=Decimal('100'))"
    assert str(Order("BTCUSDT", Decimal(100))) == "Order(BUY 100 BTCUSDT)"
    assert str(Order("BTCUSDT", Decimal("-0.5"), Leg.CLOSE)) == "Order(SELL 0.5 BTCUSDT)"


def test_the_leg_is_no_part_of_equality() -> None:
    assert Order("A", Decimal(1)).leg is Leg.OPEN
    assert Order("A", Decimal(1)) == Order("A", Decimal("1.0"), Leg.CLOSE)
    assert len({Order("A", Decimal(1)), Order("A", Decimal(1), Leg.NET)}) == 1


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Order("A", Decimal(1)).sym = "B"  # type: ignore[misc]


@pytest.mark.parametrize("qty", ["0", "-0", "NaN", "Infinity"])
def test_a_quantity_of_nothing_is_refused(qty: str) -> None:
    with pytest.raises(ValueError, match="must be finite and not 0"):
        Order("A", Decimal(qty))


@pytest.mark.parametrize("qty", [0.5, 1, "0.5"])
def test_a_quantity_that_is_no_decimal_is_refused_with_how_to_write_it(qty: object) -> None:
    with pytest.raises(TypeError, match=rf'is a Decimal, not {type(qty).__name__} {qty}: write Decimal\("{qty}"\)'):
        Order("A", qty)  # type: ignore[arg-type]
