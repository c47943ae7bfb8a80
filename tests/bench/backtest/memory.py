"""Peak memory of a backtest with metrics and streamed rows, in a process of its own: `… memory FOLDER BARS`."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.backtest.market import CASH, INTERVAL, Market, make_market
from tests.bench.processes import ROOT

TARGET = 1.2


def measure(bars: int) -> dict[str, Any]:
    """Of so many bars; the files, some hundred bytes a bar, are removed again."""
    with tempfile.TemporaryDirectory(prefix="tickline-backtest-") as folder:
        make_market(Path(folder), bars)
        command = [sys.executable, "-m", "tests.bench.backtest.memory", folder, str(bars)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _child(folder: Path, bars: int) -> dict[str, float]:
    from services.research.backtest.observer import CsvRows
    from services.research.metrics import Metrics
    from tests.bench.backtest import ours

    market, rows = Market(folder / f"{bars}.csv", bars, folder), folder / "rows.csv"
    metrics = Metrics(INTERVAL, CASH)
    with rows.open("w") as file:
        totals = ours.run(market, False, [metrics, CsvRows(file)])
    metrics.result(totals)
    return {
        "bars": totals.bars,
        "fills": totals.fills,
        "peak_rss_mb": round(_peak_kb() / 1024, 1),
        "rows_mb": round(rows.stat().st_size / 2**20, 1),
        "cpu_s": round(time.process_time(), 2),
    }


def _peak_kb() -> int:
    """Of this program; what getrusage tells would include the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    print(json.dumps(_child(Path(sys.argv[1]), int(sys.argv[2]))))
