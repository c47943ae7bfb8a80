"""A line's entries lie in two stores, which are read alike: the streams on the bus, and the files of a recording.

Of the bus nothing is kept here: each answer is of the moment in which it is asked for. A recording's files are found by
the numbers that each of them keeps, and only those are opened. They come and go meanwhile: the recorder writes new
ones, and removes the oldest beyond its bounds. A file that is gone is none; one that is damaged is left out, and said.
"""

import asyncio
import time
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from shared.bus.api import Session
from shared.bus.entry import START, Entry, EntryId
from shared.bus.names import PartitionId, partition_of
from shared.errors import DataError
from shared.messages import DecodeError, Message, Stream, decode
from shared.record import NewerWire
from shared.recording.layout import NewerRecording, Part, parts
from shared.recording.part import one_of, read_positions

BUS: Literal["bus"] = "bus"
RECORDING: Literal["recording"] = "recording"
Place = Literal["bus", "recording"]

CHUNK, NEAR = 500, 20
MOST_KNOWN = 4_096
NEAR_MS = 250  # an entry that is nearer than this is read to, not searched for
LISTED_S = 1.0  # how long a list of files counts: a search looks at many, and what is newer the bus has, too
COLUMNS = ["n", "t", "tr", "d", "w"]


class Found(NamedTuple):
    """A message was found.

    - at_ns: when it was written to the bus, by the writer's clock, in ns since 1970 UTC.
    - origin: where it was found.
    """

    message: Message
    at_ns: int
    origin: Place


class StoredEntry(NamedTuple):
    """An entry as it was found, not decoded yet; the fields are those of `shared/bus/entry.py`."""

    n: int
    t: str
    tr: str
    d: bytes
    at_ns: int
    origin: Place

    @classmethod
    def of(cls, entry: Entry) -> "StoredEntry":
        """Returns an entry of the bus."""
        return cls(entry.n, entry.t.decode(errors="replace"), entry.tr, entry.d, entry.w, BUS)

    def found(self, sym: str) -> Found | None:
        """Returns the message in it; None where there is none that belongs at this place, as after damage.

        Raises DataError where a newer Tickline wrote it.
        """
        try:
            message = decode(self.t, self.d)
        except NewerWire as newer:
            raise DataError(f"{newer}: {newer.remedy}") from newer
        except DecodeError:
            return None
        return Found(message, self.at_ns, self.origin) if (message.sym, message.n) == (sym, self.n) else None


class TimeSpan(NamedTuple):
    """Messages were written in this time, both ends included, in ns since 1970 UTC."""

    since_ns: int
    until_ns: int


class EntryStore(Protocol):
    """A store holds entries of a stream and symbol, numbered upwards; some of them may be missing."""

    origin: Place

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, both included, in the order of their numbers, each once."""

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last of these symbols' entries were written, about; None without one."""


