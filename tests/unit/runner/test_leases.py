"""Who owns which partition: every one exactly once, evenly, and given up when others come."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.api import Lease
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.bus.names import PartitionId
from shared.models.runtime import Runtime
from shared.runner.leases import OtherRuntime, PartitionLeases, share

MEMBERS = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


@given(MEMBERS, st.integers(1, 40))
def test_every_partition_has_exactly_one_owner_and_shares_are_even(members: list[str], partitions: int) -> None:
    shares = [share(members, owner, partitions, exclusive=False) for owner in members]
    assert Counter(p for mine in shares for p in mine) == Counter(range(partitions))
    sizes = [len(mine) for mine in shares]
    assert max(sizes) - min(sizes) <= 1


@given(MEMBERS, st.integers(1, 40))
def test_an_exclusive_instance_belongs_to_who_came_first(members: list[str], partitions: int) -> None:
    first, *others = [share(members, owner, partitions, exclusive=True) for owner in members]
    assert first == set(range(partitions))
    assert not any(others)


def test_who_is_no_member_owns_nothing() -> None:
    assert share(["a"], "b", 4, exclusive=False) == set()
    assert share([], "b", 4, exclusive=True) == set()


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def session(clock: Clock) -> MemorySession:
    return await MemoryBus(lease_s=3, maxlens={}, clock=clock).connect()


async def test_the_first_takes_all_and_gives_half_to_the_second(session: MemorySession) -> None:
    one, two = PartitionLeases("signal", 5, exclusive=False), PartitionLeases("signal", 5, exclusive=False)
    assert one.owner != two.owner
    assert [x.partition.p for x in await one.round(session)] == [0, 1, 2, 3, 4]
    assert await two.round(session) == []  # the first still holds them
    assert await one.round(session) == []
    assert sorted(one.leases) == [0, 2, 4]
    assert [x.partition.p for x in await two.round(session)] == [1, 3]
    await one.leave(session)
    assert one.leases == {}
    assert [x.partition.p for x in await two.round(session)] == [0, 2, 4]


async def test_what_a_dead_replica_held_is_taken_when_its_lease_is_over(session: MemorySession, clock: Clock) -> None:
    dead, living = PartitionLeases("signal", 4, exclusive=False), PartitionLeases("signal", 4, exclusive=False)
    await dead.round(session)
    assert await living.round(session) == []
    clock.now_s += 2
    assert await living.round(session) == []
    clock.now_s += 1.1
    assert [(x.partition.p, x.epoch) for x in await living.round(session)] == [(0, 2), (1, 2), (2, 2), (3, 2)]


async def test_after_a_long_pause_the_leases_are_new_ones(session: MemorySession, clock: Clock) -> None:
    mine = PartitionLeases("signal", 2, exclusive=False)
    await mine.round(session)
    clock.now_s += 10
    assert [x.epoch for x in await mine.round(session)] == [2, 2]


async def test_a_stand_by_takes_over_all_or_nothing(session: MemorySession) -> None:
    active, stand_by = PartitionLeases("gateway", 3, exclusive=True), PartitionLeases("gateway", 3, exclusive=True)
    assert len(await active.round(session)) == 3
    assert await stand_by.round(session) == []
    await active.leave(session)
    assert len(await stand_by.round(session)) == 3


async def test_a_stand_by_gets_nothing_while_one_partition_is_held(session: MemorySession) -> None:
    held = await session.acquire(PartitionId("gateway", 1), "other")
    assert held is not None
    waiting = PartitionLeases("gateway", 3, exclusive=True)
    assert await waiting.round(session) == []
    await session.release([held])
    taken = await waiting.round(session)
    assert [(x.partition.p, x.epoch) for x in taken] == [(0, 1), (2, 1), (1, 2)]
    assert await waiting.round(session) == []


async def test_with_one_lease_an_exclusive_instance_loses_all(session: MemorySession) -> None:
    mine = PartitionLeases("gateway", 3, exclusive=True)
    first = await mine.round(session)
    await session.release(first[:1])
    assert await session.acquire(PartitionId("gateway", 0), "other") is not None
    assert await mine.round(session) == []
    await session.release([Lease(PartitionId("gateway", 0), "other", 2)])
    assert [x.epoch for x in await mine.round(session)] == [2, 2, 3]


# Replicas of another runtime, whose last bits may differ.

HERE, THERE = (
    Runtime(versions={"torch": "2.13.0"}, cpu=f"x86_64 GenuineIntel {level}") for level in ("avx2", "avx512")
)


def signal(runtime: Runtime | None) -> PartitionLeases:
    return PartitionLeases("signal", 4, exclusive=False, runtime=runtime)


async def stands_by(leases: PartitionLeases, session: MemorySession) -> str:
    with pytest.raises(OtherRuntime) as why:
        await leases.round(session)
    assert not leases.leases
    await leases.leave(session)  # as the worker does
    return str(why.value)


async def test_a_replica_of_another_runtime_stands_by_and_says_so(session: MemorySession) -> None:
    first, same, other = signal(HERE), signal(HERE), signal(THERE)
    assert len(await first.round(session)) == 4
    assert await stands_by(other, session) == (
        "replicas of signal compute with torch 2.13.0, x86_64 GenuineIntel avx2, this one with "
        "torch 2.13.0, x86_64 GenuineIntel avx512"
    )
    assert await same.round(session) == []
    assert await first.round(session) == []
    assert len(await same.round(session)) == 2
    await stands_by(other, session)
    await first.leave(session)
    assert len(await same.round(session)) == 2  # the other's short visit takes nothing from those at work
    await stands_by(other, session)
    await same.leave(session)
    assert len(await other.round(session)) == 4
    assert other.changed_from == (HERE.text,)
    await stands_by(signal(HERE), session)


async def test_a_visit_takes_no_partition_from_those_at_work(session: MemorySession) -> None:
    first, other = signal(HERE), signal(THERE)
    await first.round(session)
    with pytest.raises(OtherRuntime):
        await other.round(session)  # registered, and not gone yet
    await first.round(session)
    assert len(first.leases) == 4


async def test_it_takes_over_when_the_others_are_dead(session: MemorySession, clock: Clock) -> None:
    dead, other = signal(HERE), signal(THERE)
    await dead.round(session)
    await stands_by(other, session)
    clock.now_s += 3.1
    assert len(await other.round(session)) == 4


async def test_an_older_tickline_has_no_runtime_and_works_beside_any(session: MemorySession) -> None:
    older, here, there = signal(None), signal(HERE), signal(THERE)
    await older.round(session)
    await here.round(session)
    await older.round(session)
    assert len(await here.round(session)) == 2
    await stands_by(there, session)


async def test_an_instance_without_a_runtime_knows_no_other(session: MemorySession) -> None:
    one, two = signal(None), signal(None)
    await one.round(session)
    await two.round(session)
    assert await session.meta({}) == {}
