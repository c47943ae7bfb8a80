"""A joint stage works on all symbols of a partition together; what it remembers is one field of the snapshot."""

from shared.errors import SafetyRefusal
from shared.messages import Message
from shared.messages.codec import pack, unpack
from shared.runner.spec import Stage
from shared.tick import State, Tick

FIELD = "joint"


class JointView(Stage):
    """A symbol's view of the joint stage, which has no memory of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def ready(self, val: Message) -> bool:
        """Asks the joint stage."""
        return self._stage.ready(val)

    def on_tick(self, val: Message) -> list[Message] | None:
        """Gives it to the joint stage."""
        return self._stage.on_tick(val)


class JointStage:
    """The joint stage of one partition, restored from what lies on the bus.

    Raises SafetyRefusal where another version or config wrote that.

    - stored: the field of the snapshot; None before the first commit.
    """

    def __init__(self, stage: Tick[object, list[Message]], stored: bytes | None) -> None:
        if not isinstance(stage, Stage):
            raise TypeError(f"{type(stage).__name__} is no Stage, so it cannot be joint")
        self.stage = stage
        self.view = JointView(stage)
        if stored is not None:
            self._restore(stored)

    def dump(self, wire: int) -> bytes:
        """Returns the field, as `wire` writes it."""
        return pack(self.stage.state(), wire)

    def _restore(self, stored: bytes) -> None:
        try:
            state: State = unpack(stored)
            self.stage.restore(state)
        except (ValueError, TypeError, AttributeError) as error:
            raise SafetyRefusal(
                f"the snapshot of the {type(self.stage).__name__} on the bus was written by another version or "
                f"config: {error}: go back to that one, or use another bus.namespace"
            ) from error
