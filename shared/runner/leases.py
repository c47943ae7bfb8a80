"""Leases say which partitions are ours: replicas register, share evenly, and hold what they own by lease."""

from collections.abc import Container, Iterable, Sequence
from uuid import uuid4

from shared.bus.api import Lease, Session
from shared.bus.names import PartitionId
from shared.record import WIRE, NewerWire


def share(members: Sequence[str], owner: str, partitions: int, exclusive: bool) -> set[int]:
    """Returns the partitions that fall to `owner`; `members` in the order in which they came.

    >>> share(["a", "b"], "b", 5, exclusive=False), share(["a", "b"], "b", 5, exclusive=True)
    ({1, 3}, set())
    """
    if owner not in members:
        return set()
    if exclusive:
        return set(range(partitions)) if members[0] == owner else set()
    return set(range(members.index(owner), partitions, len(members)))


class PartitionLeases:
    """A process holds its partitions by leases; `owner` is random for each process start.

    An exclusive instance works on all partitions or on none: its leases are handed out when the last one came, and
    with any of them all are lost. So whoever takes over has raised every epoch before it reads anything.
    """

    def __init__(self, instance: str, partitions: int, exclusive: bool) -> None:
        self.owner = uuid4().hex
        self.wire = WIRE  # the one that stands on the bus, as of the last round
        self.leases: dict[int, Lease] = {}
        self._instance = instance
        self._partitions = partitions
        self._exclusive = exclusive
        self._together = False

    async def round(self, session: Session, renewed: Container[int] = ()) -> list[Lease]:
        """Renews leases, gives up excess, takes what is ours and free; returns the newly taken ones.

        renewed: partitions whose lease a commit has lengthened just now. A partition whose lease is gone is no longer
        in `leases` afterwards. Raises NewerWire where the bus's wire is not known here.
        """
        joined = await session.join(self._instance, self.owner)
        if joined.wire > WIRE:
            raise NewerWire("this namespace", joined.wire)
        self.wire = joined.wire
        mine = share(joined.members, self.owner, self._partitions, self._exclusive)
        await self._give_up([lease for p, lease in self.leases.items() if p not in mine], session)
        held = [lease for p, lease in self.leases.items() if p not in renewed]
        for lease, kept in zip(held, await session.renew(held), strict=True):
            if not kept:
                self.lose(lease.partition.p)
        taken = await self._take(session, mine)
        if not self._exclusive:
            return taken
        first, self._together = not self._together, len(self.leases) == self._partitions
        return list(self.leases.values()) if first and self._together else []

    def lose(self, p: int) -> None:
        """Drops the lease of `p`, which is gone; of an exclusive instance, all."""
        if self._exclusive:
            self.lose_all()
        self.leases.pop(p, None)

    def lose_all(self) -> None:
        """Drops all leases: they are gone, or nobody knows."""
        self.leases.clear()
        self._together = False

    async def _take(self, session: Session, mine: Iterable[int]) -> list[Lease]:
        taken = []
        for p in sorted(p for p in mine if p not in self.leases):
            got = await session.acquire(PartitionId(self._instance, p), self.owner)
            if got is not None:
                self.leases[p] = got
                taken.append(got)
        return taken

    async def leave(self, session: Session) -> None:
        """Gives everything up at once, so that another replica need not wait."""
        await session.leave(self._instance, self.owner)
        await self._give_up(list(self.leases.values()), session)

    async def _give_up(self, leases: Sequence[Lease], session: Session) -> None:
        if not leases:
            return
        await session.release(leases)
        for lease in leases:
            self.leases.pop(lease.partition.p, None)
        self._together = False
