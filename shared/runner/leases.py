"""Leases say which partitions are ours: replicas register, share evenly, and hold what they own by lease."""

import asyncio
import time
from collections.abc import Callable, Container, Coroutine, Iterable, Sequence
from typing import Any
from uuid import uuid4

from shared.bus.api import Lease, Session
from shared.bus.names import PartitionId
from shared.models.runtime import Runtime, runtimes_in
from shared.record import WIRE, NewerWire
from shared.runner.spec import Limits
from shared.version import full_version, process_name


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


class OtherRuntime(Exception):
    """Replicas at work compute with another runtime, so their last bits may differ: this one stands by."""

    remedy = "nothing while they work; it takes over when all of them have ended"

    def __init__(self, instance: str, theirs: str, own: str) -> None:
        super().__init__(f"replicas of {instance} compute with {theirs}, this one with {own}")


def ruling_mark(members: Iterable[str]) -> str:
    """Returns the runtime's mark of the member that came first and has one; those of an older Tickline have none.

    >>> ruling_mark(["12ab", "34cd.0123abcd", "56ef.4567abcd"])
    '0123abcd'
    """
    return next((mark for member in members if (mark := _mark(member))), "")


def _mark(member: str) -> str:
    return member.partition(".")[2]


class PartitionLeases:
    """A process holds its partitions by leases; `owner` is random for each process start, and has its runtime's mark.

    Who came first decides the runtime of the whole instance. Nobody shares with a replica of another one.

    An exclusive instance works on all partitions or on none: its leases are handed out when the last one came, and
    with any of them all are lost. So whoever takes over has raised every epoch before it reads anything.
    """

    def __init__(self, instance: str, partitions: int, exclusive: bool, runtime: Runtime | None = None) -> None:
        self.owner = uuid4().hex if runtime is None else f"{uuid4().hex}.{runtime.mark}"
        self.wire = WIRE  # the one that stands on the bus, as of the last round
        self.leases: dict[int, Lease] = {}
        self.share: set[int] = set()  # the partitions that fall to us, held or not, as of the last round
        self._instance = instance
        self._partitions = partitions
        self._exclusive = exclusive
        self._together = False
        self._runtime = runtime
        self.changed_from: tuple[str, ...] = ()  # runtimes that have computed here before, as of the first round
        self._told = False
        self._note = f"{process_name()} {full_version()}"

    async def round(self, session: Session, renewed: Container[int] = ()) -> list[Lease]:
        """Renews leases, gives up excess, takes what is ours and free; returns the newly taken ones.

        - renewed: partitions whose lease a commit has lengthened just now. A partition whose lease is gone is no longer
          in `leases` afterwards. Raises NewerWire where the bus's wire is not known here, and OtherRuntime.
        """
        joined = await session.join(self._instance, self.owner, note=self._note)
        if joined.wire > WIRE:
            raise NewerWire("this namespace", joined.wire)
        self.wire = joined.wire
        members = await self._of_our_runtime(session, joined.members)
        mine = self.share = share(members, self.owner, self._partitions, self._exclusive)
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

    async def renewed_during(
        self, session: Session, work: Coroutine[Any, Any, None], limits: Limits, renewed: Callable[[float], None]
    ) -> None:
        """Awaits `work`, and stays registered, with all leases, meanwhile; where one is lost, `work` is given up.

        - renewed: is told until when the leases are good, by time.monotonic().
        """
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=limits.round_s))[0]:
                began_s = time.monotonic()
                await session.join(self._instance, self.owner, note=self._note)
                if not all(await session.renew(list(self.leases.values()))):
                    self.lose_all()
                    return
                renewed(began_s + limits.lease_s)
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _of_our_runtime(self, session: Session, members: Sequence[str]) -> Sequence[str]:
        """Returns the members that compute as we do; raises OtherRuntime where others were here first."""
        own = self._runtime
        if own is None:
            return members
        ruling = ruling_mark(members)
        if ruling != own.mark or not self._told:
            known = runtimes_in(await session.meta(own.meta))
            if ruling != own.mark:
                raise OtherRuntime(self._instance, known.get(ruling, ruling), own.text)
            self._told = True
            self.changed_from = tuple(text for mark, text in sorted(known.items()) if mark != own.mark)
        return [member for member in members if _mark(member) in ("", ruling)]

    @property
    def standing(self) -> str:
        """Returns what is ours, for a person.

        >>> PartitionLeases("gateway", 8, exclusive=True).standing
        'stands by'
        """
        owned = ", ".join(map(str, sorted(self.leases)))
        if owned:
            return f"owns {owned} of {self._partitions} partitions"
        return "waits for its partitions" if self.share else "stands by"

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
