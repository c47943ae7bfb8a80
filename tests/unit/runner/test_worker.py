"""The worker on a bus in memory: sharing, taking over, poison, lost bus, refused commits, flow."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.bus.api import BusLost, Commit, Lease, Outcome, Session, Storage
from shared.bus.entry import Entry, Outgoing
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.bus.names import PartitionId, partition_of
from shared.errors import SafetyRefusal
from shared.messages import Gap, Message, Stream, decode
from shared.messages.codec import pack, unpack
from shared.models.runtime import Runtime
from shared.record import WIRE
from shared.runner import standing
from shared.runner.backpressure import BusReader
from shared.runner.health import HELD
from shared.runner.partition import Partition
from shared.runner.parts import ExternalStore, ExternalStoreLost
from shared.runner.spec import Input, Limits, Output, ServiceSpec
from shared.runner.symbol import FIELD
from shared.runner.worker import Worker
from tests.unit.runner.fakes import Echo, tick
from tests.until import until

P = 4
LIMITS = Limits(round_s=0.02, stall_s=0.002, backoff_s=0.005, backoff_max_s=0.02, commit_entries=16, read_count=16)
SYMBOLS = [f"S{i}" for i in range(10)]


def echo_plan(
    make: Callable[[str], Echo] = lambda sym: Echo(), consumers: tuple[str, ...] = (), bound: int = 100
) -> ServiceSpec:
    return ServiceSpec("signal", make, (Input(Stream.TICKS, "source"),), (Output(Stream.FEATURES, consumers, bound),))


class Writer:
    """Writes ticks to all partitions, as an ingestor would. Its leases do not run out while it waits for the reader."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seqs = dict.fromkeys(range(P), 0)
        self._last: dict[str, int] = {}

    @classmethod
    async def on(cls, bus: MemoryBus) -> "Writer":
        return cls(await bus.connect())

    async def reconnect(self, bus: MemoryBus) -> None:
        self._session = await bus.connect()

    async def _lease(self, p: int) -> Lease:
        """A new one: an earlier one may be over by now, however short the test seems."""
        lease = await self._session.acquire(PartitionId("source", p), "writer")
        assert lease is not None
        return lease

    def skip(self, sym: str, count: int) -> None:
        """Goes on as if so many ticks had been written, and cut before anybody read them."""
        self._last[sym] = self._last.get(sym, 0) + count

    async def write(self, *symbols: str, count: int = 1, changed: Callable[[Outgoing], Outgoing] = lambda x: x) -> None:
        for sym in symbols:
            p = partition_of(sym, P)
            entries = []
            for _ in range(count):
                self._last[sym] = self._last.get(sym, 0) + 1
                entries.append(changed(Outgoing.of(tick(self._last[sym], sym))))
            done = await self._session.commit([Commit(await self._lease(p), self._seqs[p], {}, entries)])
            assert done == [Outcome.OK]
            self._seqs[p] += 1


def features(bus: MemoryBus) -> dict[str, list[tuple[int, str]]]:
    """What was written for each symbol: n and trace id, or a gap's cause."""
    found: dict[str, list[tuple[int, str]]] = {}
    for p in range(P):
        for entry in bus.streams.get((Stream.FEATURES, PartitionId("signal", p)), []):
            message = decode(entry.t, entry.d)
            found.setdefault(entry.k, []).append((entry.n, message.cause if isinstance(message, Gap) else entry.tr))
    return found


def expected(counts: dict[str, int]) -> dict[str, list[tuple[int, str]]]:
    return {sym: [(n, f"t:{sym}:{n}") for n in range(1, count + 1)] for sym, count in counts.items()}


async def written(bus: MemoryBus, count: int) -> None:
    """Wait until exactly this was written: one message for each of the first `count` ticks of each symbol."""
    await until(lambda: features(bus) == expected(dict.fromkeys(SYMBOLS, count)))


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(lease_s=0.5, maxlens={})


class Running:
    """A worker at work."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.task = asyncio.create_task(worker.run())

    async def stop(self) -> None:
        self.worker.stop()
        async with asyncio.timeout(60):
            await self.task

    async def kill(self) -> None:
        """As by kill -9: nothing more is committed, nothing released."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


Start = Callable[..., Running]


