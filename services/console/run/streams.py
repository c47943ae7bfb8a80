"""Streams read and followed from outside the line, over restarts of the bus, and what a run collects of them."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from shared.bus.api import Bus, BusLost, Session
from shared.bus.entry import START, Entry
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.messages import DecodeError, ExecutionReport, Leg, Message, OrderIntent, OrderStatus, Stream, decode
from shared.messages.reasons import NO_ORDER
from shared.record import NewerWire
from shared.runner.progress import producers

COUNT = 500
BLOCK_MS = 300
CHUNK = 500  # entries read backwards at a time
REMEMBERED = 4_096  # more than one commit writes
MAX_PER_SYMBOL = 500_000  # orders that are kept for the comparison, and reports
K = TypeVar("K")


Source = tuple[str, PartitionId]


async def follow(
    bus: Bus, sources: Sequence[Source], *, forever: bool = True, behind: Mapping[Source, bytes] | None = None
) -> AsyncIterator[Entry]:
    """Yields every entry of the streams from their starts; without `forever` until nothing more is there.

    After a restart of the bus it starts anew: the same entry may come twice, told apart by symbol and n. With `behind`
    it starts there instead, and goes on where it was after a restart.
    """
    run_id, cursors = "", dict(behind or {})
    while True:
        try:
            session = await bus.connect()
        except BusLost:
            if not forever:
                raise
            await asyncio.sleep(BLOCK_MS / 1000)  # a server that is away gives nothing to wait on
            continue
        try:
            if behind is None and session.run_id != run_id:
                run_id, cursors = session.run_id, dict.fromkeys(sources, START)
            while True:
                batches = await session.read(cursors, COUNT, BLOCK_MS if forever else 0)
                if not batches and not forever:
                    return
                for source, entries in batches:
                    cursors[source] = entries[-1].id
                    for entry in entries:
                        yield entry
        except BusLost:
            if not forever:
                raise
        finally:
            await session.close()


def sources(settings: Settings, stream: Stream) -> list[tuple[str, PartitionId]]:
    """Returns the stream's keys; every service writes dead letters."""
    made_by = producers(settings)
    instances = sorted(set(made_by.values())) if stream is Stream.DEAD else [made_by[stream]]
    return [(stream, PartitionId(instance, p)) for instance in instances for p in range(settings.bus.partitions)]


async def newest_entries(
    bus: Bus, settings: Settings, stream: Stream, sym: str | None, limit: int
) -> tuple[list[Entry], dict[Source, bytes]]:
    """Returns the last `limit` entries in the order of writing, and where each of the streams ends; raises BusLost."""
    ends: dict[Source, bytes] = {}
    found: list[Entry] = []
    repeats = {source: Repeats() for source in sources(settings, stream)}
    session = await bus.connect()
    try:
        for source, repeated in repeats.items():
            ends[source] = (await session.newest(source, b"+", 1) or [Entry(START, ())])[0].id
            found += await _newest(session, source, ends[source], sym, limit, repeated)
    finally:
        await session.close()
    return sorted(found, key=_written)[max(0, len(found) - limit) :], ends


async def later_entries(bus: Bus, ends: dict[Source, bytes], sym: str | None) -> AsyncIterator[Entry]:
    """Yields what comes behind these ends, of one symbol if it is named, over restarts of the bus."""
    later = Repeats()
    async for entry in follow(bus, list(ends), behind=ends):
        if sym in (None, entry.k) and not later.seen(entry):
            yield entry


class Repeats:
    """Tells the entries of one stream that stand there twice to the letter, among the last REMEMBERED of them.

    Redis 7 and 8 leave such behind after a log that was torn in the midst of a commit (docs/architecture.md).
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str, bytes], None] = {}

    def seen(self, entry: Entry) -> bool:
        """Returns whether the same message was there before; from now on it was."""
        key = (entry.k, entry.n, entry.tr, blake2b(entry.d, digest_size=16).digest())
        if key in self._known:
            return True
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return False


async def _newest(
    session: Session, source: Source, end: bytes, sym: str | None, limit: int, repeats: Repeats
) -> list[Entry]:
    """Returns the last `limit` entries up to `end`, of one symbol if it is named; reads no further than needed."""
    found: list[Entry] = []
    before = end
    while len(found) < limit:
        chunk = await session.newest(source, before, CHUNK)
        found += [entry for entry in chunk if sym in (None, entry.k) and not repeats.seen(entry)]
        if len(chunk) < CHUNK:
            break
        before = b"(" + chunk[-1].id
    return found[:limit]


def _written(entry: Entry) -> tuple[int, str, int]:
    return entry.w, entry.k, entry.n


class StreamTaker(ABC):
    """A taker gives `take` each entry of one stream of an instance, while a run goes on and to its end.

    It does so in all partitions, and again after a restart of the bus.
    """

    def __init__(self, bus: Bus, stream: Stream, instance: str, partitions: int) -> None:
        self._bus = bus
        self._sources: list[Source] = [(stream, PartitionId(instance, p)) for p in range(partitions)]

    @abstractmethod
    def take(self, entry: Entry) -> None:
        """Takes one entry."""

    async def run(self) -> None:
        """Takes until cancelled."""
        await self._follow(forever=True)

    async def finish(self, running: "asyncio.Task[None]") -> None:
        """Ends the running one, and takes what it has not seen yet; raises BusLost, and may be called again."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await self._follow(forever=False)

    async def _follow(self, forever: bool) -> None:
        async for entry in follow(self._bus, self._sources, forever=forever):
            self.take(entry)


