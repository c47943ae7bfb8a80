"""The bus in memory: the fast double of RedisBus for tests and for a line within one process.

A MemoryBus has what a server would have, a MemorySession what one process does with it. Both keep the promises of
`shared/bus/api.py`: the same contract suite runs on this bus and on real servers.
"""

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

from shared.bus.api import BusLost, Commit, Joined, Lease, Outcome, Storage, Stored
from shared.bus.entry import Entry, EntryId
from shared.bus.names import PartitionId
from shared.record import WIRE


@dataclass
class _Partition:
    owner: str = ""
    epoch: int = 0
    until: float = 0.0
    taken: float = 0.0
    seq: int = 0
    fields: dict[str, bytes] = field(default_factory=dict)


class _Replica(NamedTuple):
    order: int
    until: float
    wire: int


class MemoryBus:
    """The bus holds everything that a server would. `restart()` ends all sessions, as a server's restart does."""

    def __init__(
        self, *, lease_s: float, maxlens: Mapping[str, int], clock: Callable[[], float] = time.monotonic,
        raise_after_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.lease_s = lease_s
        self.maxlens = dict(maxlens)
        self.clock = clock
        self.run_id = uuid4().hex
        self.partitions: dict[PartitionId, _Partition] = {}
        self.streams: dict[tuple[str, PartitionId], list[Entry]] = {}
        self.meta: dict[str, str] = {}
        self.replicas: dict[tuple[str, str], _Replica] = {}
        self.wire: int | None = None
        self.raise_after_s = raise_after_s
        self._next: tuple[int, float] | None = None  # the wire that all know, and since when
        self.changed = asyncio.Condition()
        self._last_id = 0

    async def connect(self) -> "MemorySession":
        """Returns a new session."""
        return MemorySession(self)

    def restart(self) -> None:
        """Acts as a clean restart of the server: nothing is lost, every session is over."""
        self.run_id = uuid4().hex

    def partition(self, partition: PartitionId) -> _Partition:
        """Returns the partition's state, made when it is new."""
        return self.partitions.setdefault(partition, _Partition())

    def over(self, until: float) -> bool:
        """Says whether a lease until then is over: by the clock, or by one that was set back since."""
        return not 0 <= until - self.clock() <= 2 * self.lease_s

    def raise_wire(self, now: float) -> None:
        """Raises the wire where all replicas know a newer one, and have for long enough."""
        lowest = min(replica.wire for replica in self.replicas.values())
        if self.wire is None or lowest <= self.wire:
            self._next = None
            return
        if self._next is None or self._next[0] != lowest or self._next[1] > now:
            self._next = (lowest, now)
        if now - self._next[1] >= self.raise_after_s:
            self.wire, self._next = lowest, None

    def next_id(self) -> bytes:
        """Returns an entry id that only grows."""
        self._last_id += 1
        return b"%d-0" % self._last_id


class MemorySession:
    """A session works on a MemoryBus as if it were another process."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._run_id = bus.run_id
        self._closed = False
        self._woken = False

    @property
    def storage(self) -> Storage:
        """Returns what a server of its own would tell."""
        return Storage("", append_only=True)

    def cursors_id(self, partition: PartitionId, sources: Iterable[tuple[str, PartitionId]]) -> str:
        """Returns another id after a restart, as on a Cluster for a stream of another node."""
        return self._run_id

    @property
    def run_id(self) -> str:
        """Returns the run id at connect."""
        return self._run_id

    def _check(self) -> None:
        if self._closed or self._run_id != self._bus.run_id:
            raise BusLost("bus in memory: the session is over")

    async def acquire(self, partition: PartitionId, owner: str) -> Lease | None:
        """Takes the partition, unless somebody else's lease is still good; returns the lease, or None."""
        self._check()
        held = self._bus.partition(partition)
        if held.owner not in ("", owner) and not self._bus.over(held.until):
            return None
        now = self._bus.clock()
        held.owner, held.epoch, held.until, held.taken = owner, held.epoch + 1, now + self._bus.lease_s, now
        return Lease(partition, owner, held.epoch)

    def _held(self, lease: Lease) -> _Partition | None:
        """Returns the partition's state where the lease's owner and epoch still stand."""
        held = self._bus.partition(lease.partition)
        return held if (held.owner, held.epoch) == (lease.owner, lease.epoch) else None

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Lengthens the leases; returns False for each partition that is not ours any more."""
        self._check()
        kept = []
        for lease in leases:
            held = self._held(lease)
            if held is not None and not self._bus.over(held.until):
                held.until = self._bus.clock() + self._bus.lease_s
                kept.append(True)
            else:
                kept.append(False)
        return kept

    async def release(self, leases: Sequence[Lease]) -> None:
        """Gives the partitions up at once."""
        self._check()
        for lease in leases:
            held = self._held(lease)
            if held is not None:
                held.owner, held.until = "", 0.0

    async def load(self, partitions: Sequence[PartitionId]) -> list[Stored]:
        """Reads the partitions' states."""
        self._check()
        held = [self._bus.partition(partition) for partition in partitions]
        return [Stored(state.seq, dict(state.fields)) for state in held]

    async def fields(self, wanted: Sequence[tuple[PartitionId, str]]) -> list[bytes | None]:
        """Returns single fields of partitions' states."""
        self._check()
        return [self._field(self._bus.partition(partition), name) for partition, name in wanted]

    @staticmethod
    def _field(held: _Partition, name: str) -> bytes | None:
        """Returns a field as it would stand in the server's hash, with those of the lease beside the snapshot's."""
        if name == "owner" and held.epoch:
            return held.owner.encode()
        if name == "epoch" and held.epoch:
            return b"%d" % held.epoch
        if name in ("until", "taken") and held.epoch:
            return b"%d" % round((held.until if name == "until" else held.taken) * 1_000)
        return held.fields.get(name)

    async def commit(self, commits: Sequence[Commit]) -> list[Outcome]:
        """Writes each commit atomically."""
        self._check()
        outcomes = [self._write(commit) for commit in commits]
        async with self._bus.changed:
            self._bus.changed.notify_all()
        return outcomes

    def _write(self, commit: Commit) -> Outcome:
        """Does what the script COMMIT does: all checks first, then the writes."""
        held = self._held(commit.lease)
        if held is None or self._bus.over(held.until):
            return Outcome.FENCED
        if held.seq != commit.seq:
            return Outcome.CONFLICT
        for name, value in commit.fields.items():
            held.fields[name] = value.encode() if isinstance(value, str) else value
        wall = str(time.time_ns())
        for out in commit.entries:
            written = self._bus.streams.setdefault((out.stream, commit.lease.partition), [])
            parts = zip(("t", "k", "n", "h", "tr", "d", "w"), (*out[1:], wall), strict=True)
            flat = [part if isinstance(part, bytes) else str(part).encode() for pair in parts for part in pair]
            written.append(Entry(self._bus.next_id(), flat))
            longest = self._bus.maxlens.get(out.stream, 0)
            if longest and len(written) > longest:
                del written[: len(written) - longest]
        for stream, lowest in commit.trims.items():
            kept = self._bus.streams.get((stream, commit.lease.partition), [])
            kept[:] = [entry for entry in kept if EntryId.of(entry.id) >= EntryId.of(lowest.encode())]
        held.seq += 1
        held.until = self._bus.clock() + self._bus.lease_s
        return Outcome.OK

    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        """Returns entries behind the cursors; waits up to `block_ms` for the first."""
        self._check()
        found = self._behind(cursors, count)
        if found or not block_ms:
            return found
        try:
            async with asyncio.timeout(block_ms / 1000), self._bus.changed:
                while not found and not self._woken:
                    await self._bus.changed.wait()
                    self._check()
                    found = self._behind(cursors, count)
        except TimeoutError:
            return []
        self._woken = False
        return found

    def _behind(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        found = []
        for source, cursor in cursors.items():
            entries = self._bus.streams.get(source, [])
            begin = bisect_right(entries, EntryId.of(cursor), key=_id)
            if later := entries[begin : begin + count]:
                found.append((source, [_copy(entry) for entry in later]))
        return found

    async def newest(self, source: tuple[str, PartitionId], before: bytes, count: int) -> list[Entry]:
        """Returns the last entries of a stream up to `before` (`+`: its end; `(id`: without it), the newest first."""
        self._check()
        entries = self._bus.streams.get(source, [])
        end = len(entries)
        if before != b"+":
            side = bisect_left if before[:1] == b"(" else bisect_right
            end = side(entries, EntryId.of(before.removeprefix(b"(")), key=_id)
        return [_copy(entry) for entry in entries[max(0, end - count) : end][::-1]]

    def wake(self) -> None:
        """Makes a waiting read return soon."""
        self._woken = True
        self._waking = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._bus.changed:
            self._bus.changed.notify_all()

    async def join(self, instance: str, owner: str, wire: int = WIRE, note: str = "") -> Joined:
        """Registers or renews a replica that knows `wire`; see Joined. Nobody looks at its note here."""
        self._check()
        bus, me, now = self._bus, (instance, owner), self._bus.clock()
        if bus.wire is None:
            bus.wire = wire
        if wire < bus.wire:
            return Joined(bus.wire, [])
        for name, other in list(bus.replicas.items()):
            if bus.over(other.until) and name != me:
                del bus.replicas[name]
        orders = [other.order for (of, _), other in bus.replicas.items() if of == instance]
        order = bus.replicas[me].order if me in bus.replicas else max(orders, default=0) + 1
        bus.replicas[me] = _Replica(order, now + bus.lease_s, wire)
        bus.raise_wire(now)
        members = sorted((other.order, name) for (of, name), other in bus.replicas.items() if of == instance)
        return Joined(bus.wire, [name for _, name in members])

    async def wire(self) -> int | None:
        """Returns the wire that stands on the bus; None where no replica ever came."""
        self._check()
        return self._bus.wire

    async def leave(self, instance: str, owner: str) -> None:
        """Strikes a replica off the register."""
        self._check()
        self._bus.replicas.pop((instance, owner), None)

    async def meta(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """Returns the values that hold for the whole namespace; stores the defaults of those that are not there yet."""
        self._check()
        for name, value in defaults.items():
            self._bus.meta.setdefault(name, value)
        return dict(self._bus.meta)

    async def close(self) -> None:
        """Ends this session."""
        self._closed = True


def _id(entry: Entry) -> EntryId:
    return EntryId.of(entry.id)


def _copy(entry: Entry) -> Entry:
    fields = (b"t", entry.t, b"k", entry.k.encode(), b"n", b"%d" % entry.n, b"h", entry.h)
    return Entry(entry.id, (*fields, b"tr", entry.tr.encode(), b"d", entry.d, b"w", b"%d" % entry.w))