@pytest.fixture
async def start(bus: MemoryBus) -> AsyncIterator[Start]:
    """Starts workers; all are stopped at the end, and none may have died of itself."""
    started: list[Running] = []

    def begin(
        plan: ServiceSpec | None = None,
        limits: Limits = LIMITS,
        on: MemoryBus | None = None,
        store: ExternalStore | None = None,
    ) -> Running:
        worker = Worker(plan or echo_plan(), on or bus, BusReader(limits), partitions=P, limits=limits, store=store)
        started.append(Running(worker))
        return started[-1]

    yield begin
    for running in started:
        if not running.task.cancelled():
            await running.stop()


def owners(bus: MemoryBus) -> list[str]:
    return [bus.partition(PartitionId("signal", p)).owner for p in range(P)]


# Work


async def test_every_tick_is_worked_once(bus: MemoryBus, start: Start) -> None:
    writer, running = await Writer.on(bus), start()
    for _ in range(5):
        await writer.write(*SYMBOLS, count=7)
    await written(bus, 35)
    await running.stop()
    assert owners(bus) == [""] * P
    assert bus.replicas == {}


async def test_stop_ends_a_waiting_worker_soon(bus: MemoryBus, start: Start) -> None:
    running = start(limits=Limits(round_s=10))
    await until(lambda: all(owners(bus)))
    await running.stop()


async def test_a_clean_stop_and_start_goes_on(bus: MemoryBus, start: Start) -> None:
    writer, running = await Writer.on(bus), start()
    await writer.write(*SYMBOLS, count=3)
    await until(lambda: len(features(bus)) == len(SYMBOLS))
    await running.stop()
    await writer.write(*SYMBOLS, count=3)
    start()
    await written(bus, 6)


class Heavy(Echo):
    """It takes a tenth of a lease for each message."""

    def on_tick(self, val: Message) -> list[Message] | None:
        time.sleep(0.05)
        return super().on_tick(val)


async def test_the_leases_are_kept_while_stages_take_long(bus: MemoryBus, start: Start) -> None:
    """All that was read takes longer than a lease: it would be lost, all be done again, and nothing ever written."""
    writer = await Writer.on(bus)
    await writer.write(*SYMBOLS, count=8)
    start(echo_plan(lambda sym: Heavy()), replace(LIMITS, lease_s=0.5))
    await written(bus, 8)


async def test_the_leases_are_kept_where_one_entry_of_each_partition_together_would_outlast_them(start: Start) -> None:
    """Each takes a third of a lease, and there are four: who gets no turn comes first at the next one."""
    bus = MemoryBus(lease_s=0.15, maxlens={})
    writer = await Writer.on(bus)
    await writer.write(*SYMBOLS, count=2)
    start(echo_plan(lambda sym: Heavy()), replace(LIMITS, lease_s=0.15), bus)
    await written(bus, 2)


# Replicas


