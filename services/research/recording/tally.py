"""What was compared, what was the same, and the first difference."""

from collections import Counter
from typing import NamedTuple

from services.research.recording.rows import Rows, message_of
from shared.errors import ConfigError
from shared.messages import Message, Prediction, Stream
from shared.messages.codec import is_said
from shared.recording.part import RecordedEntry


class Difference(NamedTuple):
    """ts_event: of what differs. text: which, recorded and computed."""

    ts_event: int
    text: str


class Tally:
    """compared, identical: messages by stream. unshown: what could not be compared, and why."""

    def __init__(self) -> None:
        self.compared: Counter[Stream] = Counter()
        self.identical: Counter[Stream] = Counter()
        self.first: Difference | None = None
        self.unshown: list[str] = []
        self.ahead: Counter[Stream] = Counter()

    def compare(self, computed: Message, recorded: Rows) -> None:
        """Hold a message against the next recorded one, bit for bit, as the wire of that one writes it.

        Raises Hole where that one was not recorded.
        """
        stream = computed.to
        lacking = recorded.lacks(computed.n)
        if lacking or recorded.peek() is None:
            what = f"{computed.sym} {stream} n={computed.n}: recorded none, computed {computed.human()}"
            self.differs(computed.ts_event, what)
            if lacking:
                self.compared[stream] += 1
                recorded.leave_out(computed.n)
            return
        row = recorded.next()
        self.compared[stream] += 1
        if is_said(computed, row.t, row.d):
            self.identical[stream] += 1
            return
        found = message_of(row)
        if not self.identical[stream]:
            _same_model(found, computed)
        self.differs(computed.ts_event, f"{computed.sym} {stream} n={row.n}: {_difference(row, found, computed)}")

    def differs(self, ts_event: int, text: str) -> None:
        """Note a difference; the earliest stays."""
        if self.first is None or ts_event < self.first.ts_event:
            self.first = Difference(ts_event, text)


def _same_model(found: Message | None, computed: Message) -> None:
    if isinstance(found, Prediction) and isinstance(computed, Prediction) and found.model != computed.model:
        raise ConfigError(
            f"the recording's predictions of {found.sym} are of model {found.model}, here is {computed.model}: "
            "put that model back, or name it with --model"
        )


def _difference(row: RecordedEntry, found: Message | None, computed: Message) -> str:
    """The first field that differs, recorded against computed."""
    if found is None or type(found) is not type(computed):
        shown = row.t if found is None else found.human()
        return f"recorded {shown}, computed {computed.human()}"
    ours = computed.content()
    for name, value in found.content().items():
        if encoded(value) != encoded(ours[name]):
            return f"recorded {name} {value}, computed {ours[name]}"
    return f"recorded and computed {computed.human()}, in other bytes"


def encoded(value: object) -> str:
    """A field's value, told apart to the last digit; NaN is NaN."""
    return repr(value)
