"""Entries on the bus. Nothing of a stream is kept here: each answer is of the moment in which it is asked for."""

from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from shared.bus.api import Session
from shared.bus.entry import START, Entry, EntryId
from shared.bus.names import PartitionId, partition_of
from shared.lookup.stored import BUS, Place, StoredEntry, TimeSpan
from shared.messages import Stream

CHUNK, NEAR = 500, 20
MOST_KNOWN = 4_096
NEAR_MS = 250  # an entry that is nearer than this is read to, not searched for


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
        self._known: dict[tuple[_Source, str], list[tuple[int, int]]] = {}

    async def span(self, stream: Stream, sym: str) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry; None where there is none."""
        source = self._source(stream, sym)
        last = await self._last(source, sym)
        if last is None:
            return None
        first = await self._next(source, sym, START)
        return (first or last).n, last.n

    async def entries(self, stream: Stream, sym: str, first: int, last: int) -> list[StoredEntry]:
        """Returns the entries with these numbers, in the order of their numbers, each once.

        What a torn log has left twice has one number, and counts once.
        """
        source = self._source(stream, sym)
        begin = await self._before(source, sym, first)
        found = await self._from(source, sym, begin, first, last)
        if first not in found and begin != START:  # the search was led astray by what stands there twice
            found = await self._from(source, sym, START, first, last)
        return [found[n] for n in sorted(found)]

    async def _from(self, source: "_Source", sym: str, begin: bytes, first: int, last: int) -> dict[int, StoredEntry]:
        found: dict[int, StoredEntry] = {}
        async for entry in self._behind(source, begin, NEAR if last - first < NEAR else CHUNK):
            if entry.k != sym or entry.n < first:
                continue
            if entry.n > last:
                break
            found.setdefault(entry.n, _stored(entry))
        return found

    async def times(self, stream: Stream, symbols: Sequence[str]) -> TimeSpan | None:
        """Returns when the first and the last entry of these symbols' partitions were written; None without one."""
        found: list[int] = []
        for source in {self._source(stream, sym) for sym in symbols}:
            ends = await self._read(source, START, 1), await self._session.newest(source, b"+", 1)
            found += [entry.w for entries in ends for entry in entries]
        return TimeSpan(min(found), max(found)) if found else None

    def _source(self, stream: Stream, sym: str) -> "_Source":
        # The monitor works on all symbols together, in one partition.
        p = 0 if stream is Stream.MONITOR else partition_of(sym, self._partitions)
        return _Source(str(stream), PartitionId(self._instances[stream], p))

    async def _before(self, source: "_Source", sym: str, n: int) -> bytes:
        """Returns an entry id behind which every entry of the symbol from `n` on lies, and not many others.

        It halves the time between two entries whose numbers are known, and keeps what it finds.
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

    async def _last(self, source: "_Source", sym: str) -> Entry | None:
        before = b"+"
        while chunk := await self._session.newest(source, before, CHUNK):
            for entry in chunk:
                if entry.k == sym and entry.n:
                    return entry
            before = b"(" + chunk[-1].id
        return None

    async def _next(self, source: "_Source", sym: str, behind: bytes) -> Entry | None:
        """Returns the symbol's first entry behind an id."""
        async for entry in self._behind(source, behind, NEAR):
            if entry.k == sym and entry.n:
                return entry
        return None

    async def _behind(self, source: "_Source", cursor: bytes, count: int = CHUNK) -> AsyncIterator[Entry]:
        while chunk := await self._read(source, cursor, count):
            for entry in chunk:
                yield entry
            cursor, count = chunk[-1].id, min(5 * count, CHUNK)

    async def _read(self, source: "_Source", cursor: bytes, count: int) -> list[Entry]:
        answer = await self._session.read({source: cursor}, count, 0)
        return answer[0][1] if answer else []


class _Source(NamedTuple):
    """A stream's key."""

    stream: str
    place: PartitionId


def _stored(entry: Entry) -> StoredEntry:
    return StoredEntry(entry.n, entry.t.decode(errors="replace"), entry.tr, entry.d, entry.w, BUS)
