"""The recorder on the bus in memory: each row once, over restarts of both; what is missing is said."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyarrow import parquet

from services.recorder import recorder as module
from services.recorder.main import plan
from services.recorder.recorder import Recorder
from shared.bus.api import Commit
from shared.bus.entry import Outgoing
from shared.bus.memory_bus import MemoryBus, MemorySession
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.config.recorder import RecorderSettings
from shared.config.settings import BusSettings
from shared.errors import ConfigError
from shared.messages import MarketTick, Message, Stream
from shared.messages.codec import unpack
from shared.models.runtime import Runtime
from shared.record import WIRE
from shared.recording.checkpoint import RUNTIMES, read_checkpoints
from shared.recording.folder import FolderInUse, locked
from shared.recording.home import folder_for, recording_of
from shared.recording.layout import checkpoint_paths, parts
from shared.recording.part import POSITIONS, RecordedEntry, read_rows
from shared.runner.leases import PartitionLeases
from tests.unit.runner.fakes import report, tick
from tests.until import until

PARTITIONS = 2


class CountedBus(MemoryBus):
    """Knows how often it was connected to. raised: the wire that stands since the recorder last joined."""

    looks = 0
    raised: int | None = None

    async def connect(self) -> MemorySession:
        self.looks += 1
        return CountedSession(self)


class CountedSession(MemorySession):
    async def wire(self) -> int | None:
        assert isinstance(self._bus, CountedBus)
        return self._bus.raised or await super().wire()


class Line:
    """Writes what it is told, as the instances of a line would."""

    def __init__(self, maxlen: int = 0) -> None:
        self.bus = CountedBus(lease_s=30, maxlens={Stream.TICKS: maxlen} if maxlen else {})
        self.bus.meta = {"partitions": str(PARTITIONS), "bus_id": "first"}

    async def write(self, instance: str, *messages: Message, p: int = 0, wire: int = WIRE) -> None:
        session = await self.bus.connect()
        place = PartitionId(instance, p)
        lease = await session.acquire(place, "writer")
        assert lease is not None
        (stored,) = await session.load([place])
        await session.commit([Commit(lease, stored.seq, {}, [Outgoing.of(message, wire) for message in messages])])
        await session.close()

    def forget(self, stream: Stream, place: PartitionId, count: int) -> None:
        """As a crash that loses the last acknowledged writes."""
        del self.bus.streams[stream, place][-count:]
        self.bus.restart()


def settings(folder: Path, **recorder: object) -> Settings:
    own = RecorderSettings.model_validate({"folder": folder, "max_age_s": 0.02, **recorder})
    return Settings(bus=BusSettings(partitions=PARTITIONS), recorder=own)


@asynccontextmanager
async def recording(line: Line, made: Settings) -> AsyncIterator[Recorder]:
    """A recorder at work; it is stopped as SIGTERM would."""
    recorder = Recorder(plan(made), line.bus, made)
    running = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        recorder.stop()
        await running


def ticks(folder: Path) -> list[RecordedEntry]:
    return list(read_rows(folder, Stream.TICKS, "ingestor"))


def numbers(folder: Path) -> list[int]:
    return [row.n for row in ticks(folder)]


async def recorded(folder: Path, count: int) -> None:
    await until(lambda: len(ticks(folder)) >= count)


async def test_rows_are_recorded_once_over_a_restart_of_the_recorder(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2, 3)))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 3)
    await line.write("ingestor", tick(4))
    async with recording(line, settings(tmp_path)) as second:
        await recorded(tmp_path, 4)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert second.counts["skipped"] == 0, "it went on behind its cursor"


async def test_killed_between_the_file_and_the_bus_the_file_counts(tmp_path: Path) -> None:
    """The bus is told nothing at all; so it is not asked."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)))
    made = settings(tmp_path)
    recorder = Recorder(plan(made), line.bus, made)
    running = asyncio.create_task(recorder.run())
    await recorded(tmp_path, 2)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    for state in line.bus.partitions.values():
        state.fields = {name: value for name, value in state.fields.items() if not name.startswith("in:")}
    line.bus.clock = lambda: 1e12  # its lease has run out
    async with recording(line, made):
        await line.write("ingestor", tick(3))
        await recorded(tmp_path, 3)
    assert numbers(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("taken", [False, True])
async def test_a_lease_that_only_ran_out_is_not_said_to_be_taken(tmp_path: Path, taken: bool) -> None:
    """A machine that slept: nobody else records, and this one goes on."""
    line = Line()
    await line.write("ingestor", tick(1))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await recorded(tmp_path, 1)
            session, later_s = await line.bus.connect(), line.bus.clock() + 31
            line.bus.clock = lambda: later_s
            if taken:
                other = await session.join("recorder", "other")
                assert other.members
                for p in range(PARTITIONS):
                    assert await session.acquire(PartitionId("recorder", p), "other")
            await line.write("ingestor", tick(2))
            await until(lambda: any(each["event"] == "recording interrupted" for each in logs))
            if not taken:
                await line.write("ingestor", tick(3))
                await recorded(tmp_path, 3)
    why = next(each["why"] for each in logs if each["event"] == "recording interrupted")
    assert ("another one records" in why, "nobody took it" in why) == (taken, not taken)


async def test_a_disk_that_is_slow_with_each_file_costs_no_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files take 20 s each, and the lease is of 30 s: it is lengthened between them."""
    from shared.recording import folder as parts_of

    line, real = Line(), parts_of.write_part

    def write(*given: Any) -> None:
        later_s = line.bus.clock() + 20
        line.bus.clock = lambda: later_s
        real(*given)

    monkeypatch.setattr(parts_of, "write_part", write)
    await line.write("ingestor", tick(1))
    await line.write("gateway", report(1))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)) as recorder:
            await until(lambda: recorder.counts["files"] >= 2)
            await line.write("ingestor", tick(2))
            await recorded(tmp_path, 2)
    assert [each["why"] for each in logs if each["event"] == "recording interrupted"] == []


async def test_a_bus_that_forgot_writes_the_same_again(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2, 3)))
    async with recording(line, settings(tmp_path)) as recorder:
        await recorded(tmp_path, 3)
        line.forget(Stream.TICKS, PartitionId("ingestor", 0), 2)
        await line.write("ingestor", *map(tick, (2, 3, 4)))
        await recorded(tmp_path, 4)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert recorder.counts["skipped"] == 3
    assert recorder.counts["missing"] == 0


async def test_entries_that_stand_twice_on_the_bus_are_recorded_once(tmp_path: Path) -> None:
    """As after a log that was torn within a commit; see docs/architecture.md."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2, 3, 2, 3, 4)))
    async with recording(line, settings(tmp_path)) as recorder:
        await recorded(tmp_path, 4)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert (recorder.counts["skipped"], recorder.counts["missing"]) == (2, 0)


async def test_what_was_only_in_memory_is_taken_as_it_then_is(tmp_path: Path) -> None:
    """Rows that no file has are dropped with the session."""
    line = Line()
    async with recording(line, settings(tmp_path, max_age_s=60.0)) as recorder:
        await line.write("ingestor", tick(1, tr="before"))
        await until(lambda: bool(recorder._session and line.bus.streams))
        line.forget(Stream.TICKS, PartitionId("ingestor", 0), 1)
        await line.write("ingestor", tick(1, tr="after"))
        await until(lambda: recorder._session is not None and recorder._session.run_id == line.bus.run_id)
    assert [row.tr for row in ticks(tmp_path)] == ["after"]


async def test_a_checkpoint_keeps_the_runtimes_that_predicted(tmp_path: Path) -> None:
    line, here = Line(), Runtime.here("torch")
    session = await line.bus.connect()
    await PartitionLeases("signal", PARTITIONS, exclusive=False, runtime=here).round(session)
    await line.write("ingestor", tick(1))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 1)
    assert read_checkpoints(tmp_path)[-1].settings[RUNTIMES] == {here.mark: here.text}


