"""Backpressure bounds how far a producer is ahead of its consumers; the reader of the bus reads while there is room."""

import asyncio
import time
from collections.abc import Sequence

from shared.bus.api import Session
from shared.bus.entry import EntryId
from shared.bus.names import PartitionId
from shared.runner.partition import Partition
from shared.runner.spec import Limits, Output, ServiceSpec
from shared.runner.symbol import cursor_in, position_in


class Backpressure:
    """Backpressure keeps a producer a bounded distance ahead of its consumers' commits.

    A producer that reached its bound goes on when half of it is free again: many small batches would cost more than few
    large ones, and its consumers have enough to do meanwhile.
    """

    def __init__(self, spec: ServiceSpec, limits: Limits) -> None:
        self._bounded = [output for output in spec.outputs if output.consumers]
        self._limits = limits
        self._seen: dict[tuple[int, str], int] = {}  # (partition, stream) -> lowest consumer position
        self._full: set[int] = set()  # partitions that reached their bound
        self._half = max(1, min((output.bound for output in self._bounded), default=0) // 2)

    def room(self, part: Partition) -> int:
        """Returns how many more entries each of this partition's streams may take."""
        if not self._bounded:
            return self._limits.commit_entries
        room, p = min(output.bound - self._ahead(part, output) for output in self._bounded), part.lease.partition.p
        if room <= 0:
            self._full.add(p)
        elif p in self._full:
            if room < self._half:
                return 0
            self._full.remove(p)
        return room

    def _ahead(self, part: Partition, output: Output) -> int:
        return part.written[output.stream] - self._seen.get((part.lease.partition.p, output.stream), 0)

    async def refresh(self, session: Session, parts: Sequence[Partition]) -> None:
        """Asks the bus how far the consumers are, for partitions that are short of room."""
        short = [part for part in parts if self.room(part) < self._half]
        if not short:
            return
        for part, output, stored in await self._ask(session, short, self._bounded):
            self._seen[part.lease.partition.p, output.stream] = min(position_in(field) for field in stored)

    async def trim(self, session: Session, parts: Sequence[Partition]) -> None:
        """Lets the next commits cut off what all consumers have committed and what is old enough."""
        cut = [output for output in self._bounded if output.trim]
        if not cut or not parts:
            return
        oldest = self._ms_ago(self._limits.trim_age_s)
        for part, output, stored in await self._ask(session, parts, cut):
            lowest = min((cursor_in(field) for field in stored), key=EntryId.of)
            part.trims[output.stream] = lowest.decode() if EntryId.of(lowest).ms < oldest else str(oldest)
        kept = [output for output in cut if output.recorders]
        for part, output, stored in await self._ask(session, parts, kept, recorders=True):
            lacking = part.written[output.stream] - min(position_in(field) for field in stored)
            if lacking > output.hold_entries:
                continue
            recorded = min((cursor_in(field) for field in stored), key=EntryId.of)
            lowest = max(recorded, b"%d" % self._ms_ago(output.hold_s), key=EntryId.of)
            if EntryId.of(lowest).ms < EntryId.of(part.trims[output.stream]).ms:
                part.trims[output.stream] = lowest.decode()

    async def lags(self, session: Session, parts: Sequence[Partition]) -> dict[tuple[str, int, str], int]:
        """Returns by stream, partition and reader how many entries the reader has not committed; raises BusLost."""
        found: dict[tuple[str, int, str], int] = {}
        for recorders in (False, True):
            for part, output, stored in await self._ask(session, parts, self._bounded, recorders=recorders):
                readers = output.recorders if recorders else output.consumers
                for reader, field in zip(readers, stored, strict=True):
                    behind = part.written[output.stream] - position_in(field)
                    found[str(output.stream), part.lease.partition.p, reader] = max(behind, 0)
        return found

    @staticmethod
    def _ms_ago(seconds: float) -> int:
        return int((time.time() - seconds) * 1000)

    async def _ask(
        self, session: Session, parts: Sequence[Partition], outputs: Sequence[Output], *, recorders: bool = False
    ) -> list[tuple[Partition, Output, list[bytes | None]]]:
        asked = [
            (part, output, output.recorders if recorders else output.consumers) for part in parts for output in outputs
        ]
        wanted = [
            (PartitionId(reader, part.lease.partition.p), f"in:{output.stream}")
            for part, output, readers in asked
            for reader in readers
        ]
        answers = iter(await session.fields(wanted))
        return [(part, output, [next(answers) for _ in readers]) for part, output, readers in asked]


def sources_of(spec: ServiceSpec, p: int) -> list[tuple[str, PartitionId]]:
    """Returns the streams that the instance's partition `p` reads."""
    return [(str(x.stream), PartitionId(x.instance, p if x.p is None else x.p)) for x in spec.inputs]


class BusReader:
    """The reader reads the input streams of all partitions; without room to write, only those that are always taken."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Reads all streams at once; returns as soon as anything came."""
        cursors: dict[tuple[str, PartitionId], bytes] = {}
        owners: dict[tuple[str, PartitionId], tuple[Partition, str]] = {}
        stalled = False
        for part in parts:
            full = pressure.room(part) <= 0
            stalled = stalled or full
            for key, cursor in part.cursors.items():
                asked = cursor.source
                if part.wants(key) and (asked.always or not full):
                    p = part.lease.partition.p if asked.p is None else asked.p
                    source = (str(asked.stream), PartitionId(asked.instance, p))
                    cursors[source] = cursor.read_to
                    owners[source] = (part, key)
        if stalled:
            wait_s = min(wait_s, self._limits.stall_s)
        if not cursors:
            await asyncio.sleep(wait_s)  # nothing of ours to read; the next round or the consumers' progress is due
            return
        block_ms = max(1, int(wait_s * 1000))
        for source, entries in await session.read(cursors, self._limits.read_count, block_ms):
            part, key = owners[source]
            part.offer(key, entries)

    def forget(self, p: int) -> None:
        """Does nothing: the reader keeps nothing of a partition."""
