"""The gateway's stage where orders really go: they leave to the desk, and reports come back from the journal."""

from typing import Any, cast

from shared.messages import ExecutionReport, Message, OrderIntent, Stream
from shared.record import Snapshot
from shared.runner.stage import SequenceNumbers, Stage
from shared.tick import State


class DeskSnapshot(Snapshot):
    """The stream numbers."""

    numbers: Any


class DeskStage(Stage):
    """Orders in, nothing out: the desk journals them before the cursor moves. Reports of the journal in, to be written.

    A report's n is its sequence in its book, so what is on the stream already is known by it.
    """

    def __init__(self, taken: list[OrderIntent]) -> None:
        self._taken = taken
        self._numbers = SequenceNumbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Take an OrderIntent from the bus, or an ExecutionReport from the journal."""
        if isinstance(val, ExecutionReport):
            n = self._numbers.next(Stream.EXECUTIONS)
            if val.n != n:
                raise ValueError(f"report n={val.n} of {val.sym} came where n={n} was due")
            return [val]
        self._taken.append(cast(OrderIntent, val))
        return []

    def state(self) -> State:
        """The stream numbers."""
        return DeskSnapshot(numbers=self._numbers.state())

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        self._numbers.restore(DeskSnapshot.of(state).numbers)
