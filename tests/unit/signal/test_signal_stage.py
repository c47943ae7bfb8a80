"""SignalStage: features and predictions out of ticks, one by one; gaps; a state that goes on where it stopped."""

from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from services.signal.stage import SignalStage
from shared.features import make_feature
from shared.messages import Features, Gap, GapCause, MarketTick, Message, Prediction, Stream, decode, encode
from shared.messages.codec import pack, unpack
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.record import WIRE
from shared.tick import State

SYM = "BTCUSDT"
MODEL = load_model("weights/btcusdt_12h_linear.json").module
PRICES = st.lists(st.decimals("0.01", 100_000, places=2), max_size=14)


def stage() -> SignalStage:
    return SignalStage(make_feature("log_return_lags(3)"), Predict(MODEL), "0123456789abcdef")


def tick(n: int, price: Decimal | int) -> MarketTick:
    return MarketTick(n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{n}", venue="v", price=Decimal(price))


def gap(n: int) -> Gap:
    return Gap(n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{n}", stream=Stream.TICKS, cause=GapCause.MISSED)


def run(taken: SignalStage, values: list[Message]) -> list[Message]:
    return [out for val in values for out in taken.on_tick(val) or []]


def test_nothing_comes_until_the_window_is_full_then_two_messages_a_tick() -> None:
    signal = stage()
    assert [signal.on_tick(tick(n, price)) for n, price in enumerate((100, 110, 90), 1)] == [None] * 3
    made = signal.on_tick(tick(4, 105))
    assert made is not None
    features, prediction = made
    assert isinstance(features, Features)
    assert isinstance(prediction, Prediction)
    lags = np.log(np.array([105 / 90, 90 / 110, 110 / 100])).astype(np.float32)
    np.testing.assert_allclose(features.values.numpy(), lags, rtol=1e-6)
    with torch.no_grad():
        y_hat = MODEL(torch.from_numpy(features.values.numpy().copy())).item()
    assert prediction.y_hat == y_hat
    assert (features.n, features.spec, features.tr, features.ts_event) == (1, "log_return_lags(3)", f"v:{SYM}:4", 40)
    assert (prediction.n, prediction.tick_n, prediction.price, prediction.model) == (
        1,
        4,
        Decimal(105),
        "0123456789abcdef",
    )


def test_a_gap_empties_the_window_and_goes_to_both_streams() -> None:
    signal = stage()
    run(signal, [tick(n, 100 + n) for n in range(1, 6)])
    first, second = run(signal, [gap(7)])
    assert isinstance(first, Gap)
    assert isinstance(second, Gap)
    assert (first.stream, first.n, second.stream, second.n) == (Stream.FEATURES, 3, Stream.PREDICTIONS, 3)
    assert (first.cause, first.tr, first.ts_event) == (GapCause.MISSED, f"v:{SYM}:7", 70)
    again = run(signal, [tick(n, 100 + n) for n in range(8, 13)])
    assert [(out.to, out.n) for out in again] == [
        (Stream.FEATURES, 4), (Stream.PREDICTIONS, 4), (Stream.FEATURES, 5), (Stream.PREDICTIONS, 5),
    ]  # fmt: skip


def test_a_prediction_on_history_says_so_and_warms_the_window_all_the_same() -> None:
    ticks: list[Message] = [tick(n, 100 + n) for n in range(1, 7)]
    old = [val.model_copy(update={"history": n <= 5}) for n, val in enumerate(ticks, 1)]
    live, warmed = run(stage(), ticks), run(stage(), old)
    assert [out.history for out in warmed if isinstance(out, Prediction)] == [True, True, False]
    assert live[4:] == warmed[4:]


def test_a_prediction_may_be_no_number() -> None:
    class Unsure(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum() * torch.nan

    signal = SignalStage(make_feature("log_return_lags(1)"), Predict(Unsure()), "m")
    _, prediction = run(signal, [tick(1, 100), tick(2, 110)])
    assert isinstance(prediction, Prediction)
    assert np.isnan(prediction.y_hat)
    assert decode(prediction.TAG, encode(prediction)).tr == prediction.tr


@given(PRICES, st.integers(0, 14), st.integers(0, 14))
def test_restored_is_never_stopped(prices: list[Decimal], cut: int, gap_at: int) -> None:
    values: list[Message] = [gap(n) if n == gap_at else tick(n, price) for n, price in enumerate(prices, 1)]
    whole, first, second = stage(), stage(), stage()
    before = run(first, values[:cut])
    second.restore(unpack(pack(first.state())))
    assert before + run(second, values[cut:]) == run(whole, values)
    assert second.state() == whole.state()


@given(PRICES)
def test_every_message_goes_over_the_wire(prices: list[Decimal]) -> None:
    for message in run(stage(), [tick(n, price) for n, price in enumerate(prices, 1)]):
        assert decode(message.TAG, encode(message)) == message


@pytest.mark.parametrize("state", [None, [], {"v": WIRE, "feature": None}, {"v": WIRE, "numbers": {}}, "x"])
def test_a_state_that_does_not_fit_is_refused(state: State) -> None:
    with pytest.raises(ValueError, match="SignalSnapshot"):
        stage().restore(state)
