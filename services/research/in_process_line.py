"""The line runs in one process, without a bus: the very stages that the services wrap, one calling the next."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

from services.gateway.paper import plan as gateway_plan
from services.ingestor.plan import make_source
from services.ingestor.plan import plan as ingestor_plan
from services.ingestor.replay import ReplaySource
from services.ingestor.source import Datum, Source
from services.ingestor.stage import IngestStage
from services.signal.stage import plan as signal_plan
from services.signal.stage import plan_with as signal_plan_with
from services.signal.stage import require_plan as require_signal_plan
from services.strategy.plan import plan as strategy_plan
from services.strategy.stage import StrategyStage
from shared.config import Settings
from shared.messages import Message, Stream
from shared.messages.codec import TYPES
from shared.runner.spec import ServiceSpec, Stage
from shared.runner.symbol import Symbol
from shared.tick import Tick

Book = StrategyStage  # what a reader of snapshots wants of it


class LinePlans(NamedTuple):
    """The plans say what the source is and what each service does, from the config."""

    source: Source
    ingestor: ServiceSpec
    signal: ServiceSpec
    strategy: ServiceSpec
    gateway: ServiceSpec


def line_plans(settings: Settings) -> LinePlans:
    """Makes all plans and loads the model. Raises ConfigError or DataError as the services would."""
    return _line_plans(settings, signal_plan(settings))


def line_plans_with(
    settings: Settings, predict: Tick[Any, float], features: Sequence[str], model: str, *, window: int = 1
) -> LinePlans:
    """Makes all plans with a model at hand instead of the config's.

    - predict: the Tick that asks it.
    - features: specs.
    - model: its name.
    - window: as of a card.
    """
    return _line_plans(settings, signal_plan_with(settings, predict, features, model, window=window))


def _line_plans(settings: Settings, signal: ServiceSpec) -> LinePlans:
    source = make_source(settings)
    ingestor = ingestor_plan(settings, source.venue)
    return LinePlans(source, ingestor, signal, strategy_plan(settings), gateway_plan(settings))


def check_input(settings: Settings) -> Mapping[str, int] | None:
    """Reads the whole input once and looks at the model, so that what is bad stops the run before it starts.

    The signal service alone makes the model, where that is one of ours.

    Returns symbol -> how many quotes there will be, None for an endless source.
    """
    if settings.ingestor.source == "ccxt":
        require_signal_plan(settings)
        return None
    source, limit = make_source(settings), settings.ingestor.limit
    rows = source.check() if isinstance(source, ReplaySource) else None  # first: it knows the interval to name
    require_signal_plan(settings)
    ingestor_plan(settings, source.venue)
    strategy_plan(settings)
    gateway_plan(settings)
    if rows is not None:
        return {sym: checked.rows for sym, checked in rows.items()}
    return None if limit is None else dict.fromkeys(settings.symbols, limit)


def book_from(settings: Settings, sym: str, snapshot: bytes) -> StrategyStage:
    """Returns a symbol's book as the strategy service committed it."""
    stage = strategy_plan(settings).make_stage(sym)
    Symbol(sym, stage).restore(snapshot)
    assert isinstance(stage, StrategyStage)
    return stage


def position_from(sym: str, snapshot: bytes) -> int:
    """Returns how many quotes of a symbol the ingestor service has taken and committed."""
    stage = IngestStage("", sym)
    Symbol(sym, stage).restore(snapshot)
    return stage.position


Tap = Callable[[Message], None]


class InProcessLine(Tick[Datum, list[Message]]):
    """The line of one symbol takes a quote and gives every message that the services would write for it, in order.

    A message that its stage is not ready for waits, as it does in the service, and is offered again when that stage
    has taken something else. taps: called with each message of a stream, after all stages that read it. muted:
    streams whose messages nobody asks for; they are left out.
    """

    def __init__(
        self,
        plans: LinePlans,
        sym: str,
        taps: Mapping[Stream, Tap] | None = None,
        muted: Collection[Stream] = (),
    ) -> None:
        self.strategy = cast(StrategyStage, plans.strategy.make_stage(sym))
        self._ingest = plans.ingestor.make_stage(sym)
        self._signal = cast(Stage, plans.signal.make_stage(sym))
        self._signal.mute(muted)
        gateway = cast(Stage, plans.gateway.make_stage(sym))
        self.stages = (self._ingest, self._signal, self.strategy, gateway)  # what a restart of the line restores
        readers: dict[Stream, list[_Place]] = {stream: [] for stream in Stream}
        for plan, stage in ((plans.strategy, self.strategy), (plans.gateway, gateway)):
            stage.mute(muted)
            place = _Place(stage)
            for source in plan.inputs:
                readers[source.stream].append(place)
        self._routes = {stream: _Route(tuple(places), (taps or {}).get(stream)) for stream, places in readers.items()}
        # The class of most messages tells their stream, and is at hand at less cost.
        self._by_kind = {kind: self._routes[kind.STREAM] for kind in TYPES.values() if hasattr(kind, "STREAM")}

    def on_tick(self, val: Datum) -> list[Message]:
        """Takes a quote through the whole line."""
        return self.deliver(self.ahead(val))

    def ahead(self, val: Datum) -> list[Message]:
        """Takes a quote through ingestor and signal alone and returns what they write, for `deliver`.

        As in the line, these two may be far ahead of the strategy; and if nothing is delivered, windows fill and
        nothing is decided.
        """
        ticks = self._ingest.on_tick(val) or []
        written = ticks.copy()
        for tick in ticks:
            written += self._signal.on_tick(tick) or ()
        return written

    def deliver(self, messages: list[Message]) -> list[Message]:
        """Brings messages to strategy and gateway, and what these write to its readers; returns all of it, in order."""
        written = list(messages)
        by_kind = self._by_kind
        for message in written:  # it grows while it is walked: it is the queue and the record
            places, tap = by_kind.get(message.__class__) or self._routes[message.to]
            for place in places:
                ready = place.ready
                if place.waiting or (ready is not None and not ready(message)):
                    written += place.offer(message)
                else:
                    written += place.on_tick(message) or ()
            if tap is not None:
                tap(message)
        return written


class _Place:
    """A place holds a stage and what waits for it. ready: None for a stage that always is."""

    __slots__ = ("on_tick", "ready", "waiting")

    def __init__(self, stage: Stage) -> None:
        self.on_tick = stage.on_tick
        self.ready = None if type(stage).ready is Stage.ready else stage.ready
        self.waiting: deque[Message] = deque()

    def offer(self, message: Message) -> list[Message]:
        """Takes a message, or lets it wait; then takes all that waited and may be taken now."""
        waiting, outputs = self.waiting, list[Message]()
        if not self._is_ready(message) or any(held.to == message.to for held in waiting):
            waiting.append(message)
        else:
            outputs += self.on_tick(message) or ()
            while waiting and self._is_ready(waiting[0]):
                outputs += self.on_tick(waiting.popleft()) or ()
        return outputs

    def _is_ready(self, message: Message) -> bool:
        return self.ready is None or self.ready(message)


class _Route(NamedTuple):
    """A route says who reads a stream."""

    places: tuple[_Place, ...]
    tap: Tap | None
