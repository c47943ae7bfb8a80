"""`tickline partitions`: who owns each partition, how far it is behind, and when it changed hands."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from services.console.output import AsJson, InUtc, json_text, show, wall_time
from services.console.run_id import RunId, of_run
from services.console.settings import with_bus
from shared.bus.api import BusLost
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable
from shared.plural import plural
from shared.wall_time import WallTime, age, iso

if TYPE_CHECKING:
    from shared.bus.ownership import Owners, Ownership, Replica

NS_PER_MS = 1_000_000
SHORT = 8  # digits of an owner's id, where nothing says which process it is
HEADER = ("instance", "p", "owner", "epoch", "lag", "last hand-over")
TO_THE_RIGHT = frozenset({1, 3, 4})
HELD, OVER, FREE = "held", "over", "free"
ONE = range(1)  # the monitor's partition


def partitions(as_json: AsJson = False, utc: InUtc = False, run_id: RunId = None) -> None:
    """Show owner, lag, epoch and last hand-over of each partition, and the replicas that stand by."""
    wall = wall_time(utc)
    with with_bus(load_settings()) as settings:
        seen = asyncio.run(read(settings, run_id))
    show([json_text(seen.as_json())] if as_json else seen.lines(wall))


class PartitionsSeen(NamedTuple):
    """All partitions of a line and its replicas at one moment.

    - lags: entries that the partition's owner has not taken yet; none of an instance that reads nothing of the line.
    - lease_ms: how long a lease lasts.
    """

    owners: "Owners"
    lags: dict[PartitionId, int]
    lease_ms: int

    def state(self, one: "Ownership") -> str:
        """Returns `held`, `over` where the owner did not renew its lease, or `free`."""
        if not one.owner:
            return FREE
        left_ms = one.until_ms - self.owners.now_ms
        return HELD if 0 <= left_ms <= 2 * self.lease_ms else OVER

    def held_by(self, replica: "Replica") -> int:
        """Returns how many partitions of its instance a replica holds."""
        mine = (one for one in self.owners.partitions if one.owner == replica.owner)
        return sum(one.partition.instance == replica.instance and self.state(one) == HELD for one in mine)

    def living(self, replica: "Replica") -> bool:
        """Says whether the replica still renews its place in the register."""
        return replica.until_ms >= self.owners.now_ms

    def as_json(self) -> dict[str, Any]:
        """Returns the documented form."""
        known = {(one.instance, one.owner): one for one in self.owners.replicas}
        return {
            "at": iso(self.owners.now_ms * NS_PER_MS),
            "partitions": [
                {
                    "instance": one.partition.instance,
                    "partition": one.partition.p,
                    "state": self.state(one),
                    "owner": one.owner or None,
                    "process": _process(known.get((one.partition.instance, one.owner))),
                    "epoch": one.epoch,
                    "lag": self.lags.get(one.partition),
                    "handed_over_at": iso(one.taken_ms * NS_PER_MS) if one.taken_ms else None,
                }
                for one in self.owners.partitions
            ],
            "replicas": [
                {
                    "instance": one.instance,
                    "owner": one.owner,
                    "process": _process(one),
                    "version": one.version or None,
                    "wire": one.wire,
                    "living": self.living(one),
                    "partitions": self.held_by(one),
                }
                for one in self.owners.replicas
            ],
        }

    def lines(self, wall: WallTime) -> Iterator[str]:
        """Yields a line for each partition, then one for each replica that owns none and one for each version."""
        yield from _table([HEADER, *(self._row(one, wall) for one in self.owners.partitions)])
        living = [one for one in self.owners.replicas if self.living(one)]
        for one in living:
            if not self.held_by(one):
                yield f"{one.instance}: {_named(one)} stands by"
        free = sum(self.state(one) != HELD for one in self.owners.partitions if one.epoch)
        if free:
            yield f"{plural(free, 'partition')} with nobody at work: is the line running? `tickline status`"
        versions = sorted({one.version for one in living if one.version})
        if len(versions) > 1:
            yield f"replicas of several versions are at work: {', '.join(versions)}"

    def _row(self, one: "Ownership", wall: WallTime) -> tuple[str, ...]:
        place, lag = one.partition, self.lags.get(one.partition)
        when = ""
        if one.taken_ms:
            ago = age((self.owners.now_ms - one.taken_ms) * NS_PER_MS)
            when = f"{wall.second(one.taken_ms * NS_PER_MS)}, {ago} ago"
        return (place.instance, str(place.p), self._owner(one), str(one.epoch), "-" if lag is None else str(lag), when)

    def _owner(self, one: "Ownership") -> str:
        """Returns the owner's process; behind it that its lease is over, if so."""
        if not one.owner:
            return "nobody"
        replica = next((each for each in self.owners.replicas if each.owner == one.owner), None)
        named = one.owner[:SHORT] if replica is None else _named(replica)
        return named if self.state(one) == HELD else f"{named} (over)"


async def read(settings: Settings, run_id: str | None = None) -> PartitionsSeen:
    """Asks the bus; raises BusUnreachable. run_id: of a replay instead."""
    from shared.bus.ownership import read_owners  # it loads the server's client, as these do
    from shared.runner.progress import read_lags
    from shared.runner.service import make_bus

    try:
        own = await of_run(settings, run_id)
        bus = make_bus(own)
        session = await bus.connect()
        try:
            laid_out = int((await session.meta({})).get("partitions", own.bus.partitions))
            own = own.model_copy(update={"bus": own.bus.model_copy(update={"partitions": laid_out})})
            lags = await read_lags(session, own)
            owners = await read_owners(session, bus.names.replicas(), list(_places(own)))
        finally:
            await session.close()
    except BusLost as lost:
        raise BusUnreachable(str(lost)) from lost
    return PartitionsSeen(owners, lags, bus.lease_ms)


def _places(settings: Settings) -> Iterator[PartitionId]:
    """Yields the partitions of all instances in the order in which a tick meets them."""
    every = range(settings.bus.partitions)
    line = (settings.ingestor, settings.signal, settings.strategy, settings.gateway)
    for instance, numbers in (
        *((one.instance, every) for one in line),
        (settings.monitor.instance, ONE),
        *(((settings.recorder.instance, every),) if settings.recorder.on else ()),
    ):
        yield from (PartitionId(instance, p) for p in numbers)


def _process(replica: "Replica | None") -> str | None:
    return None if replica is None else replica.process or None


def _named(replica: "Replica") -> str:
    """Returns host and number of a replica's process; its id's beginning for an older Tickline, which tells neither."""
    return replica.process or replica.owner[:SHORT]


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if i in TO_THE_RIGHT else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
