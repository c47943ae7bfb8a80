"""The two measurements, the same for every contestant and taken from outside its processes."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import redis

from tests.bench.common import COUNTED, READERS, Run
from tests.bench.contestant import Contestant
from tests.bench.processes import ROOT, check_alive, cpu_shares, cpu_times, running
from tests.bench.server import Server

START_S = 30.0  # a contestant must have executed its first orders by then
FIRST_EXECUTIONS = 64
POLL_S = 0.1
BACKLOG_S = 20.0  # what piled up while the processes started must be gone by then
BACKLOG_TICKS = 32
STEADY_S = 30.0  # the ingestor has run its bounded distance ahead by then
STEADY_SHARE = 0.05


@dataclass(frozen=True)
class Saturation:
    """Throughput with an unlimited source; `cpu` is cores used by process, `others` the rest of the machine."""

    messages_per_s: float
    ticks_per_s: float
    by_kind_per_s: dict[str, float]
    seconds: float
    cpu: dict[str, float]


@dataclass(frozen=True)
class FixedRate:
    """Latency from tick written to order read at an offered rate, and the rate that came through."""

    p50_us: float
    p99_us: float
    p999_us: float
    orders: int
    unmatched: int
    offered_ticks_per_s: float
    ticks_per_s: float
    seconds: float
    cpu: dict[str, float]


def run_saturation(server: Server, contestant: Contestant, seconds: float, warmup_s: float) -> Saturation:
    """Let the line run as fast as it can for `seconds` after the warm-up."""
    run, client = _prepare(server, contestant, ticks_per_s=0.0)
    with tempfile.TemporaryDirectory() as folder, running(contestant.commands(run), Path(folder)) as started:
        pids = {name: process.pid for name, process in started.items()} | {"server": server.pid}
        _wait_until_it_flows(client, contestant, run, started, Path(folder))
        _wait_until_steady(client, contestant, run)
        time.sleep(warmup_s)
        cpu, before, t0 = cpu_times(pids), _written(client, contestant, run), time.monotonic()
        time.sleep(seconds)
        after, t1 = _written(client, contestant, run), time.monotonic()
        shares = cpu_shares(cpu, cpu_times(pids))
        check_alive(started, Path(folder))
    client.flushall()
    per_s = {kind: (after[kind] - before[kind]) / (t1 - t0) for kind in COUNTED}
    through = per_s["executions"]  # what went all the way; a queue that still fills up does not count
    return Saturation(len(COUNTED) * through, through, per_s, t1 - t0, shares)


def run_fixed_rate(
    server: Server, contestant: Contestant, ticks_per_s: float, seconds: float, warmup_s: float
) -> FixedRate:
    """Offer `ticks_per_s` for `seconds` after the warm-up, with the probe reading orders beside the gateway."""
    run, client = _prepare(server, contestant, ticks_per_s)
    with tempfile.TemporaryDirectory() as folder, running(contestant.commands(run), Path(folder)) as started:
        pids = {name: process.pid for name, process in started.items()} | {"server": server.pid}
        _wait_until_it_flows(client, contestant, run, started, Path(folder))
        _wait_for_the_backlog(client, contestant, run)
        time.sleep(warmup_s)
        arguments = [sys.executable, "-m", "tests.bench.probe", contestant.name, *run.arguments()]
        cpu, before, t0 = cpu_times(pids), _written(client, contestant, run), time.monotonic()
        with subprocess.Popen([*arguments, "--seconds", str(seconds)], cwd=ROOT, stdout=subprocess.PIPE) as probe:
            time.sleep(seconds)
            after, t1 = _written(client, contestant, run), time.monotonic()
            shares = cpu_shares(cpu, cpu_times(pids))
            seen: dict[str, Any] = json.loads(probe.communicate(timeout=seconds + START_S)[0])
        check_alive(started, Path(folder))
    client.flushall()
    latencies = np.array(seen["latency_us"])
    p50, p99, p999 = np.percentile(latencies, [50, 99, 99.9]).tolist() if latencies.size else (0.0, 0.0, 0.0)
    through = (after["executions"] - before["executions"]) / (t1 - t0)
    return FixedRate(p50, p99, p999, int(latencies.size), int(seen["unmatched"]), ticks_per_s, through, t1 - t0, shares)


def _prepare(server: Server, contestant: Contestant, ticks_per_s: float) -> tuple[Run, Any]:
    """An empty bus and, where they are used, the consumer groups from the streams' beginning."""
    run = Run(server.url, f"bench-{contestant.name}-{uuid4().hex[:6]}", ticks_per_s)
    client = redis.Redis.from_url(server.url, protocol=2)
    client.flushall()
    if contestant.groups:
        for kind, group in READERS.items():
            for key in contestant.keys(run, kind):
                client.xgroup_create(key, group, id="0", mkstream=True)
    return run, client


def _written(client: Any, contestant: Contestant, run: Run) -> dict[str, int]:
    """Entries ever added, by counted kind, trimmed ones included."""
    counts = {}
    for kind in COUNTED:
        pipe = client.pipeline(transaction=False)
        for key in contestant.keys(run, kind):
            pipe.xinfo_stream(key)
        replies = pipe.execute(raise_on_error=False)
        counts[kind] = sum(reply["entries-added"] for reply in replies if isinstance(reply, dict))
    return counts


def _wait_until_it_flows(
    client: Any,
    contestant: Contestant,
    run: Run,
    started: dict[str, "subprocess.Popen[bytes]"],
    folder: Path,
) -> None:
    """Return when the first executions are there."""
    until = time.monotonic() + START_S
    while _written(client, contestant, run)["executions"] < FIRST_EXECUTIONS:
        check_alive(started, folder)
        if time.monotonic() > until:
            written = _written(client, contestant, run)
            logs = "\n".join(f"{p.name}: {p.read_text(errors='replace')[-500:]}" for p in folder.iterdir())
            raise TimeoutError(f"{contestant.name}: no executions within {START_S} s, written: {written}\n{logs}")
        time.sleep(POLL_S)


def _wait_for_the_backlog(client: Any, contestant: Contestant, run: Run) -> None:
    """Return when nearly every tick has its execution, or after BACKLOG_S: the result then shows the delay."""
    until = time.monotonic() + BACKLOG_S
    while time.monotonic() < until:
        written = _written(client, contestant, run)
        if written["ticks"] - written["executions"] <= BACKLOG_TICKS:
            return
        time.sleep(POLL_S)


def _wait_until_steady(client: Any, contestant: Contestant, run: Run) -> None:
    """Return when the queues in the line grow no more: as many executions as ticks in a second, or after STEADY_S."""
    until = time.monotonic() + STEADY_S
    before = _written(client, contestant, run)
    while time.monotonic() < until:
        time.sleep(1.0)
        after = _written(client, contestant, run)
        ticks, executions = (after[kind] - before[kind] for kind in ("ticks", "executions"))
        if executions and abs(ticks - executions) <= STEADY_SHARE * executions:
            return
        before = after
