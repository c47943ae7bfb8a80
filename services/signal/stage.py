"""The signal service: its Tick stage featurises and predicts; its plan says what it reads and writes."""

from typing import Any, cast

import torch
from torch import nn

from shared.config import Settings
from shared.errors import ConfigError
from shared.features import AnyFeature, make_feature
from shared.messages import Features, Gap, MarketTick, Message, Prediction, Stream, Tensor
from shared.models.card import ModelRefused
from shared.models.choose import chosen_model
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import Input, Output, SequenceNumbers, ServiceSpec, Stage
from shared.tick import State

_features, _prediction = unvalidated(Features), unvalidated(Prediction)
_FEATURES, _PREDICTIONS = Stream.FEATURES, Stream.PREDICTIONS


class SignalSnapshot(Snapshot):
    """The stage remembers its feature's state and the stream numbers."""

    feature: Any
    numbers: Any


class SignalStage(Stage):
    """The stage takes one symbol's ticks, and gives features and predictions once the window is full.

    A Gap empties the window and is passed on to both streams.
    """

    def __init__(self, feature: AnyFeature[float, torch.Tensor], predict: Predict, model: str) -> None:
        self._feature = feature
        self._predict = predict
        self._model = model
        self._spec = feature.spec
        self._numbers = SequenceNumbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a MarketTick or a Gap."""
        if type(val) is Gap:
            self._feature.reset()
            return [self._gap(val, _FEATURES), self._gap(val, _PREDICTIONS)]
        tick = cast(MarketTick, val)
        x = self._feature.on_tick(float(tick.price))
        if x is None:
            return None
        y_hat = self._predict.on_tick(x)
        assert y_hat is not None  # a model has no warm-up of its own
        sym, ts_event, tr = tick.sym, tick.ts_event, tick.tr
        prediction = _prediction(
            n=self._numbers.next(_PREDICTIONS), sym=sym, ts_event=ts_event, tr=tr,
            tick_n=tick.n, price=tick.price, y_hat=y_hat, model=self._model, history=tick.history,
        )  # fmt: skip
        if _FEATURES in self.muted:
            return [prediction]
        features = _features(
            n=self._numbers.next(_FEATURES), sym=sym, ts_event=ts_event, tr=tr,
            spec=self._spec, values=Tensor.of(x.numpy()),
        )  # fmt: skip
        return [features, prediction]

    def _gap(self, gap: Gap, stream: Stream) -> Gap:
        return gap.model_copy(update={"n": self._numbers.next(stream), "stream": stream})

    def state(self) -> State:
        """Returns the window and the stream numbers."""
        return _snapshot(feature=self._feature.state(), numbers=self._numbers.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = SignalSnapshot.of(state)
        self._feature.restore(saved.feature)
        self._numbers.restore(saved.numbers)


_snapshot = fields_of(SignalSnapshot)


def plan(settings: Settings) -> ServiceSpec:
    """Loads the model, once for all symbols; a ConfigError when it may not be used."""
    try:
        path = chosen_model(settings)
        loaded = load_model(path, symbols=settings.symbols, interval=settings.interval)
    except ModelRefused as refused:
        raise ConfigError(str(refused)) from refused
    return plan_with(settings, loaded.module, loaded.card.features[0], loaded.hash)


def plan_with(settings: Settings, module: nn.Module, features: str, model: str) -> ServiceSpec:
    """Returns the plan with a model at hand. features: its spec. model: its name in every Prediction."""
    predict = Predict(module)
    return ServiceSpec(
        instance=settings.signal.instance,
        make_stage=lambda sym: SignalStage(make_feature(features), predict, model),
        inputs=(Input(Stream.TICKS, settings.ingestor.instance),),
        outputs=(
            Output(Stream.FEATURES),
            Output(Stream.PREDICTIONS, (settings.strategy.instance,), settings.bus.bound),
        ),
    )
