"""How long each way takes: in turn, round by round, CPU time of this process beside the wall clock."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Took(NamedTuple):
    """Seconds of one run."""

    cpu_s: float
    wall_s: float


def timed(job: Callable[[], object]) -> Took:
    """Run it once; what ran before leaves no garbage to it."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    kept = job()
    took = Took(time.process_time() - cpu, time.perf_counter() - wall)
    del kept  # freed behind the clock, for both engines alike
    return took


def rounds(jobs: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, list[Took]]:
    """Each job `repeat` times, in turn."""
    took: dict[str, list[Took]] = {name: [] for name in jobs}
    for i in range(repeat):
        for name, job in jobs.items():
            took[name].append(timed(job))
            print(f"  round {i + 1}: {name:45} {took[name][-1].cpu_s:7.2f} s of CPU", flush=True)
    return took


def summary(took: list[Took], bars: int) -> dict[str, Any]:
    """Best and median, by CPU time; a bar is a tick."""
    best, middle = min(one.cpu_s for one in took), statistics.median(one.cpu_s for one in took)
    return {
        "ticks_per_cpu_s": round(bars / best, 1),
        "ticks_per_cpu_s_median": round(bars / middle, 1),
        "ticks_per_s": round(bars / min(one.wall_s for one in took), 1),
        "us_per_tick": round(1e6 * best / bars, 3),
        "us_per_tick_median": round(1e6 * middle / bars, 3),
        "rounds": [one._asdict() for one in took],
    }


def best_us(job: Callable[[], object], ticks: int, repeat: int) -> float:
    """Microseconds of CPU a tick, the best of `repeat`."""
    return 1e6 * min(timed(job).cpu_s for _ in range(repeat)) / ticks
