"""The bus contract where the server's clock is set: one suite, every implementation, real servers by libfaketime."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias
from uuid import uuid4

import pytest

from shared.bus.api import Commit, Lease, Outcome, Session
from shared.bus.entry import START, Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import Names, PartitionId
from shared.bus.redis_bus import RedisBus
from shared.runner.leases import PartitionLeases
from tests.contract.conftest import NO_REDIS, TIMEOUT_S
from tests.servers import REDIS, VALKEY, Server
from tests.stepped_clock import NO_FAKETIME, SteppedClock, library
from tests.until import until

PLACE = PartitionId("signal", 0)
LEASE_S = 600  # longer than a test may take, so that no lease is over but by the clock's step
HOUR_S = 3_600
Place: TypeAlias = tuple[str, SteppedClock] | None


class Stepped(NamedTuple):
    """A session with a bus, and the step that sets its clock."""

    session: Session
    step: Callable[[int], Awaitable[None]]


class OwnClock:
    """The clock of a bus in memory."""

    ahead_s = 0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s

    async def step(self, seconds: int) -> None:
        self.ahead_s += seconds


@pytest.fixture(scope="module", params=["memory", "valkey", "redis"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where the bus is, and its server's clock; one server serves all tests."""
    if request.param == "memory":
        yield None
        return
    binary = VALKEY if request.param == "valkey" else REDIS
    if binary is None:
        pytest.skip(NO_REDIS)
    if library() is None:
        pytest.skip(NO_FAKETIME)
    folder = tmp_path_factory.mktemp("stepped")
    clock = SteppedClock(folder)
    server = Server(binary, folder, variables=clock.variables).start()
    yield server.url, clock
    server.kill()


@pytest.fixture
async def stepped(place: Place) -> AsyncIterator[Stepped]:
    if place is None:
        own = OwnClock()
        bus = MemoryBus(lease_s=LEASE_S, maxlens={}, clock=own, raise_after_s=LEASE_S)
        yield Stepped(await bus.connect(), own.step)
        return
    url, clock = place
    names = Names(f"test-{uuid4().hex[:12]}")
    session = await RedisBus(
        url, names, lease_s=LEASE_S, timeout_s=TIMEOUT_S, maxlens={}, raise_after_s=LEASE_S
    ).connect()

    async def seen() -> bool:
        """Says whether scripts have the time that was set: a server reads its clock once for all that came together."""
        now_s = int(await session.call("EVAL", "return redis.call('TIME')[1]", 0))
        return -2 < now_s - time.time() - clock.ahead_s < 2

    async def step(seconds: int) -> None:
        clock.step(seconds)
        await until(seen)

    yield Stepped(session, step)
    await session.close()


@pytest.fixture
def session(stepped: Stepped) -> Session:
    return stepped.session


def tick(n: int) -> Outgoing:
    return Outgoing("ticks", "MarketTick/4", "BTCUSDT", n, f"BTCUSDT {n}", f"replay:BTCUSDT:{n}", b"d")


async def commit(session: Session, lease: Lease, seq: int) -> Outcome:
    return (await session.commit([Commit(lease, seq, {"seen": str(seq)}, [tick(seq + 1)])]))[0]


async def written(session: Session) -> list[int]:
    found = await session.read({("ticks", PLACE): START}, 100_000, 0)
    return [entry.n for entry in found[0][1]] if found else []


async def acquired(session: Session, owner: str) -> Lease:
    lease = await session.acquire(PLACE, owner)
    assert lease is not None
    return lease


async def test_a_clock_that_goes_on_leaves_the_lease_good(session: Session) -> None:
    """Else every test below would prove nothing."""
    lease = await acquired(session, "mine")
    assert await session.acquire(PLACE, "other") is None
    assert await session.renew([lease]) == [True]
    assert await commit(session, lease, 0) is Outcome.OK


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
async def test_after_a_large_step_the_next_owner_takes_over_and_the_one_before_writes_nothing(
    stepped: Stepped, session: Session, step_s: int
) -> None:
    old = await acquired(session, "old")
    assert await commit(session, old, 0) is Outcome.OK
    await stepped.step(step_s)
    new = await acquired(session, "new")
    assert new.epoch == old.epoch + 1
    assert await commit(session, old, 1) is Outcome.FENCED
    assert await session.renew([old, new]) == [False, True]
    assert await commit(session, new, 1) is Outcome.OK
    assert await written(session) == [1, 2]  # ids went on growing, whatever the clock says


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
async def test_a_large_step_ends_the_lease_of_a_living_owner_who_takes_it_anew(
    stepped: Stepped, session: Session, step_s: int
) -> None:
    lease = await acquired(session, "mine")
    await stepped.step(step_s)
    assert await commit(session, lease, 0) is Outcome.FENCED
    assert await session.renew([lease]) == [False]
    again = await acquired(session, "mine")
    assert again.epoch == lease.epoch + 1
    assert await commit(session, again, 0) is Outcome.OK
    assert await session.acquire(PLACE, "other") is None