async def test_a_hole_is_in_the_rows_the_log_and_the_next_checkpoint(tmp_path: Path) -> None:
    line = Line(maxlen=3)
    await line.write("ingestor", tick(1))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 1)
    before = len(read_checkpoints(tmp_path))
    await line.write("ingestor", *map(tick, range(2, 8)))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)) as recorder:
            await recorded(tmp_path, 4)
    assert [(row.n, row.missing) for row in ticks(tmp_path)] == [(1, 0), (5, 3), (6, 0), (7, 0)]
    assert recorder.counts["missing"] == 3
    (alarm,) = [each["what"] for each in logs if each["event"] == "alarm"]
    assert alarm == (
        "hole: ticks of A: n=2 to 4 left the bus before it was recorded: it was away for longer than bus.market_maxlen "
        "allows"
    )
    assert len(read_checkpoints(tmp_path)) == before + 2


OTHERWISE = [
    pytest.param(tick(2, tr="other"), id="another trace"),
    pytest.param(tick(2).model_copy(update={"price": tick(2).price + 1}), id="another price"),
]


async def forgotten_and_written_again(line: Line, folder: Path, *again: Message) -> list[str]:
    """The bus has lost tick 2 of A, which is recorded, and gets others; what the recorder says, once B has come."""
    line.forget(Stream.TICKS, PartitionId("ingestor", 0), 1)
    with structlog.testing.capture_logs() as logs:
        await line.write("ingestor", *again, tick(1, "B"))
        await until(lambda: any(row.k == "B" for row in ticks(folder)))
    return [each["what"] for each in logs if each["event"] == "alarm"]


