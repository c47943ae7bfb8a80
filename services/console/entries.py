"""A stream's last entries as they lie on the bus, damage and all, over all partitions; and then what comes."""

from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from services.console.run.streams import Source, follow
from shared.bus.entry import START, Entry
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.messages import Stream
from shared.runner.progress import producers

if TYPE_CHECKING:
    from shared.bus.redis_bus import RedisBus, RedisSession

CHUNK = 500  # entries read backwards at a time
REMEMBERED = 4_096  # more than one commit writes


def sources(settings: Settings, stream: Stream) -> list[tuple[str, PartitionId]]:
    """Returns the stream's keys; every service writes dead letters."""
    made_by = producers(settings)
    instances = sorted(set(made_by.values())) if stream is Stream.DEAD else [made_by[stream]]
    return [(stream, PartitionId(instance, p)) for instance in instances for p in range(settings.bus.partitions)]


async def newest_entries(
    bus: "RedisBus", settings: Settings, stream: Stream, sym: str | None, limit: int
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


async def later_entries(bus: "RedisBus", ends: dict[Source, bytes], sym: str | None) -> AsyncIterator[Entry]:
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
    session: "RedisSession", source: Source, end: bytes, sym: str | None, limit: int, repeats: Repeats
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
