"""Every printed result of the notebook, with its own numbers. The cell's number stands in each test's name.

Where we depart from it (docs/departures.md) the test's name says so.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import numpy as np
import pytest
import torch

from shared.account import Account, Order, Position
from shared.features.log_return import LogReturn
from shared.features.log_return_lags import LogReturnLags
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.strategies import BarePrediction, BasicTakerStrat
from shared.tick import Tick
from shared.windows import DequeWindow, Last, NumpyWindow
from shared.windows.tensor_window import TensorWindow

Window = TypeVar("Window", bound=Tick[float, float])
MODEL = load_model("weights/btcusdt_12h_linear.json").module


def fed(tick: Window, *values: float) -> Window:
    for value in values:
        tick.on_tick(value)
    return tick


def lags_after(*prices: float) -> torch.Tensor | None:
    lags = LogReturnLags(3)
    x = None
    for price in prices:
        x = lags.on_tick(price)
    return x


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1], "DequeWindow(capacity=3, values=[1])"),
        ([1, 2], "DequeWindow(capacity=3, values=[1, 2])"),
        ([1, 2, 3], "DequeWindow(capacity=3, values=[1, 2, 3])"),
    ],
)
def test_cells_160_to_162_deque_window(values: list[int], shown: str) -> None:
    window = DequeWindow[int](3)
    for value in values:
        window.on_tick(value)
    assert repr(window) == shown


def test_cells_163_and_164_deque_window_drops_the_oldest() -> None:
    window = DequeWindow[int](3)
    for value in (1, 2, 3):
        window.on_tick(value)
    assert repr((window.on_tick(4), window)) == "(1, DequeWindow(capacity=3, values=[2, 3, 4]))"
    assert repr((window.on_tick(5), window)) == "(2, DequeWindow(capacity=3, values=[3, 4, 5]))"


@pytest.mark.parametrize(("make", "name"), [(NumpyWindow, "NumpyWindow"), (TensorWindow, "TensorWindow")])
@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], "size=0, values=[]"),
        ([1], "size=1, values=[1.0]"),
        ([1, 2], "size=2, values=[1.0, 2.0]"),
        ([1, 2, 3], "size=3, values=[1.0, 2.0, 3.0]"),
    ],
)
def test_cells_166_to_168_and_171_to_174_windows(
    make: Callable[[int], Tick[float, float]], name: str, values: list[float], shown: str
) -> None:
    assert repr(fed(make(3), *values)) == f"{name}(capacity=3, {shown})"


def test_cell_169_numpy_window_drops_the_oldest() -> None:
    window = fed(NumpyWindow(3), 1, 2, 3)
    shown = "(np.float64(1.0), NumpyWindow(capacity=3, size=3, values=[2.0, 3.0, 4.0]))"
    assert repr((window.on_tick(4), window)) == shown


def test_cell_175_tensor_window_drops_the_oldest() -> None:
    window = fed(TensorWindow(3), 1, 2, 3)
    assert repr((window.on_tick(4), window)) == "(1.0, TensorWindow(capacity=3, size=3, values=[2.0, 3.0, 4.0]))"


def test_cells_177_and_178_last() -> None:
    assert repr(Last[int]()) == "Last(value=None)"
    last = Last[int]()
    for value in (1, 2, 3):
        last.on_tick(value)
    assert repr(last) == "Last(value=3)"


def test_cells_180_to_184_log_return() -> None:
    feature = LogReturn()
    assert feature.on_tick(90.0) is None
    assert repr(feature) == "LogReturn(window=NumpyWindow(capacity=2, size=1, values=[90.0]))"
    assert repr((feature.on_tick(100.0), feature)) == (
        "(np.float64(0.10536051565782635), LogReturn(window=NumpyWindow(capacity=2, size=2, values=[90.0, 100.0])))"
    )
    assert repr(np.log(100 / 90)) == "np.float64(0.10536051565782635)"
    assert repr((feature.on_tick(150.0), feature)) == (
        "(np.float64(0.4054651081081644), LogReturn(window=NumpyWindow(capacity=2, size=2, values=[100.0, 150.0])))"
    )
    assert repr(np.log(150 / 100)) == "np.float64(0.4054651081081644)"


def test_cells_236_to_240_log_return_lags() -> None:
    assert lags_after(90) is None
    assert lags_after(90, 100) is None
    assert lags_after(90, 100, 150) is None
    assert repr(lags_after(90, 100, 150, 110)) == "tensor([-0.3102,  0.4055,  0.1054])"
    assert repr(lags_after(90, 100, 150, 110, 160)) == "tensor([ 0.3747, -0.3102,  0.4055])"


def test_cell_191_the_model() -> None:
    assert repr(MODEL) == "LinearModel(\n  (linear): Linear(in_features=3, out_features=1, bias=True)\n)"
    assert not MODEL.training


def test_cell_261_the_parameters() -> None:
    state = {name: tensor.numpy() for name, tensor in MODEL.state_dict().items()}
    assert list(state) == ["linear.weight", "linear.bias"]
    assert str(state["linear.weight"]) == "[[-0.10395038 -0.06726477  0.02827305]]"
    assert str(state["linear.bias"]) == "[0.00067121]"


def test_cells_192_to_194_departure_lags_are_newest_first() -> None:
    """The cells show an older run, oldest first, and its -0.0100; the notebook's own code gives newest first."""
    x = lags_after(90, 100, 150, 110, 160)
    assert x is not None
    assert repr(MODEL(x.flip(0))) == "tensor([-0.0100])"
    assert repr(MODEL(x)) == "tensor([-0.0060])"
    assert MODEL(x).item() == pytest.approx(-0.0059521, abs=1e-7)


