"""All measurements of one run: contestants in turn, round by round."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from tests.bench.common import SYMBOLS
from tests.bench.contestants import by_name
from tests.bench.measure import FixedRate, Saturation, run_fixed_rate, run_saturation
from tests.bench.processes import NOT_OURS, others_busy
from tests.bench.server import Server

WARMUP_S = 3.0
QUIET_CORES = 0.15  # a measurement begins when other programs use less than this, or when the wait is over
DISTURBED_CORES = 0.25  # with more than this used by others it is taken again
TRIES = 3
SUSTAINED = 0.97  # a rate is sustained when so much of it comes through
RATE_SHARE = 0.5  # an offered rate is this share of the slowest contestant's saturation

M = TypeVar("M", Saturation, FixedRate)


class Rounds:
    """What was measured, by contestant. `higher` is a second rate, for those that can take it."""

    def __init__(self, bus: Server, names: Sequence[str], seconds: float, repeat: int, quiet_wait_s: float) -> None:
        self._bus, self._names, self._seconds, self._quiet_wait_s = bus, names, seconds, quiet_wait_s
        self._rounds = range(repeat)
        self.saturation: dict[str, list[Saturation]] = {name: [] for name in names}
        self.fixed: dict[str, list[FixedRate]] = {name: [] for name in names}
        self.higher: dict[str, list[FixedRate]] = {name: [] for name in names}

    def run(self, ticks_per_s: float) -> None:
        """Saturation first; then latency at `ticks_per_s` (0: what the slowest can take), then at a higher rate."""
        for _ in self._rounds:
            for name in self._names:
                self.saturation[name].append(self._saturate(name))
        self._latencies(self.fixed, self._names, ticks_per_s or self._rate_for(self._names))
        fast = [name for name in self._names if not name.startswith("faststream")]
        if fast and len(fast) < len(self._names):
            self._latencies(self.higher, fast, self._rate_for(fast))

    def best(self, name: str) -> Saturation:
        """The contestant's best round: what it can do when the machine lets it."""
        return max(self.saturation[name], key=lambda measured: measured.messages_per_s)

    def summary(self, name: str) -> dict[str, Any]:
        """The contestant's part of bench.json: the four agreed numbers first, then how they came about."""
        best, quickest = self.best(name), _quickest(self.fixed[name])
        parts: dict[str, Any] = {
            "messages_per_s": round(best.messages_per_s, 1),
            "ticks_per_s": round(best.ticks_per_s, 1),
            "p50_us": round(quickest.p50_us, 1),
            "p99_us": round(quickest.p99_us, 1),
            "messages_per_s_median": round(statistics.median(m.messages_per_s for m in self.saturation[name]), 1),
            "messages_per_core_second": round(best.messages_per_s / _own_cores(best.cpu), 1),
            "others_cores": max(best.cpu["others"], quickest.cpu["others"]),
            "offered_ticks_per_s": quickest.offered_ticks_per_s,
            "sustained": _sustained(quickest),
            "saturation": [asdict(m) for m in self.saturation[name]],
            "fixed_rate": [asdict(m) for m in self.fixed[name]],
        }
        if self.higher[name]:
            parts["higher_rate"] = _short(_quickest(self.higher[name]))
        return parts

    def _rate_for(self, names: Sequence[str]) -> float:
        slowest = min(self.best(name).ticks_per_s for name in names)
        return max(float(len(SYMBOLS)), RATE_SHARE * slowest // 50 * 50)

    def _saturate(self, name: str) -> Saturation:
        got = self._undisturbed(lambda: run_saturation(self._bus, by_name(name), self._seconds, WARMUP_S))
        print(f"  {name:17} saturation {got.messages_per_s:9.0f} messages/s  cores {got.cpu}", flush=True)
        return got

    def _latencies(self, into: dict[str, list[FixedRate]], names: Sequence[str], rate: float) -> None:
        for _ in self._rounds:
            for name in names:
                into[name].append(self._at_rate(name, rate))

    def _at_rate(self, name: str, rate: float) -> FixedRate:
        got = self._undisturbed(lambda: run_fixed_rate(self._bus, by_name(name), rate, self._seconds, WARMUP_S))
        print(
            f"  {name:17} at {rate:.0f} ticks/s p50 {got.p50_us:8.0f} µs p99 {got.p99_us:8.0f} µs"
            f"  came through {got.ticks_per_s:.0f}/s, {got.orders} orders, {got.unmatched} unmatched  cores {got.cpu}",
            flush=True,
        )
        return got

    def _undisturbed(self, measure: Callable[[], M]) -> M:
        """The first measurement that other programs left alone, else the least disturbed of TRIES."""
        tries: list[M] = []
        for _ in range(TRIES if self._quiet_wait_s else 1):
            self._be_quiet()
            tries.append(measure())
            if tries[-1].cpu["others"] <= DISTURBED_CORES:
                break
            print(f"  disturbed: other programs used {tries[-1].cpu['others']:.2f} cores", flush=True)
        return min(tries, key=lambda measured: measured.cpu["others"])

    def _be_quiet(self) -> None:
        until = time.monotonic() + self._quiet_wait_s
        pids = {"server": self._bus.pid, "bench": os.getpid()}
        while time.monotonic() < until and others_busy(pids, 1.0) > QUIET_CORES:
            pass


def _quickest(measured: Sequence[FixedRate]) -> FixedRate:
    return min(measured, key=lambda one: one.p50_us)


def _sustained(measured: FixedRate) -> bool:
    short = (SUSTAINED * measured.offered_ticks_per_s - measured.ticks_per_s) * measured.seconds
    return short <= len(SYMBOLS)  # one round of ticks more or less fell into the measured time


def _short(measured: FixedRate) -> dict[str, Any]:
    return {
        "offered_ticks_per_s": measured.offered_ticks_per_s,
        "p50_us": round(measured.p50_us, 1),
        "p99_us": round(measured.p99_us, 1),
        "sustained": _sustained(measured),
    }


def _own_cores(cpu: dict[str, float]) -> float:
    return sum(share for name, share in cpu.items() if name not in NOT_OURS)
