"""`tickline tail`: every stream, decoded."""

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from services.console.tail import RENAMED
from services.research.in_process_line import InProcessLine, line_plans
from shared.bus.api import Commit, Outcome
from shared.bus.embedded import EmbeddedBus
from shared.bus.entry import Outgoing
from shared.bus.names import PartitionId, partition_of
from shared.bus.redis_bus import register_run
from shared.config import Settings
from shared.messages import Message, Stream
from shared.runner.progress import producers
from shared.runner.service import make_bus
from tests.e2e.command import COMMAND, Command, Done, Tickline, wait_for
from tests.unit.lookup.world import World

TICKS = 40
SYMBOLS = ("SIM-A", "SIM-B", "SIM-C")
SETTINGS = Settings(symbols=SYMBOLS, ingestor={"ticks_per_s": 0.0})  # type: ignore[arg-type]
FIELDS = {
    Stream.TICKS: {"venue", "price"},
    Stream.FEATURES: {"values"},
    Stream.PREDICTIONS: {"tick_n", "y_hat", "price"},
    Stream.DECISIONS: {"tick_n", "booked_n", "balance", "orders", "reason"},
    Stream.ORDERS: {"tick_n", "client_order_id", "leg", "signed_qty", "price"},
    Stream.EXECUTIONS: {"order_n", "client_order_id", "status", "last_qty", "last_px", "commission"},
}

pytestmark = pytest.mark.timeout(600)


def made() -> list[Message]:
    """What the line writes for the first ticks of the simulated market."""
    plans = line_plans(SETTINGS)
    lines = {sym: (InProcessLine(plans, sym), plans.source.open(sym, 0)) for sym in SYMBOLS}
    return [
        message
        for _ in range(TICKS)
        for line, feed in lines.values()
        for quote in feed.take(1)
        for message in line.on_tick(quote)
    ]


async def write(url: str, entries: dict[PartitionId, list[Outgoing]], run_id: str = "") -> None:
    """One commit for each partition; under a replay's namespace with `run_id`."""
    own = SETTINGS.model_copy(update={"bus": SETTINGS.bus.model_copy(update={"url": url})})
    if run_id:
        session = await make_bus(own).connect()
        await register_run(session, own.bus.namespace, run_id, own.bus.keep_runs)
        await session.close()
        namespace = f"{own.bus.namespace}.replay.{run_id}"
        own = own.model_copy(update={"bus": own.bus.model_copy(update={"namespace": namespace})})
    session = await make_bus(own).connect()
    for place, outgoing in entries.items():
        lease = await session.acquire(place, "test")
        assert lease is not None
        (stored,) = await session.load([place])
        assert await session.commit([Commit(lease, stored.seq, {}, outgoing)]) == [Outcome.OK]
        await session.release([lease])
    await session.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tickline]:
    """A bus that is up, with all streams, a dead letter, and two replays."""
    command = Tickline(tmp_path_factory.mktemp("tail"))
    instances = producers(SETTINGS)
    entries: dict[PartitionId, list[Outgoing]] = defaultdict(list)
    for message in made():
        place = PartitionId(instances[message.to], partition_of(message.sym, SETTINGS.bus.partitions))
        entries[place].append(Outgoing.of(message))
    entries[PartitionId("signal", 2)].append(
        Outgoing("dead", "Dead/1", "X", 1, "ticks 1-1 no message", "tr", b"\xc1garbage")
    )
    first = next(iter(entries))
    with EmbeddedBus(command.bus_folder) as bus:
        asyncio.run(write(bus.url, entries))
        asyncio.run(write(bus.url, {first: entries[first][:2]}, "one"))
        asyncio.run(write(bus.url, {first: entries[first][:3]}, "two"))
        yield command
        command.end()