def test_cells_256_to_259_the_strategy() -> None:
    lags = LogReturnLags(3)
    assert [lags.on_tick(price) for price in (100.0, 110.0, 90.0)] == [None, None, None]
    x = lags.on_tick(105)
    assert x is not None
    assert repr(x) == "tensor([ 0.1542, -0.2007,  0.0953])"
    assert repr(MODEL(x)) == "tensor([0.0008])"
    # The notebook's order of 100 is what money of 100 buys at a price of 1; see the departure below.
    assert repr([Order("BTCUSDT", Decimal(100))]) == "[Order(sym='BTCUSDT', signed_qty=Decimal('100'))]"
    assert str(Order("BTCUSDT", Decimal(-100))) == "Order(SELL 100 BTCUSDT)"


def test_cell_259_departure_the_size_is_money_divided_by_price() -> None:
    strat = BasicTakerStrat("BTCUSDT", MODEL, LogReturnLags(3), Account(Decimal(100)))
    assert [strat.on_tick(price) for price in (100.0, 110.0, 90.0)] == [None, None, None]
    assert strat.on_tick(105) == [Order("BTCUSDT", Decimal(100) / Decimal(105))]
    at_price_one = strat.decide(BarePrediction("BTCUSDT", 0.0008, Decimal(1)), Account(Decimal(100)))
    assert repr(at_price_one) == "[Order(sym='BTCUSDT', signed_qty=Decimal('100'))]"


def test_cell_260_the_returns() -> None:
    x = [np.log(105 / 90), np.log(90 / 110.0), np.log(110 / 100)]
    assert repr(x) == (
        "[np.float64(0.15415067982725836), np.float64(-0.2006706954621511), np.float64(0.09531017980432493)]"
    )
    lags = lags_after(100.0, 110.0, 90.0, 105)
    assert lags is not None
    assert lags.tolist() == np.array(x, dtype=np.float32).tolist()


def test_cells_262_and_263_departure_the_bias_is_added_once() -> None:
    """`np.sum(w * x + b)` adds it three times: 0.00218. The model's answer is 0.0008."""
    w = np.array([-0.10395038, -0.06726477, 0.02827305])
    assert repr(w) == "array([-0.10395038, -0.06726477,  0.02827305])"
    x = [np.log(105 / 90), np.log(90 / 110.0), np.log(110 / 100)]
    b = 0.00067121
    assert repr(np.sum(w * x + b)) == "np.float64(0.002182385909816468)"
    y_hat = Predict(MODEL).on_tick(torch.tensor(x, dtype=torch.float32))
    assert y_hat == pytest.approx(np.sum(w * x) + b, rel=1e-5)
    assert f"{y_hat:.4f}" == "0.0008"


def test_departure_fills_open_positions_so_the_next_decision_closes_them() -> None:
    """In the notebook no position is ever opened, so nothing is ever closed."""
    account = Account(Decimal(100))
    strat = BasicTakerStrat("BTCUSDT", MODEL, LogReturnLags(3), account)
    orders = [strat.on_tick(price) for price in (100.0, 110.0, 90.0, 105.0)][-1]
    assert orders is not None
    account.book("BTCUSDT", orders[0].signed_qty, Decimal(105))
    position = account.position("BTCUSDT")
    assert position == Position("BTCUSDT", orders[0].signed_qty, Decimal(105))
    after = strat.on_tick(120.0)
    assert after is not None
    assert after[0] == position.close()
    assert len(after) == 2


def test_departure_asking_for_the_closing_order_does_not_forget_the_position() -> None:
    """In the notebook close_position removes it before anything was sent."""
    account = Account(Decimal(100))
    account.open_position("BTCUSDT", Decimal(1), Decimal(50))
    assert account.close_position("BTCUSDT") == Order("BTCUSDT", Decimal(-1))
    assert account.position("BTCUSDT") == Position("BTCUSDT", Decimal(1), Decimal(50))
    account.book("BTCUSDT", Decimal(-1), Decimal(60))
    assert account.position("BTCUSDT") is None
    assert account.balance() == 110


def test_departure_unrealised_profit_is_qty_times_price_minus_entry() -> None:
    account = Account(Decimal(100))
    account.book("BTCUSDT", Decimal(-2), Decimal(50))
    assert account.unrealised("BTCUSDT", Decimal(45)) == 10
    assert account.equity("BTCUSDT", Decimal(45)) == 110
