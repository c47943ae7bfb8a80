"""A bus commits, reads and owns. RedisBus and ClusterBus are real, MemoryBus is the fast double; one suite tests all.

A Session is a set of connections to one server process, or to one of each node of a Cluster. When any of them breaks,
the session is over for good: what was read in it can no longer be committed. A new session tells the server's run id,
so that the reader sees whether it still talks to the server that it had read from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.bus.entry import Entry, Outgoing
from shared.bus.names import PartitionId
from shared.errors import SafetyRefusal
from shared.record import WIRE


class BusLost(Exception):
    """The session is over: a connection broke, no answer came, or the server refused. Reconnect and reload."""


class Outcome(StrEnum):
    """A commit has one of these outcomes."""

    OK = "OK"
    FENCED = "FENCED"  # not the owner any more, or the lease ran out: nothing was written
    CONFLICT = "CONFLICT"  # another commit number stands there: nothing was written


class Lease(NamedTuple):
    """A lease gives its owner the right to write one partition; `epoch` grows with every acquisition."""

    partition: PartitionId
    owner: str
    epoch: int


class Stored(NamedTuple):
    """A partition's state hash holds the commit number and the snapshot's fields."""

    seq: int
    fields: dict[str, bytes]


@dataclass(slots=True)
class Commit:
    """A commit writes all or nothing: snapshot fields, entries, and trims of the partition's own streams.

    - seq: the commit number that must stand there.
    - trims: stream -> entry id below which entries may go.
    """

    lease: Lease
    seq: int
    fields: dict[str, bytes | str]
    entries: list[Outgoing]
    trims: dict[str, str] = field(default_factory=dict)


class Storage(NamedTuple):
    """The storage says how the server keeps what it has.

    - evicts: its `maxmemory-policy`, where that may drop keys that are in use, else "".
    - append_only: whether it writes a log (AOF) that survives its restart.

    >>> Storage.of("maxmemory:0\\r\\nmaxmemory_policy:allkeys-lru\\r\\naof_enabled:1")
    Storage(evicts='', append_only=True)
    >>> Storage.of("maxmemory:1048576\\r\\nmaxmemory_policy:allkeys-lru\\r\\naof_enabled:0")
    Storage(evicts='allkeys-lru', append_only=False)
    """

    evicts: str
    append_only: bool

    @classmethod
    def of(cls, info: str) -> "Storage":
        """Reads the answer of `INFO memory persistence`."""
        said = dict(line.partition(":")[::2] for line in info.splitlines())
        policy = said.get("maxmemory_policy", "noeviction").strip()
        limited = said.get("maxmemory", "0").strip() != "0"
        return cls(policy if limited and policy != "noeviction" else "", said.get("aof_enabled", "").strip() == "1")

    def require_no_eviction(self, where: str) -> None:
        """Raises SafetyRefusal for a server that drops keys when its memory is full, since it would drop books."""
        if self.evicts:
            raise SafetyRefusal(
                f"{where}: drops keys when its memory is full (maxmemory-policy {self.evicts}), and with them books "
                "and orders: set `maxmemory-policy noeviction` there, or no maxmemory"
            )


class Joined(NamedTuple):
    """The answer of the register of replicas.

    - wire: the one that stands on the bus; everybody writes it. It is raised when all living replicas of all instances
      know a newer one, and have for `raise_after_s`.
    - members: the instance's living replicas in the order in which they came. A replica that does not know the bus's
      wire is not taken in, and sees no members.
    """

    wire: int
    members: list[str]


class Session(Protocol):
    """A session has connections to one server process, or to one of each node of a Cluster."""

    @property
    def storage(self) -> Storage:
        """Returns the server's storage when this session began."""

    @property
    def run_id(self) -> str:
        """Names the server process; another one after a restart."""

    def cursors_id(self, partition: PartitionId, sources: Iterable[tuple[str, PartitionId]]) -> str:
        """Returns the id under which the partition's cursors of these streams hold: under another all is read again.

        One server loses writes from the end only, those of all keys in one order. A cursor that is still there was
        written after the entries that it stands behind, so these are there too. The nodes of a Cluster each lose their
        own: so it is with a cursor beside its stream only.
        """

    async def acquire(self, partition: PartitionId, owner: str) -> Lease | None:
        """Owns the partition, unless somebody else's lease is still good."""

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Lengthens the leases; False where it is ours no more."""

    async def release(self, leases: Sequence[Lease]) -> None:
        """Gives the partitions up at once."""

    async def load(self, partitions: Sequence[PartitionId]) -> list[Stored]:
        """Reads the partitions' states."""

    async def fields(self, wanted: Sequence[tuple[PartitionId, str]]) -> list[bytes | None]:
        """Returns single fields of partitions' states, ours or not."""

    async def commit(self, commits: Sequence[Commit]) -> list[Outcome]:
        """Writes each commit atomically; they are independent of one another."""

    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        """Entries behind the cursors, at most `count` a stream; waits up to `block_ms` for the first (0: not)."""

    async def newest(self, source: tuple[str, PartitionId], before: bytes, count: int) -> list[Entry]:
        """Returns the last entries of a stream up to `before` (`+`: its end; `(id`: without it), the newest first."""

    def wake(self) -> None:
        """Makes a waiting `read` return soon."""

    async def join(self, instance: str, owner: str, wire: int = WIRE, note: str = "") -> Joined:
        """Registers or renews a replica that knows `wire`; see Joined. note: for a person who looks at the register."""

    async def wire(self) -> int | None:
        """Returns the wire that stands on the bus; None where no replica ever came."""

    async def leave(self, instance: str, owner: str) -> None:
        """Strikes a replica off the register."""

    async def meta(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """Returns a value that holds for the whole namespace; stores the default where there is none yet."""

    async def close(self) -> None:
        """Closes the connections."""


class Bus(Protocol):
    """A bus is a place to connect to."""

    async def connect(self) -> Session:
        """Returns a new session; raises BusLost when the server cannot be reached."""