@pytest.mark.parametrize("other", OTHERWISE)
@pytest.mark.parametrize("anew", [False, True], ids=["same process", "new process"])
async def test_a_symbol_that_went_another_way_is_recorded_no_further(
    tmp_path: Path, other: Message, anew: bool
) -> None:
    """Its number stands for something else. The others go on."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 2)
        said = [] if anew else await forgotten_and_written_again(line, tmp_path, other, tick(3))
    if anew:
        async with recording(line, settings(tmp_path)):
            said = await forgotten_and_written_again(line, tmp_path, other, tick(3))
    assert [(row.k, row.n) for row in ticks(tmp_path)] == [("A", 1), ("A", 2), ("B", 1)]
    assert said == [
        "divergence: ticks of A n=2 was recorded otherwise: nothing more of it is recorded: start the recorder anew "
        "when that entry has left the bus, or name another folder"
    ]


@pytest.mark.parametrize("other", OTHERWISE)
async def test_a_number_that_stands_twice_with_another_content(tmp_path: Path, other: Message) -> None:
    """No file has the first one yet."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)), other, tick(3), tick(1, "B"))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await recorded(tmp_path, 3)
    assert [(row.k, row.n) for row in ticks(tmp_path)] == [("A", 1), ("A", 2), ("B", 1)]
    (alarm,) = [each["what"] for each in logs if each["event"] == "alarm"]
    assert alarm.startswith("divergence: ticks of A n=2 was recorded otherwise")


async def test_the_same_content_at_another_time_is_no_divergence(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)))
    async with recording(line, settings(tmp_path)) as recorder:
        await recorded(tmp_path, 2)
        assert await forgotten_and_written_again(line, tmp_path, *map(tick, (2, 3))) == []
    assert [(row.k, row.n) for row in ticks(tmp_path)] == [("A", 1), ("A", 2), ("A", 3), ("B", 1)]
    assert recorder.counts["skipped"] == 2


async def test_what_a_stopped_symbol_missed_is_a_hole_for_the_next_recorder(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 2)
        await forgotten_and_written_again(line, tmp_path, tick(2, tr="other"), tick(3))
    async with recording(line, settings(tmp_path)):
        await line.write("ingestor", tick(4))
        await recorded(tmp_path, 4)
    assert [(row.k, row.n, row.missing) for row in ticks(tmp_path)][-1] == ("A", 4, 1)


