"""The tail of the streams is bounded, and has what was there before; who is at work is seen by the leases."""

from pathlib import Path

from services.monitor.page.tail import FIRST, SHOWN, Tail
from services.monitor.page.watch import LineWatch, Owner
from shared.bus.names import PartitionId
from shared.lookup import Lookup
from shared.messages import Decision, Message, Stream
from tests.unit.monitor.page.site import settings_at
from tests.unit.monitor.session import SYMBOLS, Line, bars


async def test_it_begins_with_the_last_and_goes_on_with_what_is_new(tmp_path: Path) -> None:
    settings, seen = settings_at(tmp_path), list[Message]()
    line = Line(settings)
    await line.write(bars(1, 40, 0.01))
    tail, lookup = Tail(settings, line.bus, seen.append), Lookup(settings, line.bus)
    await tail.begin(lookup)
    assert [one.decision.n for one in tail.decisions][-2:] == [40, 40]
    assert len(tail.decisions) == FIRST * len(SYMBOLS)
    assert all(one.prediction is not None and one.prediction.n == one.decision.n for one in tail.decisions)
    assert not await tail.read()  # it begins at the ends
    assert tail.rates()[Stream.DECISIONS].at_ns is not None
    await line.write(bars(41, 140, 0.01))
    while tail.decisions[-1].decision.n < 140:
        assert await tail.read()
    assert len(tail.decisions) == SHOWN
    assert tail.decisions[-1].prediction is not None
    assert tail.rates()[Stream.DECISIONS].per_second > 0
    assert sum(isinstance(one, Decision) for one in seen) == FIRST * len(SYMBOLS) + 200
    await tail.close()
    await lookup.close()


async def test_it_begins_anew_without_what_came_meanwhile_twice_or_not_at_all(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    line = Line(settings)
    await line.write(bars(1, 3, 0.01))
    tail, lookup = Tail(settings, line.bus, lambda message: None), Lookup(settings, line.bus)
    await tail.begin(lookup)
    await tail.forget()
    assert not tail.decisions
    assert not tail.begun.is_set()
    await line.write(bars(4, 5, 0.01))
    await tail.begin(lookup)
    await line.write(bars(6, 6, 0.01))
    while sum(one.decision.n == 6 for one in tail.decisions) < len(SYMBOLS):
        assert await tail.read()
    numbers = [one.decision.n for one in tail.decisions if one.decision.sym == SYMBOLS[0]]
    assert numbers == [1, 2, 3, 4, 5, 6]
    await tail.close()
    await lookup.close()


async def test_the_replicas_at_work_and_those_before_them(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, bus={"partitions": 2})
    line, place = Line(settings), PartitionId(settings.gateway.instance, 0)
    watch, session = LineWatch(settings, line.bus), await line.bus.connect()
    for i, name in enumerate(("first", "second", "third")):
        lease = await session.acquire(place, name)
        assert lease is not None
        await watch.look(session, 10_000 * (i + 1))
        assert watch.owners["gateway"] == (Owner(name, (0,), i),)
        await session.release([lease])
    assert watch.owners["signal"] == ()
    await watch.close()
    await session.close()