async def test_two_workers_share_and_one_takes_over_when_the_other_leaves(bus: MemoryBus, start: Start) -> None:
    writer, one, two = await Writer.on(bus), start(), start()
    await until(lambda: sorted(owners(bus).count(owner) for owner in set(owners(bus))) == [P // 2, P // 2])
    await writer.write(*SYMBOLS, count=20)
    await written(bus, 20)
    await one.stop()
    await writer.write(*SYMBOLS, count=20)
    await written(bus, 40)
    assert len(set(owners(bus))) == 1
    assert two.worker.counts["gaps"] == 0


async def test_one_takes_over_when_the_other_is_killed(bus: MemoryBus, start: Start) -> None:
    writer, one = await Writer.on(bus), start()
    await until(lambda: all(owners(bus)))
    start()
    await writer.write(*SYMBOLS, count=20)
    await one.kill()
    await writer.write(*SYMBOLS, count=20)
    await written(bus, 40)


async def test_an_exclusive_instance_works_in_one_place(bus: MemoryBus, start: Start) -> None:
    plan = ServiceSpec(
        "signal", lambda sym: Echo(), (Input(Stream.TICKS, "source"),), (Output(Stream.FEATURES),), exclusive=True
    )
    writer, one = await Writer.on(bus), start(plan)
    await until(lambda: all(owners(bus)))
    first = set(owners(bus))
    start(plan)
    await writer.write(*SYMBOLS, count=5)
    await written(bus, 5)
    assert set(owners(bus)) == first
    await one.stop()
    await writer.write(*SYMBOLS, count=5)
    await written(bus, 10)
    assert len(set(owners(bus))) == 1
    assert set(owners(bus)) != first


# What goes wrong


async def test_the_bus_is_restarted(bus: MemoryBus, start: Start) -> None:
    start()
    writer = await Writer.on(bus)
    for count in range(10, 50, 10):
        await writer.write(*SYMBOLS, count=10)
        bus.restart()
        await writer.reconnect(bus)
        await written(bus, count)


class EvictingSession(MemorySession):
    storage = Storage("allkeys-lru", append_only=True)  # type: ignore[assignment]


async def test_a_bus_that_evicts_after_its_restart_is_refused(bus: MemoryBus) -> None:
    running = Running(Worker(echo_plan(), bus, BusReader(LIMITS), partitions=P, limits=LIMITS))
    await until(lambda: len(bus.replicas) == 1)

    async def connect() -> MemorySession:
        return EvictingSession(bus)

    bus.connect = connect  # type: ignore[method-assign]
    bus.restart()
    with pytest.raises(SafetyRefusal, match="maxmemory-policy allkeys-lru"):
        await running.task


class FlakyBus(MemoryBus):
    """Breaks or refuses chosen calls: `trouble` holds what happens at the next commits."""

    def __init__(self, lease_s: float) -> None:
        super().__init__(lease_s=lease_s, maxlens={})
        self.trouble: list[str] = []
        self.connects = 0
        self.down = False
        self.answers = asyncio.Event()  # not set: the troubled commits are held back
        self.answers.set()
        self.held = 0
        self.entries_read = 0

    async def connect(self) -> MemorySession:
        self.connects += 1
        if self.down:
            raise BusLost("down")
        return FlakySession(self)


class FlakySession(MemorySession):
    def __init__(self, bus: FlakyBus) -> None:
        super().__init__(bus)
        self._flaky = bus

    async def commit(self, commits: Sequence[Commit]) -> list[Outcome]:
        if not self._flaky.trouble or commits[0].lease.partition.instance != "signal":
            return await super().commit(commits)
        trouble = self._flaky.trouble.pop(0)
        self._flaky.held += 1
        await self._flaky.answers.wait()
        match trouble:
            case "lost before":
                self._closed = True
                raise BusLost("lost before the commit")
            case "lost after":
                await super().commit(commits)
                self._closed = True
                raise BusLost("lost after the commit")
            case "done already":
                await super().commit(commits)
                return await super().commit(commits)
            case "none":
                return await super().commit(commits)
            case trouble:
                return [Outcome(trouble)] * len(commits)

    async def read(
        self, cursors: Mapping[tuple[str, PartitionId], bytes], count: int, block_ms: int
    ) -> list[tuple[tuple[str, PartitionId], list[Entry]]]:
        found = await super().read(cursors, count, block_ms)
        self._flaky.entries_read += sum(len(entries) for _, entries in found)
        return found


@pytest.mark.parametrize("trouble", ["lost before", "lost after", "done already", "FENCED", "CONFLICT"])
async def test_no_trouble_with_commits_doubles_or_loses(start: Start, trouble: str) -> None:
    bus = FlakyBus(lease_s=0.1)
    writer = await Writer.on(bus)
    start(on=bus)
    for count in range(5, 20, 5):
        bus.trouble = [trouble]
        await writer.reconnect(bus)  # its leases are short here
        await writer.write(*SYMBOLS, count=5)
        await written(bus, count)
        assert not bus.trouble


@pytest.mark.parametrize("trouble", ["none", "lost before", "lost after", "done already", "FENCED", "CONFLICT"])
async def test_reading_goes_on_before_the_answer_to_a_commit(start: Start, trouble: str) -> None:
    """What was read and worked meanwhile is written once, whatever the answer is in the end. A round waits for it."""
    bus = FlakyBus(lease_s=30)
    writer = await Writer.on(bus)
    bus.answers.clear()
    bus.trouble = [trouble]
    await writer.write(*SYMBOLS)  # before it starts: read in two parts, the second would wait for the first's answer
    start(on=bus, limits=replace(LIMITS, round_s=2.0))
    await until(lambda: bus.held == 1)
    read = bus.entries_read
    await writer.write(*SYMBOLS, count=3)
    await until(lambda: bus.entries_read > read)
    bus.answers.set()
    await written(bus, 4)


async def test_a_bus_that_refuses_is_not_hammered(start: Start) -> None:
    """A server that lets connect but refuses the work (full, read-only) is asked ever less often."""

    class Refusing(FlakyBus):
        async def connect(self) -> MemorySession:
            session = await super().connect()
            session._closed = True
            return session

    bus = Refusing(lease_s=1)
    start(on=bus, limits=Limits(backoff_s=0.01, backoff_max_s=10))
    await until(lambda: bus.connects >= 3)
    before = bus.connects
    await asyncio.sleep(0.2)  # without growing pauses there would be some 20 more
    assert bus.connects - before <= 5


async def test_a_bus_that_is_down_is_waited_for(start: Start) -> None:
    bus = FlakyBus(lease_s=0.5)
    writer = await Writer.on(bus)
    await writer.write(*SYMBOLS, count=2)
    bus.down = True
    start(on=bus)
    await until(lambda: bus.connects >= 4)
    bus.down = False
    await written(bus, 2)


async def test_what_was_cut_before_it_was_read_is_said(bus: MemoryBus, start: Start) -> None:
    writer = await Writer.on(bus)
    start()
    await writer.write("S1")
    with capture_logs() as logs:
        writer.skip("S1", 2)
        await writer.write("S1")
        await until(lambda: features(bus) == {"S1": [(1, "t:S1:1"), (2, "MISSED"), (3, "t:S1:4")]})
    (said,) = [line for line in logs if line["event"] == "entries missed"]
    assert said["what"] == "ticks of S1: n=2 to 3: a gap"


# Poison


class Fails(Echo):
    """Fails at tick 3 of S1, as often as `times` says; all stages of a worker share the list."""

    def __init__(self, sym: str, times: list[int]) -> None:
        super().__init__()
        self._sym = sym
        self._times = times

    def on_tick(self, val: Message) -> list[Message] | None:
        if self._sym == "S1" and val.n == 3 and self._times[0] and not isinstance(val, Gap):
            self._times[0] -= 1
            raise RuntimeError("cannot take 3")
        return super().on_tick(val)


async def test_a_stage_that_failed_once_is_given_the_entry_again(bus: MemoryBus, start: Start) -> None:
    times = [1]
    writer, running = await Writer.on(bus), start(echo_plan(lambda sym: Fails(sym, times)))
    await writer.write(*SYMBOLS, count=6)
    await written(bus, 6)
    assert running.worker.counts["dead"] == 0
    assert not running.worker._suspects.retried


async def test_an_entry_at_which_the_stage_always_fails_is_set_aside(start: Start) -> None:
    """It fails twice, where no lease runs out meanwhile: whoever holds the partition then knows nothing of it."""
    bus, times = MemoryBus(lease_s=600.0, maxlens={}), [1_000]
    writer, running = await Writer.on(bus), start(echo_plan(lambda sym: Fails(sym, times)), on=bus)
    whole = expected(dict.fromkeys(SYMBOLS, 6))
    whole["S1"][2] = (3, "FAILED")
    with capture_logs() as logs:
        await writer.write(*SYMBOLS, count=6)
        await until(lambda: features(bus) == whole)
    (said,) = [line for line in logs if line["event"] == "entry set aside"]
    assert re.fullmatch(r".*test_worker.py:\d+, in on_tick", said["code"])
    assert said["why"].startswith("S1: ticks ")
    assert said["why"].endswith(f": RuntimeError: cannot take 3 ({said['code']})")
    assert times == [998]
    assert running.worker.counts["dead"] == 1
    (dead,) = bus.streams["dead", PartitionId("signal", partition_of("S1", P))]
    assert b"RuntimeError: cannot take 3" in dead.h
    assert not running.worker._suspects.retried


async def test_poison_in_one_partition_is_not_looked_for_in_another(start: Start) -> None:
    """Entry ids are times: two partitions of a stream have the same ones."""

    class SameIds(MemoryBus):
        def next_id(self) -> bytes:
            return b"7-0"

    bus = SameIds(lease_s=1, maxlens={})
    bad, good = "S1", next(s for s in SYMBOLS if partition_of(s, P) != partition_of("S1", P))

    class Always(Echo):
        def on_tick(self, val: Message) -> list[Message] | None:
            if val.sym == bad and not isinstance(val, Gap):
                raise RuntimeError("no")
            return super().on_tick(val)

    writer = await Writer.on(bus)
    running = start(echo_plan(lambda sym: Always()), on=bus)
    await writer.write(bad)
    await until(lambda: running.worker.counts["dead"] == 1)
    await writer.write(good)
    await until(lambda: features(bus) == {bad: [(1, "FAILED")], good: [(1, f"t:{good}:1")]})


async def test_an_unreadable_entry_does_not_stop_the_worker(bus: MemoryBus, start: Start) -> None:
    writer, running = await Writer.on(bus), start()
    await writer.write("S1", changed=lambda out: out._replace(d=b"\xc1"))
    await writer.write(*SYMBOLS)
    await until(lambda: len(features(bus)) == len(SYMBOLS))
    assert features(bus)["S1"] == [(1, "UNREADABLE"), (2, "t:S1:2")]
    assert running.worker.counts["dead"] == 1


# Flow


def position(bus: MemoryBus, p: int) -> int:
    return int(bus.partition(PartitionId("sink", p)).fields.get("in:features", b"0-0 0").split()[1])


async def test_a_producer_stays_within_its_bound(bus: MemoryBus, start: Start) -> None:
    """It stops when its consumer does not go on, and goes on when that does."""
    bound, sink = 40, ServiceSpec("sink", lambda sym: Sink(), (Input(Stream.FEATURES, "signal"),), ())
    writer, _ = await Writer.on(bus), start(echo_plan(consumers=("sink",), bound=bound))
    await writer.write(*SYMBOLS, count=60)
    busiest = max(range(P), key=lambda p: sum(partition_of(s, P) == p for s in SYMBOLS))
    await until(lambda: len(bus.streams.get((Stream.FEATURES, PartitionId("signal", busiest)), [])) >= bound)
    worst = 0
    consumer = start(sink)

    def watch() -> bool:
        nonlocal worst
        for p in range(P):
            written = len(bus.streams.get((Stream.FEATURES, PartitionId("signal", p)), []))
            worst = max(worst, written - position(bus, p))
        return features(bus) == expected(dict.fromkeys(SYMBOLS, 60))

    await until(watch, every_s=0)
    assert worst <= bound + LIMITS.commit_entries
    assert consumer.worker.counts["gaps"] == 0


class Sink(Echo):
    def on_tick(self, val: Message) -> list[Message] | None:
        return None


async def test_the_bound_holds_after_the_bus_lost_everything(start: Start) -> None:
    """What a consumer had taken before a rollback says nothing about what it has taken now."""
    bus = MemoryBus(lease_s=1, maxlens={})
    writer = await Writer.on(bus)
    sink = start(ServiceSpec("sink", lambda sym: Sink(), (Input(Stream.FEATURES, "signal"),), ()), on=bus)
    start(echo_plan(consumers=("sink",), bound=40), on=bus)
    await writer.write("S1", count=200)
    p = partition_of("S1", P)
    await until(lambda: position(bus, p) == 200)
    await sink.stop()
    bus.partitions.clear()
    bus.streams.clear()
    bus.restart()
    writer = await Writer.on(bus)
    await writer.write("S1", count=200)
    await until(lambda: len(features(bus).get("S1", [])) >= 40)
    await asyncio.sleep(0.1)  # nothing may come, for which there is no condition to wait for
    assert len(features(bus)["S1"]) <= 40 + LIMITS.commit_entries


# A store beside the bus


class Kept:
    """Keeps all ticks, which the stages of its plan hand on; what it is called for is its history."""

    def __init__(self, bus: MemoryBus) -> None:
        self.kept: list[str] = []
        self.history: list[str] = []
        self.unkept: list[str] = []  # what was committed before it was kept
        self.broken = False
        self._bus = bus

    def plan(self) -> ServiceSpec:
        return ServiceSpec(
            "signal", lambda sym: Noting(), (Input(Stream.TICKS, "source"),), (Output(Stream.FEATURES),),
            exclusive=True, kept=frozenset({Stream.TICKS}),
        )  # fmt: skip

    async def prepare(self) -> None:
        self.history.append("prepare")

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        self.history.append(f"attach {len(parts)}")

    def renewed(self, until_s: float) -> None:
        pass

    async def keep(self, taken: Sequence[Message]) -> None:
        await asyncio.sleep(0)  # as a disk would let others run
        if self.broken:
            raise ExternalStoreLost("disk full")
        self.kept += [message.tr for message in taken]
        committed = {tr for entries in features(self._bus).values() for _, tr in entries}
        self.unkept += committed - set(self.kept)

    async def detach(self) -> None:
        self.history.append("detach")

    async def close(self) -> None:
        self.history.append("close")


class Noting(Echo):
    """Echo that hands each tick on, too."""

    def on_tick(self, val: Message) -> list[Message] | None:
        return [val, *(super().on_tick(val) or [])]


async def test_what_is_committed_was_kept_before(bus: MemoryBus, start: Start) -> None:
    writer, kept = await Writer.on(bus), Kept(bus)
    running = start(kept.plan(), store=kept)
    for _ in range(5):
        await writer.write(*SYMBOLS, count=7)
    await written(bus, 35)
    assert sorted(kept.kept) == sorted(f"t:{sym}:{n}" for sym in SYMBOLS for n in range(1, 36))
    assert kept.unkept == []
    assert not [place for stream, place in bus.streams if stream == Stream.TICKS and place.instance == "signal"]
    await running.stop()
    first, *between, last = [word for word, _ in groupby(kept.history)]
    leases = [f"attach {P}", "detach"]  # a busy machine may lose them all, and take them again
    assert (first, between, last) == ("prepare", leases * (len(between) // 2), "close")


class NeverReady(Kept):
    """Waits for something that does not answer."""

    async def prepare(self) -> None:
        await super().prepare()
        await asyncio.Event().wait()


async def test_stop_does_not_wait_for_a_keeper_that_still_gets_ready(bus: MemoryBus, start: Start) -> None:
    kept = NeverReady(bus)
    running = start(kept.plan(), store=kept)
    await until(lambda: kept.history == ["prepare"])
    await running.stop()
    assert kept.history == ["prepare", "close"]
    assert set(owners(bus)) == {""}


async def test_what_cannot_be_kept_is_not_committed_and_taken_again_later(bus: MemoryBus, start: Start) -> None:
    writer, kept = await Writer.on(bus), Kept(bus)
    start(kept.plan(), store=kept)
    await writer.write(*SYMBOLS)
    await written(bus, 1)
    kept.broken = True
    await writer.write(*SYMBOLS)
    await until(lambda: kept.history.count("detach") > 2)
    assert features(bus) == expected(dict.fromkeys(SYMBOLS, 1))
    kept.broken = False
    await written(bus, 2)
    assert kept.history[-1] == f"attach {P}"


async def test_the_keeper_is_detached_when_the_leases_are_lost(bus: MemoryBus, start: Start) -> None:
    kept = Kept(bus)
    start(kept.plan(), store=kept)
    await until(lambda: kept.history == ["prepare", f"attach {P}"])
    bus.partition(PartitionId("signal", 2)).epoch += 1
    await until(lambda: len(kept.history) >= 4)
    assert kept.history[:4] == ["prepare", f"attach {P}", "detach", f"attach {P}"]


class Slow(Kept):
    """Attaches when a test lets it."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus)
        self.go_on = asyncio.Event()
        self.renewals: list[float] = []

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        self.history.append("begin")
        await self.go_on.wait()
        await super().attach(session, parts)

    def renewed(self, until_s: float) -> None:
        self.renewals.append(until_s)


class ShiftedClock:
    """The bus's clock, as a test sets it forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


async def test_the_leases_are_kept_while_a_store_takes_long_to_attach(start: Start) -> None:
    """With many books it takes longer than a lease: it would be lost, taken again, and never get further."""
    clock = ShiftedClock()
    bus = MemoryBus(lease_s=100.0, maxlens={}, clock=clock)
    kept = Slow(bus)
    start(kept.plan(), on=bus, store=kept)
    await until(lambda: kept.history == ["prepare", "begin"])
    for _ in range(5):
        clock.ahead_s += 60.0
        renewed = len(kept.renewals)
        await until(lambda renewed=renewed: len(kept.renewals) > renewed + 1, within_s=60)  # type: ignore[misc]
    assert len((await (await bus.connect()).join("signal", "other")).members) == 2, "it is not struck off"
    assert len({partition.epoch for partition in bus.partitions.values()}) == 1
    kept.go_on.set()
    await until(lambda: kept.history == ["prepare", "begin", f"attach {P}"])


async def test_an_attach_that_loses_a_lease_is_given_up_and_begun_anew(bus: MemoryBus, start: Start) -> None:
    kept = Slow(bus)
    start(kept.plan(), store=kept)
    await until(lambda: kept.history == ["prepare", "begin"])
    bus.partition(PartitionId("signal", 2)).epoch += 1
    await until(lambda: len(kept.history) >= 4)
    assert kept.history[:4] == ["prepare", "begin", "detach", "begin"]
    kept.go_on.set()
    await until(lambda: kept.history[-1] == f"attach {P}")


# A newer Tickline on the same bus


async def stands_by(bus: MemoryBus) -> None:
    """Wait until the worker, which had joined, has left again and owns nothing."""
    await until(lambda: bus.partition(PartitionId("signal", 0)).epoch > 0)
    await until(lambda: bus.replicas == {} and owners(bus) == [""] * P)


async def test_a_replica_that_meets_a_newer_entry_stands_by(
    bus: MemoryBus, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is set aside, no symbol stops: it is left to the newer one, and done when that one has gone back."""
    writer, running = await Writer.on(bus), start()
    await writer.write(*SYMBOLS)
    await written(bus, 1)
    newer = Outgoing.of(tick(2, SYMBOLS[0]))._replace(t=f"MarketTick/{WIRE + 1}")
    bus.wire = WIRE + 1
    await writer.write(SYMBOLS[0], changed=lambda _: newer)
    await stands_by(bus)
    assert not running.task.done()
    assert not [key for key in bus.streams if key[0] == Stream.DEAD]
    assert running.worker.counts["dead"] == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "stands by" in line]
    assert len(lines) == 1
    assert "written by a newer Tickline" in lines[0]

    bus.wire = WIRE
    place = PartitionId("source", partition_of(SYMBOLS[0], P))
    bus.streams[Stream.TICKS, place][-1].t = f"MarketTick/{WIRE}".encode()
    await writer.write(*SYMBOLS[1:])
    await written(bus, 2)


async def test_an_entry_of_a_wire_that_nobody_writes_is_damage_of_one_symbol(bus: MemoryBus, start: Start) -> None:
    """The register says what all write: a damaged tag would else hold up all symbols for ever, with what they hold."""
    writer, running = await Writer.on(bus), start()
    await writer.write(*SYMBOLS)
    await written(bus, 1)
    damaged = Outgoing.of(tick(2, SYMBOLS[0]))._replace(t=f"MarketTick/{WIRE + 6}")
    with capture_logs() as logs:
        await writer.write(SYMBOLS[0], changed=lambda _: damaged)
        await writer.write(*SYMBOLS[1:])
        await writer.write(*SYMBOLS)
        want = expected(dict.fromkeys(SYMBOLS[1:], 3))
        first = [(1, f"t:{SYMBOLS[0]}:1"), (2, "UNREADABLE"), (3, f"t:{SYMBOLS[0]}:3")]
        await until(lambda: features(bus) == {**want, SYMBOLS[0]: first})
    assert running.worker.counts["dead"] == 1
    assert not [each for each in logs if each["event"] == "stands by"]
    (alarm,) = [each["what"] for each in logs if each["event"] == "alarm"]
    assert f"a MarketTick of wire {WIRE + 6}, where all write {WIRE}" in alarm


async def test_a_replica_that_meets_a_newer_snapshot_stands_by(bus: MemoryBus, start: Start) -> None:
    writer, first = await Writer.on(bus), start()
    await writer.write(*SYMBOLS)
    await written(bus, 1)
    await first.stop()
    p = partition_of(SYMBOLS[0], P)
    fields = bus.partition(PartitionId("signal", p)).fields
    kept = fields[FIELD + SYMBOLS[0]]
    fields[FIELD + SYMBOLS[0]] = pack({**unpack(kept), "v": WIRE + 1})
    second = start()
    await writer.write(*SYMBOLS)
    await stands_by(bus)
    assert not second.task.done()
    fields[FIELD + SYMBOLS[0]] = kept
    await written(bus, 2)


async def test_a_replica_that_does_not_know_the_wire_owns_nothing(bus: MemoryBus, start: Start) -> None:
    writer = await Writer.on(bus)
    bus.wire = WIRE + 1
    waiting = start()
    await writer.write(*SYMBOLS)
    await until(lambda: waiting.worker._standing.stands_by_why != "")
    assert (bus.replicas, owners(bus)) == ({}, [""] * P)
    bus.wire = WIRE
    await written(bus, 1)


async def test_what_is_written_is_of_the_wire_that_stands(bus: MemoryBus, start: Start) -> None:
    """An older replica of another instance is alive: all write what it knows, until it has gone."""
    session = await bus.connect()
    await session.join("strategy", "older", WIRE - 1)
    writer, _ = await Writer.on(bus), start()
    await writer.write(*SYMBOLS)

    def tags(n: int) -> set[int]:
        return {
            int(entry.t.decode().partition("/")[2])
            for p in range(P)
            for entry in bus.streams.get((Stream.FEATURES, PartitionId("signal", p)), [])
            if entry.n == n
        }

    def wires() -> set[object]:
        stored = [bus.partition(PartitionId("signal", p)).fields for p in range(P)]
        return {unpack(data)["v"] for fields in stored for name, data in fields.items() if name.startswith(FIELD)}

    await until(lambda: tags(1) == {WIRE - 1} and wires() == {WIRE - 1})
    await session.leave("strategy", "older")
    await until(lambda: bus.wire == WIRE)
    for n in range(2, 100):  # a commit that was under way is of the wire before
        await writer.reconnect(bus)
        await writer.write(*SYMBOLS)
        await until(lambda n=n: len(tags(n)) > 0)  # type: ignore[misc]
        if tags(n) == wires() == {WIRE}:
            return
    raise AssertionError("never wrote the raised wire")


async def test_a_worker_of_another_runtime_stands_by_until_the_others_end(bus: MemoryBus, start: Start) -> None:
    here, there = (Runtime(versions={"torch": number}, cpu="x86_64 GenuineIntel avx2") for number in ("1", "2"))
    writer, first = await Writer.on(bus), start(replace(echo_plan(), runtime=here))
    await writer.write(*SYMBOLS)
    await written(bus, 1)
    with capture_logs() as logs:
        second = start(replace(echo_plan(), runtime=there))
        await until(lambda: second.worker._standing.stands_by_why != "")
        assert set(owners(bus)) == {first.worker._leases.owner}
        (said,) = [each for each in logs if each["event"] == "stands by"]
        assert said["why"] == f"replicas of signal compute with {here.text}, this one with {there.text}"
        await first.stop()
        await writer.reconnect(bus)
        await writer.write(*SYMBOLS)
        await written(bus, 2)
        (changed,) = [each for each in logs if each["event"] == "other runtimes before"]
        assert changed["before"] == (here.text,)
    assert set(owners(bus)) == {second.worker._leases.owner}


# Health


async def test_who_is_refused_for_long_is_not_healthy_until_a_commit_succeeds(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "PATIENCE_S", 0.2)
    bus, file = FlakyBus(lease_s=30), tmp_path / "signal.alive"
    bus.trouble = ["CONFLICT"] * 1_000_000
    running = start(on=bus)
    running.worker.alive_file = file
    await (await Writer.on(bus)).write(*SYMBOLS)
    await until(lambda: file.exists() and b"partition 1: its commits are refused" in file.read_bytes())
    bus.trouble = []
    await until(lambda: file.read_bytes() == HELD + b"owns 0, 1, 2, 3 of 4 partitions")
    await written(bus, 1)


async def test_who_is_not_given_its_share_for_long_is_not_healthy(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "PATIENCE_S", 0.1)
    bus, file = MemoryBus(lease_s=30, maxlens={}), tmp_path / "signal.alive"
    session = await bus.connect()
    held = await session.acquire(PartitionId("signal", 1), "one that is in no register")
    assert held is not None
    running = start(on=bus)
    running.worker.alive_file = file
    await until(lambda: file.exists() and file.read_bytes() == HELD + b"partition 1: another one holds it")
    await session.release([held])
    await until(lambda: file.read_bytes() == HELD + b"owns 0, 1, 2, 3 of 4 partitions")


async def test_a_stand_by_is_healthy_and_says_so(bus: MemoryBus, start: Start, tmp_path: Path) -> None:
    plan = replace(echo_plan(), exclusive=True)
    start(plan)
    await until(lambda: all(owners(bus)))
    stand_by, file = start(plan), tmp_path / "signal.alive"
    stand_by.worker.alive_file = file
    await until(lambda: file.exists() and file.read_bytes() == HELD + b"stands by")
