"""Trades taken per second by one reader on one core, from the websocket of one simulator that sends to all alike.

make bench WHAT=feed                       five rounds of 500,000 trades each, then a long run for the memory: minutes
make bench WHAT=feed ARGS="--rounds 9 --trades 200000"
make bench-short WHAT=feed                 a quick look
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.feed.reader_task import OTHERS_CORE, ReaderTask, pin
from tests.bench.feed.report import NOTES, VERSIONS, show
from tests.bench.feed.simulator import simulator
from tests.bench.heading import about
from tests.bench.processes import ROOT
from tests.bench.server import server

OUTPUT = ROOT / "build" / "bench-feed.json"
READERS = {
    "wire": "bytes",
    "aiohttp": "messages, aiohttp",
    "watch_trades": "ccxt, bare watch_trades",
    "cryptofeed": "cryptofeed",
    "ingestor_by_ccxt": "the ingestor, trades by ccxt, bus in memory",
    "memory": "Tickline's ingestor, bus in memory",
    "redis": "Tickline's ingestor, bus on a server",
}
LIMIT_S = 400.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.feed", description="what the ingestor takes in")
    parser.add_argument("--short", action="store_true", help="one round of few trades: a look, no verdict")
    parser.add_argument("--rounds", type=int, default=5, help="the readers in turn")
    parser.add_argument("--markets", type=int, default=5, help="up to 20")
    parser.add_argument("--trades", type=int, default=100_000, help="in each market")
    parser.add_argument("--memory-trades", type=int, default=400_000, help="in each market, of the long run; 0: none")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.rounds, given.trades, given.memory_trades = 1, 80_000, 0
    return given


def main() -> None:
    """Measure, print the tables, write the file."""
    given = arguments()
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in READERS}
    for number in range(given.rounds):
        for name, words in READERS.items():
            print(f"  round {number + 1}: {words}", flush=True)
            rounds[name].append(_measured(name, given.markets, given.trades))
    memory = None
    if given.memory_trades:
        print(f"  memory over {given.markets * given.memory_trades:,} trades", flush=True)
        memory = _measured("redis", given.markets, given.memory_trades, given.markets * given.memory_trades // 10)
    settings = {"markets": given.markets, "trades": given.markets * given.trades, "rounds": given.rounds}
    result: dict[str, Any] = {
        "about": about(VERSIONS, settings, NOTES), "readers": READERS, "rounds": rounds,
        "costs": _read(ReaderTask("costs", "", 1, 1)), "memory": memory and memory["memory"],
    }  # fmt: skip
    result["reached"] = show(result)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{given.output}")


def _measured(name: str, markets: int, trades: int, memory_every: int = 0) -> dict[str, Any]:
    """One reader, with a simulator and a bus of its own. In a long run the simulator makes its messages as it sends."""
    reader = "ingestor" if name in ("memory", "redis") else name
    with _bus(name) as bus, simulator(markets, trades, prepared=not memory_every) as (url, process):
        sent_s = -sum(process.cpu_times()[:2])
        found = _read(ReaderTask(reader, url, markets, trades, bus, memory_every))
        sent_s += sum(process.cpu_times()[:2])
    return {**found, "fake_cpu_s": sent_s}


@contextlib.contextmanager
def _bus(name: str) -> Iterator[str]:
    if name != "redis":
        yield ""
        return
    with server(aof=True) as made:
        pin(OTHERS_CORE, made.pid)
        yield made.url


def _read(given: ReaderTask) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.feed.reader", *given.arguments()]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=LIMIT_S)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
