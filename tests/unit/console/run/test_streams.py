"""Following streams from outside, over restarts of the bus; and what a run collects of them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from services.console.run.streams import Ended, OrderCollector, RefusalCounter, Source, follow
from shared.bus.api import BusLost, Commit, Outcome
from shared.bus.entry import Entry, Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.messages import Leg, OrderIntent, Reason, encode
from shared.record import WIRE
from tests.unit.gateway.test_paper import order
from tests.unit.runner.fakes import entry, report

PLACES = (PartitionId("strategy", 0), PartitionId("strategy", 1))
SOURCES: list[Source] = [("orders", place) for place in PLACES]


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(lease_s=30.0, maxlens={})


async def write(bus: MemoryBus, place: PartitionId, *numbers: int) -> None:
    session = await bus.connect()
    lease = await session.acquire(place, "test")
    assert lease is not None
    (stored,) = await session.load([place])
    entries = [Outgoing("orders", "X/1", f"S{place.p}", n, "", "tr", b"") for n in numbers]
    assert await session.commit([Commit(lease, stored.seq, {}, entries)]) == [Outcome.OK]
    await session.release([lease])
    await session.close()


async def take(following: AsyncIterator[Entry], count: int) -> list[tuple[str, int]]:
    async with asyncio.timeout(10):
        return [(entry.k, entry.n) for entry in [await anext(following) for _ in range(count)]]


async def test_what_is_there_and_then_the_end(bus: MemoryBus) -> None:
    await write(bus, PLACES[0], *range(1, 1201))  # more than one read brings
    await write(bus, PLACES[1], 1, 2)
    found = [(entry.k, entry.n) async for entry in follow(bus, SOURCES, forever=False)]
    assert sorted(found) == [("S0", n) for n in range(1, 1201)] + [("S1", 1), ("S1", 2)]
    assert [n for k, n in found if k == "S0"] == list(range(1, 1201))


async def test_what_comes_later(bus: MemoryBus) -> None:
    following = follow(bus, SOURCES)
    first = asyncio.create_task(take(following, 1))
    await asyncio.sleep(0)
    await write(bus, PLACES[1], 1)
    assert await first == [("S1", 1)]


async def test_a_restarted_bus_is_read_anew(bus: MemoryBus) -> None:
    """It may have lost what was seen, so positions mean nothing any more."""
    await write(bus, PLACES[0], 1, 2)
    following = follow(bus, SOURCES)
    assert await take(following, 2) == [("S0", 1), ("S0", 2)]
    bus.restart()
    await write(bus, PLACES[0], 3)
    assert await take(following, 3) == [("S0", 1), ("S0", 2), ("S0", 3)]


async def test_behind_a_place_it_goes_on_there_after_a_restart(bus: MemoryBus) -> None:
    await write(bus, PLACES[0], 1, 2)
    (seen, _) = [entry async for entry in follow(bus, SOURCES, forever=False)]
    following = follow(bus, SOURCES, behind={SOURCES[0]: seen.id, SOURCES[1]: b"0-0"})
    assert await take(following, 1) == [("S0", 2)]
    bus.restart()
    await write(bus, PLACES[0], 3)
    assert await take(following, 1) == [("S0", 3)]


async def test_until_the_end_a_lost_bus_is_an_error(bus: MemoryBus) -> None:
    await write(bus, PLACES[0], 1, 2)
    following = follow(bus, SOURCES, forever=False)
    await take(following, 2)
    bus.restart()
    with pytest.raises(BusLost):
        await take(following, 1)


def raw_entry(kind: str, n: int, d: bytes = b"") -> Entry:
    fields = (b"t", kind.encode(), b"k", b"BTCUSDT", b"n", b"%d" % n, b"h", b"", b"tr", b"t", b"d", d, b"w", b"9")
    return Entry(b"%d-0" % n, fields)


def test_orders_that_are_not_all_there_are_not_compared() -> None:
    collector = OrderCollector(MemoryBus(lease_s=1, maxlens={}), Settings())
    collector.take(raw_entry(OrderIntent.TAG, 1, encode(order(1))))
    assert (list(collector.orders["BTCUSDT"]), collector.newer) == ([1], "")
    collector.take(raw_entry("OrderIntent/3", 2, b"?"))
    assert collector.newer == "", "that one is missing"
    collector.take(raw_entry(f"OrderIntent/{WIRE + 1}", 3))
    assert "written by a newer Tickline" in collector.newer


def test_a_newer_report_ends_no_count() -> None:
    counter = RefusalCounter(MemoryBus(lease_s=1, maxlens={}), Settings(), since_ns=0)
    counter.take(raw_entry(f"ExecutionReport/{WIRE + 1}", 1))
    assert counter.ended == Ended()


def test_fills_are_counted_and_refusals_by_their_reason() -> None:
    """Each once; funding, capital and a liquidation fill no order."""
    counter = RefusalCounter(MemoryBus(lease_s=1, maxlens={}), load_settings(), since_ns=0)
    none = {"last_qty": Decimal(0), "last_px": None}
    for n, changed in enumerate(
        (
            {},
            {"leg": Leg.CLOSE},
            {**none, "reason": Reason.NOT_ARMED},
            {"reason": Reason.ENDED_BY_VENUE},
            {**none, "leg": Leg.FUNDING},
            {"leg": Leg.LIQUIDATION},
            {"leg": Leg.CAPITAL, **none},
        ),
        1,
    ):
        message = report(n).model_copy(update=changed)
        for _ in range(2):  # a stream may give an entry twice
            counter.take(entry(message, n))
    assert counter.ended == Ended(3, {"NOT_ARMED": 1, "ENDED_BY_VENUE": 1})
