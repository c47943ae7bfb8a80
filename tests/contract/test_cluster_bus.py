"""What befalls a Cluster and no single server: slots move, a master dies, its replica lags. Over real servers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from pydantic import SecretStr

from services.console.bus_users import write_users
from shared.bus.api import BusLost, Commit, Lease, Outcome, Stored
from shared.bus.cluster_bus import ClusterBus, ClusterSession, slot_of
from shared.bus.entry import START, Outgoing
from shared.bus.names import ClusterNames, Names, PartitionId
from shared.bus.redis_bus import RedisBus, known_runs, register_run
from shared.config import Settings
from shared.doctor.bus import bus_findings
from shared.doctor.finding import Grade
from tests.cluster import MASTERS, Cluster, ask, is_master
from tests.contract.conftest import NO_REDIS
from tests.servers import REDIS, VALKEY, Server
from tests.until import until

PLACE, FAR = PartitionId("signal", 3), PartitionId("signal", 0)  # on two masters
WAITS_MS = 60_000


def out(n: int, stream: str = "ticks", d: bytes = b"d") -> Outgoing:
    return Outgoing(stream, "MarketTick/4", "BTCUSDT", n, f"BTCUSDT {n}", f"replay:BTCUSDT:{n}", d)


def bus_at(cluster: Cluster, *, timeout_s: float = 30.0, lease_s: float = 60.0) -> ClusterBus:
    names = ClusterNames(f"test-{uuid4().hex[:12]}")
    return ClusterBus(cluster.url, names, lease_s=lease_s, timeout_s=timeout_s, maxlens={})


@asynccontextmanager
async def session_of(bus: ClusterBus) -> AsyncIterator[ClusterSession]:
    """A session, as soon as there can be one."""
    made: list[ClusterSession] = []

    async def connected() -> bool:
        with suppress(BusLost):
            made.append(await bus.connect())
        return bool(made)

    await until(connected)
    try:
        yield made[0]
    finally:
        await made[0].close()


async def begun(session: ClusterSession, *places: PartitionId) -> list[Lease]:
    """The leases, each with a first commit."""
    leases = []
    for place in places:
        lease = await session.acquire(place, "me")
        assert lease is not None
        assert await session.commit([Commit(lease, 0, {"a": "1"}, [out(1)])]) == [Outcome.OK]
        leases.append(lease)
    return leases


async def written(session: ClusterSession, place: PartitionId = PLACE) -> list[tuple[int, bytes]]:
    found = await session.read({("ticks", place): START}, 100_000, 0)
    return [(entry.n, entry.d) for entry in found[0][1]] if found else []


@pytest.fixture(params=["valkey", "redis"])
def failing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A Cluster of one test's own, which replaces a master soon."""
    if request.param == "redis" and REDIS is None:
        pytest.skip(NO_REDIS)
    made = Cluster(tmp_path, VALKEY if request.param == "valkey" else REDIS or "", timeout_s=2.0)
    try:
        yield made.start()
    finally:
        made.stop()


# Slots move


def way_of(cluster: Cluster, names: ClusterNames) -> tuple[int, Server, Server]:
    """The slot of PLACE, who has it, and another master."""
    key = names.state(PLACE)
    from_ = cluster.master_of(key)
    to = next(server for server in cluster.servers[:MASTERS] if server is not from_)
    return slot_of(key), from_, to


@pytest.mark.parametrize(
    ("moved", "why"),
    [("all", "is another node's now"), ("all, not told", "is on its way"), ("state", "is on its way")],
)
async def test_a_slot_that_moves_ends_the_session_and_nothing_is_lost(cluster: Cluster, moved: str, why: str) -> None:
    bus = bus_at(cluster)
    names = ClusterNames(bus.names.namespace)
    slot, from_, to = way_of(cluster, names)
    async with session_of(bus) as session:
        (lease,) = await begun(session, PLACE)
        reading = asyncio.create_task(session.read({("orders", PLACE): START}, 10, WAITS_MS))
        cluster.begin_move(slot, from_, to)
        try:
            cluster.move_keys(slot, from_, to, *([names.state(PLACE)] if moved == "state" else []))
            if moved == "all":
                cluster.end_move(slot, to)
            with pytest.raises(BusLost, match=why) as lost:
                await session.commit([Commit(lease, 1, {"a": "2"}, [out(2)])])
            assert "\n" not in str(lost.value)
            with pytest.raises(BusLost):
                await reading
        finally:
            cluster.move_keys(slot, from_, to)
            cluster.end_move(slot, to)
        with pytest.raises(BusLost, match=why):  # the slot has arrived, and the session is over
            await session.load([PLACE])
    async with session_of(bus) as session:
        assert await session.load([PLACE]) == [Stored(1, {"a": b"1"})]
        assert await session.renew([lease]) == [True]
        assert await session.commit([Commit(lease, 1, {"a": "2"}, [out(2)])]) == [Outcome.OK]
        assert await written(session) == [(1, b"d"), (2, b"d")]