async def test_the_next_recorder_stops_at_the_same_entry_while_it_is_on_the_bus(tmp_path: Path) -> None:
    """No other symbol has moved the cursor behind it."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)), tick(2, tr="other"), tick(3))
    for _ in range(2):
        with structlog.testing.capture_logs() as logs:
            async with recording(line, settings(tmp_path)) as recorder:
                await until(lambda recorder=recorder: recorder.counts["skipped"] == 2)
        assert [each["what"].partition(":")[0] for each in logs if each["event"] == "alarm"] == ["divergence"]
    line.bus.streams[Stream.TICKS, PartitionId("ingestor", 0)].clear()
    async with recording(line, settings(tmp_path)):
        await line.write("ingestor", tick(4))
        await recorded(tmp_path, 3)
    assert [(row.n, row.missing) for row in ticks(tmp_path)] == [(1, 0), (2, 0), (4, 1)]


async def test_dead_letters_go_on_behind_one_that_was_recorded_otherwise(tmp_path: Path) -> None:
    """Their number is the partition's, and whoever looks for a fault needs the next one."""
    line = Line()
    place = PartitionId("signal", 0)

    async def bury(n: int, tr: str) -> None:
        session = await line.bus.connect()
        lease = await session.acquire(place, "writer")
        assert lease is not None
        (stored,) = await session.load([place])
        letter = Outgoing(Stream.DEAD, f"Dead/{WIRE}", "A", n, "ticks 1-0 unreadable", tr, b"?")
        await session.commit([Commit(lease, stored.seq, {}, [letter])])
        await session.close()

    def letters() -> list[int]:
        return [row.n for row in read_rows(tmp_path, Stream.DEAD, "signal")]

    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            for n, tr in ((1, "a"), (1, "b"), (2, "c")):
                await bury(n, tr)
            await until(lambda: letters() == [1, 2])
    assert [each["what"] for each in logs if each["event"] == "alarm"] == [
        "divergence: dead of A n=1 was recorded otherwise"
    ]


async def test_chosen_streams_and_a_shadow_instance(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", tick(1))
    await line.write("ingestor-2", tick(1), p=1)
    await line.write("gateway", report(1))
    async with recording(line, settings(tmp_path, streams=("ticks",), also=("ticks@ingestor-2",))):
        await recorded(tmp_path, 1)
        await until(lambda: any(read_rows(tmp_path, Stream.TICKS, "ingestor-2")))
    assert {part.stream for part in parts(tmp_path)} == {Stream.TICKS}


async def test_the_bus_is_told_how_far(tmp_path: Path) -> None:
    line = Line()
    await line.write("gateway", report(1), report(2), p=1)
    async with recording(line, settings(tmp_path)):
        told = line.bus.partition(PartitionId("recorder", 1)).fields
        await until(lambda: "in:executions" in told)
    last = line.bus.streams[Stream.EXECUTIONS, PartitionId("gateway", 1)][-1].id
    assert told["in:executions"] == last + b" 2"


async def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.recording import folder as module

    real, failures = module.write_part, iter([OSError(28, "No space left on device")] * 3)

    def write(*arguments: object) -> None:
        for failure in failures:
            raise failure
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_part", write)
    line = Line()
    await line.write("ingestor", tick(1))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await recorded(tmp_path, 1)
    assert numbers(tmp_path) == [1]
    assert sum("No space left" in each.get("what", "") for each in logs) == 3


async def test_stopped_on_a_full_disk_it_says_what_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.recording import folder as module

    def write(*_: object) -> None:
        raise OSError(28, "No space left on device")

    line, real = Line(), module.write_part
    await line.write("ingestor", tick(1))
    monkeypatch.setattr(module, "write_part", write)
    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(ConfigError, match="ticks cannot be written: No space left on device: what came last is not"),
    ):
        async with recording(line, settings(tmp_path)):
            await until(lambda: any(each["event"] == "recording interrupted" for each in logs))
    monkeypatch.setattr(module, "write_part", real)
    line.bus.clock = lambda: 1e12  # its lease has run out
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 1)
    assert numbers(tmp_path) == [1]


