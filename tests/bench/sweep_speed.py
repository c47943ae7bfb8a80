"""A thousand combinations over a year of minutes: how long, in how much memory: `make bench WHAT=sweep ARGS=--speed`.

The sweep is run as a person runs it, on all cores, and by a Dask cluster of two workers, which must give the same bits.
What a model costs stands apart: a sweep with one combination a model is almost nothing else, and the first one also
makes the predictions, which are kept.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from services.research.sweep import Axis, Pool, SweepSpec, Swept, sweep
from shared.config import Settings, load_settings
from tests.bench.backtest.market import CASH, INTERVAL, SYM, make_market
from tests.bench.report import machine

REPORT = Path(__file__).resolve().parents[2] / "build" / "sweep-speed.json"
BARS, SHORT_BARS, JOBS = 525_600, 6_000, 2
LAGS = "lags=1,2,3,5,8"
WAYS = (
    "sizing=compounding,constant",
    "leverage=0.5,1,1.5,2,3",
    "threshold=" + ",".join(f"{n * 5e-6:g}" for n in range(20)),
)
TARGET_S, TARGET_MB = 60.0, 2_000.0


class Timed(NamedTuple):
    """A sweep and how long each of its parts took, s."""

    swept: Swept
    parts: dict[str, float]
    peak_mb: float

    @property
    def whole(self) -> float:
        return sum(self.parts.values())


def measured(folder: Path, bars: int) -> dict[str, Any]:
    """Runs all sweeps."""
    from distributed import LocalCluster

    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    settings = _settings(make_market(folder, bars).file)
    few = SweepSpec(grid=(Axis.told(LAGS), Axis.told("threshold=0")))
    all_ = SweepSpec(grid=tuple(map(Axis.told, (LAGS, *WAYS))))
    pool = Pool(jobs=JOBS)
    cold, models = _timed(settings, few, pool), _timed(settings, few, pool)
    here = _timed(settings, all_, pool)
    with LocalCluster(
        n_workers=JOBS, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        there = _timed(settings, all_, Pool("dask", JOBS, {"scheduler_host": cluster.scheduler_address}))
    training = models.parts["walk-forward"]
    return {
        **machine(),
        "load_average": list(os.getloadavg()),
        "bars": bars,
        "combinations": len(here.swept.rows),
        "parts_s": {name: round(took, 1) for name, took in here.parts.items()},
        "whole_s": round(here.whole, 1),
        "training_s": round(training, 1),
        "without_training_s": round(here.whole - training, 1),
        "predictions_s": round(cold.parts["walk-forward"] - training, 1),
        "peak_mb": round(here.peak_mb),
        "handed_back": here.swept.engines.exact,
        "dask_s": round(there.whole, 1),
        "dask_same_bits": here.swept.model_dump_json() == there.swept.model_dump_json(),
    }


def show(found: dict[str, Any]) -> bool:
    """Prints the figures; returns whether the targets are reached."""
    print(f"\n{found['machine']}, Python {found['python']}, load {found['load_average'][0]:.1f}")
    print(f"{found['combinations']:,} combinations over {found['bars']:,} bars, {JOBS} jobs")
    for name, took in found["parts_s"].items():
        print(f"  {name:34}{took:8.1f} s")
    print(f"  {'all':34}{found['whole_s']:8.1f} s, of which models learn {found['training_s']:.1f} s")
    print(f"  {'predictions, the first time':34}{found['predictions_s']:8.1f} s more")
    print(f"  {'on Dask, two workers':34}{found['dask_s']:8.1f} s, {found['dask_s'] / found['whole_s'] - 1:+.0%}")
    print(f"  handed back to the exact engine: {found['handed_back'] or 'none'}")
    handed = sum(found["handed_back"].values()) / found["combinations"]
    return all(
        [
            _verdict(f"{found['without_training_s']:.1f} s without training (target ≤ {TARGET_S:g})",
                     found["without_training_s"] <= TARGET_S),
            _verdict(f"{found['peak_mb']:,} MB at most (target ≤ {TARGET_MB:,.0f})", found["peak_mb"] <= TARGET_MB),
            _verdict(f"{handed:.1%} handed back (target ≤ 5 %)", handed <= 0.05),
            _verdict("the same bits on Dask", found["dask_same_bits"]),
        ]
    )  # fmt: skip


def run(short: bool) -> bool:
    """Measures, prints, and writes build/sweep-speed.json."""
    with tempfile.TemporaryDirectory(prefix="tickline-sweep-") as folder:
        found = measured(Path(folder), SHORT_BARS if short else BARS)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    return show(found)


def _settings(file: Path) -> Settings:
    made: Settings = load_settings(
        interval=INTERVAL,
        symbols=(SYM,),
        run_id="sweep",
        gateway={"fee": "0.000001"},
        ingestor={"source": "replay", "files": {SYM: file}},
        strategy={"name": "threshold", "balance": CASH, "params": {"threshold": 0.0}},
    )
    return made


def _timed(settings: Settings, spec: SweepSpec, pool: Pool) -> Timed:
    parts: dict[str, float] = {}
    now, began = "reading", time.perf_counter()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal now, began
        if what != now:
            parts[now] = parts.get(now, 0.0) + time.perf_counter() - began
            now, began = what, time.perf_counter()

    with _watched() as peak_mb:
        swept = sweep(settings, spec, pool, progress)
    parts[now] = parts.get(now, 0.0) + time.perf_counter() - began
    print(f"  {pool.backend}, {len(swept.rows)} combinations: {sum(parts.values()):.1f} s", flush=True)
    return Timed(swept, parts, peak_mb())


@contextmanager
def _watched() -> Iterator[Callable[[], float]]:
    """Watches the memory of this process and its children, MB; what they share counts once."""
    highest, over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.5):
            highest = max(highest, sum(map(_pss, [own, *own.children(recursive=True)])) / 1e6)

    own = psutil.Process()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: highest
    finally:
        over.set()
        watcher.join()


def _pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss)
    except psutil.Error:  # it has ended
        return 0.0


def _verdict(text: str, reached: bool) -> bool:
    print(f"{text} {'reached' if reached else 'MISSED'}")
    return reached
