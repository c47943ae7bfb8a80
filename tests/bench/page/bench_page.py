"""The monitor's page in Chromium on a real run with a long history: how soon it is there, how old what it shows is.

make bench WHAT=page                       100,000 executions, then an hour at 8 x 5 ticks a second
make bench WHAT=page ARGS="--minutes 5"
make bench-short WHAT=page                 a look, no verdict
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page

from tests.bench.heading import about, show_about
from tests.bench.page.run import Run
from tests.bench.page.watched import PAINTED, SHOWN, memory_mb, opened, painted_ms, reconnect, shown, signed_in
from tests.bench.processes import ROOT
from tests.e2e.page_browser import browser

OUTPUT = ROOT / "build" / "bench-page.json"
RATE = 5.0  # ticks per second of each of eight symbols
SETTLE_S = 10.0
SAMPLE_S, RECONNECT_S = 5.0, 60.0
NOTES = (
    "The line, its bus, its recorder, the monitor and Chromium share the machine.",
    "First figures: from the address in a browser that has nothing but the cookie, until figures, rows and curve are "
    "drawn.",
    "Update: from the commit of a decision, by the bus's clock, until a frame that has it is drawn.",
    "Memory: resident for the monitor; for the page what only its own process of Chromium holds.",
)
# name -> what is measured, in words, and the most that is wanted
TARGETS = {
    "paint_ms_worst": ("first figures, the slowest, ms", 1_000.0),
    "update_ms_p99": ("update after the commit, p99, ms", 100.0),
    "page_mb_most": ("page, the most, MB", 100.0),
    "monitor_mb_most": ("monitor, the most, MB", 150.0),
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description="the monitor's page")
    parser.add_argument("--short", action="store_true", help="a little of all: a look, no verdict")
    parser.add_argument("--executions", type=int, default=100_000, help="of history")
    parser.add_argument("--paints", type=int, default=20)
    parser.add_argument("--updates", type=float, default=60.0, help="seconds of them")
    parser.add_argument("--minutes", type=float, default=60.0, help="of memory")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.executions, given.paints, given.updates, given.minutes = 2_000, 3, 10.0, 0.5
    return given


def main() -> None:
    """Measure, print the table, write the file; exits 1 where a target is missed, unless it is only a look."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="tlp-") as name:
        run = Run(Path(name))
        executions = run.trade(given.executions)
        print(f"  {executions:,} executions", flush=True)
        with run.at_work(RATE) as (url, code), browser() as chrome:
            figures = measured(given, run, chrome, url, signed_in(chrome, url, code))
    settings = {"symbols": 8, "executions": executions, "paints": given.paints, "minutes": given.minutes}
    told = about(("playwright", "starlette", "uvicorn"), settings, NOTES)
    show_about(told)
    reached = show(figures)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps({"about": told, "figures": figures, "reached": reached}, indent=1) + "\n")
    print(f"\n{given.output}")
    sys.exit(0 if reached or given.short else 1)


def measured(given: argparse.Namespace, run: Run, chrome: Browser, url: str, state: Any) -> dict[str, float]:
    """All figures by name."""
    time.sleep(SETTLE_S)
    paints = []
    for _ in range(given.paints):
        with opened(chrome, url, state, PAINTED) as page:
            paints.append(painted_ms(page))
    with opened(chrome, url, state, SHOWN) as page:
        waits = updates_ms(run, page, given.updates)
    with opened(chrome, url, state, PAINTED) as page:
        painted_ms(page)
        memory = memory_over(run.monitor(), page, given.minutes * 60)
    return {
        "paint_ms_p50": part(paints, 50), "paint_ms_worst": max(paints),
        "updates": len(waits), "update_ms_p50": part(waits, 50), "update_ms_p99": part(waits, 99),
        **{f"{name}_mb_{when}": mb for name, of in memory.items() for when, mb in of.items()},
    }  # fmt: skip


def updates_ms(run: Run, page: Page, seconds: float) -> list[float]:
    """How long after its commit each decision was shown, of those since the page was there."""
    time.sleep(SETTLE_S / 2)
    since_ms = time.time_ns() // 1_000_000
    time.sleep(seconds)
    until_ms = time.time_ns() // 1_000_000
    time.sleep(SETTLE_S / 2)
    seen, committed = shown(page), run.committed(since_ms)
    waits = [seen[key] - at_ms for key, at_ms in committed.items() if key in seen and at_ms < until_ms]
    lacking = sum(at_ms < until_ms for at_ms in committed.values()) - len(waits)
    assert not lacking, f"{lacking} decisions were never shown"
    return waits


def memory_over(monitor: psutil.Process, page: Page, seconds: float) -> dict[str, dict[str, float]]:
    """What each holds at first, at most and at last, MB; the page reconnects each minute."""
    samples = [memory_mb(monitor, page)]
    began_s = connected_s = time.monotonic()
    while (now_s := time.monotonic()) - began_s < seconds:
        if now_s - connected_s >= RECONNECT_S:
            reconnect(page)
            connected_s = now_s
        time.sleep(SAMPLE_S)
        samples.append(memory_mb(monitor, page))
    names = samples[0]
    return {
        name: {"first": samples[0][name], "most": max(one[name] for one in samples), "last": samples[-1][name]}
        for name in names
    }


def part(values: Sequence[float], percent: int) -> float:
    """The value below which so many per cent lie."""
    return sorted(values)[len(values) * percent // 100]


def show(figures: dict[str, float]) -> bool:
    """Prints the figures; whether the targets are met."""
    print()
    for name, number in figures.items():
        print(f"{name:20}{number:10.1f}")
    missed = [name for name, (_, most) in TARGETS.items() if figures[name] > most]
    for name, (words, most) in TARGETS.items():
        print(f"{words:40}{figures[name]:10.1f}  (at most {most:g}) {'MISSED' if name in missed else 'reached'}")
    return not missed