class BusEntries:
    """The streams of one line on the bus, by one session; every method raises BusLost.

    - instances: each stream's writer.
    """

    origin: Place = BUS

    def __init__(self, session: Session, instances: Mapping[Stream, str], partitions: int) -> None:
        self._session = session
        self._instances = instances
        self._partitions = partitions
        # Of each symbol: the number of the first entry from some ms on, and that ms. It stays true when more is written
        # or the first entries are cut off.
        self._known: dict[tuple[BusSource, str], list[tuple[int, int]]] = {}

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""
        source = self.source(stream, sym)
        last = await self._last(source, sym)
        if last is None:
            return None
        first = await self._next(source, sym, START)
        return (first or last).n, last.n

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, in the order of their numbers, each once.

        What a torn log has left twice has one number, and counts once.
        """
        source = self.source(stream, sym)
        begin = await self._before(source, sym, first)
        found = await self._read_behind(begin, source, sym, first, last)
        if first not in found and begin != START:  # the search was led astray by what stands there twice
            found = await self._read_behind(START, source, sym, first, last)
        return [found[n] for n in sorted(found)]

    async def _read_behind(
        self, begin: bytes, source: "BusSource", sym: str, first: int, last: int
    ) -> dict[int, StoredEntry]:
        """Returns the symbol's entries behind an id, by their numbers, from `first` to `last`."""
        found: dict[int, StoredEntry] = {}
        async for entry in self._behind(source, begin, NEAR if last - first < NEAR else CHUNK):
            if entry.k != sym or entry.n < first:
                continue
            if entry.n > last:
                break
            found.setdefault(entry.n, StoredEntry.of(entry))
        return found

    async def newest(self, stream: Stream, sym: str, count: int) -> tuple[list[StoredEntry], bytes]:
        """Returns the last entries, in the order of their numbers, each once, and the id at which their stream ends.

        There are fewer where the bus has no more; the id is empty where it has nothing.
        """
        source, before, end, found = self.source(stream, sym), b"+", b"", dict[int, StoredEntry]()
        width = max(NEAR, 2 * count)
        while len(found) < count and (chunk := await self._session.newest(source, before, width)):
            end = end or chunk[0].id
            for entry in chunk:
                if entry.k == sym and entry.n and (len(found) < count or entry.n in found):
                    found[entry.n] = StoredEntry.of(entry)  # of one that a torn log has twice the first counts
            before, width = b"(" + chunk[-1].id, CHUNK
        return [found[n] for n in sorted(found)], end

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last entry of these symbols' partitions were written; None without one."""
        found: list[int] = []
        for source in {self.source(stream, sym) for sym in symbols}:
            ends = await self._read(source, START, 1), await self._session.newest(source, b"+", 1)
            found += [entry.w for entries in ends for entry in entries]
        return TimeSpan(min(found), max(found)) if found else None

    def source(self, stream: Stream, sym: str) -> "BusSource":
        """Returns where a symbol's entries of a stream stand."""
        # The monitor works on all symbols together, in one partition.
        p = 0 if stream is Stream.MONITOR else partition_of(sym, self._partitions)
        return BusSource(str(stream), PartitionId(self._instances[stream], p))

    async def _before(self, source: "BusSource", sym: str, n: int) -> bytes:
        """Returns an entry id behind which every entry of the symbol from `n` on lies, and not many others.

        An id begins with its time in ms. The search halves the time between two entries whose numbers are known, and
        keeps what it finds.
        """
        known = self._known.setdefault((source, sym), [])
        if len(known) > MOST_KNOWN:
            known.clear()
        if not known:
            first = await self._read(source, START, 1)
            known += [(-1, EntryId.of(entry.id).ms) for entry in first]
        above = bisect_left(known, (n, 0))
        if above == len(known):
            ends = [(n, EntryId.of(entry.id).ms) for entry in await self._session.newest(source, b"+", 1)]
        else:
            ends = [known[above]]
        if not above or not ends:
            return START
        low, high = known[above - 1][1], ends[0][1]
        while high - low > NEAR_MS:
            middle = (low + high) // 2
            entry = await self._next(source, sym, b"%d-0" % middle)
            if entry is not None:
                insort(known, (entry.n, middle))
            if entry is None or entry.n >= n:
                high = middle
            else:
                low = middle
        return b"%d-0" % max(0, low - 1)

    async def _last(self, source: "BusSource", sym: str) -> Entry | None:
        before = b"+"
        while chunk := await self._session.newest(source, before, CHUNK):
            for entry in chunk:
                if entry.k == sym and entry.n:
                    return entry
            before = b"(" + chunk[-1].id
        return None

    async def _next(self, source: "BusSource", sym: str, behind: bytes) -> Entry | None:
        """Returns the symbol's first entry behind an id."""
        async for entry in self._behind(source, behind, NEAR):
            if entry.k == sym and entry.n:
                return entry
        return None

    async def _behind(self, source: "BusSource", cursor: bytes, count: int = CHUNK) -> AsyncIterator[Entry]:
        while chunk := await self._read(source, cursor, count):
            for entry in chunk:
                yield entry
            cursor, count = chunk[-1].id, min(5 * count, CHUNK)

    async def _read(self, source: "BusSource", cursor: bytes, count: int) -> list[Entry]:
        answer = await self._session.read({source: cursor}, count, 0)
        return answer[0][1] if answer else []


class BusSource(NamedTuple):
    """A source is the key of one partition's stream."""

    stream: str
    place: PartitionId