@pytest.mark.parametrize("step_s", [-LEASE_S // 2, LEASE_S // 2], ids=["back", "forward"])
async def test_a_step_within_the_lease_ends_nothing(stepped: Stepped, session: Session, step_s: int) -> None:
    lease = await acquired(session, "mine")
    await stepped.step(step_s)
    assert await session.acquire(PLACE, "other") is None
    assert await commit(session, lease, 0) is Outcome.OK
    assert await session.renew([lease]) == [True]


@pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
async def test_what_a_dead_replica_held_is_taken_after_a_large_step(
    stepped: Stepped, session: Session, step_s: int, exclusive: bool
) -> None:
    dead, living = PartitionLeases("signal", 4, exclusive), PartitionLeases("signal", 4, exclusive)
    await dead.round(session)
    assert await living.round(session) == []
    await stepped.step(step_s)
    assert [lease.epoch for lease in await living.round(session)] == [2, 2, 2, 2]


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
async def test_living_replicas_share_again_after_a_large_step(stepped: Stepped, session: Session, step_s: int) -> None:
    both = PartitionLeases("signal", 4, exclusive=False), PartitionLeases("signal", 4, exclusive=False)
    for leases in (*both, *both):
        await leases.round(session)
    await stepped.step(step_s)
    for leases in (*both, *both):  # who comes first strikes the other off, who comes back the next round
        await leases.round(session)
    held = [set(leases.leases) for leases in both]
    assert [len(mine) for mine in held] == [2, 2]
    assert held[0] | held[1] == {0, 1, 2, 3}


async def test_who_gives_up_strikes_no_one_else_off(session: Session) -> None:
    await session.join("signal", "stays")
    await session.join("signal", "goes")
    await session.leave("signal", "goes")
    assert (await session.join("signal", "stays")).members == ["stays"]


async def test_a_newer_wire_waits_no_longer_for_a_clock_that_was_set_back(stepped: Stepped, session: Session) -> None:
    await session.join("signal", "old", 7)
    await session.leave("signal", "old")
    assert (await session.join("signal", "new", 8)).wire == 7
    await stepped.step(-HOUR_S)
    assert (await session.join("signal", "new", 8)).wire == 7  # its time begins anew
    await stepped.step(LEASE_S)
    assert (await session.join("signal", "new", 8)).wire == 8


@pytest.mark.parametrize("seed", range(8))
async def test_no_two_owners_commit_whatever_the_clock_does(stepped: Stepped, session: Session, seed: int) -> None:
    """Three owners act on whatever lease they had last, as processes do that were stopped for long."""
    rng = random.Random(seed)
    held: dict[str, Lease] = {}
    newest, seq, committed = 0, 0, list[tuple[int, str]]()
    for _ in range(250):
        owner = rng.choice("abc")
        match rng.choice(("step", "acquire", "renew", "commit", "commit", "commit")):
            case "step":
                await stepped.step(rng.choice((-HOUR_S, -LEASE_S, -10, 10, LEASE_S, HOUR_S)))
            case "acquire":
                lease = await session.acquire(PLACE, owner)
                if lease is not None:
                    assert lease.epoch == newest + 1
                    held[owner], newest = lease, lease.epoch
            case "renew" if owner in held:
                kept = await session.renew([held[owner]])
                assert kept == [False] or held[owner].epoch == newest
            case "commit" if owner in held:
                outcome = await commit(session, held[owner], seq)
                assert outcome is Outcome.FENCED or (outcome, held[owner].epoch) == (Outcome.OK, newest)
                if outcome is Outcome.OK:
                    committed.append((newest, owner))
                    seq += 1
    assert len({epoch for epoch, _ in committed}) > 5  # there were many hand-overs
    assert all(one == other for one, other in pairwise(committed) if one[0] == other[0])  # of an epoch one owner
    assert await written(session) == list(range(1, seq + 1))