@pytest.fixture
def tail(filled: Tickline, command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """On that bus, called here; processes of their own are below."""
    for name, value in filled.environment().items():
        monkeypatch.setenv(name, value)
    return partial(command, "tail")


def shown(tail: Command, *arguments: object) -> list[str]:
    done: Done = tail(*arguments)
    assert (done.code, done.err) == (0, "")
    return done.out.splitlines()


@pytest.mark.parametrize("stream", FIELDS)
def test_every_stream_round_trips_through_json(tail: Command, stream: Stream) -> None:
    found = [json.loads(line) for line in shown(tail, stream, "--json", "--limit", "100000")]
    expected = [message for message in made() if message.to is stream]
    assert len(found) == len(expected) > 3 * 30
    told = {(entry["sym"], entry["n"]): entry for entry in found}
    for message in expected:
        entry = told[message.sym, message.n]
        assert FIELDS[stream] <= entry.keys()
        assert entry["type"] == message.TAG
        for field, value in message.content().items():
            name = RENAMED.get(field, field)
            if isinstance(value, Decimal):
                assert Decimal(entry[name]) == value
            elif isinstance(value, (str, int, float, bool, type(None))):
                assert entry[name] == value


def test_lines_for_a_person(tail: Command) -> None:
    """The last ones, in the order of writing; of one symbol; none; a stream that nobody wrote to."""
    lines = shown(tail, "orders", "--sym", "SIM-B", "--limit", "3")
    assert len(lines) == 3
    assert all(" SIM-B (" in line and "[simulated:SIM-B:" in line for line in lines)
    everything = shown(tail, "orders", "--sym", "SIM-B", "--limit", "1000")
    assert lines == everything[-3:]
    numbers = [int(line.partition("  n=")[2].split()[0]) for line in everything]
    assert numbers == list(range(1, len(numbers) + 1))
    assert shown(tail, "ticks", "--limit", "0") == []
    nothing = tail("ticks", "--sym", "NOBODY")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err.startswith("tail: nothing of NOBODY is known on ticks: the config's symbols are SIM-A, ")


BESIDE = (Stream.TICKS, Stream.PREDICTIONS)


@pytest.fixture
def _tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_tokyo")
def test_what_the_bus_has_no_more_is_recorded(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last ones and those of a time, out of both; then the bus is gone, and the recording alone is left."""
    sym, stream = "SIM-B", Stream.DECISIONS
    mine = [message for message in made() if message.sym == sym and message.to in (stream, *BESIDE)]
    decisions = [message for message in mine if message.to is stream]
    begin, end = decisions[9].ts_event, decisions[29].ts_event
    world = World(tmp_path / "state" / "recording" / "tickline-first", (sym,), partitions=8)
    rows = world.write(*mine)
    for name in (stream, *BESIDE):
        world.record(name, [row for row, message in zip(rows, mine, strict=True) if message.to is name][:30])
    entries: dict[PartitionId, list[Outgoing]] = defaultdict(list)
    for message in mine:
        if message.ts_event > begin:
            entries[world.place(message.to, sym)].append(Outgoing.of(message))
    bus = EmbeddedBus(tmp_path / "bus")
    monkeypatch.setenv("TICKLINE_BUS__FOLDER", str(tmp_path / "bus"))
    tail = partial(command, "tail", stream, "--sym", sym)

    def numbers(*options: object) -> list[int]:
        done = tail("--json", *options)
        assert (done.code, done.err) == (0, "")
        return [json.loads(line)["n"] for line in done.out.splitlines()]

    with bus:
        asyncio.run(write(bus.url, entries))
        assert numbers("--limit", "100") == list(range(1, 41))
        assert numbers() == list(range(21, 41))
        assert numbers("--at", str(end)) == list(range(11, 31))
        assert numbers("--since", str(begin), "--at", str(end)) == list(range(10, 31))
        assert numbers("--since", "4s") == list(range(36, 41)), "in the simulated market's own time"
        shown_last = tail("--at", "2025-01-01T09:00:05", "--limit", "2")
        assert shown_last.err.startswith("from the recording, written since 2024-10-04 ")
        assert "; from the bus, written since " in shown_last.err
        assert [line[:23] for line in shown_last.out.splitlines()] == [
            "2025-01-01 09:00:04 JST",
            "2025-01-01 09:00:05 JST",
        ]
        assert tail("--utc", "--at", "2025-01-01T00:00:05", "--limit", "1").out.startswith("2025-01-01 00:00:05 UTC")
        assert " at " in shown_last.out, "with the price that it saw"
        refused = tail("--since", "yesterday")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert tail("--since", "1h", "--follow").code == 2
    shutil.rmtree(tmp_path / "bus")
    alone = tail("--limit", "100")
    assert alone.code == 0
    assert len(alone.out.splitlines()) == 30
    assert "none has left its data there" in alone.err
    assert "from the recording, written since " in alone.err
    assert tail("--follow").code == 4


def test_dead_letters(tail: Command) -> None:
    (line,) = shown(tail, "dead")
    assert "ticks 1-1 no message" in line
    (entry,) = (json.loads(line) for line in shown(tail, "dead", "--json"))
    assert entry["sym"] == "X"
    assert entry["undecoded"]


def test_replays_by_name(tail: Command) -> None:
    last = shown(tail, "ticks", "--run-id", "last", "--json")
    assert last == shown(tail, "ticks", "--run-id", "two", "--json")
    assert (len(last), len(shown(tail, "ticks", "--run-id", "one"))) == (3, 2)
    done = tail("ticks", "--run-id", "three")
    assert done.code == 2
    assert done.err.splitlines() == ["tickline: --run-id three: this bus holds no such replay; it holds: one, two"]


def test_follow_shows_what_comes_until_ctrl_c(filled: Tickline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [str(COMMAND), "tail", "dead", "--follow", "--sym", "NEW"],
            env=filled.environment(), cwd=filled.folder, stdout=file, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        url = json.loads((filled.bus_folder / "bus.json").read_text())["url"]
        n = iter(range(1, 1000))

        def comes() -> bool:
            letter = Outgoing("dead", "Dead/1", "NEW", next(n), "why", "tr", b"")
            asyncio.run(write(url, {PartitionId("gateway", 0): [letter]}))
            return out.read_text().count("why") >= 2

        wait_for(comes, "two new letters are shown")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (0, "")


def test_a_reader_that_leaves_early(filled: Tickline) -> None:
    line = f"'{COMMAND}' tail ticks --limit 100000 | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env=filled.environment(), cwd=filled.folder, capture_output=True, text=True, check=True
    )
    first, code = done.stdout.splitlines()
    assert "SIM-" in first
    assert (code, done.stderr) == ("0", "")


def test_without_a_bus(tickline: Tickline) -> None:
    """None ever was; one was, and a crash left its note: the data are shown."""
    done = tickline("tail", "ticks")
    assert done.code == 4
    (line,) = done.err.splitlines()
    assert "none has left its data there" in line
    with EmbeddedBus(tickline.bus_folder) as bus:
        letter = Outgoing("dead", "Dead/1", "X", 1, "why", "tr", b"")
        asyncio.run(write(bus.url, {PartitionId("gateway", 0): [letter]}))
        note = (tickline.bus_folder / "bus.json").read_text()
    (tickline.bus_folder / "bus.json").write_text(note)
    assert len(shown(partial(tickline, "tail"), "dead")) == 1
    assert tickline.left() == {}
