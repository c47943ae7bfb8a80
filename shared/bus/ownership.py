"""Who owns which partition, and which replicas there are, as it stands on the bus; nothing is written to ask."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.bus.names import PartitionId
from shared.bus.redis_bus import RedisSession

FIELDS = ("owner", "epoch", "until", "taken")


class Replica(NamedTuple):
    """A replica stands in the register.

    - order: in which it came. until_ms: until when it counts as living, on the server's clock.
    - process: host and number; version: with its revision. Both are empty for an older Tickline.
    """

    instance: str
    owner: str
    order: int
    until_ms: int
    wire: int
    process: str = ""
    version: str = ""


class Ownership(NamedTuple):
    """An ownership says who holds a partition.

    - owner: empty where nobody does. until_ms: the end of the lease, on the server's clock.
    - taken_ms: when the owner took it; 0 where an older Tickline did, or it was never taken.
    """

    partition: PartitionId
    owner: str
    epoch: int
    until_ms: int
    taken_ms: int


class Owners(NamedTuple):
    """The owners are those of all partitions that were asked for, and all replicas, at one moment of the server's."""

    now_ms: int
    partitions: list[Ownership]
    replicas: list[Replica]


async def read_owners(session: RedisSession, register: str, partitions: Sequence[PartitionId]) -> Owners:
    """Asks the bus; raises BusLost. register: the key of the replicas' register."""
    now_ms = server_ms((await session.call("INFO", "server")).decode())
    answers = iter(await session.fields([(place, name) for place in partitions for name in FIELDS]))
    held = [Ownership(place, *_ownership([next(answers) for _ in FIELDS])) for place in partitions]
    flat = await session.call("HGETALL", register)
    fields = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
    return Owners(now_ms, held, sorted(replicas_in(fields), key=lambda one: (one.instance, one.order)))


def server_ms(info: str) -> int:
    """Returns the server's clock in the answer of `INFO server`, which every user may ask; 0 where it tells none.

    >>> server_ms("redis_version:7.0.15\\r\\nserver_time_usec:1764000000123456\\r\\n")
    1764000000123
    """
    told = dict(line.partition(":")[::2] for line in info.splitlines())
    return int(told.get("server_time_usec", "0").strip()) // 1_000


def _ownership(found: Sequence[bytes | None]) -> tuple[str, int, int, int]:
    owner, *numbers = (value.decode() if value else "" for value in found)
    epoch, until_ms, taken_ms = (int(number or 0) for number in numbers)
    return owner, epoch, until_ms, taken_ms


def replicas_in(fields: Mapping[str, str]) -> Iterator[Replica]:
    """Yields those of a register; what is no replica's is left out.

    >>> list(replicas_in({"wire": "5", "signal 12ab": "1 1764000000000 5 3000 host:7 0.1.0+g5d315e25"}))[0].process
    'host:7'
    """
    for name, value in fields.items():
        instance, apart, owner = name.partition(" ")
        order, until_ms, wire, *more = [*value.split(), "", "", ""]
        if apart and order.isdigit() and until_ms.isdigit() and wire.isdigit():
            _, process, version, *_ = [*more, "", "", ""]
            yield Replica(instance, owner, int(order), int(until_ms), int(wire), process, version)
