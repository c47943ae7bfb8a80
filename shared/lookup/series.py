"""A series is one symbol's entries of one stream, out of several stores, in the order of their numbers, each once.

Numbers only grow. Times grow with them in most streams. In the others one may stand behind later
ones: a decision that waited has its tick's time, a funding payment the exchange's. So a search looks at a few
neighbours, and what it finds is taken with a margin.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise

from shared.lookup.stores import EntryStore, Found, StoredEntry
from shared.messages import Stream

CHUNK = 1_024
NEIGHBOURS = 4
MARGIN_N = 64
MARGIN_NS = 3_600_000_000_000
IN_ORDER = frozenset({Stream.TICKS, Stream.FEATURES, Stream.PREDICTIONS, Stream.ORDERS})


class SymbolSeries:
    """The series takes each number from the first of its stores that has it."""

    def __init__(self, stores: Sequence[EntryStore], stream: Stream, sym: str) -> None:
        self._stores, self._stream, self._sym = stores, stream, sym
        self._span: tuple[int, int] | None = None

    async def span(self) -> tuple[int, int] | None:
        """Returns the numbers of the first and the last entry, as they were at the first call; None without one."""
        if self._span is None:
            spans = [await store.span(self._stream, self._sym) for store in self._stores]
            known = [span for span in spans if span is not None]
            self._span = (min(first for first, _ in known), max(last for _, last in known)) if known else None
        return self._span

    async def between(self, first: int, last: int) -> list[Found]:
        """Returns the messages with these numbers, both included."""
        return self._decoded(await self._entries(first, last))

    async def last(self, count: int, until_ns: int | None = None) -> list[Found]:
        """Returns the last messages, or as many as there are; with `until_ns` those whose `ts_event` is not later."""
        span, found, width = await self.span(), list[Found](), count
        if span is None or count < 1:
            return []
        begin, end = span[0], await self._end(until_ns)
        while end >= begin and len(found) < count:
            first = max(begin, end - width + 1)
            chunk = await self.between(first, end)
            found = [*(x for x in chunk if until_ns is None or x.message.ts_event <= until_ns), *found]
            end, width = first - 1, min(2 * width, CHUNK)
        return found[-count:]

    async def from_on(self, first: int, want: Callable[[StoredEntry], bool] = lambda _: True) -> AsyncIterator[Found]:
        """Yields the messages from a number on, to the last; of those whose entries are wanted."""
        span = await self.span()
        if span is None:
            return
        first, width = max(first, span[0]), NEIGHBOURS * MARGIN_N
        while first <= span[1]:
            entries = await self._entries(first, first + width - 1)
            for found in self._decoded(list(filter(want, entries))):
                yield found
            first, width = first + width, min(2 * width, CHUNK)

    async def within(self, since_ns: int | None, until_ns: int | None) -> list[Found]:
        """Returns the messages whose `ts_event` is in this time, both ends included."""
        span = await self.span()
        if span is None:
            return []
        first = span[0] if since_ns is None else await self.number_at(since_ns - self._margin_ns)
        return [
            found
            for found in await self.between(first, await self._end(until_ns))
            if (since_ns is None or since_ns <= found.message.ts_event)
            and (until_ns is None or found.message.ts_event <= until_ns)
        ]

    async def number_at(self, ts_event: int) -> int:
        """Returns the number, less a margin, of about the first message of this time or later."""
        span = await self.span()
        return 1 if span is None else max(span[0], (await self._around(span, ts_event))[0] - MARGIN_N)

    async def _around(self, span: tuple[int, int], ts_event: int) -> tuple[int, int]:
        """Returns two numbers: behind the first, and not behind the second, lies what `number_at` looks for.

        It halves the numbers between, and looks at the first messages behind each middle, which may be far behind it.
        """
        low, high, reached = span[0], span[1] + 1, span[1] + 1
        while high - low > MARGIN_N:
            middle = (low + high) // 2
            found = await self._some(middle, high - 1)
            if found and max(each.message.ts_event for each in found) < ts_event:
                low = middle
            else:
                high, reached = middle, found[-1].message.n if found else reached
        return low, reached

    @property
    def _margin_ns(self) -> int:
        return 0 if self._stream in IN_ORDER else MARGIN_NS

    async def _end(self, until_ns: int | None) -> int:
        """Returns a number behind which no message has this time or an earlier one."""
        span = await self.span()
        if span is None or until_ns is None:
            return 0 if span is None else span[1]
        _, reached = await self._around(span, until_ns + self._margin_ns + 1)
        return min(span[1], reached + MARGIN_N)

    async def _some(self, first: int, last: int) -> list[Found]:
        """Returns the first messages with one of these numbers."""
        width = NEIGHBOURS
        while first <= last:
            found = await self.between(first, min(last, first + width - 1))
            if found:
                return found[:NEIGHBOURS]
            first, width = first + width, 4 * width
        return []

    async def _entries(self, first: int, last: int) -> list[StoredEntry]:
        found: dict[int, StoredEntry] = {}
        for store in self._stores:
            if (missing := _missing(found, first, last)) is not None:
                for entry in await store.entries(self._stream, self._sym, *missing):
                    found.setdefault(entry.n, entry)
        return [found[n] for n in sorted(found)]

    def _decoded(self, entries: Sequence[StoredEntry]) -> list[Found]:
        return [found for entry in entries if (found := entry.found(self._sym)) is not None]


def _missing(found: dict[int, StoredEntry], first: int, last: int) -> tuple[int, int] | None:
    """Returns the narrowest range that has all numbers that are not found yet; None without one."""
    edges = [first - 1, *sorted(found), last + 1]
    holes = [(low + 1, high - 1) for low, high in pairwise(edges) if high - low > 1]
    return (holes[0][0], holes[-1][1]) if holes else None
