"""The bus on a Redis or Valkey server; `shared/bus/api.py` says what each method promises.

A RedisBus knows the address. A ServerSession is what works: two connections to one server process, which end with it.
All that it does but reading is RedisSession's, as on a Cluster (`shared/bus/cluster_bus.py`). What must be atomic is a
Lua script (`shared/bus/scripts.py`): to take, renew and give up a partition, to commit, and to register. The rest are
single commands. Replay runs each have a namespace of their own; only the last are kept.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import SecretStr

from shared.bus.api import BusLost, Commit, Joined, Lease, Outcome, Storage, Stored
from shared.bus.connection import Arg, BusConnection, Command, Sender
from shared.bus.entry import NAMES, Entry
from shared.bus.names import Names, PartitionId
from shared.bus.scripts import ACQUIRE, COMMIT, JOIN, RENEW
from shared.record import WIRE

ONE_SERVER = "one server"
MODE = ("redis_mode", "server_mode")  # by Redis, and by Valkey
OWN_FIELDS = {"owner", "epoch", "until", "taken", "seq"}  # of the state hash; all others are snapshot


class RedisBus:
    """A RedisBus knows where to connect, and how long a lease lasts.

    - maxlens: stream name -> about how many entries to keep; a stream that is not named is never cut by length.
    - password: of the user that the url names, where the url does not have it.
    - raise_after_s: see Joined.
    """

    def __init__(
        self, url: str, names: Names, *, lease_s: float, timeout_s: float, maxlens: Mapping[str, int],
        password: SecretStr | None = None, raise_after_s: float = 0.0,
    ) -> None:  # fmt: skip
        self._password = password
        self.url = url
        self._check_address(url, timeout_s)
        self.names = names
        self.lease_ms = round(lease_s * 1000)
        self.raise_after_ms = round(raise_after_s * 1000)
        self.timeout_s = timeout_s
        self.maxlens = dict(maxlens)

    async def connect(self) -> "RedisSession":
        """Returns a new session; raises BusLost."""
        commands, reads = self._connection(self.url, self.timeout_s), self._connection(self.url, self.timeout_s)
        try:
            await commands.open()
            await reads.open()
            info = await commands.call("INFO", "server", "memory", "persistence")
            run_id = info_field(info, "run_id")
            cursors_id = ONE_SERVER if info_field(info, *MODE) == "standalone" else run_id
            if info_field(await reads.call("INFO", "server"), "run_id") != run_id:
                raise BusLost("the server was restarted while connecting")
            reader_id = int(await reads.call("CLIENT", "ID"))
        except BaseException:
            await commands.close()
            await reads.close()
            raise
        return ServerSession(self, commands, reads, run_id, cursors_id, reader_id, Storage.of(info.decode()))

    def _check_address(self, url: str, timeout_s: float) -> None:
        """Refuses what is no address now, not at the first connect."""
        self._connection(url, timeout_s)

    def _connection(self, url: str, timeout_s: float) -> BusConnection:
        return BusConnection(url, timeout_s, self._password)


class RedisSession(ABC):
    """A session does all but reading by single commands and scripts; `commands` sends them to where their keys are.

    - nodes: a connection to each server. run_id: of the server process, or of those of a Cluster.
    """

    def __init__(
        self, bus: RedisBus, commands: Sender, nodes: Sequence[BusConnection], run_id: str, storage: Storage
    ) -> None:
        self.storage = storage
        self.nodes = nodes
        self._bus = bus
        self._names = bus.names
        self._commands = commands
        self._run_id = run_id

    @property
    def run_id(self) -> str:
        """Returns the server's run id."""
        return self._run_id

    @abstractmethod
    def cursors_id(self, partition: PartitionId, sources: Iterable[tuple[str, PartitionId]]) -> str:
        """Returns the id under which the partition's cursors of these streams hold."""

    @abstractmethod
    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        """Returns entries behind the cursors; waits up to `block_ms` for the first."""

    @abstractmethod
    def wake(self) -> None:
        """Makes a waiting read return soon."""

    @abstractmethod
    async def close(self) -> None:
        """Closes the connections."""

    async def acquire(self, partition: PartitionId, owner: str) -> Lease | None:
        """Takes the partition, unless somebody else's lease is still good; returns the lease, or None."""
        keys = [self._names.state(partition)]
        (epoch,) = await self._commands.scripts(ACQUIRE, [(keys, (owner, self._bus.lease_ms))])
        return Lease(partition, owner, epoch) if epoch else None

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Lengthens the leases; returns False for each partition that is not ours any more."""
        return await self._lengthen(leases, self._bus.lease_ms)

    async def release(self, leases: Sequence[Lease]) -> None:
        """Gives the partitions up at once."""
        await self._lengthen(leases, 0)

    async def _lengthen(self, leases: Sequence[Lease], lease_ms: int) -> list[bool]:
        if not leases:
            return []
        calls = [([self._names.state(x.partition)], (x.owner, x.epoch, lease_ms)) for x in leases]
        return [reply == 1 for reply in await self._commands.scripts(RENEW, calls)]

    async def load(self, partitions: Sequence[PartitionId]) -> list[Stored]:
        """Reads the partitions' states."""
        states = []
        for flat in await self._replies([("HGETALL", self._names.state(partition)) for partition in partitions]):
            fields = {key.decode(): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
            seq = int(fields.get("seq", b"0"))
            states.append(Stored(seq, {k: v for k, v in fields.items() if k not in OWN_FIELDS}))
        return states

    async def fields(self, wanted: Sequence[tuple[PartitionId, str]]) -> list[bytes | None]:
        """Returns single fields of partitions' states."""
        return await self._replies([("HGET", self._names.state(partition), name) for partition, name in wanted])

    async def commit(self, commits: Sequence[Commit]) -> list[Outcome]:
        """Writes each commit atomically, all in one round trip."""
        calls = [self._commit_call(commit) for commit in commits]
        return [Outcome(reply.decode()) for reply in await self._commands.scripts(COMMIT, calls)]

    def _commit_call(self, commit: Commit) -> tuple[list[str], list[Arg]]:
        """Returns the keys and arguments of the script COMMIT, which says what they mean."""
        lease = commit.lease
        streams: dict[str, list[Arg]] = {}
        for out in commit.entries:
            entries = streams.get(out.stream)
            if entries is None:
                entries = streams[out.stream] = []
            entries += out[1:]
        stream_key = partial(self._names.stream, partition=lease.partition)
        keys = [self._names.state(lease.partition), *map(stream_key, streams), *map(stream_key, commit.trims)]
        args: list[Arg] = [lease.owner, lease.epoch, commit.seq, self._bus.lease_ms, time.time_ns()]
        args += (len(commit.fields), len(streams))
        for item in commit.fields.items():
            args += item
        for stream, entries in streams.items():
            args += (self._bus.maxlens.get(stream, 0), len(entries) // len(NAMES[:-1]))
            args += entries
        args += commit.trims.values()
        return keys, args

    async def join(self, instance: str, owner: str, wire: int = WIRE, note: str = "") -> Joined:
        """Registers or renews a replica that knows `wire`; see Joined."""
        return await self._register(instance, owner, self._bus.lease_ms, wire, note)

    async def leave(self, instance: str, owner: str) -> None:
        """Strikes a replica off the register."""
        await self._register(instance, owner, 0, WIRE, "")

    async def wire(self) -> int | None:
        """Returns the wire that stands on the bus; None where no replica ever came."""
        stands = await self._commands.call("HGET", self._names.replicas(), "wire")
        return int(stands) if stands and stands.isdigit() else None  # as the script JOIN writes it

    async def _register(self, instance: str, owner: str, ttl_ms: int, wire: int, note: str) -> Joined:
        arguments = (instance, self._names.replica(instance, owner), ttl_ms, wire, self._bus.raise_after_ms, note)
        ((stands, *flat),) = await self._commands.scripts(JOIN, [([self._names.replicas()], arguments)])
        arrived = sorted(zip(flat[1::2], flat[::2], strict=True))
        return Joined(stands, [field.decode().partition(" ")[2] for _, field in arrived])

    async def meta(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """Returns the values that hold for the whole namespace; stores the defaults of those that are not there yet."""
        key = self._names.meta()
        *_, flat = await self._replies([*(("HSETNX", key, *item) for item in defaults.items()), ("HGETALL", key)])
        return {k.decode(): v.decode() for k, v in zip(flat[::2], flat[1::2], strict=True)}

    async def newest(self, source: tuple[str, PartitionId], before: bytes, count: int) -> list[Entry]:
        """Returns the last entries of a stream up to `before` (`+`: its end; `(id`: without it), the newest first."""
        rows = await self._commands.call("XREVRANGE", self._names.stream(*source), before, "-", "COUNT", count)
        return [Entry(entry_id, fields) for entry_id, fields in rows]

    async def call(self, *command: Arg) -> Any:
        """Sends any other command, for the console's own work; raises BusLost on an error reply."""
        return await self._commands.call(*command)

    async def _replies(self, commands: Sequence[Command]) -> list[Any]:
        return await self._commands.calls(commands) if commands else []


class ServerSession(RedisSession):
    """A session with one server has a connection for commands and one for waiting reads, to one server process.

    - cursors_id: see there. reader_id: the server's id of the connection for reads.
    """

    def __init__(
        self,
        bus: RedisBus,
        commands: BusConnection,
        reads: BusConnection,
        run_id: str,
        cursors_id: str,
        reader_id: int,
        storage: Storage,
    ) -> None:
        super().__init__(bus, commands, (commands,), run_id, storage)
        self._reads = reads
        self._cursors_id = cursors_id
        self._reader_id = reader_id
        self._waiting = False
        self._waking: asyncio.Task[Any] | None = None

    def cursors_id(self, partition: PartitionId, sources: Iterable[tuple[str, PartitionId]]) -> str:
        """Returns one id for ever; on a node of a Cluster the run id."""
        return self._cursors_id

    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        """Returns entries behind the cursors; waits up to `block_ms` for the first."""
        sources = {self._names.stream(*source).encode(): source for source in cursors}
        command: list[Arg] = ["XREAD", "COUNT", count]
        if block_ms:
            command += ("BLOCK", block_ms)
        command += ("STREAMS", *sources, *cursors.values())
        self._waiting = True
        try:
            reply = await self._reads.call(*command, patience_s=block_ms / 1000)
        finally:
            self._waiting = False
        if reply is None:
            return []
        return [(sources[key], entries_of(rows)) for key, rows in reply]

    def wake(self) -> None:
        """Makes a waiting read return soon."""
        if self._waiting and (self._waking is None or self._waking.done()):
            self._waking = asyncio.ensure_future(self._unblock())

    async def _unblock(self) -> None:
        try:
            await self._commands.call("CLIENT", "UNBLOCK", self._reader_id)
        except BusLost:
            return  # the waiting read finds the loss by itself

    async def close(self) -> None:
        """Closes both connections."""
        await self._commands.close()
        await self._reads.close()


def entries_of(rows: Iterable[tuple[bytes, Sequence[bytes] | None]]) -> list[Entry]:
    """Returns the entries of one stream's rows; of one that was deleted meanwhile without its fields."""
    return [Entry(entry_id, fields or ()) for entry_id, fields in rows]


def info_field(text: bytes, *names: str) -> str:
    """Returns what a server's `INFO` says under the first of these names that it has; raises BusLost."""
    for line in text.decode().splitlines():
        key, _, value = line.partition(":")
        if key in names:
            return value.strip()
    raise BusLost(f"the server's INFO has no {' or '.join(names)}")


_SCAN = 1_000  # keys to look at in one command


async def register_run(session: RedisSession, namespace: str, run_id: str, keep: int) -> list[str]:
    """Notes a replay run, and deletes all but the last `keep`; returns the run ids that were deleted."""
    key = f"{namespace}:runs"
    await session.call("ZADD", key, time.time_ns() // 1000, run_id)
    old = [name.decode() for name in await session.call("ZRANGE", key, 0, -keep - 1)]
    for name in old:
        await _delete(session, f"{namespace}.replay.{name}:*")
        await session.call("ZREM", key, name)
    return old


async def known_runs(session: RedisSession, namespace: str) -> list[str]:
    """Returns the replay runs that are kept, the oldest first."""
    return [name.decode() for name in await session.call("ZRANGE", f"{namespace}:runs", 0, -1)]


async def _delete(session: RedisSession, pattern: str) -> None:
    for node in session.nodes:
        cursor = b"0"
        while True:
            cursor, keys = await node.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN)
            for key in keys:
                await node.call("UNLINK", key)
            if cursor == b"0":
                break
