"""BasicTaker.decide: sizes in Decimal, legs, netting, and every reason not to trade."""

import math
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.account import Account, Order
from shared.messages import Leg, Prediction, Reason
from shared.strategies import BarePrediction, BasicTaker

SYM = "BTCUSDT"
PRICE = st.decimals("0.01", 100_000, places=2)
Y_HAT = st.floats(-1, 1).filter(bool)


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    account = Account(draw(st.decimals(-1000, 10_000, places=4)))
    if draw(st.booleans()):
        account.book(SYM, draw(st.decimals(-100, 100, places=6).filter(bool)), draw(PRICE))
    return account


def legs(decision: list[Order] | Reason) -> list[Leg]:
    assert not isinstance(decision, Reason)
    return [order.leg for order in decision]


@given(accounts(), Y_HAT, PRICE, st.decimals("0.1", 5, places=1))
def test_the_size_is_equity_times_leverage_over_price(
    account: Account, y_hat: float, price: Decimal, leverage: Decimal
) -> None:
    equity = account.balance() + account.unrealised(SYM, price)
    assume(equity > 0)
    held = account.position(SYM)
    decision = BasicTaker(leverage=leverage).decide(BarePrediction(SYM, y_hat, price), account)
    assert legs(decision) == ([Leg.CLOSE, Leg.OPEN] if held else [Leg.OPEN])
    assert not isinstance(decision, Reason)
    assert decision[-1].signed_qty == (1 if y_hat > 0 else -1) * (equity * leverage / price)
    if held:
        assert decision[0].signed_qty == -held.signed_qty


@given(accounts(), Y_HAT, PRICE, st.decimals("0.1", 5, places=1), st.decimals("0.01", 1, places=2))
def test_the_money_is_the_capital_or_a_part_of_the_equity(
    account: Account, y_hat: float, price: Decimal, leverage: Decimal, fraction: Decimal
) -> None:
    equity = account.equity(SYM, price)
    assume(equity > 0 and account.capital > 0)
    for money, decider in (
        (account.capital, BasicTaker(leverage=leverage, sizing="constant")),
        (equity * fraction, BasicTaker(leverage=leverage, sizing="fraction", fraction=fraction)),
    ):
        decision = decider.decide(BarePrediction(SYM, y_hat, price), account)
        assert not isinstance(decision, Reason)
        assert decision[-1].signed_qty == (1 if y_hat > 0 else -1) * (money * leverage / price)


@given(accounts(), Y_HAT, PRICE)
def test_netting_is_the_sum_of_the_legs(account: Account, y_hat: float, price: Decimal) -> None:
    assume(account.equity(SYM, price) > 0)
    forecast = BarePrediction(SYM, y_hat, price)
    two, one = BasicTaker().decide(forecast, account), BasicTaker(netting=True).decide(forecast, account)
    assert not isinstance(two, Reason)
    total = sum((order.signed_qty for order in two), Decimal(0))
    assert one == ([Order(SYM, total)] if total else Reason.NO_CHANGE)
    if total:
        assert legs(one) == [Leg.NET]


@given(accounts(), Y_HAT, PRICE, st.booleans())
def test_deciding_changes_nothing(account: Account, y_hat: float, price: Decimal, netting: bool) -> None:
    before = repr(account)
    decider = BasicTaker(netting=netting)
    first = decider.decide(BarePrediction(SYM, y_hat, price), account)
    assert repr(account) == before
    assert decider.decide(BarePrediction(SYM, y_hat, price), account) == first


@pytest.mark.parametrize("netting", [False, True])
@pytest.mark.parametrize(
    ("y_hat", "reason"),
    [
        (0.0, Reason.ZERO_PREDICTION),
        (-0.0, Reason.ZERO_PREDICTION),
        (math.nan, Reason.NAN_PREDICTION),
        (math.inf, Reason.NAN_PREDICTION),
        (-math.inf, Reason.NAN_PREDICTION),
    ],
)
def test_departure_a_prediction_of_zero_or_nan_trades_nothing(netting: bool, y_hat: float, reason: Reason) -> None:
    account = Account(Decimal(100))
    account.book(SYM, Decimal(1), Decimal(50))
    assert BasicTaker(netting=netting).decide(BarePrediction(SYM, y_hat, Decimal(50)), account) is reason


@pytest.mark.parametrize(
    "decider", [BasicTaker(), BasicTaker(netting=True), BasicTaker(sizing="constant")], ids=["legs", "net", "constant"]
)
def test_without_equity_only_the_way_out_is_left(decider: BasicTaker) -> None:
    account = Account(Decimal(100))
    account.book(SYM, Decimal(1), Decimal(200))
    broke = BarePrediction(SYM, 0.1, Decimal(100))
    decision = decider.decide(broke, account)
    assert decision == [Order(SYM, Decimal(-1))]
    assert legs(decision) == [Leg.CLOSE]
    account.book(SYM, Decimal(-1), Decimal(100))
    assert decider.decide(broke, account) is Reason.NO_EQUITY


def test_netting_without_a_difference_is_no_change() -> None:
    account = Account(Decimal(100))
    account.book(SYM, Decimal(2), Decimal(50))
    assert BasicTaker(netting=True).decide(BarePrediction(SYM, 0.1, Decimal(50)), account) is Reason.NO_CHANGE
    assert legs(BasicTaker().decide(BarePrediction(SYM, 0.1, Decimal(50)), account)) == [Leg.CLOSE, Leg.OPEN]


def test_the_wire_message_is_a_signal() -> None:
    message = Prediction(
        n=1, sym=SYM, ts_event=1, tr="t", tick_n=1, price=Decimal(50), y_hat=-0.01, model="0123456789abcdef"
    )
    assert BasicTaker().decide(message, Account(Decimal(100))) == [Order(SYM, Decimal(-2))]


def test_profit_and_loss_of_another_symbol_is_no_part_of_the_size() -> None:
    account = Account(Decimal(100))
    account.book("ETHUSDT", Decimal(1), Decimal(10))
    assert BasicTaker().decide(BarePrediction(SYM, 0.1, Decimal(50)), account) == [Order(SYM, Decimal(2))]
