"""Where a lookup looks, and what it says of a place that gives nothing."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.bus.api import BusLost
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.config import Settings
from shared.errors import DataError
from shared.lookup import Lookup, TimeSpan
from shared.lookup import lookup as module
from shared.messages import Stream
from shared.record import WIRE
from shared.recording.layout import parts
from tests.unit.lookup.world import BEGIN_MS, World
from tests.unit.runner.fakes import tick

S = 1_000_000_000
BEGIN_NS = BEGIN_MS * 1_000_000


class DyingBus(MemoryBus):
    """Its sessions end after so many reads; then it does not answer until it is `up` again."""

    up = True
    left = 10**9

    async def connect(self) -> MemorySession:
        if not self.up:
            raise BusLost("bus: no answer")
        return DyingSession(self)


class DyingSession(MemorySession):
    async def newest(self, *asked: object) -> list[object]:  # type: ignore[override]
        assert isinstance(self._bus, DyingBus)
        self._bus.left -= 1
        if self._bus.left < 0:
            self._bus.up = False
            raise BusLost("bus: died")
        return await super().newest(*asked)  # type: ignore[arg-type, return-value]


async def numbers(lookup: Lookup) -> Mapping[int, str]:
    return {each.message.n: each.origin for each in await lookup.messages(Stream.TICKS, "A")}


def filled(folder: Path) -> World:
    """Ticks 1 to 6 of A are recorded in three files; the bus has 5 to 8."""
    world = World(folder, ("A",))
    rows = world.write(*(tick(n) for n in range(1, 9)))
    for begin in (0, 2, 4):
        world.record(Stream.TICKS, rows[begin : begin + 2])
    del world.bus.streams["ticks", world.place(Stream.TICKS, "A")][:4]
    return world


async def test_a_bus_that_dies_meanwhile_leaves_what_is_recorded_and_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = filled(tmp_path)
    world.bus.__class__ = DyingBus
    bus = world.bus
    assert isinstance(bus, DyingBus)
    lookup, both = world.lookup(), dict.fromkeys((1, 2, 3, 4), "recording") | dict.fromkeys((5, 6, 7, 8), "bus")
    assert await numbers(lookup) == both
    bus.left = 0
    assert await numbers(lookup) == dict.fromkeys(range(1, 7), "recording")
    assert (await lookup.reach()).no_bus == "bus: died"
    bus.up, bus.left = True, 10**9
    monkeypatch.setattr(module, "AGAIN_S", 3_600.0)
    assert await numbers(lookup) == dict.fromkeys(range(1, 7), "recording"), "not at every call"
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    assert await numbers(lookup) == both
    assert (await lookup.reach()).no_bus == ""


async def test_it_says_what_is_where_and_from_when(tmp_path: Path) -> None:
    reach = await filled(tmp_path).lookup().reach()
    assert reach.recording == {Stream.TICKS: TimeSpan(BEGIN_NS + 1 * S, BEGIN_NS + 6 * S)}
    assert reach.bus == {Stream.TICKS: TimeSpan(BEGIN_NS + 5 * S, BEGIN_NS + 8 * S)}
    assert (reach.no_bus, reach.no_recording, reach.damaged) == ("", "", {})


async def test_another_buss_recording_is_not_mixed_in(tmp_path: Path) -> None:
    """Its numbers mean something else."""
    world = filled(tmp_path)
    world.bus.meta["bus_id"] = "second"
    lookup = world.lookup()
    assert await numbers(lookup) == dict.fromkeys((5, 6, 7, 8), "bus")
    assert lookup.recording is None
    assert (await lookup.reach()).no_recording == f"{tmp_path} is of another line: tickline on bus first"


async def test_a_damaged_file_is_left_out_and_said(tmp_path: Path) -> None:
    world = filled(tmp_path)
    second = parts(tmp_path)[1].path
    second.write_bytes(second.read_bytes()[:100])
    lookup = world.lookup()
    assert await numbers(lookup) == {1: "recording", 2: "recording"} | dict.fromkeys((5, 6, 7, 8), "bus")
    assert list((await lookup.reach()).damaged) == [second]


async def test_a_file_that_the_recorder_has_removed_meanwhile_is_none(tmp_path: Path) -> None:
    world = filled(tmp_path)
    lookup = world.lookup()
    assert (await lookup.by_n(Stream.TICKS, "A", 3)) is not None
    parts(tmp_path)[0].path.unlink()
    assert await numbers(lookup) == dict.fromkeys((3, 4), "recording") | dict.fromkeys((5, 6, 7, 8), "bus")
    assert (await lookup.reach()).damaged == {}


async def test_what_a_newer_tickline_wrote_is_one_line(tmp_path: Path) -> None:
    world = World(tmp_path, ("A",))
    for entry in world.write(tick(1)):
        entry.t = b"MarketTick/%d" % (WIRE + 1)
    with pytest.raises(DataError, match=r"was written by a newer Tickline .*: run that Tickline here, too"):
        await world.lookup().last(Stream.TICKS, "A")


async def test_without_pyarrow_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(tmp_path)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    lookup = world.lookup()
    assert await numbers(lookup) == dict.fromkeys((5, 6, 7, 8), "bus")
    assert "pip install 'tickline[parquet]'" in (await lookup.reach()).no_recording


async def test_nothing_anywhere_is_said(tmp_path: Path) -> None:
    own = Settings(state_dir=tmp_path, bus={"folder": tmp_path / "bus"}, symbols=("A",))  # type: ignore[arg-type]
    async with Lookup.open(own) as lookup:
        assert await lookup.last(Stream.TICKS, "A") == []
        reach = await lookup.reach()
        assert "none has left its data there" in reach.no_bus
        assert reach.no_recording == "nothing was recorded"


async def test_the_lines_time_is_its_newest_ticks_but_on_a_live_market_the_clocks(tmp_path: Path) -> None:
    world = filled(tmp_path)
    assert await world.lookup().now_ns() == 8, "the simulated market and a replay live in their own time"
    live = world.settings.ingestor.model_copy(update={"source": "fake"})
    before_ns = time.time_ns()
    assert await Lookup(world.settings.model_copy(update={"ingestor": live}), world.bus).now_ns() >= before_ns
