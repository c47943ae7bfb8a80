"""Who asks for the newest again and again gets what a lookup gives, and what was read once is not read again."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.bus.memory_bus import MemorySession
from shared.lookup import Found, Lookup, stores
from shared.lookup import lookup as lookups
from shared.lookup.recent import MOST_NEW, RecentLookup
from shared.lookup.stores import RecordedEntries
from shared.messages import MarketTick, Stream
from tests.unit.lookup.test_money import D, Hour, played, tick
from tests.unit.lookup.world import World


async def test_the_newest_are_the_lookups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus has the last four, the recording all but the last."""
    life = played([Hour(100 + i, 0, 0) for i in range(9)], 1)
    sym = life.ticks[0].sym
    world = World(tmp_path / "recording", symbols=(sym,))
    rows = world.write(*life.ticks)
    world.record(Stream.TICKS, rows[:-1])
    place = (str(Stream.TICKS), world.place(Stream.TICKS, sym))
    world.bus.streams[place] = world.bus.streams[place][-4:]
    lookup, recent = Lookup(world.settings, world.bus), RecentLookup(world.settings, world.bus)
    for count in (1, 4, 6, 9, 12, 6):
        async with recent.moment():
            found = [one.message for one in await recent.last(Stream.TICKS, sym, count)]
        assert found == [one.message for one in await lookup.last(Stream.TICKS, sym, count)]
        assert found == life.ticks[-count:]
    monkeypatch.setattr(RecordedEntries, "_rows", lambda *_: pytest.fail("it was read again"))
    async with recent.moment():
        assert len(await recent.last(Stream.TICKS, sym, 6)) == 6
    await lookup.close()
    await recent.close()


def ticks(sym: str, first: int, count: int) -> list[MarketTick]:
    return [tick(n, n, D(n)).model_copy(update={"sym": sym}) for n in range(first, first + count)]


async def test_a_moment_costs_one_question_and_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who looks at a fast line costs the bus, and each order, much."""
    symbols = [f"S{i}" for i in range(8)]
    world = World(Path("nothing-recorded"), symbols=symbols)
    for sym in symbols:
        world.write(*ticks(sym, 1, 20))
    recent, fresh = RecentLookup(world.settings, world.bus), world.lookup()
    counts = Counter[str]()

    def count(name: str, of: Any) -> Any:
        def counted(*given: Any) -> Any:
            counts[name] += 1
            return of(*given)

        return counted

    async def look() -> list[list[Found]]:
        async with recent.moment():
            return [await recent.last(Stream.TICKS, sym, 8) for sym in symbols]

    await look()
    world.write(*ticks("S1", 21, 1), *ticks("S2", 21, 2))
    with monkeypatch.context() as patch:
        for name in ("read", "newest"):
            patch.setattr(MemorySession, name, count("question", getattr(MemorySession, name)))
        patch.setattr(stores, "decode", count("decode", stores.decode))
        found = await look()
        assert counts == {"question": 1, "decode": 3}
    assert found == [await fresh.last(Stream.TICKS, sym, 8) for sym in symbols]
    await recent.close()
    await fresh.close()


GOES_BACK = {"lost": 3, "emptied": 10**6}  # by so many messages
HAPPENINGS = st.lists(st.sampled_from(["one", "many", "twice", *GOES_BACK]), max_size=8)


@given(HAPPENINGS)
@example(["one", "many", "one", "twice", "one", "lost", "one", "emptied", "one", "one"])
def test_each_moment_tells_what_a_lookup_tells(happenings: Sequence[str]) -> None:
    """A log is torn; the bus is restarted without its last writes, or emptied, and numbers come again."""

    async def live() -> None:
        world, last = World(Path("nothing-recorded")), dict.fromkeys("AB", 0)
        recent = RecentLookup(world.settings, world.bus)
        for happening in ["one", *happenings]:
            last = {sym: max(0, n - GOES_BACK.get(happening, 0)) for sym, n in last.items()}
            for entries in world.bus.streams.values():
                entries[:] = [entry for entry in entries if entry.n <= last[entry.k]]
            if happening == "lost":
                world.bus.restart()
            for sym, n in last.items():
                new = 0 if happening == "twice" and n else MOST_NEW + 1 if happening == "many" else 1
                world.write(*ticks(sym, n + 1, new) if new else ticks(sym, n, 1))
                last[sym] += new
            fresh = world.lookup()
            async with recent.moment():
                for sym in last:
                    for count in (1, 4, 2):
                        found = [one.message for one in await recent.last(Stream.TICKS, sym, count)]
                        assert found == [one.message for one in await fresh.last(Stream.TICKS, sym, count)]
            await fresh.close()
        await recent.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookups, "AGAIN_S", 0.0)
        asyncio.run(live())
