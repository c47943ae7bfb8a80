"""The bus contract: one suite, every implementation. What only a server can do stands in test_redis_bus.py."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.bus.api import Bus, BusLost, Commit, Joined, Lease, Outcome, Session, Stored
from shared.bus.entry import START, Entry, Outgoing
from shared.bus.names import PartitionId
from tests.contract.conftest import MakeBus
from tests.until import until

LONG_MS = 1_000_000  # longer than a test may take
PLACE, OTHER_PLACE = PartitionId("signal", 3), PartitionId("signal", 4)
SHORT_S = 0.05
EVERY_BYTE = bytes(range(256))


def out(n: int = 1, stream: str = "ticks", sym: str = "BTCUSDT", d: bytes = b"d") -> Outgoing:
    return Outgoing(stream, "MarketTick/4", sym, n, f"{sym} {n}", f"replay:{sym}:{n}", d)


def commit(lease: Lease, seq: int, *entries: Outgoing, **fields: bytes | str) -> Commit:
    return Commit(lease, seq, dict(fields), list(entries))


async def acquired(session: Session, owner: str = "me", place: PartitionId = PLACE) -> Lease:
    lease = await session.acquire(place, owner)
    assert lease is not None
    return lease


async def stream_of(session: Session, stream: str = "ticks", place: PartitionId = PLACE) -> list[Entry]:
    found = await session.read({(stream, place): START}, 100_000, 0)
    return found[0][1] if found else []


async def everything(session: Session) -> object:
    streams = [[(e.id, e.k, e.n, e.d) for e in await stream_of(session, name)] for name in ("ticks", "features")]
    return await session.load([PLACE, OTHER_PLACE]), streams


@pytest.fixture
async def connect() -> AsyncIterator["Connect"]:
    """Opens sessions and closes them at the end."""
    async with AsyncExitStack() as stack:
        yield Connect(stack)


class Connect:
    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, bus: Bus) -> Session:
        session = await bus.connect()
        self._stack.push_async_callback(session.close)
        return session


@pytest.fixture
async def session(make_bus: MakeBus, connect: Connect) -> Session:
    return await connect(make_bus())


@pytest.fixture
async def short(make_bus: MakeBus, connect: Connect) -> Session:
    """A session with leases that run out soon."""
    return await connect(make_bus(lease_s=SHORT_S))


# Leases


async def test_the_epoch_grows_with_every_acquisition(session: Session) -> None:
    first, again = await acquired(session), await acquired(session)
    await session.release([again])
    other = await acquired(session, "other")
    assert (first, again, other) == (Lease(PLACE, "me", 1), Lease(PLACE, "me", 2), Lease(PLACE, "other", 3))


async def test_another_owner_is_refused_while_the_lease_is_good(session: Session) -> None:
    lease = await acquired(session)
    assert await session.acquire(PLACE, "other") is None
    assert await session.renew([lease]) == [True]
    assert await session.acquire(OTHER_PLACE, "other") == Lease(OTHER_PLACE, "other", 1)


async def test_a_lease_runs_out_and_its_holder_is_fenced(short: Session) -> None:
    lease = await acquired(short)

    async def taken() -> bool:
        return await short.acquire(PLACE, "other") is not None

    await until(taken)
    assert await short.renew([lease]) == [False]
    assert await short.commit([commit(lease, 0, out())]) == [Outcome.FENCED]
    assert await stream_of(short) == []


@pytest.mark.parametrize("by", ["renew", "commit"])
async def test_a_lease_lives_on_by_renewing_and_by_committing(make_bus: MakeBus, connect: Connect, by: str) -> None:
    session = await connect(make_bus(lease_s=1.2))
    lease = await acquired(session)
    began = last = time.monotonic()
    seq = 0
    while time.monotonic() - began < 1.5:
        if by == "renew":
            kept = await session.renew([lease]) == [True]
        else:
            kept = await session.commit([commit(lease, seq)]) == [Outcome.OK]
            seq += kept
        other, now = await session.acquire(PLACE, "other"), time.monotonic()
        if now - last > 1.2:  # this machine stood still for a lease: it may be over
            await session.release([other or lease])
            lease = await acquired(session)
            began = now
        else:
            assert (kept, other) == (True, None)
        last = now
        await asyncio.sleep(0.05)


async def run_out(session: Session, lease: Lease) -> None:
    """Wait until the lease is over, with nobody else taking it."""

    async def over() -> bool:
        return await session.renew([lease]) == [False]

    await until(over, every_s=2 * SHORT_S)


async def test_a_lease_that_ran_out_is_not_renewed_though_nobody_took_it(short: Session) -> None:
    lease = await acquired(short)
    await run_out(short, lease)
    assert await short.renew([lease]) == [False]
    assert await acquired(short) == Lease(PLACE, "me", 2)


async def test_release_frees_at_once(session: Session) -> None:
    lease = await acquired(session)
    await session.release([lease])
    assert await session.renew([lease]) == [False]
    assert await session.commit([commit(lease, 0, out())]) == [Outcome.FENCED]
    assert await acquired(session, "other") == Lease(PLACE, "other", 2)


async def test_only_the_own_lease_is_released(session: Session) -> None:
    mine = await acquired(session)
    await session.release([Lease(PLACE, "other", 1), Lease(PLACE, "me", 7)])
    assert await session.renew([mine]) == [True]


async def test_leases_are_renewed_one_by_one(session: Session) -> None:
    mine, there = await acquired(session), await acquired(session, place=OTHER_PLACE)
    strange = Lease(PartitionId("signal", 5), "me", 1)
    assert await session.renew([mine, strange, there]) == [True, False, True]


async def test_nothing_asked_nothing_done(session: Session) -> None:
    assert await session.renew([]) == []
    assert await session.load([]) == []
    assert await session.fields([]) == []
    assert await session.commit([]) == []
    await session.release([])


# Commits


async def test_a_commit_writes_fields_entries_and_number(session: Session) -> None:
    lease = await acquired(session)
    before_ns = time.time_ns()
    fields: dict[str, bytes | str] = {"s:BTCUSDT": EVERY_BYTE, "in:ticks": "5-0 2"}
    written = Commit(lease, 0, fields, [out(1), out(2), out(1, "features")])
    assert await session.commit([written]) == [Outcome.OK]
    assert await session.load([PLACE]) == [Stored(1, {"s:BTCUSDT": EVERY_BYTE, "in:ticks": b"5-0 2"})]
    ticks, features = await stream_of(session), await stream_of(session, "features")
    assert [e.n for e in ticks] == [1, 2]
    assert [e.n for e in features] == [1]
    entry = ticks[1]
    assert (entry.t, entry.k, entry.h, entry.tr, entry.d) == (
        b"MarketTick/4", "BTCUSDT", b"BTCUSDT 2", "replay:BTCUSDT:2", b"d",
    )  # fmt: skip
    assert before_ns <= entry.w <= time.time_ns()
    assert entry.message is None
    assert not entry.settled


async def test_only_the_touched_fields_change(session: Session) -> None:
    lease = await acquired(session)
    assert await session.commit([commit(lease, 0, a="1", b="1")]) == [Outcome.OK]
    assert await session.commit([commit(lease, 1, b="2", c="")]) == [Outcome.OK]
    assert await session.load([PLACE]) == [Stored(2, {"a": b"1", "b": b"2", "c": b""})]


@pytest.mark.parametrize("seq", [0, 1, 3, 2**40])
async def test_another_commit_number_is_a_conflict_and_writes_nothing(session: Session, seq: int) -> None:
    lease = await acquired(session)
    assert await session.commit([commit(lease, 0, out(1), a="1")]) == [Outcome.OK]
    assert await session.commit([commit(lease, 1, out(2), a="2")]) == [Outcome.OK]
    before = await everything(session)
    refused = Commit(lease, seq, {"a": "3", "b": "3"}, [out(3), out(1, "features")], {"ticks": "99999999999999-0"})
    assert await session.commit([refused]) == [Outcome.CONFLICT]
    assert await everything(session) == before


async def test_the_same_commit_again_is_a_conflict(session: Session) -> None:
    """As after a reply that got lost."""
    lease = await acquired(session)
    once = commit(lease, 0, out(1), a="1")
    assert await session.commit([once, once]) == [Outcome.OK, Outcome.CONFLICT]
    assert await session.commit([once]) == [Outcome.CONFLICT]
    assert len(await stream_of(session)) == 1


@pytest.mark.parametrize(
    "lease",
    [
        Lease(PLACE, "other", 2),
        Lease(PLACE, "", 2),
        Lease(PLACE, "me", 1),
        Lease(PLACE, "me", 3),
        Lease(OTHER_PLACE, "me", 1),
    ],
    ids=["another owner", "nobody", "an older epoch", "a later epoch", "never acquired"],
)
async def test_who_is_not_the_owner_is_fenced_and_writes_nothing(session: Session, lease: Lease) -> None:
    first, mine = await acquired(session), await acquired(session)
    assert (first.epoch, mine.epoch) == (1, 2)
    assert await session.commit([commit(mine, 0, out(1), a="1")]) == [Outcome.OK]
    before = await everything(session)
    refused = Commit(lease, 1, {"a": "2", "b": "2"}, [out(2), out(1, "features")], {"ticks": "99999999999999-0"})
    assert await session.commit([refused]) == [Outcome.FENCED]
    assert await everything(session) == before
    assert await session.renew([mine]) == [True]


async def test_a_lease_that_ran_out_fences_though_nobody_took_it(short: Session) -> None:
    lease = await acquired(short)
    await run_out(short, lease)
    before = await everything(short)
    assert await short.commit([commit(lease, 0, out(1), a="1")]) == [Outcome.FENCED]
    assert await everything(short) == before


async def test_commits_in_one_call_are_independent(session: Session) -> None:
    places = [PartitionId("signal", p) for p in range(4)]
    leases = [await acquired(session, place=place) for place in places]
    seqs = (0, 7, 0, 0)
    commits = [commit(lease, seq, out(1), a="1") for lease, seq in zip(leases, seqs, strict=True)]
    commits[2] = commit(Lease(places[2], "other", 1), 0, out(1), a="1")
    assert await session.commit(commits) == [Outcome.OK, Outcome.CONFLICT, Outcome.FENCED, Outcome.OK]
    assert [stored.seq for stored in await session.load(places)] == [1, 0, 0, 1]
    assert [len(await stream_of(session, place=place)) for place in places] == [1, 0, 0, 1]


async def test_a_large_commit(session: Session) -> None:
    lease = await acquired(session)
    fields: dict[str, bytes | str] = {f"s:SYM{i}": b"%d" % i * 20 for i in range(5_000)}
    entries = [out(n, "ticks" if n % 2 else "features", d=EVERY_BYTE) for n in range(1, 2_001)]
    assert await session.commit([Commit(lease, 0, fields, entries)]) == [Outcome.OK]
    assert await session.load([PLACE]) == [Stored(1, {k: v for k, v in fields.items() if isinstance(v, bytes)})]
    assert [e.n for e in await stream_of(session)] == list(range(1, 2_001, 2))
    assert [e.n for e in await stream_of(session, "features")] == list(range(2, 2_001, 2))


@pytest.mark.parametrize("count", [1, 2, 499, 500, 501, 1_000, 1_001])
async def test_any_number_of_fields(session: Session, count: int) -> None:
    lease = await acquired(session)
    fields: dict[str, bytes | str] = {f"s:{i}": b"%d" % i for i in range(count)}
    assert await session.commit([Commit(lease, 0, fields, [out(1)])]) == [Outcome.OK]
    assert await session.load([PLACE]) == [Stored(1, {k: v for k, v in fields.items() if isinstance(v, bytes)})]
    assert len(await stream_of(session)) == 1


@pytest.mark.parametrize("d", [b"", EVERY_BYTE, b"\r\n$-1\r\n", b"\x00" * 10, EVERY_BYTE * 4_000])
async def test_any_bytes(session: Session, d: bytes) -> None:
    lease = await acquired(session)
    assert await session.commit([commit(lease, 0, out(1, d=d), a=d)]) == [Outcome.OK]
    assert [e.d for e in await stream_of(session)] == [d]
    assert await session.fields([(PLACE, "a")]) == [d]


@pytest.mark.parametrize("sym", ["BTCUSDT", "比特币/USDT", "a b\nc", "{x}.3", "ß€𝄞", "s:", "owner"])
async def test_any_symbol(session: Session, sym: str) -> None:
    lease = await acquired(session)
    assert await session.commit([Commit(lease, 0, {f"s:{sym}": b"1"}, [out(1, sym=sym)])]) == [Outcome.OK]
    (entry,) = await stream_of(session)
    assert (entry.k, entry.h.decode(), entry.tr) == (sym, f"{sym} 1", f"replay:{sym}:1")
    assert await session.load([PLACE]) == [Stored(1, {f"s:{sym}": b"1"})]


@pytest.mark.parametrize("n", [1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1])
async def test_numbers_are_exact(session: Session, n: int) -> None:
    lease = await acquired(session)
    assert await session.commit([commit(lease, 0, out(n))]) == [Outcome.OK]
    assert [e.n for e in await stream_of(session)] == [n]


# Reading


async def write(session: Session, lease: Lease, seq: int, *entries: Outgoing) -> None:
    assert await session.commit([commit(lease, seq, *entries)]) == [Outcome.OK]


async def test_reading_goes_on_behind_the_cursor(session: Session) -> None:
    await write(session, await acquired(session), 0, *(out(n) for n in range(1, 8)))
    cursor, seen = START, []
    while found := await session.read({("ticks", PLACE): cursor}, 3, 0):
        ((source, entries),) = found
        assert source == ("ticks", PLACE)
        seen.append([e.n for e in entries])
        cursor = entries[-1].id
    assert seen == [[1, 2, 3], [4, 5, 6], [7]]


async def test_one_read_over_many_streams_counts_each(session: Session) -> None:
    here, there = await acquired(session), await acquired(session, place=OTHER_PLACE)
    await write(session, here, 0, *(out(n) for n in range(1, 6)), out(1, "features"))
    await write(session, there, 0, *(out(n) for n in range(1, 4)))
    second = (await stream_of(session))[1].id
    cursors = {
        ("ticks", PLACE): second, ("features", PLACE): START, ("ticks", OTHER_PLACE): START, ("orders", PLACE): START,
    }  # fmt: skip
    found = {source: [e.n for e in entries] for source, entries in await session.read(cursors, 2, 0)}
    assert found == {("ticks", PLACE): [3, 4], ("features", PLACE): [1], ("ticks", OTHER_PLACE): [1, 2]}


async def test_ids_only_grow(session: Session) -> None:
    lease = await acquired(session)
    for seq in range(20):
        await write(session, lease, seq, *(out(2 * seq + i) for i in (1, 2)))
    ids = [tuple(int(part) for part in e.id.split(b"-")) for e in await stream_of(session)]
    assert len(ids) == 40
    assert ids == sorted(set(ids))


async def test_the_newest_entries_come_first(session: Session) -> None:
    lease = await acquired(session)
    await session.commit([commit(lease, 0, *(out(n) for n in range(1, 6)))])
    source = ("ticks", PLACE)
    ids = [entry.id for entry in await stream_of(session)][::-1]
    assert [entry.id for entry in await session.newest(source, b"+", 2)] == ids[:2]
    assert [entry.id for entry in await session.newest(source, b"+", 9)] == ids
    assert [entry.id for entry in await session.newest(source, ids[1], 9)] == ids[1:]
    assert [entry.id for entry in await session.newest(source, b"(" + ids[1], 2)] == ids[2:4]
    assert [entry.id for entry in await session.newest(source, b"(" + ids[-1], 2)] == []
    assert [entry.id for entry in await session.newest(("orders", PLACE), b"+", 2)] == []


async def test_every_reader_has_entries_of_its_own(session: Session) -> None:
    await write(session, await acquired(session), 0, out(1))
    ((one,), (other,)) = await stream_of(session), await stream_of(session)
    one.settled = True
    assert not other.settled


@pytest.mark.parametrize("block_ms", [0, 1, 60])
async def test_a_read_of_nothing_ends_empty_after_its_time(session: Session, block_ms: int) -> None:
    await write(session, await acquired(session), 0, out(1))
    last = (await stream_of(session))[-1].id
    start = time.monotonic()
    assert await session.read({("ticks", PLACE): last}, 10, block_ms) == []
    assert time.monotonic() - start >= block_ms / 1000 - 0.005


async def test_a_waiting_read_returns_with_what_arrives(session: Session) -> None:
    """Also on a stream that was not there; and the session can commit while its own read waits."""
    lease = await acquired(session)
    cursors = {("ticks", PLACE): START, ("orders", PLACE): START}
    reading = asyncio.create_task(session.read(cursors, 10, LONG_MS))
    await asyncio.sleep(0.02)
    assert not reading.done()
    await write(session, lease, 0, out(1, "orders"))
    ((source, entries),) = await reading
    assert (source, [e.n for e in entries]) == (("orders", PLACE), [1])


async def test_a_commit_elsewhere_does_not_end_a_read(session: Session) -> None:
    reading = asyncio.create_task(session.read({("ticks", PLACE): START}, 10, 80))
    await write(session, await acquired(session, place=OTHER_PLACE), 0, out(1))
    assert await reading == []


async def test_wake_ends_a_waiting_read(session: Session) -> None:
    reading = asyncio.create_task(session.read({("ticks", PLACE): START}, 10, LONG_MS))
    await asyncio.sleep(0.02)
    assert not reading.done()
    session.wake()
    session.wake()
    assert await reading == []


async def test_wake_disturbs_nothing_when_nobody_waits(session: Session) -> None:
    session.wake()
    lease = await acquired(session)
    await write(session, lease, 0, out(1))
    assert [e.n for e in await stream_of(session)] == [1]
    session.wake()
    assert [e.n for e in await stream_of(session)] == [1]


# State


async def test_what_was_never_written_is_empty(session: Session) -> None:
    assert await session.load([PLACE, OTHER_PLACE]) == [Stored(0, {}), Stored(0, {})]
    await acquired(session)
    assert await session.load([PLACE]) == [Stored(0, {})]  # owner and epoch are not snapshot


async def test_single_fields_of_several_places(session: Session) -> None:
    here, there = await acquired(session), await acquired(session, place=OTHER_PLACE)
    done = await session.commit([commit(here, 0, a="1", b="2"), commit(there, 0, a="3")])
    assert done == [Outcome.OK, Outcome.OK]
    wanted = [(OTHER_PLACE, "a"), (PLACE, "b"), (OTHER_PLACE, "b"), (PartitionId("nobody", 0), "a")]
    assert await session.fields(wanted) == [b"3", b"2", None, None]


async def test_who_looks_sees_the_epoch_and_since_when(session: Session) -> None:
    wanted = [(PLACE, "epoch"), (PLACE, "taken"), (OTHER_PLACE, "epoch"), (OTHER_PLACE, "taken")]
    assert await session.fields(wanted) == [None] * 4
    first = await acquired(session)
    _, taken, *_ = await session.fields(wanted)
    assert await session.renew([first]) == [True]
    assert await session.commit([commit(first, 0)]) == [Outcome.OK]
    assert await session.fields(wanted) == [b"1", taken, None, None]  # neither renewal nor commit is a hand-over
    await acquired(session)
    epoch, later, *_ = await session.fields(wanted)
    assert epoch == b"2"
    assert int(later or 0) >= int(taken or 0) > 0


async def test_a_trim_keeps_what_is_not_below(session: Session) -> None:
    lease = await acquired(session)
    await write(session, lease, 0, *(out(n) for n in range(1, 1_001)), *(out(n, "features") for n in range(1, 1_001)))
    entries = await stream_of(session)
    lowest = entries[699]
    trimming = Commit(lease, 1, {}, [out(1_001)], {"ticks": lowest.id.decode()})
    assert await session.commit([trimming]) == [Outcome.OK]
    kept = [e.n for e in await stream_of(session)]
    assert kept == list(range(kept[0], 1_002))
    assert 1 < kept[0] <= lowest.n  # approximately: a server drops whole nodes only
    assert len(await stream_of(session, "features")) == 1_000


async def test_a_trim_of_a_stream_that_is_not_there(session: Session) -> None:
    lease = await acquired(session)
    assert await session.commit([Commit(lease, 0, {}, [], {"orders": "5-0"})]) == [Outcome.OK]
    assert await session.load([PLACE]) == [Stored(1, {})]


async def test_streams_are_cut_by_length_where_one_is_given(make_bus: MakeBus, connect: Connect) -> None:
    session = await connect(make_bus(maxlens={"ticks": 200}))
    lease = await acquired(session)
    for seq in range(10):
        numbers = range(100 * seq + 1, 100 * seq + 101)
        await write(session, lease, seq, *(out(n) for n in numbers), *(out(n, "orders") for n in numbers))
    kept = [e.n for e in await stream_of(session)]
    assert 200 <= len(kept) <= 400
    assert kept == list(range(1_001 - len(kept), 1_001))
    assert len(await stream_of(session, "orders")) == 1_000


# Replicas and the namespace


async def test_replicas_stand_in_the_order_in_which_they_came(session: Session) -> None:
    assert (await session.join("signal", "z")).members == ["z"]
    assert (await session.join("signal", "a")).members == ["z", "a"]
    assert (await session.join("signal", "m")).members == ["z", "a", "m"]
    assert (await session.join("signal", "z")).members == ["z", "a", "m"]
    await session.leave("signal", "z")
    assert (await session.join("signal", "a")).members == ["a", "m"]
    assert (await session.join("signal", "z")).members == ["a", "m", "z"]
    assert (await session.join("strategy", "z")).members == ["z"]


async def test_who_never_joined_may_leave(session: Session) -> None:
    await session.leave("signal", "nobody")
    assert (await session.join("signal", "a")).members == ["a"]


async def test_a_replica_that_does_not_come_back_is_struck_off(short: Session) -> None:
    assert (await short.join("signal", "dead")).members == ["dead"]
    assert "living" in (await short.join("signal", "living")).members

    async def alone() -> bool:
        return (await short.join("signal", "living")).members == ["living"]

    await until(alone)


# The wire


async def test_the_first_replica_lays_down_its_wire(session: Session) -> None:
    assert await session.wire() is None
    assert await session.join("signal", "a", 7) == Joined(7, ["a"])
    assert await session.wire() == 7


async def test_the_wire_is_raised_when_every_replica_of_every_instance_knows_the_next(session: Session) -> None:
    await session.join("signal", "old", 7)
    await session.join("strategy", "old", 7)
    assert await session.join("signal", "new", 8) == Joined(7, ["old", "new"])
    await session.leave("signal", "old")
    assert await session.join("signal", "new", 8) == Joined(7, ["new"])  # the strategy's still knows 7 only
    await session.leave("strategy", "old")
    assert await session.wire() == 7  # nobody raises it by going
    assert await session.join("signal", "new", 8) == Joined(8, ["new"])


async def test_a_replica_that_stays_away_holds_up_no_wire(short: Session) -> None:
    await short.join("signal", "old", 7)

    async def raised() -> bool:
        return await short.join("signal", "new", 8) == Joined(8, ["new"])

    await until(raised)


async def test_who_does_not_know_the_wire_is_not_taken_in(session: Session) -> None:
    await session.join("signal", "new", 8)
    assert await session.join("signal", "old", 7) == Joined(8, [])
    assert await session.join("signal", "new", 8) == Joined(8, ["new"])


async def test_the_wire_is_raised_by_as_much_as_all_know(session: Session) -> None:
    await session.join("signal", "a", 7)
    await session.leave("signal", "a")
    assert (await session.join("signal", "b", 9)).wire == 9
    assert (await session.join("strategy", "c", 12)).wire == 9


async def test_before_it_is_raised_all_must_have_known_it_for_a_while(make_bus: MakeBus, connect: Connect) -> None:
    """Until then the older code can take over again; a replica of that one begins the time anew."""
    bus = make_bus(raise_after_s=0.4)
    session = await connect(bus)
    await session.join("signal", "old", 7)
    await session.leave("signal", "old")
    assert (await session.join("signal", "new", 8)).wire == 7
    await asyncio.sleep(0.3)
    assert (await session.join("signal", "old", 7)).wire == 7
    await session.leave("signal", "old")
    began = time.monotonic()

    async def raised() -> bool:
        return (await session.join("signal", "new", 8)).wire == 8

    await until(raised)
    assert time.monotonic() - began >= 0.3


async def test_meta_is_stored_once(session: Session) -> None:
    assert await session.meta({"partitions": "8", "bus_id": "x"}) == {"partitions": "8", "bus_id": "x"}
    later = await session.meta({"partitions": "4", "more": "y"})
    assert later == {"partitions": "8", "bus_id": "x", "more": "y"}
    assert await session.meta({}) == later


# Sessions


async def test_two_sessions_see_the_same(make_bus: MakeBus, connect: Connect) -> None:
    bus = make_bus()
    one, other = await connect(bus), await connect(bus)
    assert one.run_id == other.run_id != ""
    assert one.cursors_id(PLACE, [("ticks", OTHER_PLACE)]) == other.cursors_id(PLACE, [("ticks", OTHER_PLACE)]) != ""
    await write(one, await acquired(one), 0, out(1))
    assert [e.n for e in await stream_of(other)] == [1]
    assert await other.acquire(PLACE, "other") is None


async def test_a_closed_session_is_over(make_bus: MakeBus, connect: Connect) -> None:
    session = await connect(make_bus())
    lease = await acquired(session)
    await session.close()
    for call in (
        session.acquire(PLACE, "me"),
        session.renew([lease]),
        session.release([lease]),
        session.load([PLACE]),
        session.fields([(PLACE, "a")]),
        session.commit([commit(lease, 0)]),
        session.read({("ticks", PLACE): START}, 1, 0),
        session.join("signal", "me"),
        session.leave("signal", "me"),
        session.meta({}),
    ):
        with pytest.raises(BusLost):
            await call
    session.wake()
    await session.close()


async def test_names_spaces_are_apart(make_bus: MakeBus, connect: Connect) -> None:
    one, other = await connect(make_bus()), await connect(make_bus())
    await write(one, await acquired(one), 0, out(1))
    assert await everything(other) == ([Stored(0, {}), Stored(0, {})], [[], []])
    assert await acquired(other) == Lease(PLACE, "me", 1)