async def test_another_buss_recording_is_refused(tmp_path: Path) -> None:
    line = Line()
    async with recording(line, settings(tmp_path)):
        await until(lambda: (tmp_path / "recording.json").exists())
    assert json.loads((tmp_path / "recording.json").read_text())["bus_id"] == "first"
    line.bus.meta["bus_id"] = "second"
    made = settings(tmp_path)
    with pytest.raises(ConfigError, match="name another folder"):
        await Recorder(plan(made), line.bus, made).run()


async def test_another_process_may_finish_its_last_file(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", tick(1))
    with locked(tmp_path):
        recorder = Recorder(plan(settings(tmp_path)), line.bus, settings(tmp_path))
        running = asyncio.create_task(recorder.run())
        await asyncio.sleep(0)
    await recorded(tmp_path, 1)
    recorder.stop()
    await running


async def test_only_so_much_is_kept(tmp_path: Path) -> None:
    line = Line()
    async with recording(line, settings(tmp_path)):
        for n in (1, 2, 3):
            await line.write("ingestor", tick(n))
            await recorded(tmp_path, n)
    await line.write("ingestor", tick(4))
    async with recording(line, settings(tmp_path, keep_bytes=1)) as recorder:
        await until(lambda: recorder.counts["removed"] == 3)  # until then, files may go while they are read
        assert numbers(tmp_path) == [4]
        newest = parts(tmp_path)[-1].path
        await until(lambda: read_checkpoints(tmp_path)[-1].taken_ns > newest.stat().st_mtime_ns)  # parity goes on there


def test_turned_off_there_is_nothing_to_do() -> None:
    with pytest.raises(ConfigError, match=r"recorder\.on is false"):
        plan(Settings(recorder=RecorderSettings(on=False)))


def at_home(state_dir: Path, **recorder: object) -> Settings:
    own = RecorderSettings.model_validate({"max_age_s": 0.02, **recorder})
    return Settings(state_dir=state_dir, bus=BusSettings(partitions=PARTITIONS), recorder=own)


async def test_without_a_folder_each_bus_has_a_recording_of_its_own(tmp_path: Path) -> None:
    """So a bus that begins anew is no reason to stop; the lookup takes the recording of its bus."""
    made, folders = at_home(tmp_path), []
    for bus_id in ("first", "second", "first"):
        line = Line()
        line.bus.meta["bus_id"] = bus_id
        await line.write("ingestor", *map(tick, range(1, 3 + len(folders))))
        folders.append(folder_for(made, bus_id))
        async with recording(line, made):
            await recorded(folders[-1], 2 if len(folders) < 3 else 4)
    assert folders[0].parent == folders[1].parent == tmp_path / "recording"
    assert [numbers(folder) for folder in folders] == [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 4]]
    assert [recording_of(made, bus_id) for bus_id in ("first", "second", "third")] == [*folders[:2], None]
    assert recording_of(made, None) == folders[0], "the last one that was written"


async def test_earlier_recordings_of_the_home_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIDY_EVERY_S", 0.0)
    folders = []
    for bus_id in ("first", "second", "third", "fourth"):
        line = Line()
        line.bus.meta["bus_id"] = bus_id
        await line.write("ingestor", tick(1))
        folders.append(folder_for(at_home(tmp_path), bus_id))
        with ExitStack() as stack:
            if bus_id == "fourth":
                stack.enter_context(locked(folders[1]))  # another line writes it
            made = at_home(tmp_path, keep_bytes=1 if bus_id == "fourth" else 0)
            async with recording(line, made) as recorder:
                await recorded(folders[-1], 1)
    assert recorder.counts["recordings removed"] == 2
    assert [folder.exists() for folder in folders] == [False, True, False, True]


def stood_by(logs: Sequence[Mapping[str, object]]) -> list[str]:
    return [str(each["why"]) for each in logs if each["event"] == "stands by"]


