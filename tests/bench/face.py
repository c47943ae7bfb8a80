"""What `import tickline` costs a notebook or a script: `make bench WHAT=face`.

CPU time of a process of its own, less that of an empty one; the median of some. Prints it, and writes build/face.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

REPORT = Path(__file__).resolve().parents[2] / "build" / "face.json"
LIGHT = "Tick, DequeWindow, LogReturn, Account, Order, Bar, Bollinger, Decider, StatefulStrategy, Reason"
MEASURED = {
    "an empty process": "pass",
    "import tickline": "import tickline",
    "what a strategy's file imports": f"from tickline import {LIGHT}",
    "import torch": "import torch",
    "with a model and a backtest": "from tickline import LogReturnLags, LinearModel, load_model, save_model, backtest",
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    found = {what: measured(code, 3 if given.short else given.rounds) for what, code in MEASURED.items()}
    empty = found.pop("an empty process")
    shown = {what: round(1000 * (seconds - empty)) for what, seconds in found.items()}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(shown, indent=2) + "\n")
    for what, milliseconds in shown.items():
        print(f"{what:32} {milliseconds:6} ms of CPU")


def measured(code: str, rounds: int) -> float:
    """The median CPU time, in s, of a process that runs `code` in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        taken = []
        for _ in range(rounds + 1):
            before = cpu_s()
            subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
            taken.append(cpu_s() - before)
    return median(taken[1:])  # the first one compiles what is not compiled yet


def cpu_s() -> float:
    """CPU time of all children so far, in s."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
