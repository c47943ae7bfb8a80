"""What a service tells Prometheus: of a worker on a bus in memory, over HTTP, read by the parser of the library."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from shared.bus.entry import Outgoing
from shared.bus.memory_bus import MemoryBus
from shared.config import Settings
from shared.errors import ConfigError
from shared.messages import Features
from shared.messages.market import trace_id
from shared.runner import metrics as module
from shared.runner.backpressure import BusReader
from shared.runner.meter import Gauge, MessageCounter, ServiceMetrics, Values
from shared.runner.metrics import answering, no_targets_left
from shared.runner.partition import Partition
from shared.runner.worker import Worker
from tests.unit.runner.fakes import tick
from tests.unit.runner.test_worker import LIMITS, SYMBOLS, P, Writer, echo_plan, features, written
from tests.until import until

PRESENT = {"source": "ccxt", "exchange": "binance", "markets": {"S1": "S1/USDT"}}
Samples = dict[str, dict[tuple[str, ...], float]]


def only_s1(said: Features) -> tuple[str, ...] | None:
    return (said.sym,) if said.sym == "S1" else None


OWN = ServiceMetrics(
    (Gauge("mood_ratio", "Its mood.", lambda parts: [(("good",), len(parts) / 8)], ("kind",)),),
    (MessageCounter("answers", "Its answers.", Features, only_s1, ("sym",)),),
)


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(lease_s=0.5, maxlens={})


@pytest.fixture
async def worker(bus: MemoryBus) -> AsyncIterator[Worker]:
    plan = echo_plan(consumers=("strategy",))
    worker = Worker(plan, bus, BusReader(LIMITS), partitions=P, limits=LIMITS, metrics=OWN)
    running = asyncio.create_task(worker.run())
    yield worker
    worker.stop()
    await running


@contextmanager
def listening(worker: Worker, folder: Path, service: str = "signal", **settings: Any) -> Iterator[str]:
    with answering(service, worker, Settings(state_dir=folder, **settings)) as address:
        yield address


async def ask(address: str, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, await answer.text()


async def samples(address: str) -> Samples:
    """Returns name -> values of the labels, by the labels' names -> value."""
    status, text = await ask(address)
    assert status == 200
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for each in family.samples:
            found.setdefault(each.name, {})[tuple(value for _, value in sorted(each.labels.items()))] = each.value
    return found


async def test_what_a_worker_has_done(bus: MemoryBus, worker: Worker, tmp_path: Path) -> None:
    writer = await Writer.on(bus)
    with listening(worker, tmp_path) as address:
        for _ in range(2):
            await writer.write(*SYMBOLS, count=3)
        await written(bus, 6)
        told = await samples(address)
    count = 6 * len(SYMBOLS)
    assert told["tickline_messages_taken_total"] == {("ticks",): count}
    assert told["tickline_messages_written_total"] == {("features",): count, ("dead",): 0}
    assert told["tickline_batch_messages_sum"][()] == count
    assert told["tickline_batch_messages_bucket"]["+Inf",] == told["tickline_batch_messages_count"][()] > 0
    hops = told["tickline_hop_seconds_bucket"]
    assert hops["+Inf", "ticks"] == told["tickline_hop_seconds_count"]["ticks",] == hops["60.0", "ticks"] > 0
    assert list(hops.values()) == sorted(hops.values())
    assert sum(told["tickline_lag_messages"].values()) == count  # nobody has taken any
    assert told["tickline_leases"] == {(): P}
    assert told["tickline_mood_ratio"] == {("good",): P / 8}
    assert told["tickline_answers_total"] == {("S1",): 6}
    assert told["tickline_reconnects_total"] == {(): 0}
    assert told["process_resident_memory_bytes"][()] > 1e6


async def test_what_was_done_before_a_loss_of_the_bus_still_counts(
    bus: MemoryBus, worker: Worker, tmp_path: Path
) -> None:
    writer = await Writer.on(bus)
    with listening(worker, tmp_path) as address:
        await writer.write(*SYMBOLS, count=3)
        await written(bus, 3)
        bus.restart()
        await writer.reconnect(bus)
        await writer.write(*SYMBOLS)
        await written(bus, 4)
        told = await samples(address)
    assert told["tickline_messages_taken_total"] == {("ticks",): 4 * len(SYMBOLS)}
    assert told["tickline_reconnects_total"] == {(): 1}