NEWER = f"was written by a newer Tickline (wire {WIRE + 1}; this one knows {WIRE})"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again at once."""
    monkeypatch.setattr(module, "BACKOFF_MAX_S", 0.01)


async def looked_again(line: Line, times: int = 2) -> None:
    looks = line.bus.looks
    await until(lambda: line.bus.looks > looks + times)


@pytest.mark.usefixtures("hasty")
async def test_what_a_newer_tickline_wrote_is_left_to_its_recorder(tmp_path: Path) -> None:
    """What came before it is recorded. Then there is neither lease nor folder, and one line, until it can go on."""
    line = Line()
    await line.write("ingestor", *map(tick, (1, 2)))
    line.bus.raised = WIRE + 1
    await line.write("ingestor", tick(3), wire=WIRE + 1)
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path, max_age_s=60.0, max_rows=1)):
            await until(lambda: bool(stood_by(logs)))
            await until(lambda: can_lock(tmp_path))
            await until(
                lambda: not any(line.bus.partition(PartitionId("recorder", p)).owner for p in range(PARTITIONS))
            )
            assert numbers(tmp_path) == [1, 2]
            checkpoints = len(checkpoint_paths(tmp_path))
            await looked_again(line)
            assert (numbers(tmp_path), len(checkpoint_paths(tmp_path))) == ([1, 2], checkpoints)
            line.bus.streams[Stream.TICKS, PartitionId("ingestor", 0)].pop()  # its writer was taken back
            line.bus.raised = None
            await line.write("ingestor", tick(3))
            await recorded(tmp_path, 3)
    assert len(checkpoint_paths(tmp_path)) == checkpoints + 1
    assert stood_by(logs) == [f"a MarketTick {NEWER}"]


async def test_a_damaged_tag_is_recorded_as_that(tmp_path: Path) -> None:
    """Nobody wrote that wire, as the register says: nothing waits for it, and whoever reads it takes it for a gap."""
    line = Line()
    await line.write("ingestor", tick(1))
    await line.write("ingestor", tick(2), wire=WIRE + 1)
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await recorded(tmp_path, 2)
            await line.write("ingestor", tick(3))
            await recorded(tmp_path, 3)
    assert stood_by(logs) == []
    assert [row.t for row in ticks(tmp_path)] == [MarketTick.TAG, f"?MarketTick/{WIRE + 1}", MarketTick.TAG]
    assert [each["what"] for each in logs if each["event"] == "alarm"] == [
        f"ticks of A n=2: a MarketTick of wire {WIRE + 1}, where all write {WIRE}"
    ]


def can_lock(folder: Path) -> bool:
    try:
        with locked(folder):
            return True
    except FolderInUse:
        return False


@pytest.mark.usefixtures("hasty")
async def test_what_came_before_it_is_recorded_also_where_it_is_met_at_the_end(tmp_path: Path) -> None:
    line = Line()
    line.bus.raised = WIRE + 1
    await line.write("ingestor", tick(1))
    async with recording(line, settings(tmp_path, max_age_s=60.0, max_rows=1)) as recorder:
        await recorded(tmp_path, 1)
        session, place = await line.bus.connect(), PartitionId("ingestor", 0)
        lease = await session.acquire(place, "writer")
        assert lease is not None
        (stored,) = await session.load([place])
        recorder.stop()
        session._write(Commit(lease, stored.seq, {}, [Outgoing.of(tick(2)), Outgoing.of(tick(3), WIRE + 1)]))
    assert numbers(tmp_path) == [1, 2]


@pytest.mark.usefixtures("hasty")
async def test_it_stands_by_while_a_newer_recorder_has_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_WAIT_S", 0.0)
    line, tried = Line(), list[Path]()
    line.bus.raised = WIRE + 1

    def counted(folder: Path) -> AbstractContextManager[None]:
        tried.append(folder)
        return locked(folder)

    monkeypatch.setattr(module, "locked", counted)
    await line.write("ingestor", tick(1), wire=WIRE + 1)
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await until(lambda: bool(stood_by(logs)))
            await until(lambda: can_lock(tmp_path))
            with locked(tmp_path):
                looks, tries = line.bus.looks, len(tried)
                await until(lambda: len(tried) > tries + 2)
                assert line.bus.looks == looks, "it looks no further than to the folder"
            await looked_again(line)
    assert stood_by(logs) == [f"a MarketTick {NEWER}"]


@pytest.mark.usefixtures("hasty")
async def test_it_is_healthy_while_it_waits_for_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long: the newer recorder that has it may work for days."""
    line, alive = Line(), tmp_path / "recorder.alive"
    line.bus.raised = WIRE + 1
    await line.write("ingestor", tick(1), wire=WIRE + 1)
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)) as recorder:
            recorder.alive_file = alive
            await until(lambda: bool(stood_by(logs)))
            await until(lambda: can_lock(tmp_path))
            monkeypatch.setattr(module, "ROUND_S", 0.01)
            monkeypatch.setattr(module, "LOCK_WAIT_S", 3_600.0)
            with locked(tmp_path):
                looks = line.bus.looks
                for _ in range(3):
                    await until(alive.exists)
                    alive.unlink()
                assert line.bus.looks == looks


