"""The recent lookup is for who asks for the newest messages again and again: the bus answers that at once.

Who looks at many symbols does so within a moment: what is new in all their streams is read in one question when it
begins, and what was read before is kept. The recording is asked for what the bus has no more of them, and not again
while nothing is lacking. Whoever asks does so more often than the bus is trimmed.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from shared.bus.api import Bus, BusLost
from shared.bus.entry import START, Entry, EntryId
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.lookup.lookup import Lookup
from shared.lookup.stores import Found, StoredEntry
from shared.messages import Stream

MOST_KEPT = 64  # messages of a symbol's stream that are kept
MOST_NEW = 128  # entries of a stream that are read in one question; where there may be more, it is asked for anew


class KeptEnd:
    """The end of a symbol's stream is kept as it was read last: its last messages, without a hole.

    - asked: for so many messages; there are fewer where there were no more. end: the id up to which it was read.
    """

    def __init__(self, sym: str, asked: int, end: bytes, found: Iterable[Found]) -> None:
        self.end = end or START
        self._sym, self._asked = sym, asked
        self._kept: list[Found | StoredEntry] = list(found)  # decoded when somebody asks for it
        self._newest_n = self._newest_ns = 0
        if self._kept and isinstance(newest := self._kept[-1], Found):
            self._newest_n, self._newest_ns = newest.message.n, newest.at_ns

    def last(self, count: int) -> list[Found] | None:
        """Returns the last messages; None where fewer are kept, or one cannot be read."""
        if count > self._asked:
            return None
        answer = []
        for i in range(max(0, len(self._kept) - count), len(self._kept)):
            one = self._kept[i]
            found = one.found(self._sym) if isinstance(one, StoredEntry) else one
            if found is None:
                return None
            self._kept[i] = found
            answer.append(found)
        return answer

    def take(self, entries: Iterable[Entry], end: bytes) -> bool:
        """Takes the symbol's entries behind the end, up to a new one; returns False where one lacks between."""
        behind, self.end = EntryId.of(self.end), end
        for entry in entries:
            if not entry.n or EntryId.of(entry.id) <= behind:
                continue
            if entry.n == self._newest_n + 1:
                self._kept.append(StoredEntry.of(entry))
                self._newest_n, self._newest_ns = entry.n, entry.w
            elif entry.n > self._newest_n or entry.w > self._newest_ns:  # else it came while it was asked for
                return False
        del self._kept[: -self._asked]
        return True


class RecentLookup(Lookup):
    """A recent lookup is a lookup whose `last` is quick."""

    def __init__(self, settings: Settings, bus: Bus | None, no_bus: str = "") -> None:
        super().__init__(settings, bus, no_bus)
        self._ends: dict[tuple[Stream, str], KeptEnd] = {}
        self._in_moment = False

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[None]:
        """Reads what is new in all that was asked for in earlier moments; until it is over `last` tells that."""
        await self._read_news()
        self._in_moment = True
        try:
            yield
        finally:
            self._in_moment = False

    async def last(self, stream: Stream, sym: str, count: int = 1, until_ns: int | None = None) -> list[Found]:
        """Returns the last messages, as a lookup does."""
        if until_ns is not None:
            return await super().last(stream, sym, count, until_ns)
        kept = self._ends.get((stream, sym)) if self._in_moment else None
        if kept is not None and (known := kept.last(count)) is not None:
            return known
        found, end = await self._on_the_bus(stream, sym, count)
        if found is None:
            return await super().last(stream, sym, count)
        if len(found) < count and not (found and found[0].message.n == 1):
            found = await super().last(stream, sym, count)
        if self._in_moment and count <= MOST_KEPT:
            self._ends[stream, sym] = KeptEnd(sym, count, end, found)
        return found

    async def _read_news(self) -> None:
        bus = await self._on_bus()
        if bus is None or self._session is None or not self._ends:
            return
        of_source = defaultdict[tuple[str, PartitionId], list[tuple[Stream, str]]](list)
        for key in self._ends:
            of_source[bus.source(*key)].append(key)
        begins = {source: min((self._ends[key].end for key in of), key=EntryId.of) for source, of in of_source.items()}
        try:
            answers = await self._session.read(begins, MOST_NEW, 0)
        except BusLost as lost:
            await self._lose(lost)
            return
        for source, entries in answers:
            of_sym = defaultdict[str, list[Entry]](list)
            for entry in entries:
                of_sym[entry.k].append(entry)
            for key in of_source[source]:
                if len(entries) == MOST_NEW or not self._ends[key].take(of_sym[key[1]], entries[-1].id):
                    del self._ends[key]

    async def _lose(self, lost: BusLost) -> None:
        self._ends.clear()  # the server may lose its last writes, too
        await super()._lose(lost)

    async def _on_the_bus(self, stream: Stream, sym: str, count: int) -> tuple[list[Found] | None, bytes]:
        """Returns what the bus has, None where it does not answer or lacks one between, and where the stream ends."""
        bus = await self._on_bus()
        if bus is None:
            return None, b""
        try:
            entries, end = await bus.newest(stream, sym, count)
        except BusLost as lost:
            await self._lose(lost)
            return None, b""
        found = [one for entry in entries if (one := entry.found(sym)) is not None]
        numbers = [one.message.n for one in found]
        whole = not numbers or numbers == list(range(numbers[0], numbers[-1] + 1))
        return (found if whole and len(found) == len(entries) else None), end
