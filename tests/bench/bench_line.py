"""The bench of the whole line beside its baselines, all in one run on one bus.

make bench                                    everything, about ten minutes
make bench ARGS=--short                       a quick look
make bench ARGS="--only redis_py,faststream"
make bench ARGS="--only line,watched --rate 350 --repeat 5"     what it costs to be watched and recorded
make bench ARGS="--only line,scraped --repeat 5"                what it costs to answer Prometheus
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.bench.contestants import ALL, BESIDE
from tests.bench.processes import ROOT
from tests.bench.report import about, show
from tests.bench.rounds import Rounds
from tests.bench.server import server

OUTPUT = ROOT / "build" / "bench.json"
SHORT_S = 3.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="the line beside its baselines")
    parser.add_argument("--only", help=f"some of {','.join(ALL)}; {','.join(BESIDE)} without it")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_S:g} s a measurement, once: a look, no verdict")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measurement")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the best of each contestant counts")
    parser.add_argument("--rate", type=float, default=0.0, help="offered ticks/s; 0: half of the slowest's saturation")
    parser.add_argument(
        "--aof", action=argparse.BooleanOptionalAction, default=True, help="append-only file on the bus"
    )
    parser.add_argument("--quiet-wait", type=float, default=30.0, help="seconds to wait for a quiet machine; 0: never")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.seconds, given.repeat, given.quiet_wait = min(given.seconds, SHORT_S), 1, 0.0
    given.names = given.only.split(",") if given.only else list(BESIDE)
    for name in given.names:
        if name not in ALL:
            parser.error(f"--only {name}: there are {', '.join(ALL)}")
    return given


def main() -> None:
    """Measure, print the table, write the file."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process of ours is left behind
    with server(given.aof) as bus:
        print(f"{bus.version}, load {os.getloadavg()[0]:.2f}, {given.repeat} × {given.seconds:.0f} s", flush=True)
        rounds = Rounds(bus, given.names, given.seconds, given.repeat, given.quiet_wait)
        rounds.run(given.rate)
        result: dict[str, Any] = {name: rounds.summary(name) for name in given.names}
        result["about"] = about(bus, given.seconds, given.repeat)
    show(result)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{given.output}")