@pytest.mark.usefixtures("hasty")
async def test_a_bus_or_a_folder_of_a_newer_tickline_is_left_to_it(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", tick(1))
    async with recording(line, settings(tmp_path)):
        await recorded(tmp_path, 1)
    about = tmp_path / "recording.json"
    kept = about.read_text()
    assert json.loads(kept)["v"] == WIRE
    about.write_text(json.dumps({**json.loads(kept), "v": WIRE + 1, "added": 1}))
    await line.write("ingestor", tick(2))
    with structlog.testing.capture_logs() as logs:
        async with recording(line, settings(tmp_path)):
            await until(lambda: len(stood_by(logs)) == 1)
            line.bus.wire = WIRE + 1
            await until(lambda: len(stood_by(logs)) == 2)
            assert numbers(tmp_path) == [1]
            about.write_text(kept)
            line.bus.wire = WIRE
            await recorded(tmp_path, 2)
    assert stood_by(logs) == [
        f"{about} {NEWER}: read the recording with that one",
        f"this namespace {NEWER}",
    ]


async def test_a_newer_dead_letter_is_kept_as_it_is(tmp_path: Path) -> None:
    line = Line()
    await line.write("ingestor", tick(1))
    await line.write("ingestor", tick(2), wire=WIRE + 1)
    line.bus.streams[Stream.DEAD, PartitionId("ingestor", 0)] = line.bus.streams.pop(
        (Stream.TICKS, PartitionId("ingestor", 0))
    )
    async with recording(line, settings(tmp_path)):
        await until(lambda: len(list(read_rows(tmp_path, Stream.DEAD, "ingestor"))) == 2)
    (_, letter) = read_rows(tmp_path, Stream.DEAD, "ingestor")
    assert (letter.t, letter.d) == (
        f"MarketTick/{WIRE + 1}",
        line.bus.streams[Stream.DEAD, PartitionId("ingestor", 0)][1].d,
    )


async def test_files_are_of_the_wire_that_stands_on_the_bus(tmp_path: Path) -> None:
    """An older Tickline is among the replicas: it can go on with this folder."""
    line = Line()
    await line.write("ingestor", tick(1))
    await (await line.bus.connect()).join("strategy", "older", WIRE - 1)
    async with recording(line, settings(tmp_path)):
        await until(lambda: bool(parts(tmp_path)))
    metadata = parquet.read_schema(parts(tmp_path)[0].path).metadata
    written = [json.loads((tmp_path / "recording.json").read_text()), unpack(metadata[POSITIONS])]
    written += [unpack(path.read_bytes()) for path in checkpoint_paths(tmp_path)]
    assert [each["v"] for each in written] == [WIRE - 1] * len(written)
