"""Each message once and in order, wherever it still is: bus and recording overlap, or leave a hole, in any way."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lookup import stores
from shared.messages import Stream
from shared.recording.layout import parts
from tests.examples import examples
from tests.unit.lookup.world import World
from tests.unit.runner.fakes import tick

COUNT = 12
places = st.integers(0, 2 * COUNT)


@given(
    cuts=st.lists(places, min_size=0, max_size=4),
    begins=st.lists(places, min_size=5, max_size=5),
    removed=st.integers(0, 3),
    trimmed=places,
    lost=st.integers(0, COUNT),
    torn=st.integers(0, 6),
    window=st.tuples(st.integers(0, COUNT + 1), st.integers(0, COUNT + 1)),
)
@settings(max_examples=examples(30), deadline=None)
def test_each_message_once(
    cuts: list[int], begins: list[int], removed: int, trimmed: int, lost: int, torn: int, window: tuple[int, int]
) -> None:
    """cuts: where a recorder was killed, after its file; begins: where the next one begins to read, by its bus."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        written = [tick(n, sym) for n in range(1, COUNT + 1) for sym in "AB"]
        rows = world.write(*written)
        for end, begin in zip(sorted(cuts), begins, strict=False):
            world.record(Stream.TICKS, rows[begin:end])
        for part in parts(world.folder)[:removed]:
            part.path.unlink()
        recorded = _rows(world)
        held = world.bus.streams["ticks", world.place(Stream.TICKS, "A")]
        held[:] = rows[trimmed : len(rows) - lost]
        if torn and held:  # as a torn log leaves the last ones: once more, behind themselves
            again = [message for message in written if (message.sym, message.n) in {(x.k, x.n) for x in held[-torn:]}]
            world.write(*again)
        on_the_bus = {(row.k, row.n) for row in rows[trimmed : len(rows) - lost]}

        asyncio.run(_check(world, on_the_bus, recorded, window))


def _rows(world: World) -> set[tuple[str, int]]:
    from pyarrow.parquet import read_table

    found = [read_table(part.path, columns=["k", "n"]).to_pylist() for part in parts(world.folder)]
    return {(row["k"], row["n"]) for rows in found for row in rows}


async def _check(
    world: World, on_the_bus: set[tuple[str, int]], recorded: set[tuple[str, int]], window: tuple[int, int]
) -> None:
    lookup = world.lookup()
    for sym in "AB":
        there = sorted(n for k, n in on_the_bus | recorded if k == sym)
        found = await lookup.messages(Stream.TICKS, sym)
        assert [each.message for each in found] == [tick(n, sym) for n in there]
        assert [each.origin for each in found] == ["bus" if (sym, n) in on_the_bus else "recording" for n in there]
        since, until = window
        asked = await lookup.messages(Stream.TICKS, sym, since, until)
        assert [each.message.n for each in asked] == [n for n in there if since <= n <= until]
        assert [each.message.n for each in await lookup.last(Stream.TICKS, sym, 5)] == there[-5:]
        for n in range(COUNT + 2):
            one = await lookup.by_n(Stream.TICKS, sym, n)
            assert (one is not None) == (n in there)
            assert one is None or one.message == tick(n, sym)


async def test_a_long_stream_is_searched_and_not_read(tmp_path: Path) -> None:
    """The same answers where the bus and the files are too long to be read from the start."""
    world = World(tmp_path, step_ms=stores.NEAR_MS // 2 + 1)
    count = 3_000
    rows = world.write(*(tick(n, sym) for n in range(1, count + 1) for sym in "AB"))
    for begin in range(0, 4_000, 100):
        world.record(Stream.TICKS, rows[begin : begin + 100])
    held = world.bus.streams["ticks", world.place(Stream.TICKS, "A")]
    del held[:1_800]
    lookup = world.lookup()
    for since, until in ((1, 1), (2, 400), (880, 1_100), (901, 905), (2_990, 5_000), (3_001, 9_000), (500, 499)):
        found = await lookup.messages(Stream.TICKS, "A", since, until)
        expected = range(since, min(until, count) + 1)
        assert [each.message for each in found] == [tick(n, "A") for n in expected]
        assert [each.origin for each in found] == ["bus" if n > 900 else "recording" for n in expected]
    assert [each.message.n for each in await lookup.last(Stream.TICKS, "A", 2_500)] == list(range(501, 3_001))
