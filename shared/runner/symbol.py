"""A partition remembers a cursor for each input stream, and for each symbol its stage, its numbers and what waits.

The committed cursor stands before the oldest entry that still waits. After a restart the partition reads everything
behind it again, and skips by their n the entries that it had taken. So a waiting entry costs nothing in the snapshot.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic import Field

from shared.bus.entry import START, Entry
from shared.errors import SafetyRefusal
from shared.messages import Message
from shared.messages.codec import content_hash, pack, unpack
from shared.record import WIRE, Record, Snapshot, fields_of
from shared.runner.spec import Input
from shared.tick import Tick


class InputCursor:
    """A cursor knows how far one input stream of a partition was read, and which entries are not settled yet.

    `read_to` is the last entry that was read, `cursor` the last before which all are settled: only that one is stored.

    - stored: the snapshot's field, `cursor position`. hold: whether its cursor may be used; else all is read again.
    - position: the sum of the last n over all symbols, so that producer minus consumer is the lag in entries.
    - oldest_ns: when the oldest entry was written that the cursor has passed since somebody asked; 0 where none was.
    """

    def __init__(self, source: Input, stored: bytes | None, hold: bool) -> None:
        cursor, _, position = (stored or b"0-0 0").partition(b" ")
        self.source = source
        self.key = source.key
        self.position = int(position)
        self.cursor = cursor if hold else START
        self.read_to = self.cursor
        self._stored = ""
        self.unsettled: deque[Entry] = deque()
        self.oldest_ns = 0

    def offer(self, entries: Sequence[Entry]) -> None:
        """Takes what was read behind `read_to`."""
        self.unsettled.extend(entries)
        self.read_to = entries[-1].id

    def advance(self) -> str | None:
        """Moves the cursor over the settled entries; returns the field for the snapshot, or None if it is the same."""
        unsettled = self.unsettled
        if unsettled and unsettled[0].settled and not self.oldest_ns:
            self.oldest_ns = unsettled[0].w
        while unsettled and unsettled[0].settled:
            self.cursor = unsettled.popleft().id
        stored = f"{self.cursor.decode()} {self.position}"
        if stored == self._stored:
            return None
        self._stored = stored
        return stored


def position_in(stored: bytes | None) -> int:
    """Returns the position in a consumer's stored field; 0 where it has none yet."""
    return int(stored.partition(b" ")[2]) if stored else 0


def cursor_in(stored: bytes | None) -> bytes:
    """Returns the cursor in a consumer's stored field."""
    return stored.partition(b" ")[0] if stored else START


FIELD = "s:"
Became = Literal["skipped", "dropped", "quarantined"]


class TakenSnapshot(Record):
    """The saved form of a Taken. content: see `content_hash`; none after a gap."""

    n: int
    tr: str
    content: bytes = b""


class Quarantined(Record):
    """A quarantined entry waits in the snapshot of a stopped symbol."""

    stream: str
    t: bytes
    n: int
    tr: str
    d: bytes


class SymbolSnapshot(Snapshot):
    """The saved form of a Symbol."""

    last: dict[str, TakenSnapshot]
    sent: dict[str, int]
    stage: Any
    stopped: str = ""
    quarantined: list[Quarantined] = Field(default_factory=list)
    aside: dict[str, int] = Field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """A Taken remembers the entry of one input stream that a symbol took last.

    - said: the message, or its content's hash, or nothing after a gap. The hash is computed when it is asked for.
    """

    n: int = 0
    tr: str = ""
    said: Message | bytes = b""

    @property
    def content(self) -> bytes:
        """Returns the hash of what the entry said; empty after a gap."""
        if not isinstance(self.said, bytes):
            self.said = content_hash(self.said)
        return self.said


@dataclass(slots=True)
class Symbol:
    """A symbol has what the snapshot keeps in one field, and its queues, which the snapshot leaves out.

    - last: by input stream, what was taken last. sent: by output stream, the n written last.
    - stopped: why the symbol takes nothing any more; empty while it works.
    - quarantined: the entries about money that arrived since it stopped.
    - aside: by input stream, the n that arrived last since it stopped.
    """

    name: str
    stage: Tick[Any, list[Message]]
    last: dict[str, Taken] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    quarantined: list[Quarantined] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)
    queues: dict[str, deque[Entry]] = field(default_factory=dict)

    def taken(self, stream: str) -> int:
        """Returns the number of what was taken last of an input stream; 0 where nothing was."""
        last = self.last.get(stream)
        return last.n if last else 0

    def put_aside(self, cursor: InputCursor, entry: Entry, bound: int) -> Became | None:
        """Takes an entry though the symbol is stopped, and returns what became of it; None where it has to wait.

        Entries about money wait in the snapshot, up to `bound`; beyond that the stream waits. Market data are dropped:
        by the time that a person lets the symbol go on they are old, and their jump is a Gap.
        """
        stream = cursor.key
        upto = max(self.aside.get(stream, 0), self.last[stream].n)
        if entry.n <= upto:
            return "skipped"
        if cursor.source.strict:
            if len(self.quarantined) >= bound:
                return None
            self.quarantined.append(Quarantined(stream=stream, t=entry.t, n=entry.n, tr=entry.tr, d=entry.d))
        self.aside[stream] = entry.n
        cursor.position += entry.n - upto  # it counts as consumed, or the producer would stop for all symbols
        return "quarantined" if cursor.source.strict else "dropped"

    def dump(self, wire: int = WIRE) -> bytes:
        """Returns the snapshot, as `wire` writes it."""
        last = {}
        for stream, taken in self.last.items():
            if taken.n:
                said = taken.said
                if said.__class__ is not bytes:
                    said = taken.said = content_hash(cast(Message, said))  # once for all dumps until the next is taken
                last[stream] = _taken(n=taken.n, tr=taken.tr, content=said)
        snapshot = _snapshot(
            last=last, sent=self.sent, stage=self.stage.state(), stopped=self.stopped, quarantined=self.quarantined,
            aside=self.aside,
        )  # fmt: skip
        return pack(snapshot, wire)

    def restore(self, data: bytes) -> None:
        """Takes back what `dump` gave; NewerWire, or a SafetyRefusal when this stage cannot have written it."""
        try:
            saved = SymbolSnapshot.of(unpack(data))
            self.last = {stream: Taken(x.n, x.tr, x.content) for stream, x in saved.last.items()}
            self.sent, self.stopped, self.aside = saved.sent, saved.stopped, saved.aside
            self.quarantined = saved.quarantined
            self.stage.restore(saved.stage)
        except (ValueError, TypeError, AttributeError) as error:
            raise SafetyRefusal(
                f"the snapshot of {self.name} on the bus was written by another version or config: {error}: "
                "go back to that one, or use another bus.namespace"
            ) from error


_taken, _snapshot = fields_of(TakenSnapshot), fields_of(SymbolSnapshot)
