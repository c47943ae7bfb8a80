"""LogReturnLags against numpy over the whole series."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.features.log_return_lags import LogReturnLags

PRICES = st.floats(min_value=1e-6, max_value=1e9)


@given(st.lists(PRICES, max_size=40), st.integers(1, 6))
def test_each_step_equals_numpy_over_the_series(prices: list[float], no_lags: int) -> None:
    whole = np.array(prices)
    returns = np.log(whole[1:] / whole[:-1])
    feature = LogReturnLags(no_lags)
    for t, price in enumerate(prices):
        x = feature.on_tick(price)
        if t < no_lags:
            assert x is None
            continue
        assert x is not None
        assert (x.dtype, x.shape) == (torch.float32, (no_lags,))
        newest_first = returns[t - no_lags : t][::-1]
        np.testing.assert_allclose(x.numpy(), newest_first.astype(np.float32), rtol=1e-6)


def test_a_result_is_not_changed_by_later_ticks() -> None:
    feature = LogReturnLags(2)
    results = [feature.on_tick(price) for price in (90, 100, 150, 110, 160)]
    kept = [None if x is None else x.tolist() for x in results]
    for price in (1, 2, 3, 4, 5):
        feature.on_tick(price)
    assert [None if x is None else x.tolist() for x in results] == kept


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_price_is_refused_and_not_taken(price: float) -> None:
    feature = LogReturnLags(1)
    feature.on_tick(90.0)
    before = feature.state()
    with pytest.raises(ValueError, match="must be finite and positive"):
        feature.on_tick(price)
    assert feature.state() == before


def test_reset_makes_it_as_new() -> None:
    feature = LogReturnLags(2)
    for price in (90, 100, 150):
        feature.on_tick(price)
    feature.reset()
    assert repr(feature) == repr(LogReturnLags(2))
    assert [feature.on_tick(price) is None for price in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize("no_lags", [0, -3])
def test_no_lags_must_be_positive(no_lags: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        LogReturnLags(no_lags)


def lags(values: list[float], prices: list[float]) -> object:
    return {"v": 3, "lags": values, "log_return": {"v": 3, "prices": prices}}


@pytest.mark.parametrize("state", [None, [[]], lags([1.0, 2.0], []), lags([], [1.0, 2.0, 3.0]), lags([], [True])])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match=r"Snapshot|window"):
        LogReturnLags(1).restore(state)  # type: ignore[arg-type]
