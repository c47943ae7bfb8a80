"""Threshold: BasicTaker above it, nothing below."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account
from shared.messages import Reason
from shared.strategies import BarePrediction, BasicTaker, Threshold

SYM = "BTCUSDT"


@given(st.floats(allow_nan=True), st.floats(0, 1), st.booleans(), st.booleans())
def test_above_it_is_basic_taker_and_below_it_keeps_the_position(
    y_hat: float, threshold: float, netting: bool, held: bool
) -> None:
    account = Account(Decimal(100))
    if held:
        account.book(SYM, Decimal(-1), Decimal(40))
    forecast = BarePrediction(SYM, y_hat, Decimal(50))
    decision = Threshold(threshold=threshold, netting=netting).decide(forecast, account)
    if y_hat != 0 and abs(y_hat) <= threshold:
        assert decision is Reason.BELOW_THRESHOLD
    else:
        assert decision == BasicTaker(netting=netting).decide(forecast, account)


@pytest.mark.parametrize("y_hat", [0.001, -0.001])
def test_exactly_at_the_threshold_trades_nothing(y_hat: float) -> None:
    decision = Threshold(threshold=0.001).decide(BarePrediction(SYM, y_hat, Decimal(50)), Account(Decimal(100)))
    assert decision is Reason.BELOW_THRESHOLD
    beyond = BarePrediction(SYM, math.nextafter(y_hat, math.inf * y_hat), Decimal(50))
    assert isinstance(Threshold(threshold=0.001).decide(beyond, Account(Decimal(100))), list)
