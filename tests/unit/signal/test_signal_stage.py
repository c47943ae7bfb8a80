"""SignalStage: features and predictions out of ticks, one by one; gaps; a state that goes on where it stopped."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from services.signal.stage import SignalStage, plan
from shared.bar import Bar
from shared.config import load_settings
from shared.errors import ConfigError
from shared.features.feature import BarFeature
from shared.messages import Features, Gap, GapCause, MarketTick, Message, Prediction, Stream, decode, encode
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup, Group, QuoteGroup
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.record import WIRE
from shared.resampler import Resampler
from shared.tick import State, Tick

SYM = "BTCUSDT"
MODEL = load_model("weights/btcusdt_12h_linear.json").module
PRICES = st.lists(st.decimals("0.01", 100_000, places=2), max_size=14)


def stage() -> SignalStage:
    return SignalStage(ModelInput(["log_return_lags(3)"]), Predict(MODEL), "0123456789abcdef")


def tick(n: int, price: Decimal | int) -> MarketTick:
    return MarketTick(n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{n}", venue="v", price=Decimal(price))


def gap(n: int) -> Gap:
    return Gap(n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{n}", stream=Stream.TICKS, cause=GapCause.MISSED)


def run(taken: SignalStage, values: list[Message]) -> list[Message]:
    return [out for val in values for out in taken.on_tick(val) or []]


def y_hats(messages: list[Message]) -> list[float | None]:
    return [message.y_hat for message in messages if isinstance(message, Prediction)]


def test_each_tick_has_one_prediction_and_with_a_full_window_features_too() -> None:
    signal = stage()
    made = [signal.on_tick(tick(n, price)) or [] for n, price in enumerate((100, 110, 90, 105), 1)]
    assert [[type(message) for message in each] for each in made] == [[Prediction]] * 3 + [[Features, Prediction]]
    features, prediction = made[3]
    assert isinstance(features, Features)
    assert isinstance(prediction, Prediction)
    lags = np.log(np.array([105 / 90, 90 / 110, 110 / 100])).astype(np.float32)
    np.testing.assert_allclose(features.values.numpy(), lags, rtol=1e-6)
    with torch.no_grad():
        y_hat = MODEL(torch.from_numpy(features.values.numpy().copy())).item()
    assert y_hats(run(stage(), [tick(n, price) for n, price in enumerate((100, 110, 90, 105), 1)])) == [
        None, None, None, y_hat,
    ]  # fmt: skip
    assert (features.n, features.spec, features.tr, features.ts_event) == (1, "log_return_lags(3)", f"v:{SYM}:4", 40)
    assert (prediction.n, prediction.tick_n, prediction.price, prediction.model) == (
        4, 4, Decimal(105), "0123456789abcdef",
    )  # fmt: skip


def test_a_gap_empties_the_window_and_goes_to_both_streams() -> None:
    signal = stage()
    run(signal, [tick(n, 100 + n) for n in range(1, 6)])
    first, second = run(signal, [gap(7)])
    assert isinstance(first, Gap)
    assert isinstance(second, Gap)
    assert (first.stream, first.n, second.stream, second.n) == (Stream.FEATURES, 3, Stream.PREDICTIONS, 6)
    assert (first.cause, first.tr, first.ts_event) == (GapCause.MISSED, f"v:{SYM}:7", 70)
    again = run(signal, [tick(n, 100 + n) for n in range(8, 13)])
    assert [(out.to, out.n) for out in again] == [
        *((Stream.PREDICTIONS, n) for n in (7, 8, 9)),
        (Stream.FEATURES, 4), (Stream.PREDICTIONS, 10), (Stream.FEATURES, 5), (Stream.PREDICTIONS, 11),
    ]  # fmt: skip
    assert [y_hat is None for y_hat in y_hats(again)] == [True] * 3 + [False] * 2


BAR = BarGroup(open=1.0, high=2.0, low=0.5, volume=3.0)
QUOTE = QuoteGroup(bid=1.0, ask=1.1, bid_qty=2.0, ask_qty=3.0)


class Volume(BarFeature[float]):
    """The volume, and the one before."""

    def __init__(self) -> None:
        self.before: float | None = None

    def on_tick(self, val: Bar) -> float | None:
        before, self.before = self.before, val.volume
        return before


class Given(Tick[Any, float]):
    """A model that says what it is shown."""

    def on_tick(self, val: Any) -> float | None:
        return float(val[0])


def of_bars(monkeypatch: pytest.MonkeyPatch) -> SignalStage:
    monkeypatch.setattr("shared.features.vector.make_feature", lambda spec, folder: Volume())
    return SignalStage(ModelInput(["volume()"]), Given(), "m", {Group.QUOTE})


def whole(n: int) -> MarketTick:
    return tick(n, 100 + n).model_copy(update={"bar": BAR.model_copy(update={"volume": float(n)}), "quote": QUOTE})


def test_a_tick_without_a_group_that_the_features_need_is_a_gap_and_has_its_prediction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signal = of_bars(monkeypatch)
    assert y_hats(run(signal, [whole(1), whole(2)])) == [None, 1.0]
    lacking = whole(3).model_copy(update={"bar": None})
    features, predictions, answer = run(signal, [lacking])
    for made, stream, n in (features, Stream.FEATURES, 2), (predictions, Stream.PREDICTIONS, 3):
        assert isinstance(made, Gap)
        assert (made.stream, made.n, made.cause, made.tr) == (stream, n, GapCause.UNFILLED, lacking.tr)
    assert isinstance(answer, Prediction)
    assert (answer.n, answer.tick_n, answer.y_hat) == (4, 3, None)
    assert y_hats(run(signal, [whole(4), whole(5)])) == [None, 4.0], "no window spans what was not there"


def test_a_bar_without_a_field_that_the_features_need_is_a_gap_too() -> None:
    signal = SignalStage(ModelInput(["taker_imbalance(1)"]), Given(), "m")
    told = [tick(n, 100).model_copy(update={"bar": BAR.model_copy(update={"taker_volume": 3.0})}) for n in (1, 3)]
    made = run(signal, [told[0], tick(2, 100).model_copy(update={"bar": BAR}), told[1]])
    assert [type(message) for message in made] == [Features, Prediction, Gap, Gap, Prediction, Features, Prediction]
    assert y_hats(made) == [1.0, None, 1.0]


def test_a_prediction_carries_the_groups_that_the_strategy_needs_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in run(of_bars(monkeypatch), [whole(1), whole(2)]):
        if isinstance(message, Prediction):
            assert (message.quote, message.bar, message.funding) == (QUOTE, None, None)
            assert decode(message.TAG, encode(message)) == message


def test_without_a_model_each_tick_is_answered() -> None:
    signal = SignalStage(None, None, "", {Group.BAR})
    made = run(signal, [whole(1), tick(2, 100), gap(3), whole(4)])
    assert [(type(message), message.n, message.to) for message in made] == [
        (Prediction, 1, Stream.PREDICTIONS), (Prediction, 2, Stream.PREDICTIONS), (Gap, 1, Stream.FEATURES),
        (Gap, 3, Stream.PREDICTIONS), (Prediction, 4, Stream.PREDICTIONS),
    ]  # fmt: skip
    assert y_hats(made) == [None] * 3
    assert [message.bar is None for message in made if isinstance(message, Prediction)] == [False, True, False]
    assert {message.model for message in made if isinstance(message, Prediction)} == {""}


def test_without_a_model_a_strategy_that_decides_on_predictions_is_refused() -> None:
    with pytest.raises(ConfigError, match="strategy threshold decides on predictions, and "):
        plan(load_settings(signal={"model": "none"}, strategy={"name": "threshold", "params": {"threshold": 0.1}}))


def test_a_model_that_comes_behind_none_starts_cold() -> None:
    before, after = SignalStage(None, None, ""), stage()
    run(before, [tick(n, 100 + n) for n in range(1, 6)])
    after.restore(unpack(pack(before.state())))
    assert [message.n for message in run(after, [tick(6, 100)])] == [6]


def test_a_sequence_of_longer_bars_is_predicted_on_at_their_ends() -> None:
    signal = SignalStage(ModelInput(["log_return_lags(1)"], 2, Resampler(10, 20)), Last2(), "m")
    made = run(signal, [tick(n, 100 + n) for n in range(1, 11)])
    assert [at for at, y_hat in enumerate(y_hats(made), 1) if y_hat is not None] == [6, 8, 10]
    features = [message for message in made if isinstance(message, Features)]
    assert [message.tr for message in features] == [f"v:{SYM}:{n}" for n in (6, 8, 10)]
    assert [message.values.shape for message in features] == [(1,)] * 3
    assert float(features[0].values.numpy()[0]) == np.float32(np.log(106 / 104))


class Last2(Tick[Any, float]):
    """A model of two vectors."""

    def on_tick(self, val: Any) -> float | None:
        assert val.shape == (2, 1)
        return float(val.sum())


@pytest.mark.parametrize("features", ["none", "prices", "bars"])
def test_the_process_of_a_model_without_torch_loads_no_torch(features: str) -> None:
    """A strategy of rules trades without a model; and what an ONNX model is shown is made without torch, too."""
    script = """
