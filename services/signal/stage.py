"""The signal service: its Tick stage featurises and predicts; its plan says what it reads and writes."""

from collections.abc import Callable, Sequence, Set
from typing import Annotated, Any, cast

import structlog

from shared.bar import Bar
from shared.config import Settings
from shared.errors import ConfigError
from shared.later_fields import Since
from shared.messages import Features, Gap, GapCause, MarketTick, Message, Prediction, Stream, Tensor
from shared.messages.market import Group
from shared.models.choose import NO_MODEL, chosen_model
from shared.models.load_model import load_model, require_model
from shared.models.model_input import ModelInput, resampler_of
from shared.models.runtime import Runtime
from shared.needs import carried_groups
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import Input, Output, SequenceNumbers, ServiceSpec, Stage
from shared.strategies.decider import Decider
from shared.strategies.registry import configured_strategy
from shared.strategies.wrapper import innermost
from shared.tick import State, Tick

log = structlog.get_logger()
_features, _prediction = unvalidated(Features), unvalidated(Prediction)
_FEATURES, _PREDICTIONS = Stream.FEATURES, Stream.PREDICTIONS


class SignalSnapshot(Snapshot):
    """The stage remembers its model input's state, the stream numbers, and the mark of the runtime that predicted.

    - shown: the hash of what the model was shown, see ModelInput; empty where nobody said.
    """

    feature: Any
    numbers: Any
    runtime: Annotated[str, Since(4)] = ""
    shown: Annotated[str, Since(4)] = ""


class SignalStage(Stage):
    """The stage answers each of one symbol's ticks with exactly one prediction, and with features where it has any.

    A prediction has no y_hat where there is none: the windows are not full, the tick ends no bar of the model's, or
    there is no model. A Gap empties the windows and is passed on to both streams. So is a tick without a group, or a
    field of it, that the features need: what they would see is not there. Its prediction follows the Gap.

    The windows of a model that was shown otherwise (other features, their code, a longer bar) are not taken over: what
    they hold would be taken for what it is not. They fill anew, behind a Gap before the next tick.

    - model_input, predict: what the model is shown, and the model; None without one.
    - model: its name in every prediction.
    - carried: the groups that predictions carry, since the strategy needs them.
    - runtime: the mark of that with which the model predicts.
    """

    def __init__(
        self,
        model_input: ModelInput | None,
        predict: Tick[Any, float] | None,
        model: str,
        carried: Set[Group] = frozenset(),
        runtime: str = "",
    ) -> None:
        self._runtime = runtime
        self._input = model_input
        self._predict = predict
        self._model = model
        self._carried = sorted(group.value for group in carried)
        self._needs = [] if model_input is None else sorted(group.value for group in model_input.needs)
        self._fields = [] if model_input is None else sorted(model_input.fields)
        self._takes_bars = model_input is not None and (model_input.takes_bars or bool(self._needs))
        self._spec = "" if model_input is None else ", ".join(model_input.vector.specs)
        self._shown = "" if model_input is None else model_input.shown
        self._numbers = SequenceNumbers()
        self._anew = False  # the windows of the state that was restored were not taken over, and no Gap said so yet

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a MarketTick or a Gap."""
        if type(val) is Gap:
            return self._emptied(val)
        tick = cast(MarketTick, val)
        if self._input is None:
            return [self._prediction(tick, None)]
        if self._anew:
            return [*self._emptied(_unfilled(tick)), *(self.on_tick(tick) or ())]
        if self._takes_bars:
            for group in self._needs:
                if getattr(tick, group) is None or (group == "bar" and self._lacks_a_field(tick)):
                    return [*self._emptied(_unfilled(tick)), self._prediction(tick, None)]
            bar = Bar.of(tick.sym, tick.ts_event, tick.price, tick.bar, tick.quote, tick.funding)
            x = self._input.on_tick(bar)
        else:
            x = self._input.on_price(float(tick.price))
        if x is None:
            return [self._prediction(tick, None)]
        assert self._predict is not None
        y_hat = self._predict.on_tick(x)
        assert y_hat is not None  # a model has no warm-up of its own
        if _FEATURES in self.muted:
            return [self._prediction(tick, y_hat)]
        features = _features(
            n=self._numbers.next(_FEATURES), sym=tick.sym, ts_event=tick.ts_event, tr=tick.tr,
            spec=self._spec, values=Tensor.of(x if x.ndim == 1 else x[-1]),
        )  # fmt: skip
        return [features, self._prediction(tick, y_hat)]

    def _lacks_a_field(self, tick: MarketTick) -> bool:
        return any(getattr(tick.bar, field) is None for field in self._fields)

    def _prediction(self, tick: MarketTick, y_hat: float | None) -> Prediction:
        """Returns the tick's prediction; y_hat None: there is none."""
        if self._carried:
            groups = {group: getattr(tick, group) for group in self._carried}
            return _prediction(
                n=self._numbers.next(_PREDICTIONS), sym=tick.sym, ts_event=tick.ts_event, tr=tick.tr,
                tick_n=tick.n, price=tick.price, y_hat=y_hat, model=self._model, history=tick.history, **groups,
            )  # fmt: skip
        return _prediction(
            n=self._numbers.next(_PREDICTIONS), sym=tick.sym, ts_event=tick.ts_event, tr=tick.tr,
            tick_n=tick.n, price=tick.price, y_hat=y_hat, model=self._model, history=tick.history,
        )  # fmt: skip

    def _emptied(self, gap: Gap) -> list[Message]:
        """Empties the windows; returns the gap as that of both streams."""
        self._anew = False
        if self._input is not None:
            self._input.reset()
        return [
            gap.model_copy(update={"n": self._numbers.next(stream), "stream": stream})
            for stream in (_FEATURES, _PREDICTIONS)
        ]

    def state(self) -> State:
        """Returns the windows and the stream numbers."""
        feature = None if self._input is None else self._input.state()
        shown = _ANEW if self._anew else self._shown
        return _snapshot(feature=feature, numbers=self._numbers.state(), runtime=self._runtime, shown=shown)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = SignalSnapshot.of(state)
        if self._input is not None:
            self._anew = saved.shown not in ("", self._shown)
            if self._anew:
                self._input.reset()
                log.warning("windows begin anew", why="the model was shown otherwise", features=self._spec)
            elif saved.feature is not None:  # None: there was no model then
                self._input.restore(saved.feature)
        self._numbers.restore(saved.numbers)


