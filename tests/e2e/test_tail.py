"""`tickline tail`: every stream, decoded."""

import asyncio
import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from services.research.line import InProcessLine, line_plans
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
        for name, value in message.content().items():
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
    numbers = [int(line.split()[1].removeprefix("n=")) for line in everything]
    assert numbers == list(range(1, len(numbers) + 1))
    assert shown(tail, "ticks", "--limit", "0") == []
    assert shown(tail, "ticks", "--sym", "NOBODY") == []


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
    assert "none ever did" in line
    with EmbeddedBus(tickline.bus_folder) as bus:
        letter = Outgoing("dead", "Dead/1", "X", 1, "why", "tr", b"")
        asyncio.run(write(bus.url, {PartitionId("gateway", 0): [letter]}))
        note = (tickline.bus_folder / "bus.json").read_text()
    (tickline.bus_folder / "bus.json").write_text(note)
    assert len(shown(partial(tickline, "tail"), "dead")) == 1
    assert tickline.left() == {}
