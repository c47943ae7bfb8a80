"""The line without its bus: the very stages that the services wrap, one calling the next."""

from collections import deque
from collections.abc import Sequence
from typing import cast

from services.ingestor.source import Quote
from services.research.plans import LinePlans
from services.strategy.stage import StrategyStage
from shared.messages import Message, Stream
from shared.runner.stage import Stage
from shared.tick import Tick


class InProcessLine(Tick[Quote, list[Message]]):
    """One symbol's line: a quote in; every message that the services would write for it out, in order.

    A message that its stage is not ready for waits, as it does in the service, and is offered again when that stage
    has taken something else.
    """

    def __init__(self, plans: LinePlans, sym: str) -> None:
        self._ingest = plans.ingestor.make_stage(sym)
        self.strategy = cast(StrategyStage, plans.strategy.make_stage(sym))
        self._readers: dict[Stream, list[Stage]] = {}
        self._waiting: dict[Stage, deque[Message]] = {}
        stages = (plans.signal.make_stage(sym), self.strategy, plans.gateway.make_stage(sym))
        for plan, stage in zip((plans.signal, plans.strategy, plans.gateway), stages, strict=True):
            self._waiting[cast(Stage, stage)] = deque()
            for source in plan.inputs:
                self._readers.setdefault(source.stream, []).append(cast(Stage, stage))

    def on_tick(self, val: Quote) -> list[Message]:
        """Take a quote."""
        written: list[Message] = []
        fresh = deque(self._ingest.on_tick(val) or ())
        while fresh:
            message = fresh.popleft()
            written.append(message)
            for stage in self._readers.get(message.to, ()):
                fresh.extend(self._offer(stage, message))
        return written

    def _offer(self, stage: Stage, message: Message) -> Sequence[Message]:
        waiting = self._waiting[stage]
        if not stage.ready(message) or any(held.to == message.to for held in waiting):
            waiting.append(message)
            return ()
        outputs = list(stage.on_tick(message) or ())
        while waiting and stage.ready(waiting[0]):
            outputs.extend(stage.on_tick(waiting.popleft()) or ())
        return outputs
