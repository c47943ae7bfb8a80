"""The line without its bus: the very stages that the services wrap, one calling the next."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from services.ingestor.source import Quote
from services.research.plans import LinePlans
from services.strategy.stage import StrategyStage
from shared.messages import Message, Stream
from shared.runner.stage import Stage
from shared.tick import Tick

Tap = Callable[[Message], None]


class InProcessLine(Tick[Quote, list[Message]]):
    """One symbol's line: a quote in; every message that the services would write for it out, in order.

    A message that its stage is not ready for waits, as it does in the service, and is offered again when that stage
    has taken something else. taps: called with each message of a stream, after all stages that read it.
    """

    def __init__(self, plans: LinePlans, sym: str, taps: Mapping[Stream, Tap] | None = None) -> None:
        self.strategy = cast(StrategyStage, plans.strategy.make_stage(sym))
        self._ingest = plans.ingestor.make_stage(sym)
        self._signal = cast(Stage, plans.signal.make_stage(sym))
        gateway = cast(Stage, plans.gateway.make_stage(sym))
        readers: dict[Stream, list[_Place]] = {stream: [] for stream in Stream}
        for plan, stage in ((plans.signal, self._signal), (plans.strategy, self.strategy), (plans.gateway, gateway)):
            place = _Place(stage)
            for source in plan.inputs:
                readers[source.stream].append(place)
        self._routes = {stream: (tuple(places), (taps or {}).get(stream)) for stream, places in readers.items()}

    def on_tick(self, val: Quote) -> list[Message]:
        """Take a quote."""
        return self.deliver(self._ingest.on_tick(val) or [])

    def warm(self, val: Quote) -> None:
        """Take a quote for ingestor and signal alone: windows fill, and nothing is decided."""
        for tick in self._ingest.on_tick(val) or ():
            self._signal.on_tick(tick)

    def deliver(self, messages: list[Message]) -> list[Message]:
        """Bring messages to those who read them, and what these write to its readers; all of it, in order."""
        written = list(messages)
        routes = self._routes
        for message in written:  # it grows while it is walked: it is the queue and the record
            places, tap = routes[message.to]
            for place in places:
                outputs = place.take(message)
                if outputs:
                    written += outputs
            if tap is not None:
                tap(message)
        return written


class _Place:
    """A stage, and what waits for it."""

    __slots__ = ("_stage", "_waiting")

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._waiting: deque[Message] = deque()

    def take(self, message: Message) -> list[Message] | None:
        stage, waiting = self._stage, self._waiting
        if not stage.ready(message) or (waiting and any(held.to == message.to for held in waiting)):
            waiting.append(message)
            return None
        outputs = stage.on_tick(message)
        if not waiting:
            return outputs
        outputs = list(outputs or ())
        while waiting and stage.ready(waiting[0]):
            outputs += stage.on_tick(waiting.popleft()) or ()
        return outputs
