"""Who asks for the newest again and again gets what a lookup gives, and the recording is read once for it."""

from pathlib import Path

import pytest

from shared.lookup import Lookup
from shared.lookup.recent import RecentLookup
from shared.lookup.stores import RecordedEntries
from shared.messages import Stream
from tests.unit.lookup.test_money import Hour, played
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
        found = [one.message for one in await recent.last(Stream.TICKS, sym, count)]
        assert found == [one.message for one in await lookup.last(Stream.TICKS, sym, count)]
        assert found == life.ticks[-count:]
    monkeypatch.setattr(RecordedEntries, "_rows", lambda *_: pytest.fail("it was read again"))
    assert len(await recent.last(Stream.TICKS, sym, 6)) == 6
    await lookup.close()
    await recent.close()
