"""LogReturn against numpy over the whole series."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.log_return import LogReturn

PRICES = st.floats(min_value=1e-6, max_value=1e9)
ANY_PRICE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@given(st.lists(PRICES, max_size=50))
def test_each_step_equals_numpy_over_the_series(prices: list[float]) -> None:
    whole = np.array(prices)
    feature = LogReturn()
    got = [feature.on_tick(price) for price in prices]
    if prices:
        assert got[0] is None
        np.testing.assert_allclose(np.array(got[1:], dtype=float), np.log(whole[1:] / whole[:-1]), rtol=1e-14, atol=0)


@given(st.lists(ANY_PRICE, min_size=2, max_size=20))
def test_any_finite_positive_prices_give_finite_returns(prices: list[float]) -> None:
    feature = LogReturn()
    got = [feature.on_tick(price) for price in prices][1:]
    np.testing.assert_allclose(np.array(got, dtype=float), np.diff(np.log(prices)), rtol=1e-9, atol=1e-12)
    assert all(value is not None and math.isfinite(value) for value in got)


@pytest.mark.parametrize("price", [0.0, -0.0, -1.0, math.inf, -math.inf, math.nan])
def test_departure_prices_must_be_finite_and_positive(price: float) -> None:
    feature = LogReturn()
    feature.on_tick(90.0)
    before = feature.state()
    with pytest.raises(ValueError, match="must be finite and positive"):
        feature.on_tick(price)
    assert feature.state() == before
    assert feature.on_tick(100.0) == np.log(100.0 / 90.0)


def test_reset_forgets_the_price_before() -> None:
    feature = LogReturn()
    feature.on_tick(90.0)
    feature.reset()
    assert feature.on_tick(100.0) is None
