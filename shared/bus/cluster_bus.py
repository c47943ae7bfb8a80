"""The bus on a Redis or Valkey Cluster: each partition on one node, and a session with all masters at once.

    key ─▶ slot ─▶ node       `ClusterNames`: what all instances have of one partition lies in one slot

A session keeps the map of slots that it began with, and follows nobody who moves: a node that answers MOVED, ASK,
TRYAGAIN or CLUSTERDOWN has done nothing, and the session is over, as with a server that was restarted. What was read
from the node that had a slot must not be committed to the one that has it now, which may lack what a fail-over lost. So
a lost node, a fail-over and a slot on its way each end the sessions of everybody, and the next ones have the new map.

Masters send to their replicas in the order in which they write. So a fail-over loses as a restart does, from the end
only, in one order over all keys of the node: a partition's cursors hold for the streams in its own slot.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha1
from typing import Any, NamedTuple, TypeVar

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from shared.bus.api import BusLost, Storage
from shared.bus.connection import Arg, BusConnection, ClusterAddress, Command, without_password
from shared.bus.entry import Entry
from shared.bus.names import PartitionId
from shared.bus.redis_bus import ONE_SERVER, RedisBus, RedisSession, entries_of, info_field
from shared.bus.scripts import Script
from shared.bus.slot_readers import SlotReader, SlotReaders, together, xread

ASK_S = 1.0  # a node that does not tell the map within this time is passed over
INFO = ("INFO", "server", "memory", "persistence")
NO_KEY = {"INFO", "CONFIG"}  # commands about a server: the first one answers
DOWN = "a part of the Cluster is down: it goes on when a replica has taken over, or the node is back"
WHY = (
    (MovedError, "its slot is another node's now"),
    (AskError | TryAgainError, "its slot is on its way to another node"),
    (ClusterDownError, DOWN),
)
T = TypeVar("T")
Source = tuple[str, PartitionId]


class Slots(NamedTuple):
    """A range of slots, and where the master that has them listens."""

    first: int
    last: int
    node: str


class ClusterBus(RedisBus):
    """A ClusterBus knows where some of the nodes are; each connection asks one of them for all others."""

    _address: ClusterAddress
    _seeds: list[str]

    def _check_address(self, url: str, timeout_s: float) -> None:
        self._address = ClusterAddress.of(url)
        self._seeds = list(self._address.nodes)
        for node in self._seeds:
            self._connection(self._address.at(node), timeout_s)

    async def connect(self) -> "ClusterSession":
        """Returns a new session with all masters; raises BusLost."""
        slots = await self._ask_for_slots()
        nodes = {node: self.connection_to(node) for node in dict.fromkeys(one.node for one in slots)}
        try:
            await together(node.open() for node in nodes.values())
            told = await together(node.calls([INFO, ("CLUSTER", "INFO")]) for node in nodes.values())
            if not all(_well(state) for _, state in told):  # after a fail-over not all know of it at once
                raise BusLost(f"bus {without_password(self.url)}: {DOWN}")
        except BaseException:
            for node in nodes.values():
                await node.close()
            raise
        run_ids = {name: info_field(info, "run_id") for name, (info, _) in zip(nodes, told, strict=True)}
        kept = [Storage.of(info.decode()) for info, _ in told]
        evicts = next((one.evicts for one in kept if one.evicts), "")
        return ClusterSession(
            self,
            NodeConnections(without_password(self.url), nodes, slots),
            run_ids,
            Storage(evicts, all(one.append_only for one in kept)),
        )

    def connection_to(self, node: str) -> BusConnection:
        """Returns a connection to one node, not opened yet."""
        return self._connection(self._address.at(node), self.timeout_s)

    async def _ask_for_slots(self) -> list[Slots]:
        """Asks one node after the other, the one that has answered last first; raises BusLost where none knows."""
        lost: list[BusLost] = []
        for node in list(self._seeds):
            asked = self._connection(self._address.at(node), min(ASK_S, self.timeout_s))
            try:
                await asked.open()
                state, told = await asked.calls([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
            except BusLost as error:
                lost.append(error)
                continue
            finally:
                await asked.close()
            if not _well(state):  # nor does one that is cut off from the others know
                lost.insert(0, BusLost(f"bus {without_password(self.url)}: {DOWN}"))
                continue
            others = [_place(server, node) for _, _, *servers in told for server in servers]
            self._seeds = list(dict.fromkeys((node, *self._address.nodes, *others)))
            return [Slots(first, last, _place(master, node)) for first, last, master, *_ in told]
        raise lost[0]


def _well(state: bytes) -> bool:
    """Says whether a node knows of a living master for every slot, by its `CLUSTER INFO`."""
    return info_field(state, "cluster_state") == "ok"


def _place(server: Sequence[Any], asked: str) -> str:
    """Returns where a server listens; one that does not know its own host is on that of who was asked.

    >>> _place([b"::1", 7000], "a:1"), _place([None, 7000], "a"), _place([b"", 7000], "[::1]")
    ('[::1]:7000', 'a:7000', '[::1]:7000')
    """
    host = server[0].decode() if server[0] else (asked if asked.endswith("]") else asked.rpartition(":")[0] or asked)
    host = host.strip("[]")
    return f"[{host}]:{server[1]}" if ":" in host else f"{host}:{server[1]}"


class NodeConnections:
    """One connection to each master sends commands to the nodes that have their keys; a lost one ends all."""

    def __init__(self, where: str, nodes: Mapping[str, BusConnection], slots: Iterable[Slots]) -> None:
        self.nodes = nodes
        self._where = where
        self._by_slot: list[str] = [""] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, node in slots:
            self._by_slot[first : last + 1] = [node] * (last + 1 - first)
        self._over = ""

    def node_of(self, slot: int) -> str:
        """Returns where the slot's master listens; raises BusLost where nobody has it."""
        if self._over:
            raise BusLost(self._over)
        if not (node := self._by_slot[slot]):
            raise self.lost(BusLost(f"bus {self._where}: no node has slot {slot}: `redis-cli --cluster fix` finds one"))
        return node

    async def call(self, *command: Arg) -> Any:
        """Sends one command to the node that has its key."""
        return (await self.calls([command]))[0]

    async def calls(self, commands: Sequence[Command]) -> list[Any]:
        """Sends several commands, each to the node that has its key, and returns their replies in order."""
        return await self._spread(commands, [self._at(command) for command in commands], BusConnection.calls)

    async def scripts(self, script: Script, calls: Sequence[tuple[Sequence[str], Command]]) -> list[Any]:
        """Runs one script with several (keys, arguments), each on the node that has its keys."""

        async def send(node: BusConnection, some: Sequence[tuple[Sequence[str], Command]]) -> list[Any]:
            return await node.scripts(script, some)

        return await self._spread(calls, [self.node_of(slot_of(keys[0])) for keys, _ in calls], send)

    def _at(self, command: Command) -> str:
        if command[0] in NO_KEY:
            return next(iter(self.nodes))
        return self.node_of(slot_of(command[command.index("STREAMS") + 1] if command[0] == "XREAD" else command[1]))

    async def _spread(
        self, items: Sequence[T], at: Sequence[str], send: Callable[[BusConnection, Sequence[T]], Awaitable[list[Any]]]
    ) -> list[Any]:
        """Sends to each node its items in one go, to all nodes at once; returns the replies in the items' order."""
        by_node: dict[str, list[int]] = {}
        for number, node in enumerate(at):
            by_node.setdefault(node, []).append(number)
        try:
            if len(by_node) == 1:
                return await send(self.nodes[at[0]], items)
            answers = await together(
                send(self.nodes[node], [items[number] for number in numbers]) for node, numbers in by_node.items()
            )
        except BusLost as lost:
            raise self.lost(lost) from lost
        except BaseException:
            self._over = self._over or f"bus {self._where}: cancelled"
            raise
        replies: list[Any] = [None] * len(items)
        for numbers, answer in zip(by_node.values(), answers, strict=True):
            for number, reply in zip(numbers, answer, strict=True):
                replies[number] = reply
        return replies

    def lost(self, lost: BusLost) -> BusLost:
        """Ends the session; says in words what a node of a Cluster means by its refusal."""
        why = next((why for kind, why in WHY if isinstance(lost.__cause__, kind)), "")
        self._over = self._over or (f"bus {self._where}: {why}: {lost.__cause__}" if why else str(lost))
        return BusLost(self._over)

    async def close(self) -> None:
        """Closes all connections."""
        self._over = self._over or f"bus {self._where}: closed"
        for node in self.nodes.values():
            await node.close()