import sys
from services.signal.stage import SignalStage, plan
from shared.config import Settings
from shared.models.model_input import ModelInput
if sys.argv[1] == "none":
    rules = {"name": "moving_average_cross"}
    stage = plan(Settings(signal={"model": "none"}, strategy=rules)).make_stage("SIM-A")
else:
    stage = SignalStage(ModelInput(["log_return_lags(2)"]), None, "m")
    assert stage._input.on_price(1.0) is None
    if sys.argv[1] == "bars":
        import shared.resampler, shared.windows.sequence_window
print([name for name in ("torch", "onnxruntime") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script, features], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_prediction_on_history_says_so_and_warms_the_window_all_the_same() -> None:
    ticks: list[Message] = [tick(n, 100 + n) for n in range(1, 7)]
    old = [val.model_copy(update={"history": n <= 5}) for n, val in enumerate(ticks, 1)]
    live, warmed = run(stage(), ticks), run(stage(), old)
    assert [out.history for out in warmed if isinstance(out, Prediction)] == [True] * 5 + [False]
    assert live[-2:] == warmed[-2:]


def test_a_prediction_may_be_no_number() -> None:
    class Unsure(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum() * torch.nan

    signal = SignalStage(ModelInput(["log_return_lags(1)"]), Predict(Unsure()), "m")
    *_, prediction = run(signal, [tick(1, 100), tick(2, 110)])
    assert isinstance(prediction, Prediction)
    assert prediction.y_hat is not None
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


@pytest.mark.parametrize(
    ("features", "window", "interval", "goes_on"),
    [
        (["z_score(3)"], 1, "1h", True),
        (["rolling_std(3)"], 1, "1h", False),  # its memory has the same form
        (["z_score(4)"], 1, "1h", False),
        (["z_score(3)", "log_return()"], 1, "1h", False),
        (["z_score(3)"], 2, "1h", False),
        (["z_score(3)"], 1, "4h", False),
    ],
)
def test_the_windows_of_a_model_that_was_shown_otherwise_fill_anew(
    features: list[str], window: int, interval: str, goes_on: bool
) -> None:
    before = SignalStage(ModelInput(["z_score(3)"], interval="1h"), Constant(), "m")
    run(before, [tick(n, 50 + n * n) for n in range(1, 6)])
    after = SignalStage(ModelInput(features, window, interval=interval), Constant(), "m")
    after.restore(unpack(pack(before.state())))
    after.restore(unpack(pack(after.state())))  # another start, before any tick came, changes nothing
    made = run(after, [tick(6, 70)])
    assert y_hats(made) == [0.5 if goes_on else None]
    assert [each.to for each in made if isinstance(each, Gap)] == (
        [] if goes_on else [Stream.FEATURES, Stream.PREDICTIONS]
    )
    (prediction,) = (made for made in run(after, [tick(7, 71)]) if not isinstance(made, Features))
    assert (type(prediction), prediction.n) == (Prediction, 7 if goes_on else 8)


class Constant(Tick[Any, float]):
    def on_tick(self, val: Any) -> float | None:
        return 0.5
