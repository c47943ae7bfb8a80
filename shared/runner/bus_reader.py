"""Input from the bus: plain XREAD behind the cursors of all owned partitions."""

import asyncio
from collections.abc import Sequence

from shared.bus.api import Session
from shared.bus.names import PartitionId
from shared.messages import Stream
from shared.runner.backpressure import Backpressure
from shared.runner.partition import Partition
from shared.runner.plan import Limits


class BusReader:
    """Reads the input streams of all partitions; without room to write, only those that are always taken."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Backpressure, wait_s: float) -> None:
        """One read over all streams; returns as soon as anything came."""
        cursors: dict[tuple[str, PartitionId], bytes] = {}
        owners: dict[tuple[str, PartitionId], tuple[Partition, Stream]] = {}
        stalled = False
        for part in parts:
            full = flow.room(part) <= 0
            stalled = stalled or full
            for stream, inbox in part.inboxes.items():
                if part.wants(stream) and (inbox.source.always or not full):
                    source = (str(stream), PartitionId(inbox.source.instance, part.lease.place.p))
                    cursors[source] = inbox.read_to
                    owners[source] = (part, stream)
        if stalled:
            wait_s = min(wait_s, self._limits.stall_s)
        if not cursors:
            await asyncio.sleep(wait_s)  # nothing of ours to read; the next round or the consumers' progress is due
            return
        block_ms = max(1, int(wait_s * 1000))
        for source, entries in await session.read(cursors, self._limits.read_count, block_ms):
            part, stream = owners[source]
            part.offer(stream, entries)

    def forget(self, p: int) -> None:
        """Nothing is kept here."""