async def test_a_writer_and_a_reader_amid_moves_miss_and_double_nothing(cluster: Cluster) -> None:
    bus, moves, moving = bus_at(cluster), 6, True
    committed, seen, lost = 0, 0, 0

    async def write() -> None:
        nonlocal committed, lost
        while moving:
            async with session_of(bus) as session:
                with suppress(BusLost):
                    lease = await session.acquire(PLACE, "me")
                    assert lease is not None
                    committed = (await session.load([PLACE]))[0].seq
                    while moving:
                        made = Commit(lease, committed, {}, [out(committed + 1), out(committed + 1, "features")])
                        assert await session.commit([made]) == [Outcome.OK]
                        committed += 1
                lost += moving

    async def read() -> None:
        nonlocal seen
        cursors = {("ticks", PLACE): START, ("features", FAR): START}
        while moving or seen < committed:
            async with session_of(bus) as session:
                with suppress(BusLost):
                    while moving or seen < committed:
                        for source, entries in await session.read(cursors, 100, 100):
                            cursors[source] = entries[-1].id
                            assert [entry.n for entry in entries] == list(range(seen + 1, seen + 1 + len(entries)))
                            seen += len(entries)

    async def move() -> None:
        nonlocal moving
        names = ClusterNames(bus.names.namespace)
        for number in range(1, moves + 1):
            aim = committed + 20
            await until(lambda number=number, aim=aim: lost >= number - 1 and committed > aim)  # type: ignore[misc]
            slot, from_, to = await asyncio.to_thread(way_of, cluster, names)
            await asyncio.to_thread(cluster.begin_move, slot, from_, to)
            await asyncio.to_thread(cluster.move_keys, slot, from_, to)
            await asyncio.to_thread(cluster.end_move, slot, to)
        moving = False

    async with asyncio.TaskGroup() as tasks:
        for work in (write, read, move):
            tasks.create_task(work())
    async with session_of(bus) as session:
        assert [n for n, _ in await written(session)] == list(range(1, committed + 1))
        assert seen == committed
        assert lost >= moves


# Masters fail


@pytest.mark.long
async def test_a_replica_that_lagged_takes_over(failing: Cluster) -> None:
    """What the master had acknowledged is lost from the end on, and made again; the streams of others are whole."""
    bus = bus_at(failing, timeout_s=5.0)
    master = failing.master_of(ClusterNames(bus.names.namespace).state(PLACE))
    replica = failing.partner_of(master)
    own, far = ("ticks", PLACE), ("ticks", FAR)
    async with session_of(bus) as session:
        lease, there = await begun(session, PLACE, FAR)
        failing.cut_off(replica)
        assert await session.commit([Commit(lease, 1, {"a": "2"}, [out(2, d=b"lost")])]) == [Outcome.OK]
        ids = [session.cursors_id(PLACE, [own]), session.cursors_id(FAR, [own]), session.cursors_id(PLACE, [far])]
        run_id = session.run_id
        master.kill()
        with pytest.raises(BusLost):
            await session.commit([Commit(lease, 2, {"a": "3"}, [out(3)]), Commit(there, 1, {"a": "2"}, [out(2)])])
        with pytest.raises(BusLost):
            await session.load([FAR])  # for good, though that node is well

    async def down() -> bool:
        with pytest.raises(BusLost) as lost:
            await bus.connect()
        return "a part of the Cluster is down" in str(lost.value)

    await until(down)
    failing.let_go(replica)
    async with session_of(bus) as session:
        assert await session.load([PLACE]) == [Stored(1, {"a": b"1"})]
        assert await written(session) == [(1, b"d")]
        assert session.run_id != run_id
        again = [session.cursors_id(PLACE, [own]), session.cursors_id(FAR, [own]), session.cursors_id(PLACE, [far])]
        assert [now == before for now, before in zip(again, ids, strict=True)] == [True, False, True]
        new = await session.acquire(PLACE, "me")
        assert new == lease._replace(epoch=lease.epoch + 1)
        made = [Commit(lease, 1, {}, []), Commit(new, 1, {"a": "2"}, [out(2, d=b"again")])]
        assert await session.commit(made) == [Outcome.FENCED, Outcome.OK]
        (at_far,) = await session.load([FAR])  # whose master was well: the commit may have reached it, or not
        assert await written(session, FAR) == [(n, b"d") for n in range(1, at_far.seq + 1)]
    master.start()
    failing.await_whole()
    async with session_of(bus) as session:
        assert await written(session) == [(1, b"d"), (2, b"again")]