class OrderCollector(StreamTaker):
    """A collector keeps the orders and executions of a run for the comparison at its end.

    - orders, executions: symbol -> n -> order, or report; the oldest of a symbol go when there are too many.
    - newer: why these are not all, where a newer Tickline wrote some: then nothing can be compared.
    """

    def __init__(self, bus: Bus, settings: Settings) -> None:
        super().__init__(bus, Stream.ORDERS, settings.strategy.instance, settings.bus.partitions)
        self._sources += _sources(settings, Stream.EXECUTIONS)
        # It loads the models' runtime, which `tail` does without.
        from services.research.parity.orders import ExecutionKey, OrderKey

        self._order_key, self._execution_key = OrderKey.of, ExecutionKey.of
        self.orders: dict[str, dict[int, OrderKey]] = {}
        self.executions: dict[str, dict[int, ExecutionKey]] = {}
        self.newer = ""

    def take(self, entry: Entry) -> None:
        """Keeps the order, or the report; to the comparison, one that cannot be read is missing."""
        try:
            message = decode(entry.t, entry.d)
        except NewerWire as newer:
            self.newer = str(newer)
            return
        except DecodeError:
            return
        if isinstance(message, OrderIntent):
            _keep(self.orders, message, self._order_key(message))
        elif isinstance(message, ExecutionReport):
            _keep(self.executions, message, self._execution_key(message))


def _keep(kept: dict[str, dict[int, K]], message: Message, key: K) -> None:
    known = kept.setdefault(message.sym, {})
    known[message.n] = key
    if len(known) > MAX_PER_SYMBOL:
        del known[next(iter(known))]


class Ended(NamedTuple):
    """The ends of orders. filled: those of which something was filled. reasons: reason -> orders not filled in full."""

    filled: int = 0
    reasons: Mapping[str, int] = MappingProxyType({})


class RefusalCounter(StreamTaker):
    """A counter counts the reports of a run, each once. Reports before `since_ns` are an earlier run's."""

    def __init__(self, bus: Bus, settings: Settings, since_ns: int) -> None:
        super().__init__(bus, Stream.EXECUTIONS, settings.gateway.instance, settings.bus.partitions)
        self._filled = 0
        self._reasons: Counter[str] = Counter()
        self._since_ns = since_ns
        self._seen: dict[str, int] = {}

    @property
    def ended(self) -> Ended:
        """Returns the counts as they stand."""
        return Ended(self._filled, dict(self._reasons))

    def take(self, entry: Entry) -> None:
        """Counts the report, once; what cannot be read is none of ours."""
        if entry.w < self._since_ns or entry.n <= self._seen.get(entry.k, 0):
            return
        self._seen[entry.k] = entry.n
        try:
            message = decode(entry.t, entry.d)
        except (DecodeError, NewerWire):
            return
        if not isinstance(message, ExecutionReport):
            return
        if message.leg not in NO_ORDER and message.last_qty:
            self._filled += 1
        fired = message.leg is Leg.STOP and message.status is OrderStatus.FILLED  # its reason says which stop it was
        if message.reason is not None and not fired:
            self._reasons[message.reason.value] += 1


async def latencies_us(bus: Bus, settings: Settings, since_ns: int) -> Mapping[str, float | None]:
    """Returns p50, p99 and p99.9 of the time from a tick written to its execution written, in µs; None without any.

    It is told by the wall clocks in the entries that the bus still holds, of ticks that were written at `since_ns` or
    later: what an earlier run left is not this run's.
    """
    written = {}
    async for entry in follow(bus, _sources(settings, Stream.TICKS), forever=False):
        if entry.w >= since_ns:
            written[entry.tr] = entry.w
    waits = []
    async for entry in follow(bus, _sources(settings, Stream.EXECUTIONS), forever=False):
        if entry.tr in written:
            waits.append((entry.w - written[entry.tr]) / 1000)
    return percentiles(waits)


def percentiles(waits_us: Sequence[float]) -> Mapping[str, float | None]:
    """Returns the named percentiles, rounded to whole µs.

    >>> percentiles([1.0, 2.0, 3.0])
    {'p50': 2.0, 'p99': 3.0, 'p999': 3.0}
    """
    names = {"p50": 50, "p99": 99, "p999": 99.9}
    if not waits_us:
        return dict.fromkeys(names)
    import numpy as np  # for a summary alone

    return {name: float(round(np.percentile(waits_us, q))) for name, q in names.items()}


def _sources(settings: Settings, stream: Stream) -> list[tuple[str, PartitionId]]:
    instance = producers(settings)[stream]
    return [(stream, PartitionId(instance, p)) for p in range(settings.bus.partitions)]
