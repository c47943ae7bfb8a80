"""Who is at work on the bus is told by leases that move, by the watch's own clock."""

from services.monitor.alerts.bus_watch import OWNERS, BusWatch
from services.monitor.alerts.conditions import AlertKind, Condition
from shared.bus.api import Lease
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import load_settings

SERVICES = ("ingestor", "signal", "strategy", "gateway")
SETTINGS = load_settings(bus={"partitions": 2}, alerts={"away_s": 30})


class Line:
    """Leases of two partitions each, and a watch of them."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.bus = MemoryBus(lease_s=1.0, maxlens={}, clock=lambda: self.now_s)
        self.watch = BusWatch(self.bus, SETTINGS, lambda: self.now_s)
        self._leases: dict[PartitionId, Lease] = {}

    async def work(self, service: str, p: int, owner: str = "one") -> None:
        """Renews a lease, or takes it when it has run out."""
        session, place = await self.bus.connect(), PartitionId(service, p)
        held = self._leases.get(place)
        if held is None or held.owner != owner or not all(await session.renew([held])):
            taken = await session.acquire(place, owner)
            assert taken is not None
            self._leases[place] = taken

    async def all_work(self, *but: tuple[str, int]) -> None:
        for service in SERVICES:
            for p in range(2):
                if (service, p) not in but:
                    await self.work(service, p)

    async def after(self, seconds: float, *but: tuple[str, int]) -> list[Condition]:
        """What stands when they have worked on for so long, but for some partitions."""
        for _ in range(int(seconds * 2)):
            self.now_s += 0.5
            await self.all_work(*but)
        return list(await self.watch.look(0))


async def test_a_line_at_work_is_no_news() -> None:
    line = Line()
    await line.all_work()
    assert [await line.after(20) for _ in range(4)] == [[]] * 4


async def test_a_partition_that_nobody_renews_is_told_by_its_number() -> None:
    line = Line()
    await line.all_work()
    await line.after(1)
    assert await line.after(30, ("signal", 1)) == []
    (away,) = await line.after(1, ("signal", 1))
    assert (away.kind, away.text) == (AlertKind.SERVICE, "signal: nobody is at work on partition 1 for 30 s")
    (away,) = await line.after(31, ("signal", 0), ("signal", 1))
    assert away.text == "signal: nobody is at work for 30 s"
    assert await line.after(1) == []


async def test_a_service_that_never_came_is_away_after_as_long() -> None:
    line = Line()
    assert list(await line.watch.look(0)) == []
    line.now_s += 31
    assert {one.about for one in await line.watch.look(0)} == set(SERVICES)


async def test_of_owners_that_come_and_go_the_last_ones_are_remembered() -> None:
    """A service that is started again each night for years must not fill the memory."""
    line = Line()
    await line.all_work()
    for number in range(3 * OWNERS):
        line.now_s += 2  # all leases have run out
        await line.work("signal", 1, owner=f"night {number}")
        await line.watch.look(0)
    known = line.watch.owners["signal"]
    assert len(known) <= OWNERS + 2 and f"night {3 * OWNERS - 1}".encode() in known


async def test_a_new_owner_is_a_restart_for_a_minute_and_one_that_was_there_is_none() -> None:
    line = Line()
    await line.all_work()
    await line.work("signal", 1)
    await line.watch.look(0)
    line.now_s += 2  # all leases have run out
    await line.work("signal", 1, owner="two")
    (restarted,) = await line.watch.look(0)
    assert (restarted.kind, restarted.about) == (AlertKind.RESTART, "signal")
    assert await line.after(59, ("signal", 1)) != []
    line.now_s += 2
    await line.work("signal", 1, owner="one")  # a replica that is known takes over
    assert [one.kind for one in await line.watch.look(0) if one.kind is AlertKind.RESTART] == []