async def test_a_master_that_hangs_is_replaced_and_does_not_come_back_as_one(failing: Cluster) -> None:
    bus = bus_at(failing, timeout_s=1.0)
    master = failing.master_of(ClusterNames(bus.names.namespace).state(PLACE))
    async with session_of(bus) as old:
        (lease,) = await begun(old, PLACE)
        caught_up = failing.partner_of(master)
        await until(lambda: b"connected_slaves:1" in ask(master, "INFO", "replication"))
        psutil.Process(master.pid).send_signal(signal.SIGSTOP)
        with pytest.raises(BusLost):
            await old.commit([Commit(lease, 1, {}, [out(2)])])
        async with session_of(bus) as session:
            assert is_master(caught_up)
            assert await session.renew([lease]) == [True]
            assert await session.commit([Commit(lease, 1, {}, [out(2, d=b"new")])]) == [Outcome.OK]
            failing.let_go(master)
            failing.await_whole()
            assert await written(session) == [(1, b"d"), (2, b"new")]
        with pytest.raises(BusLost):
            await old.commit([Commit(lease, 2, {}, [out(3)])])


# The rest


async def test_each_kind_of_address_names_the_other(cluster: Cluster, valkey_url: str) -> None:
    alone = ClusterBus(
        valkey_url.replace("redis://", "redis+cluster://"), ClusterNames("test"), lease_s=1, timeout_s=30, maxlens={}
    )
    with pytest.raises(BusLost, match="it is no node of a Cluster: write redis://"):
        await alone.connect()
    one = RedisBus(cluster.servers[0].url, Names("test"), lease_s=1, timeout_s=30, maxlens={})
    session = await one.connect()
    with pytest.raises(BusLost, match=r"it is one node of a Cluster: write redis\+cluster://"):
        await session.load([PartitionId("signal", p) for p in range(8)])
    await session.close()


async def test_an_old_run_is_removed_from_every_node(cluster: Cluster) -> None:
    bus = bus_at(cluster)
    base = bus.names.namespace
    old = ClusterBus(cluster.url, ClusterNames(f"{base}.replay.old"), lease_s=30, timeout_s=30, maxlens={})
    async with session_of(old) as session:
        await begun(session, *(PartitionId("signal", p) for p in range(8)))
    async with session_of(bus) as session:
        for run_id in ("old", "new"):
            await register_run(session, base, run_id, keep=1)
        assert await known_runs(session, base) == ["new"]
    assert all(not ask(server, "KEYS", f"{base}.replay.*") for server in cluster.servers[:MASTERS])


async def test_a_user_of_the_bus_writes_its_own_only(cluster: Cluster, tmp_path: Path) -> None:
    names = bus_at(cluster).names
    write_users(tmp_path / "users", Settings(bus={"url": cluster.url, "namespace": names.namespace}))
    for line in (tmp_path / "users" / "users.acl").read_text().splitlines():
        if line.split()[1] in ("signal", "reader"):
            for server in cluster.servers[:MASTERS]:
                ask(server, "ACL", "SETUSER", *line.split()[1:])

    def bus_of(user: str) -> ClusterBus:
        password = SecretStr((tmp_path / "users" / f"{user}.password").read_text().strip())
        url = cluster.url.replace("//", f"//{user}@")
        return ClusterBus(url, names, lease_s=30, timeout_s=30, maxlens={}, password=password)

    async with session_of(bus_of("signal")) as session:
        assert (await session.meta({"partitions": "8"}))["partitions"] == "8"
        assert (await session.join("signal", "me")).members == ["me"]
        (lease,) = await begun(session, PLACE)
        assert await session.renew([lease]) == [True]
        with pytest.raises(BusLost, match="bus-users"):
            await session.acquire(PartitionId("strategy", 3), "me")
    async with session_of(bus_of("reader")) as session:
        assert await written(session) == [(1, b"d")]
        every = {("ticks", PartitionId("ingestor", p)): START for p in range(8)}
        assert await session.read(every, 10, 1) == []
        assert await session.read({**every, ("orders", PLACE): START}, 10, 1) == []  # in place of the read that stands
        with pytest.raises(BusLost, match="bus-users"):
            await session.join("signal", "me")


async def test_the_doctor_looks_at_every_node(failing: Cluster) -> None:
    settings = Settings(bus={"url": failing.url, "timeout_s": 30})
    found, layout = await bus_findings(settings)
    named = {server.port for server in failing.servers if any(str(server.port) in one.what for one in found)}
    assert named == {server.port for server in failing.servers[:MASTERS]}
    assert layout is not None
    lone = failing.servers[0]
    failing.partner_of(lone).kill()
    await until(lambda: b"connected_slaves:0" in ask(lone, "INFO", "replication"))
    found, _ = await bus_findings(settings)
    (said,) = [one for one in found if "no replica" in one.what]
    assert (said.grade, str(lone.port) in said.what) == (Grade.WARNING, True)
