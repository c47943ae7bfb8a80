"""Strategy: the same objects in a row give what they give one by one."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account, Order
from shared.features.log_return_lags import LogReturnLags
from shared.messages import Reason
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.strategies import BarePrediction, BasicTaker, BasicTakerStrat, Decider, Strategy, Threshold
from shared.strategies.rounding import tradable

SYM = "BTCUSDT"
MODEL = load_model("weights/btcusdt_12h_linear.json").module
PRICES = st.lists(st.decimals("0.01", 100_000, places=2), max_size=12)
DECIDERS = st.sampled_from([BasicTaker(), BasicTaker(netting=True), Threshold(threshold=0.001)])


def fill(account: Account, orders: list[Order], price: Decimal) -> None:
    for order in orders:
        account.book(order.sym, order.signed_qty, price, Decimal("0.0003") * abs(order.signed_qty) * price)


@given(PRICES, DECIDERS)
def test_it_equals_features_predict_and_decide(prices: list[Decimal], decider: Decider) -> None:
    strategy = Strategy(SYM, MODEL, LogReturnLags(3), Account(Decimal(100)), decider)
    features, predict, account = LogReturnLags(3), Predict(MODEL), Account(Decimal(100))
    for price in prices:
        got = strategy.on_tick(float(price))
        x = features.on_tick(float(price))
        y_hat = None if x is None else predict.on_tick(x)
        if y_hat is None:
            assert got is None
            continue
        decision = decider.decide(BarePrediction(SYM, y_hat, price), account)
        if not isinstance(decision, Reason):
            position = account.position(SYM)
            decision = tradable(decision, position.signed_qty if position else Decimal(0), None)
        expected = [] if isinstance(decision, Reason) else decision
        assert got == expected
        assert [order.leg for order in got or []] == [order.leg for order in expected]
        fill(strategy.account, got or [], price)
        fill(account, expected, price)
    assert strategy.account.balance() == account.balance()
    assert strategy.account.position(SYM) == account.position(SYM)


def test_basic_taker_strat_takes_leverage_and_netting() -> None:
    strat = BasicTakerStrat(SYM, MODEL, LogReturnLags(3), Account(Decimal(105)), leverage=Decimal(2), netting=True)
    assert strat.decider == BasicTaker(leverage=Decimal(2), netting=True)
    results = [strat.on_tick(price) for price in (100.0, 110.0, 90.0, 105.0)]
    assert results == [None, None, None, [Order(SYM, Decimal(2))]]
    assert strat.decide(BarePrediction(SYM, -1.0, Decimal(105)), Account(Decimal(105))) == [Order(SYM, Decimal(-2))]


@pytest.mark.parametrize("state", [None, [], [1, 2], {"v": 3, "features": None}])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    strat = BasicTakerStrat(SYM, MODEL, LogReturnLags(3), Account(Decimal(105)))
    with pytest.raises(ValueError, match="StrategySnapshot"):
        strat.restore(state)  # type: ignore[arg-type]


def test_another_number_of_lags_than_the_models_is_refused_at_once_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^the model does not take the 5 numbers of log_return_lags\(5\) ") as refused:
        BasicTakerStrat(SYM, MODEL, LogReturnLags(5), Account(Decimal(100)))
    assert "\n" not in str(refused.value)
    wide = torch.nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r"it must give one number, y_hat$"):
        BasicTakerStrat(SYM, wide, LogReturnLags(3), Account(Decimal(100)))


@pytest.mark.parametrize("no_lags", [3, 3.0, np.int64(3), np.float64(3)])
def test_a_whole_number_of_lags_may_be_written_as_a_float(no_lags: int) -> None:
    lags = LogReturnLags(no_lags)
    assert (lags.width, type(lags.width)) == (3, int)


@pytest.mark.parametrize(
    ("no_lags", "error", "said"),
    [
        (2.5, ValueError, "no_lags must be a whole number, not 2.5"),
        (0, ValueError, "no_lags must be positive, not 0"),
        (float("nan"), ValueError, "no_lags must be a whole number, not nan"),
        ("3", TypeError, "no_lags must be a whole number, not str '3'"),
        (None, TypeError, "no_lags must be a whole number, not NoneType None"),
    ],
)
def test_no_number_of_lags_is_refused(no_lags: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as refused:
        LogReturnLags(no_lags)
    assert str(refused.value) == said
