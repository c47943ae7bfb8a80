"""Following streams from outside the line, over restarts of the bus."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from shared.bus.api import Bus, BusLost
from shared.bus.entry import START, Entry
from shared.bus.names import PartitionId

COUNT = 500
BLOCK_MS = 300


Source = tuple[str, PartitionId]


async def follow(
    bus: Bus, sources: Sequence[Source], *, forever: bool = True, behind: Mapping[Source, bytes] | None = None
) -> AsyncIterator[Entry]:
    """Every entry of the streams from their starts; without `forever` until nothing more is there.

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