_snapshot = fields_of(SignalSnapshot)
_ANEW = "anew"  # no hash: the stage that reads it owes the Gap, too


def _unfilled(tick: MarketTick) -> Gap:
    """Returns the gap that stands in a tick's place."""
    return Gap(
        n=tick.n, sym=tick.sym, ts_event=tick.ts_event, tr=tick.tr, stream=Stream.TICKS, cause=GapCause.UNFILLED
    )  # fmt: skip


def plan(settings: Settings) -> ServiceSpec:
    """Loads the model, once for all symbols; raises ModelRefused when it may not be used."""
    if settings.signal.model == NO_MODEL:
        _require_rules(settings)
        carried = carried_groups(settings)
        return _plan(settings, lambda sym: SignalStage(None, None, "", carried))
    loaded = load_model(chosen_model(settings), symbols=settings.symbols, interval=settings.interval)
    card = loaded.card
    return plan_with(
        settings, loaded.predict(), card.features, loaded.hash,
        window=card.window, interval=card.interval, runtime=Runtime.here(card.format),
    )  # fmt: skip


def require_plan(settings: Settings) -> None:
    """Raises what `plan` would; it loads a runtime only where code of the user's decides whether the model is one."""
    if settings.signal.model == NO_MODEL:
        _require_rules(settings)
    else:
        require_model(chosen_model(settings), symbols=settings.symbols, interval=settings.interval)
    carried_groups(settings)


def _require_rules(settings: Settings) -> None:
    """Refuses a strategy that would never be asked: a Decider decides on predictions alone."""
    if isinstance(innermost(configured_strategy(settings.strategy)), Decider):
        raise ConfigError(
            f"config: strategy {settings.strategy.name} decides on predictions, and signal.model is none: name a "
            "model, or take a strategy of rules, e.g. moving_average_cross"
        )


def plan_with(
    settings: Settings,
    predict: Tick[Any, float],
    features: Sequence[str],
    model: str,
    *,
    window: int = 1,
    interval: str | None = None,
    runtime: Runtime | None = None,
) -> ServiceSpec:
    """Returns the plan with a model at hand.

    - predict: the Tick that asks it. features: specs. model: its name in every Prediction.
    - window: as of a card. interval: of the model's bars; the config's without one.
    - runtime: with which it predicts to the bit; replicas of another one stand by.
    """
    own, carried = settings.interval, carried_groups(settings)
    wanted = own if interval is None else interval

    def make_stage(sym: str) -> SignalStage:
        model_input = ModelInput(features, window, resampler_of(own, wanted), interval=wanted)
        return SignalStage(model_input, predict, model, carried, "" if runtime is None else runtime.mark)

    return _plan(settings, make_stage, runtime)


def _plan(settings: Settings, make_stage: Callable[[str], SignalStage], runtime: Runtime | None = None) -> ServiceSpec:
    return ServiceSpec(
        instance=settings.signal.instance,
        make_stage=make_stage,
        inputs=(Input(Stream.TICKS, settings.ingestor.instance),),
        outputs=(
            Output(Stream.FEATURES),
            Output(Stream.PREDICTIONS, (settings.strategy.instance,), settings.bus.bound),
        ),
        runtime=runtime,
    )
