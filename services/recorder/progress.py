"""The progress is what the recorder has read: the rows that wait for a file, and how far it has come."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.bus.api import BusLost, Commit, Outcome, Session
from shared.bus.entry import Entry, EntryId
from shared.bus.names import PartitionId
from shared.messages import DecodeError, Stream, decode
from shared.messages.codec import content_hash
from shared.recording.folder import Age, RecordingFolder
from shared.recording.part import Positions, ReceivedEntry, RecordedEntry
from shared.recording.position import StreamPosition
from shared.runner.leases import PartitionLeases

BESIDE_BYTES = 300  # of an entry, beside its message: about

Source = tuple[str, PartitionId]


@dataclass(frozen=True)
class RecorderPlan:
    """The config says what is recorded.

    folder: where the recording goes, or the home of all recordings where the config names none.
    sources: every stream's key.
    max_rows, max_bytes, max_age_s: when the rows of a stream are written.
    age: what is removed again.
    """

    instance: str
    folder: Path
    sources: tuple[Source, ...]
    max_rows: int
    max_bytes: int
    max_age_s: float
    age: Age


@dataclass
class Buffer:
    """One stream's rows wait in memory for a file.

    positions: as they will be with these rows.
    size: of the rows, in bytes.
    since_s: when the first one came, on a clock that never goes back.
    """

    positions: Positions
    rows: list[ReceivedEntry] = field(default_factory=list)
    size: int = 0
    since_s: float = 0.0

    def add(self, row: ReceivedEntry, now_s: float) -> None:
        """Takes a row."""
        if not self.rows:
            self.since_s = now_s
        self.rows.append(row)
        self.size += len(row.entry.d) + BESIDE_BYTES

    def due(self, plan: RecorderPlan, now_s: float) -> bool:
        """Returns whether there are enough rows, or the first has waited long enough."""
        if not self.rows:
            return False
        many = len(self.rows) >= plan.max_rows or self.size >= plan.max_bytes
        return many or now_s - self.since_s >= plan.max_age_s

    def clear(self) -> None:
        """Forget the rows: they are in a file."""
        self.rows, self.size = [], 0


class LastEntries:
    """The last entry of each symbol is compared with one that has its number; what is not in memory, the files have.

    A dead letter is not decoded and not compared: its symbol has no numbers of its own.
    """

    def __init__(self, folder: RecordingFolder) -> None:
        self._folder = folder
        self._last: dict[tuple[Source, str], Entry] = {}

    def keep(self, source: Source, entry: Entry) -> None:
        """Remember the entry as its symbol's last."""
        self._last[source, entry.k] = entry

    async def contradicts(self, source: Source, entry: Entry) -> bool:
        """Returns whether the last entry of the symbol has the same number and another content."""
        stream, place = Stream(source[0]), source[1]
        if stream is Stream.DEAD:
            return False
        last: Entry | RecordedEntry | None = self._last.get((source, entry.k))
        if last is None:
            last = await asyncio.to_thread(self._folder.last_row, stream, place.instance, entry.k)
        return last is not None and last.n == entry.n and _content(last.t, last.d) != _content(entry.t, entry.d)


def _content(tag: str | bytes, data: bytes) -> bytes:
    """What decides in a message; of one that cannot be read, its bytes."""
    try:
        return content_hash(decode(tag, data))
    except DecodeError:
        return data


class ProgressOnBus:
    """The bus is told how far was recorded: a stream's writer looks there before it cuts off what everybody has.

    These are the fields `in:STREAM` of the recorder's own state, as any consumer has them. It reads none of them back.
    """

    def __init__(self, leases: PartitionLeases, session: Session) -> None:
        self._leases = dict(leases.leases)
        self._session = session
        self._seqs: dict[int, int] = {}
        self._told: dict[tuple[int, str], str] = {}

    async def load(self) -> None:
        """Takes up the commit numbers."""
        stored = await self._session.load([lease.partition for lease in self._leases.values()])
        self._seqs = {p: state.seq for p, state in zip(self._leases, stored, strict=True)}

    async def tell(self, positions: Mapping[Stream, Positions]) -> None:
        """Commit what has changed; raises BusLost when the lease is no longer ours."""
        fields: dict[int, dict[str, bytes | str]] = {}
        for stream, known in positions.items():
            for p, text in _lowest(known).items():
                if p in self._leases and self._told.get((p, stream)) != text:
                    fields.setdefault(p, {})[f"in:{stream}"] = text
                    self._told[p, stream] = text
        commits = [Commit(self._leases[p], self._seqs[p], changed, []) for p, changed in fields.items()]
        outcomes = await self._session.commit(commits) if commits else []
        if any(outcome is not Outcome.OK for outcome in outcomes):
            raise BusLost("the recorder's lease was taken: another one records")
        for p in fields:
            self._seqs[p] += 1


def _lowest(known: Positions) -> dict[int, str]:
    """Partition -> `cursor position`; of the instance that is the least far, where several write one stream."""
    found: dict[int, tuple[tuple[int, ...], str]] = {}
    for place, position in known.items():
        n = sum(last_n for last_n, _ in position.last.values())
        order = EntryId.of(position.cursor)
        text = f"{position.cursor.decode()} {n}"
        if place.p not in found or order < found[place.p][0]:
            found[place.p] = order, text
    return {p: text for p, (_, text) in found.items()}


class RecordingSession:
    """A session lasts as long as one connection to the bus; it goes on where the files end.

    cursors: what was read of each stream, written or not.
    buffers: the rows of each stream that wait for a file.
    """

    def __init__(self, session: Session, folder: RecordingFolder, sources: Sequence[Source], leases: PartitionLeases):
        self.session, self.folder = session, folder
        self.last = LastEntries(folder)
        self.progress = ProgressOnBus(leases, session)
        self.buffers = {
            stream: Buffer({place: position.copy() for place, position in known.items()})
            for stream, known in folder.positions.items()
        }
        self.cursors = {source: self.position(source).behind(session.run_id) for source in sources}

    def position(self, source: Source) -> StreamPosition:
        """Returns how far a stream's partition will be recorded with the rows that wait."""
        return self.buffers[Stream(source[0])].positions.setdefault(source[1], StreamPosition())
