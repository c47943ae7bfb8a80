"""The progress is what the recorder has read: what it keeps of that, what waits for a file, and how far it is.

An entry goes through the Intake, which leaves out what was recorded before, into the Buffer of its stream. When that is
due the recorder writes it into a file. Then ProgressOnBus tells the stream's writer, which may forget the entries.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.bus.api import BusLost, Commit, Outcome, Session
from shared.bus.entry import Entry, EntryId
from shared.bus.names import PartitionId
from shared.messages import DecodeError, Stream, decode
from shared.messages.codec import content_hash, newer
from shared.record import WIRE
from shared.recording.folder import Age, RecordingFolder
from shared.recording.part import Positions, ReceivedEntry, RecordedEntry
from shared.recording.position import StreamPosition
from shared.runner.leases import PartitionLeases

TAKEN = "the recorder's lease was taken: another one records"
BESIDE_BYTES = 300  # of an entry, beside its message: about
DAMAGED = b"?"  # before a recorded tag of a wire that nobody wrote then: later nobody could tell

Source = tuple[str, PartitionId]


@dataclass(frozen=True)
class RecorderPlan:
    """The plan says what is recorded, as the config has it.

    - folder: where the recording goes, or the home of all recordings where the config names none.
    - sources: every stream's key.
    - max_rows, max_bytes, max_age_s: when the rows of a stream are written.
    - age: what is removed again.
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
    """A buffer has one stream's rows, which wait in memory for a file.

    - positions: as they will be with these rows.
    - size: of the rows, in bytes.
    - since_s: when the first one came, on a clock that never goes back.
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
        """Forgets the rows: they are in a file."""
        self.rows, self.size = [], 0


class LastEntries:
    """The last entry of each symbol is compared with one that has its number; what is not in memory, the files have.

    A dead letter is not decoded and not compared: its symbol has no numbers of its own.
    """

    def __init__(self, folder: RecordingFolder) -> None:
        self._folder = folder
        self._last: dict[tuple[Source, str], Entry] = {}

    def keep(self, source: Source, entry: Entry) -> None:
        """Remembers the entry as its symbol's last."""
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
    """Returns what decides in a message; of one that cannot be read, its bytes."""
    try:
        return content_hash(decode(tag, data))
    except DecodeError:
        return data


class ProgressOnBus:
    """The progress on the bus tells a stream's writer how far was recorded, before it cuts off what everybody has.

    It stands in the fields `in:STREAM` of the recorder's own state, as any consumer has them. The recorder reads none
    of them back.
    """

    def __init__(self, leases: PartitionLeases, session: Session) -> None:
        self._leases = dict(leases.leases)
        self._session = session
        self._seqs: dict[int, int] = {}
        self._told: dict[tuple[int, str], str] = {}

    async def load(self) -> None:
        """Reads the commit numbers to go on with."""
        stored = await self._session.load([lease.partition for lease in self._leases.values()])
        self._seqs = {p: state.seq for p, state in zip(self._leases, stored, strict=True)}

    async def tell(self, positions: Mapping[Stream, Positions]) -> None:
        """Commits what has changed; raises BusLost when the lease is no longer ours."""
        fields: dict[int, dict[str, bytes | str]] = {}
        for stream, known in positions.items():
            for p, text in _lowest(known).items():
                if p in self._leases and self._told.get((p, stream)) != text:
                    fields.setdefault(p, {})[f"in:{stream}"] = text
                    self._told[p, stream] = text
        commits = [Commit(self._leases[p], self._seqs[p], changed, []) for p, changed in fields.items()]
        outcomes = await self._session.commit(commits) if commits else []
        if any(outcome is not Outcome.OK for outcome in outcomes):
            raise BusLost(await self._why_refused())
        for p in fields:
            self._seqs[p] += 1

    async def _why_refused(self) -> str:
        leases = list(self._leases.values())
        owners = await self._session.fields([(lease.partition, "owner") for lease in leases])
        if any(owner and owner.decode() != lease.owner for owner, lease in zip(owners, leases, strict=True)):
            return TAKEN
        return "the recorder's lease ran out while it could not work, and nobody took it: it goes on behind its files"