class RecordedEntries:
    """A recording's folder has the streams of one line.

    - instances: each stream's writer.
    - damaged: the files that could not be read, and why.
    """

    origin: Place = RECORDING

    def __init__(self, folder: Path, instances: Mapping[Stream, str]) -> None:
        self.damaged: dict[Path, str] = {}
        self.folder = folder
        self._instances = instances
        self._listed: dict[Stream, tuple[float, list[Part]]] = {}  # when the files were listed, and which there were
        self._last: dict[Path, dict[tuple[str, str], int] | None] = {}  # file -> instance and symbol -> last number

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""
        return await asyncio.to_thread(self._span, stream, sym)

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, in the order of their numbers, each once; DataError by a newer wire.

        It opens the files between the two numbers only.
        """
        return await asyncio.to_thread(self._entries, stream, sym, first, last)

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last entry of the stream were written; None without one."""
        return await asyncio.to_thread(self._times, stream)

    def _times(self, stream: Stream) -> TimeSpan | None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        known = self._parts(stream)
        found: list[int] = []
        for part in dict.fromkeys((*known[:1], *known[-1:])):
            try:
                with ParquetFile(part.path) as file:
                    found += file.read(["w"], use_threads=False).column("w").to_pylist()
            except (ArrowException, OSError, KeyError, ValueError) as error:
                self._note(part, error)
        return TimeSpan(min(found), max(found)) if found else None

    def _span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Finds the first file with a row of the symbol: where one has none, its last number leads to the next."""
        known = self._parts(stream)
        last = self._last_n(known, len(known) - 1, stream, sym)
        i = 0
        while i < len(known):
            if found := self._rows(known[i], stream, sym, 1, last):
                return min(row.n for row in found), last
            i = max(i + 1, self._first_with(known, stream, sym, self._last_n(known, i, stream, sym) + 1))
        return None

    def _entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        known = self._parts(stream)
        found: dict[int, StoredEntry] = {}
        for i in range(self._first_with(known, stream, sym, first), len(known)):
            before = self._last_n(known, i - 1, stream, sym)
            if before >= last:
                break
            if self._last_n(known, i, stream, sym) > before or not i:  # else it has nothing of this symbol
                for row in self._rows(known[i], stream, sym, first, last):
                    found.setdefault(row.n, row)
        return [found[n] for n in sorted(found)]

    def _parts(self, stream: Stream) -> list[Part]:
        """Returns the stream's files in the order of writing, as of a second ago at most."""
        listed_s, known = self._listed.get(stream, (float("-inf"), []))
        if time.monotonic() - listed_s > LISTED_S:
            listed_s, known = time.monotonic(), parts(self.folder, stream)
            self._listed[stream] = listed_s, known
        return known

    def _first_with(self, known: list[Part], stream: Stream, sym: str, n: int) -> int:
        """Returns which file is the first at whose end the symbol's number `n` was recorded."""
        return bisect_left(range(len(known)), n, key=lambda i: self._last_n(known, i, stream, sym))

    def _last_n(self, known: list[Part], i: int, stream: Stream, sym: str) -> int:
        """Returns the symbol's last number when a file was written; of one that cannot be read that of the one before.

        0 before the first.
        """
        while i >= 0:
            last = self._positions(known[i])
            if last is not None:
                return last.get((self._instances[stream], sym), 0)
            i -= 1
        return 0

    def _positions(self, part: Part) -> dict[tuple[str, str], int] | None:
        """Returns how far each instance's symbols were recorded when a file was written; None for a damaged one."""
        if part.path not in self._last:
            try:
                positions = read_positions(part.path)
            except NewerRecording:
                raise
            except DataError as error:
                self._note(part, error)
                self._last[part.path] = None
            else:
                self._last[part.path] = {
                    (place.instance, name): n
                    for place, position in positions.items()
                    for name, (n, _) in position.last.items()
                }
        return self._last[part.path]

    def _rows(self, part: Part, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(part.path) as file:
                table = file.read([*COLUMNS, "instance", "k"], use_threads=False)
        except (ArrowException, OSError, KeyError, ValueError) as error:
            self._note(part, error)
            return []
        for column, text in (("k", sym), ("instance", self._instances[stream])):
            table = table.filter(one_of(table.column(column), [text]))
        cells = [table.column(name).to_pylist() for name in COLUMNS]
        return [
            StoredEntry(n, t, tr, d, w, RECORDING) for n, t, tr, d, w in zip(*cells, strict=True) if first <= n <= last
        ]

    def _note(self, part: Part, error: Exception) -> None:
        if part.path.exists():  # else the recorder has removed it meanwhile
            self.damaged[part.path] = " ".join(str(error).split())[:160]