async def test_a_tick_has_its_time_where_it_is_of_the_present(bus: MemoryBus, worker: Worker, tmp_path: Path) -> None:
    """It is that of the tick; a replay's would be as old as its data."""
    writer, name = await Writer.on(bus), "tickline_tick_timestamp_seconds"

    def traced(out: Outgoing) -> Outgoing:
        return Outgoing.of(tick(out.n, out.k, trace_id("t", out.k, out.n * 10**9, out.n)))

    await writer.write("S1", count=3, changed=traced)
    await until(lambda: len(features(bus).get("S1", ())) == 3)
    with listening(worker, tmp_path, symbols=("S1",), ingestor=PRESENT, interval="1m") as address:
        told = await samples(address)
    assert (told[name], told["tickline_interval_seconds"]) == ({("S1",): 3}, {(): 60})
    with listening(worker, tmp_path) as address:
        assert not {name, "tickline_interval_seconds"} & (await samples(address)).keys()


async def test_a_loop_that_stands_still_is_no_answer(
    bus: MemoryBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    answered = threading.Event()

    def stand_still(parts: Sequence[Partition]) -> Values:
        return [((), answered.wait(60))]

    own = ServiceMetrics((Gauge("still_seconds", "It stands still.", stand_still),))
    worker = Worker(echo_plan(), bus, BusReader(LIMITS), partitions=P, limits=LIMITS, metrics=own)

    def ask_from_outside(address: str) -> int:
        try:
            with pytest.raises(HTTPError) as refused, urlopen(f"http://{address}/metrics"):
                pass
            with refused.value as answer:
                return answer.code
        finally:
            answered.set()

    with listening(worker, tmp_path) as address, capture_logs() as logs:
        assert await asyncio.to_thread(ask_from_outside, address) == 503
    assert [line["event"] for line in logs] == ["metrics: no answer"]


async def test_only_metrics_are_told(worker: Worker, tmp_path: Path) -> None:
    with listening(worker, tmp_path) as address:
        assert (await ask(address, "/"))[0] == 404


async def test_a_name_that_somebody_has_pointed_here_is_none_of_ours(worker: Worker, tmp_path: Path) -> None:
    """A page in a browser could else read what the books are worth."""
    with listening(worker, tmp_path) as address:
        port = address.rpartition(":")[2]
        assert [(await ask(address, Host=f"{name}:{port}"))[0] for name in ("evil.example", "localhost")] == [421, 200]


async def test_who_connects_and_says_nothing_is_let_go(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.05)
    with listening(worker, tmp_path) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
        assert (await ask(address))[0] == 200
    assert "Traceback" not in capfd.readouterr().err


async def test_a_free_port_stands_in_a_file_while_somebody_listens(worker: Worker, tmp_path: Path) -> None:
    told = tmp_path / "metrics" / "signal.json"
    with listening(worker, tmp_path) as address:
        assert json.loads(told.read_text()) == [{"targets": [address], "labels": {"service": "signal"}}]
        assert [path.name for path in told.parent.iterdir()] == ["signal.json"]
    assert not told.exists()


async def test_a_port_that_is_taken_is_said(worker: Worker, tmp_path: Path) -> None:
    with listening(worker, tmp_path) as address:
        taken = {"port": int(address.rpartition(":")[2])}
        with (
            pytest.raises(ConfigError, match=r"metrics at 127\.0\.0\.1:\d+: Address already in use: set metrics\.host"),
            listening(worker, tmp_path, "gateway", metrics=taken),
        ):
            pass


def test_what_killed_services_have_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "metrics" / "gateway.json"
    left.parent.mkdir()
    left.write_text("[]")
    with no_targets_left(tmp_path) as pattern:
        assert not left.exists()
        assert pattern == str(tmp_path / "metrics" / "*.json")
        left.write_text("[]")
    assert not left.exists()
