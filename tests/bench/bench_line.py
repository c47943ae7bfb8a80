"""The bench of the whole line beside its baselines, all in one run on one bus.

make bench                                    everything, some minutes
python -m tests.bench --short                 a quick look
python -m tests.bench --only redis_py,faststream
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.contestants import ALL, by_name
from tests.bench.measure import FixedRate, Saturation, run_fixed_rate, run_saturation
from tests.bench.processes import NOT_OURS, ROOT, others_busy
from tests.bench.report import about, show
from tests.bench.server import Server, server

OUTPUT = ROOT / "build" / "bench.json"
WARMUP_S = 3.0
QUIET_CORES = 0.15  # a measurement waits until other programs use less than this, or until the wait is over
SUSTAINED = 0.97  # a rate is sustained when so much of it comes through
RATE_SHARE = 0.5  # the common offered rate: this share of the slowest contestant's saturation


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", help=f"some of {','.join(ALL)}; all without it")
    parser.add_argument("--short", action="store_true", help="3 s a measurement, once: a quick look, no verdict")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measurement")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the best of each contestant counts")
    parser.add_argument("--rate", type=float, default=0.0, help="offered ticks/s; 0: half of the slowest's saturation")
    parser.add_argument(
        "--aof", action=argparse.BooleanOptionalAction, default=True, help="append-only file on the bus"
    )
    parser.add_argument("--quiet-wait", type=float, default=30.0, help="seconds to wait for a quiet machine")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.seconds, given.repeat = min(given.seconds, 3.0), 1
    return given


class Bench:
    """All measurements of one run."""

    def __init__(self, bus: Server, given: argparse.Namespace) -> None:
        self._bus = bus
        self._given = given
        self.names: list[str] = given.only.split(",") if given.only else list(ALL)
        self.saturation: dict[str, list[Saturation]] = {name: [] for name in self.names}
        self.fixed: dict[str, list[FixedRate]] = {name: [] for name in self.names}
        self.higher: dict[str, list[FixedRate]] = {name: [] for name in self.names}

    def run(self) -> None:
        """Contestants in turn, round by round, so that a busy minute of the machine meets all of them."""
        for _ in range(self._given.repeat):
            for name in self.names:
                self._be_quiet()
                measured = run_saturation(self._bus, by_name(name), self._given.seconds, WARMUP_S)
                print(
                    f"  {name:17} saturation {measured.messages_per_s:9.0f} messages/s  cores {measured.cpu}",
                    flush=True,
                )
                self.saturation[name].append(measured)
        self._latencies(self.fixed, self.names, self._given.rate or self.common_rate(self.names))
        fast = [name for name in self.names if not name.startswith("faststream")]
        if len(fast) < len(self.names) and fast:
            self._latencies(self.higher, fast, self.common_rate(fast))

    def common_rate(self, names: list[str]) -> float:
        """A share of the slowest one's saturation, in round numbers."""
        slowest = min(self.best(name).ticks_per_s for name in names)
        return max(50.0, RATE_SHARE * slowest // 50 * 50)

    def best(self, name: str) -> Saturation:
        """The contestant's best round: what it can do when the machine lets it."""
        return max(self.saturation[name], key=lambda measured: measured.messages_per_s)

    def _latencies(self, into: dict[str, list[FixedRate]], names: list[str], rate: float) -> None:
        for _ in range(self._given.repeat):
            for name in names:
                self._be_quiet()
                measured = run_fixed_rate(self._bus, by_name(name), rate, self._given.seconds, WARMUP_S)
                print(
                    f"  {name:17} at {rate:.0f} ticks/s p50 {measured.p50_us:8.0f} µs p99 {measured.p99_us:8.0f} µs"
                    f"  came through {measured.ticks_per_s:.0f}/s, {measured.orders} orders,"
                    f" {measured.unmatched} unmatched  cores {measured.cpu}",
                    flush=True,
                )
                into[name].append(measured)

    def _be_quiet(self) -> None:
        until = time.monotonic() + self._given.quiet_wait
        while others_busy({"server": self._bus.pid, "bench": os.getpid()}, 1.0) > QUIET_CORES:
            if time.monotonic() > until:
                break


def summary(bench: Bench, name: str) -> dict[str, Any]:
    """The contestant's part of bench.json: the four agreed numbers first, then how they came about."""
    best = bench.best(name)
    quickest = min(bench.fixed[name], key=lambda measured: measured.p50_us)
    parts: dict[str, Any] = {
        "messages_per_s": round(best.messages_per_s, 1),
        "ticks_per_s": round(best.ticks_per_s, 1),
        "p50_us": round(quickest.p50_us, 1),
        "p99_us": round(quickest.p99_us, 1),
        "messages_per_s_median": round(statistics.median(m.messages_per_s for m in bench.saturation[name]), 1),
        "messages_per_core_second": round(best.messages_per_s / _own_cores(best.cpu), 1),
        "offered_ticks_per_s": quickest.offered_ticks_per_s,
        "sustained": quickest.ticks_per_s >= SUSTAINED * quickest.offered_ticks_per_s,
        "saturation": [asdict(m) for m in bench.saturation[name]],
        "fixed_rate": [asdict(m) for m in bench.fixed[name]],
    }
    if bench.higher[name]:
        at_higher = min(bench.higher[name], key=lambda measured: measured.p50_us)
        parts["higher_rate"] = {
            "offered_ticks_per_s": at_higher.offered_ticks_per_s,
            "p50_us": round(at_higher.p50_us, 1),
            "p99_us": round(at_higher.p99_us, 1),
            "sustained": at_higher.ticks_per_s >= SUSTAINED * at_higher.offered_ticks_per_s,
        }
    return parts


def _own_cores(cpu: dict[str, float]) -> float:
    return sum(share for name, share in cpu.items() if name not in NOT_OURS)


def main() -> None:
    """Measure, print the table, write the file."""
    given = arguments()
    with server(given.aof) as bus:
        bench = Bench(bus, given)
        print(f"{bus.version}, load {os.getloadavg()[0]:.2f}, {given.repeat} × {given.seconds:.0f} s", flush=True)
        bench.run()
        result = {name: summary(bench, name) for name in bench.names}
        result["about"] = about(bus, given.seconds, given.repeat)
    show(result)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{given.output}")