def slot_of(key: Arg) -> int:
    """Returns a key's slot.

    >>> slot_of("tickline:ticks:ingestor.{3}") == slot_of(b"tickline:state:signal.{3}") == slot_of("3")
    True
    """
    slot: int = key_slot(key if isinstance(key, bytes) else str(key).encode())
    return slot


class ClusterSession(RedisSession):
    """A session with a Cluster has a connection for commands to each master, and one for reading to each slot.

    - run_ids: of the masters, by where they listen.
    """

    def __init__(
        self, bus: ClusterBus, commands: NodeConnections, run_ids: Mapping[str, str], storage: Storage
    ) -> None:
        super().__init__(bus, commands, list(commands.nodes.values()), _one_id(run_ids.values()), storage)
        self._cluster, self._by_key, self._run_ids = bus, commands, run_ids
        self._readers = SlotReaders(self._reader)
        self._places: dict[Source, tuple[bytes, int]] = {}  # key and slot of each stream that was asked for

    def cursors_id(self, partition: PartitionId, sources: Iterable[Source]) -> str:
        """Returns one id for ever where the partition's slot has all of the streams; else that of their nodes."""
        own = slot_of(self._names.state(partition))
        others = {slot for source in sources if (slot := self._place(source)[1]) != own}
        if not others:
            return ONE_SERVER
        return _one_id(f"{slot} {self._run_ids[self._by_key.node_of(slot)]}" for slot in others)

    def _place(self, source: Source) -> tuple[bytes, int]:
        if (known := self._places.get(source)) is None:
            key = self._names.stream(*source).encode()
            known = self._places[source] = key, slot_of(key)
        return known

    async def read(
        self, cursors: Mapping[Source, bytes], count: int, block_ms: int
    ) -> list[tuple[Source, list[Entry]]]:
        """Returns entries behind the cursors; waits up to `block_ms` for the first."""
        sources: dict[bytes, Source] = {}
        by_slot: dict[int, dict[bytes, bytes]] = {}
        for source, cursor in cursors.items():
            key, slot = self._place(source)
            self._by_key.node_of(slot)  # raises where the session is over
            sources[key] = source
            by_slot.setdefault(slot, {})[key] = cursor
        if block_ms:
            try:
                rows = await self._readers.read(by_slot, count, block_ms)
            except BusLost as lost:
                raise self._by_key.lost(lost) from lost
        else:
            replies = await self._by_key.calls([xread(asked, count) for asked in by_slot.values()])
            rows = [row for reply in replies if reply for row in reply]
        return [(sources[key], entries_of(found)) for key, found in rows]

    async def _reader(self, slot: int) -> SlotReader:
        """Connects a reader to the node that has the slot."""
        node = self._by_key.node_of(slot)
        connection, commands = self._cluster.connection_to(node), self._by_key.nodes[node]

        async def unblock(number: int) -> None:
            await commands.call("CLIENT", "UNBLOCK", number)

        try:
            await connection.open()
            info, number = await connection.calls([("INFO", "server"), ("CLIENT", "ID")])
            if info_field(info, "run_id") != self._run_ids[node]:
                raise BusLost(f"bus {without_password(connection.url)}: was restarted")
        except BaseException:
            await connection.close()
            raise
        return SlotReader(connection, number, unblock)

    def wake(self) -> None:
        """Makes a waiting read return at once."""
        self._readers.wake()

    async def close(self) -> None:
        """Closes all connections."""
        await self._readers.close()
        await self._by_key.close()


def _one_id(ids: Iterable[str]) -> str:
    """Returns one id for all of them, as long as a server's run id."""
    return sha1(" ".join(sorted(ids)).encode(), usedforsecurity=False).hexdigest()
