"""A comparison takes the rows of a recording and what was computed again, and counts what is the same."""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from services.research.parity.tolerance import Tolerance
from shared.errors import ConfigError
from shared.messages import DecodeError, Message, Prediction, Stream, decode
from shared.messages.codec import is_said
from shared.plural import plural
from shared.record import NewerWire
from shared.recording.layout import NewerRecording
from shared.recording.part import RecordedEntry, read_rows


class NotRecorded(Exception):
    """Rows that are needed were not recorded; `upto` is the last n of them."""

    def __init__(self, stream: Stream, first: int, upto: int) -> None:
        missing = f"n={first}" if first == upto else f"n={first} to {upto}"
        super().__init__(f"{stream} {missing} not recorded")
        self.stream, self.upto = stream, upto


class RecordedRows:
    """Reads one symbol's rows of a recorded stream, those behind n = `after`.

    `next()` raises NotRecorded where the numbers jump.

    - upto: n of the last row before settings change; None where they do not.
    - first_n: of the first row that is kept, once one was looked at: what came before was removed, or never recorded.
    """

    def __init__(
        self, folder: Path, stream: Stream, instance: str, sym: str, after: int, upto: int | None = None
    ) -> None:
        self.stream, self.upto = stream, upto
        self.last_n = after
        self.first_n = 0
        self._rows = self._behind(read_rows(folder, stream, instance, [sym]), after)
        self._seen: deque[RecordedEntry] = deque()

    def peek(self, further: int = 0) -> RecordedEntry | None:
        """Returns the next row, or one further on, without taking it; None at the end."""
        while len(self._seen) <= further:
            row = next(self._rows, None)
            if row is None:
                return None
            self._seen.append(row)
        return self._seen[further]

    def due(self) -> RecordedEntry | None:
        """Returns the next row without taking it; None at the end, and where settings change."""
        return None if self.upto is not None and self.last_n >= self.upto else self.peek()

    def next(self) -> RecordedEntry:
        """Takes the next row."""
        row = self.peek()
        assert row is not None
        self.require(row.n - 1)
        self._seen.popleft()
        self.last_n = row.n
        return row

    def require(self, n: int) -> None:
        """Raises NotRecorded where not everything up to n has been taken by now."""
        if self.last_n < n:
            first, row = self.last_n + 1, self.peek()
            raise NotRecorded(self.stream, first, n if row is None else max(first, row.n - 1))

    def lacks(self, n: int) -> bool:
        """Says whether n is not there, though the recorder had it.

        The recorder noted no missing rows then, and has rows on both sides of it.
        """
        row = self.peek()
        return row is not None and row.n > n and not row.missing and 0 < self.first_n <= self.last_n

    def leave_out(self, n: int) -> None:
        """Goes on as if n had been taken."""
        self.last_n = n

    def left(self) -> int:
        """Takes all rows that are left, and returns how many there were before settings change."""
        count = sum(self.upto is None or row.n <= self.upto for row in chain(self._seen, self._rows))
        self._seen.clear()
        return count

    def _behind(self, rows: Iterator[RecordedEntry], n: int) -> Iterator[RecordedEntry]:
        for row in rows:
            self.first_n = self.first_n or row.n
            if row.n > n:
                yield row


def message_of(row: RecordedEntry) -> Message | None:
    """Returns the row's message; None where it cannot be read. Raises DataError for a newer Tickline's row."""
    try:
        return decode(row.t, row.d)
    except NewerWire as newer:
        raise NewerRecording(f"the recorded {row.t.partition('/')[0]} n={row.n} of {row.k}", newer) from newer
    except DecodeError:
        return None


class Mismatch(NamedTuple):
    """A mismatch says what differs, recorded and computed. ts_event: of the message."""

    ts_event: int
    text: str


class Comparison:
    """Compares messages with recorded ones, and counts.

    - tolerance: what counts as near where another runtime made the recording; None: each bit counts.
    - compared, identical, near: messages by stream; near ones are not identical.
    - first: the earliest mismatch.
    - not_compared: what could not be compared, and why.
    - ahead: inputs at the end that were not answered.
    - of_exchange: executions that no stage made.
    """

    def __init__(self, tolerance: Tolerance | None = None) -> None:
        self.tolerance = tolerance
        self.compared: Counter[Stream] = Counter()
        self.identical: Counter[Stream] = Counter()
        self.near: Counter[Stream] = Counter()
        self.first: Mismatch | None = None
        self.not_compared: list[str] = []
        self.ahead: Counter[Stream] = Counter()
        self.of_exchange = 0

    def compare(self, computed: Message, recorded: RecordedRows) -> None:
        """Compares a message with the next recorded one, bit for bit, as the wire of that one writes it, or as near.

        Raises NotRecorded where that one was not recorded.
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
        self.compare_row(computed, recorded.next())

    def compare_row(self, computed: Message, row: RecordedEntry) -> None:
        """Compares a message with a recorded one, likewise; their numbers may differ."""
        stream = computed.to
        self.compared[stream] += 1
        if is_said(computed, row.t, row.d):
            self.identical[stream] += 1
            return
        found = message_of(row)
        near = None if self.tolerance is None else self.tolerance.with_floats_of(found, computed)
        if near is not None and is_said(near, row.t, row.d):
            self.near[stream] += 1
            return
        if not self.identical[stream]:
            _same_model(found, computed)
        self.differs(computed.ts_event, f"{computed.sym} {stream} n={row.n}: {_difference(row, found, computed)}")

    def behind(self, sym: str, rows: RecordedRows, one: str, last: str) -> None:
        """Takes what is left of these rows, and notes that it was not compared.

        - one: what a row is. last: the input whose end the stage has come to.
        """
        if count := rows.left():
            self.not_compared.append(f"{sym}: {plural(count, one)} behind the last recorded {last}")

    def differs(self, ts_event: int, text: str) -> None:
        """Notes a difference; the earliest stays."""
        if self.first is None or ts_event < self.first.ts_event:
            self.first = Mismatch(ts_event, text)


def _same_model(found: Message | None, computed: Message) -> None:
    if isinstance(found, Prediction) and isinstance(computed, Prediction) and found.model != computed.model:
        raise ConfigError(
            f"the recording's predictions of {found.sym} are of model {found.model}, here is {computed.model}: "
            "put that model back, or name it with --model"
        )


def _difference(row: RecordedEntry, found: Message | None, computed: Message) -> str:
    """Tells the first field that differs, recorded and computed."""
    if found is None or type(found) is not type(computed):
        shown = row.t if found is None else found.human()
        return f"recorded {shown}, computed {computed.human()}"
    differs = found.first_difference(computed)
    if differs is None:
        return f"recorded and computed {computed.human()}, in other bytes"
    name, theirs, ours = differs
    return f"recorded {name} {theirs}, computed {ours}"
