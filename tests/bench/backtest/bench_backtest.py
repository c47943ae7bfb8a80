"""The backtest beside backtesting.py, both in one process, in turn.

make bench WHAT=backtest                   everything, with 10 million bars for the memory: many minutes
make bench WHAT=backtest ARGS="--bars 100000 --repeat 5"
make bench WHAT=backtest ARGS="--part arrays"   the fast engine beside the exact one, and vectorbt, if installed
make bench-short WHAT=backtest             a quick look
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.backtest import arrays, memory, ours, theirs
from tests.bench.backtest.agreement import Agreed
from tests.bench.backtest.market import make_market
from tests.bench.backtest.report import about, show
from tests.bench.backtest.speed import rounds, summary
from tests.bench.backtest.stages import Stages
from tests.bench.processes import ROOT

OUTPUT = ROOT / "build" / "bench-backtest.json"
SHORT_BARS, SHORT_MEMORY = 10_000, 100_000
STAGE_BARS = 20_000
TEN = 10


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backtest", description="the backtest's speed")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_BARS:,} bars, twice: a look, no verdict")
    parser.add_argument("--part", choices=("all", "arrays"), default="all", help="arrays: the fast engine's")
    parser.add_argument("--array-bars", type=int, default=5_000_000, help="of the arrays")
    parser.add_argument("--bars", type=int, default=50_000, help="of a timed run")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; the best of each counts")
    parser.add_argument("--memory-bars", type=int, default=1_000_000, help="memory is of these and of ten times these")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.bars, given.repeat, given.memory_bars, given.array_bars = SHORT_BARS, 2, SHORT_MEMORY, SHORT_MEMORY
    return given


def main() -> None:
    """Measure, print the tables, write the file."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="tickline-backtest-") as folder:
        if given.part == "arrays":
            found = arrays.run(Path(folder), given.array_bars, given.bars, given.repeat)
            found["reached"] = arrays.show(found)
            _write(found, given.output.with_name(f"{given.output.stem}-arrays.json"))
            return
        result = _measured(Path(folder), given.bars, given.repeat)
    result["memory"] = _memory(given.memory_bars)
    reached = show(result)
    result["reached"] = reached
    _write(result, given.output)


def _write(result: dict[str, Any], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{output}")


def _measured(folder: Path, bars: int, repeat: int) -> dict[str, Any]:
    market, small = make_market(folder, bars), make_market(folder, min(bars, STAGE_BARS))
    agreed = Agreed(market)
    given = agreed.directions
    took = rounds(
        {
            "legs: Tickline": lambda: ours.run(market, False),
            "legs: Tickline, metrics": lambda: ours.with_metrics(market, False),
            "legs: Tickline, all of --csv": lambda: ours.with_rows(market, False),
            "legs: backtesting.py, decisions given": lambda: theirs.run(market, False, given),
            "legs: backtesting.py, the same model": lambda: theirs.run_with_the_model(market, False),
            "netted: Tickline, metrics": lambda: ours.with_metrics(market, True),
            "netted: backtesting.py, decisions given": lambda: theirs.run(market, True, given),
        },
        repeat,
    )
    return {
        "about": about(bars, repeat, agreed.trades, agreed.end_equity),
        "speed": {name: summary(found, bars) for name, found in took.items()},
        "stages": {
            kind: {name: round(cost, 3) for name, cost in Stages(small, netting, repeat).costs().items()}
            for kind, netting in (("legs", False), ("netted", True))
        },
    }


def _memory(bars: int) -> dict[str, Any]:
    runs = []
    for count in (bars, TEN * bars):
        print(f"  memory of {count:,} bars", flush=True)
        runs.append(memory.measure(count))
    return {"runs": runs, "ratio": round(runs[1]["peak_rss_mb"] / runs[0]["peak_rss_mb"], 3)}
