"""A service as a process: exit codes, one line each, signals. The gateway stands for all: they share `serve`."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from shared.bus.embedded import EmbeddedBus
from shared.bus.redis_bus import RedisBus
from shared.config import Settings
from shared.runner import service as module

TIMEOUT_S = 100


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBus]:
    with EmbeddedBus(tmp_path_factory.mktemp("bus"), append_only=False) as bus:
        yield bus


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts a service with these settings (`BUS__URL=...`); none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(service: str = "gateway", stdin: int = subprocess.DEVNULL, **settings: str) -> "subprocess.Popen[str]":
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        given = {f"TICKLINE_{name}": value for name, value in settings.items()}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "services", service],
                env={**clean, "PYTHONPATH": str(Path.cwd()), **given},
                cwd=tmp_path, text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def lines(process: "subprocess.Popen[str]") -> list[dict[str, object]]:
    """What it logged until it ended: one JSON object a line, nothing else."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def last_words(process: "subprocess.Popen[str]", code: int) -> str:
    said = lines(process)
    assert process.returncode == code, said
    assert (said[-1]["event"], said[-1]["exit_code"], said[-1]["service"]) == ("cannot go on", code, "gateway")
    why = str(said[-1]["why"])
    assert "\n" not in why
    return why


def await_line(process: "subprocess.Popen[str]", event: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"it ended without saying {event!r}")


def await_working(bus: EmbeddedBus, namespace: str, partitions: int = 8) -> None:
    end = time.monotonic() + TIMEOUT_S
    with redis.Redis.from_url(bus.url) as asked:
        while not all(asked.hget(f"{namespace}:state:{{gateway.{p}}}", "owner") for p in range(partitions)):
            assert time.monotonic() < end
            time.sleep(0.01)


def owners(bus: EmbeddedBus, namespace: str) -> list[object]:
    with redis.Redis.from_url(bus.url) as asked:
        return [asked.hget(f"{namespace}:state:{{gateway.{p}}}", "owner") for p in range(8)]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"COLOUR": "1"}, "TICKLINE_COLOUR"),
        ({"BUS__PARTITIONS": "many"}, "bus.partitions"),
        ({}, "bus.url is empty"),
        ({"BUS__URL": "http://user:s3cr3t@bus/0"}, "bus.url"),
    ],
)
def test_bad_settings_exit_2(run: Run, settings: dict[str, str], named: str) -> None:
    why = last_words(run(**settings), 2)
    assert named in why
    assert "s3cr3t" not in why


def test_another_partition_count_exits_2(run: Run, bus: EmbeddedBus) -> None:
    with redis.Redis.from_url(bus.url) as asked:
        asked.hset("other:meta", "partitions", "4")
    why = last_words(run(BUS__URL=bus.url, BUS__NAMESPACE="other"), 2)
    assert "bus.partitions is 8" in why
    assert "laid out with 4" in why


def test_a_bus_that_evicts_exits_5(run: Run, tmp_path: Path) -> None:
    """It lost a book in a run."""
    with EmbeddedBus(tmp_path / "evicting") as bus, redis.Redis.from_url(bus.url) as asked:
        asked.config_set("maxmemory", "256mb")
        asked.config_set("maxmemory-policy", "allkeys-lru")
        why = last_words(run(BUS__URL=bus.url), 5)
        assert "maxmemory-policy allkeys-lru" in why
        assert "set `maxmemory-policy noeviction`" in why
        asked.config_set("maxmemory-policy", "noeviction")
        await_line(run(BUS__URL=bus.url), "partitions taken")


def test_a_bus_without_a_log_is_said(run: Run, bus: EmbeddedBus) -> None:
    process = run(BUS__URL=bus.url, BUS__NAMESPACE="nolog")
    assert process.stderr is not None
    said = json.loads(next(iter(process.stderr)))
    assert (said["event"], said["level"]) == ("bus", "warning")
    assert "appendonly" in said["why"]


def test_a_bus_that_is_not_there_exits_4(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://:s3cr3t@127.0.0.1:{taken.getsockname()[1]}/0"
        why = last_words(run(BUS__URL=url, BUS__START_TIMEOUT_S="0.3"), 4)
    assert "127.0.0.1" in why
    assert "s3cr3t" not in why


def test_a_bus_that_does_not_answer_exits_4(run: Run) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        assert "no answer" in last_words(run(BUS__URL=url, BUS__START_TIMEOUT_S="0.3", BUS__TIMEOUT_S="0.1"), 4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(run: Run, bus: EmbeddedBus, number: signal.Signals) -> None:
    namespace = f"signal{int(number)}"
    process = run(BUS__URL=bus.url, BUS__NAMESPACE=namespace)
    await_working(bus, namespace)
    process.send_signal(number)
    said = lines(process)
    assert (process.returncode, said[-1]["event"]) == (0, "stopped")
    assert owners(bus, namespace) == [b""] * 8  # released, so that another one takes over at once


def test_a_signal_ends_it_while_it_waits_for_the_bus(run: Run) -> None:
    process = run(BUS__URL="redis://127.0.0.1:1/0", BUS__START_TIMEOUT_S="600")
    await_line(process, "waiting for the bus")
    process.terminate()
    process.communicate(timeout=TIMEOUT_S)  # it would wait for much longer
    assert process.returncode == 0


def test_it_stops_when_its_parent_is_gone(run: Run, bus: EmbeddedBus) -> None:
    process = run(stdin=subprocess.PIPE, BUS__URL=bus.url, BUS__NAMESPACE="parent", WITH_PARENT="1")
    await_working(bus, "parent")
    assert lines(process)[-1]["event"] == "stopped"  # `communicate` closes the pipe
    assert process.returncode == 0


def test_the_first_start_lays_the_bus_out_and_touches_its_health_file(
    run: Run, bus: EmbeddedBus, tmp_path: Path
) -> None:
    process = run(BUS__URL=bus.url, BUS__NAMESPACE="first", BUS__PARTITIONS="3")
    await_working(bus, "first", 3)
    with redis.Redis.from_url(bus.url, decode_responses=True) as asked:
        meta = asked.hgetall("first:meta")
    assert meta["partitions"] == "3"
    assert len(meta["bus_id"]) == 32
    end = time.monotonic() + TIMEOUT_S
    while not (tmp_path / ".tickline" / "gateway.alive").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    process.terminate()
    assert lines(process)[-1]["event"] == "stopped"


def built(settings: Settings, bus: RedisBus) -> module.Work:
    """Of an author."""
    raise KeyError("lags")


def test_code_that_fails_as_a_service_is_made_exits_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "configure_logs", lambda name: None)
    monkeypatch.setattr(module.faulthandler, "enable", lambda: None)
    monkeypatch.setenv("TICKLINE_BUS__URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TICKLINE_SYMBOLS", '["BTCUSDT"]')
    with capture_logs() as logs, pytest.raises(SystemExit) as ended:
        module.serve_work("signal", built)
    assert (ended.value.code, logs[-1]["event"], logs[-1]["exit_code"]) == (7, "cannot go on", 7)
    assert re.fullmatch(r"BTCUSDT: KeyError: 'lags' \(.*test_service.py:\d+, in built\)", logs[-1]["why"])
