"""One symbol's memory in one service: its stage, the last number of every stream, and what still waits."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from shared.bus.entry import Entry
from shared.errors import SafetyRefusal
from shared.messages import Message
from shared.messages.codec import pack, unpack
from shared.tick import State, Tick

FIELD = "s:"


@dataclass(slots=True)
class Symbol:
    """What the snapshot keeps of a symbol, in one field, and its queues, which it does not keep.

    last: input stream -> (n, trace id) taken last. sent: output stream -> n written last.
    stopped: why this symbol takes nothing any more. parked: what arrived since then about money.
    aside: input stream -> n that arrived last since then.
    """

    name: str
    stage: Tick[Any, list[Message]]
    last: dict[str, tuple[int, str]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    parked: list[State] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)
    queues: dict[str, deque[Entry]] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The snapshot."""
        return pack((self.last, self.sent, self.stage.state(), self.stopped, self.parked, self.aside))

    def restore(self, data: bytes) -> None:
        """Take back what `dump` gave; a SafetyRefusal when this version of the stage cannot have written it."""
        try:
            last, self.sent, state, self.stopped, self.parked, self.aside = unpack(data)
            self.last = {stream: (n, tr) for stream, (n, tr) in last.items()}
            self.stage.restore(state)
        except (ValueError, TypeError, AttributeError) as error:
            raise SafetyRefusal(
                f"the snapshot of {self.name} on the bus was written by another version or config: {error}: "
                "go back to that one, or use another bus.namespace"
            ) from error
