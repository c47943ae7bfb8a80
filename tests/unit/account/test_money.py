"""Money that a notebook gives as a number: taken where nothing is lost, else one clear line."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account, Position
from shared.account.money import money


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_taken_by_the_digits_that_it_shows(value: float) -> None:
    assert money(value, "it") == Decimal(repr(value))
    assert money(np.float64(value), "it") == Decimal(repr(value))
    assert float(money(value, "it")) == value


@given(st.integers())
def test_an_integer_is_taken_as_it_is(value: int) -> None:
    assert money(value, "it") == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("100", 'a balance is a Decimal, an int or a float, not str 100: write Decimal("100")'),
        (True, "not bool True"),
        (None, "not NoneType None"),
        (np.float32(0.1), "not float32 0.1"),
    ],
)
def test_what_has_other_digits_than_its_author_wrote_is_refused_in_one_line(value: object, said: str) -> None:
    with pytest.raises(TypeError) as refused:
        money(value, "a balance")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_money_is_finite(value: object) -> None:
    with pytest.raises(ValueError, match="a fee must be finite, not"):
        money(value, "a fee")


def test_an_account_takes_it_everywhere() -> None:
    account = Account(100.0)
    account.update(0.1)
    account.fund(200)
    assert (account.balance(), account.capital) == (Decimal("200.1"), 200)


def test_a_quantity_stays_a_decimal() -> None:
    account = Account(100.0)
    with pytest.raises(TypeError, match=r'quantity and price are Decimals, not 2.0 and .*: write Decimal\("2.0"\)'):
        account.book("BTCUSDT", 2.0, Decimal(50))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r'and 50.0: write Decimal\("2"\) and Decimal\("50.0"\)'):
        Position("BTCUSDT", Decimal(2), 50.0)  # type: ignore[arg-type]
    assert account.balance() == 100
