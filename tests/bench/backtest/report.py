"""What the bench of the backtest prints and says about itself."""

import os
from importlib.metadata import version
from typing import Any

from tests.bench.backtest import memory
from tests.bench.backtest.market import NO_LAGS, SEED
from tests.bench.report import machine

# Here against there: the same work, and there with its decisions given.
PAIRS = (
    ("legs: Tickline, metrics", "legs: backtesting.py, decisions given"),
    ("netted: Tickline, metrics", "netted: backtesting.py, decisions given"),
)
TARGET = 1.0
NOTES = (
    "A tick is a bar with a decision and its orders: two with legs, one netted. Both read the same CSV file of open, "
    "high, low, close, fill at the decision's close, take the same fee and end with statistics.",
    "Tickline runs its line: features, the model in torch one sample at a time, decision, order ids, messages, Decimal "
    "books. backtesting.py is given the directions, and computes none of it, but where it says `the same model`.",
    "backtesting.py's statistics have no confidence intervals; `metrics` are ours without them, `all of --csv` with "
    "them (1,000 resamples once a run) and with a row for each round trip.",
    "CPU time of this one process: other programs move it less than the wall clock.",
)


def about(bars: int, repeat: int, trades: int, end_equity: dict[str, float]) -> dict[str, Any]:
    """Machine, versions and settings, and what both engines agreed on."""
    return {
        **machine(),
        "versions": {name: version(name) for name in ("torch", "numpy", "pandas", "pydantic", "backtesting")},
        "settings": {"bars": bars, "seed": SEED, "features": f"log_return_lags({NO_LAGS})", "repeat": repeat},
        "agreed": {"trades": trades, "end_equity": end_equity},
        "load_average": list(os.getloadavg()),
        "notes": list(NOTES),
    }


def show(result: dict[str, Any]) -> bool:
    """The tables, and how it stands to its targets; whether they are reached."""
    notes = result["about"]
    print(f"\n{notes['machine']}\nPython {notes['python']}")
    print(", ".join(f"{name} {number}" for name, number in notes["versions"].items()))
    print(", ".join(f"{name} {value}" for name, value in notes["settings"].items()))
    print(f"the same {notes['agreed']['trades']:,} trades in both, and the same equity at the end of each pair")
    print(*(f"- {note}" for note in notes["notes"]), sep="\n")
    print(f"\n{'':46}{'ticks/CPU s':>12}{'median':>10}{'ticks/s':>10}{'µs/tick':>9}")
    for name, row in result["speed"].items():
        rates = f"{row['ticks_per_cpu_s']:12,.0f}{row['ticks_per_cpu_s_median']:10,.0f}{row['ticks_per_s']:10,.0f}"
        print(f"{name:46}{rates}{row['us_per_tick']:9.1f}")
    for kind, costs in result["stages"].items():
        whole = sum(costs.values())
        print(f"\n{'one tick, ' + kind:46}{'µs':>8}{'share':>9}")
        for name, cost in costs.items():
            print(f"  {name:44}{cost:8.2f}{cost / whole:9.1%}")
        print(f"  {'all':44}{whole:8.2f}")
    print(f"\n{'bars':>12}{'peak memory, MB':>18}{'rows, MB':>12}{'CPU, s':>10}")
    for row in result["memory"]["runs"]:
        print(f"{row['bars']:12,}{row['peak_rss_mb']:18,.1f}{row['rows_mb']:12,.1f}{row['cpu_s']:10,.1f}")
    print()
    return all([*(_faster(result["speed"], *pair) for pair in PAIRS), _bounded(result["memory"]["ratio"])])


def _faster(speed: dict[str, Any], here: str, there: str) -> bool:
    ratio = speed[here]["ticks_per_cpu_s"] / speed[there]["ticks_per_cpu_s"]
    return _verdict(f"{here} / {there}: {ratio:.2f} (target > {TARGET})", ratio > TARGET)


def _bounded(ratio: float) -> bool:
    return _verdict(f"memory at ten times the bars: {ratio:.2f} (target ≤ {memory.TARGET})", ratio <= memory.TARGET)


def _verdict(text: str, reached: bool) -> bool:
    print(f"{text} {'reached' if reached else 'MISSED'}")
    return reached