def _lowest(known: Positions) -> dict[int, str]:
    """Returns partition -> `cursor position`; of the instance that is least far, where several write one stream."""
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

    - cursors: what was read of each stream, written or not.
    - buffers: the rows of each stream that wait for a file.
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


class Intake:
    """The intake keeps each entry once, for the next file, and calls a person where an entry is not as it should be.

    - counts: `skipped` entries that were recorded before or are left out, and those that are `missing`.
    - alarm: calls a person.
    - hole: something is missing behind the newest checkpoint.
    """

    def __init__(self, counts: Counter[str], alarm: Callable[[str], None]) -> None:
        self.hole = False
        self._counts, self._alarm = counts, alarm
        self._diverged: set[tuple[Source, str]] = set()  # symbols of which nothing more is recorded

    async def take(self, recording: RecordingSession, source: Source, entry: Entry, now_s: float) -> None:
        """Takes an entry of a stream, in the stream's order; raises NewerWire where a newer Tickline wrote it."""
        stream, place = Stream(source[0]), source[1]
        await self._mark_damage(recording.session, stream, entry)
        diverges = await self._diverges(recording, source, entry)
        missing = None if diverges else recording.position(source).take(stream, entry, recording.session.run_id)
        if missing is None:
            self._counts["skipped"] += 1
            return
        if missing:
            self._counts["missing"] += missing
            self.hole = True
            before = f"n={entry.n - missing} to {entry.n - 1}" if missing > 1 else f"n={entry.n - 1}"
            held = "recorder.hold_s" if stream in (Stream.ORDERS, Stream.EXECUTIONS) else "bus.market_maxlen"
            left = f"left the bus before it was recorded: it was away for longer than {held} allows"
            self._alarm(f"hole: {stream} of {entry.k or place}: {before} {left}")
        recording.last.keep(source, entry)
        recording.buffers[stream].add(ReceivedEntry(place, entry, missing), now_s)

    async def _mark_damage(self, session: Session, stream: Stream, entry: Entry) -> None:
        """Marks a tag of a wire that nobody wrote; raises NewerWire where a newer Tickline may have written it."""
        beyond = None if stream is Stream.DEAD else newer(entry.t)  # a dead letter is kept as it is, and not read
        if beyond is None:
            return
        stands = await session.wire()
        if stands is None or stands > WIRE:
            raise beyond
        entry.t = DAMAGED + entry.t
        self._alarm(f"{stream} of {entry.k} n={entry.n}: {beyond.what} of wire {beyond.wire}, where all write {stands}")

    async def _diverges(self, recording: RecordingSession, source: Source, entry: Entry) -> bool:
        """Says whether the symbol went another way than what is recorded: the entry's number stands for something else.

        A recording is of one history: nothing more of that symbol is recorded, in this stream, by this process. The
        next one goes on where the entry is not read again, and what was left out is a hole like any other. A dead
        letter is no symbol's history: the ones behind it are recorded.
        """
        stream, position = Stream(source[0]), recording.position(source)
        name = position.name(stream, entry)
        if (source, name) in self._diverged:
            return True
        if not position.repeats(stream, entry):
            return False
        if entry.tr == position.last[name][1] and not await recording.last.contradicts(source, entry):
            return False
        what = f"divergence: {stream} of {entry.k or source[1]} n={entry.n} was recorded otherwise"
        if stream is Stream.DEAD:
            self._alarm(what)
            return False
        self._diverged.add((source, name))
        self._alarm(
            f"{what}: nothing more of it is recorded: start the recorder anew when that entry has left the bus, or "
            "name another folder"
        )
        return True
