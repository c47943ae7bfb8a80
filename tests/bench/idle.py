"""What the line costs when no tick comes, and how much memory each service holds: `make bench WHAT=idle`.

One tick per symbol at the start and the next one hours later; CPU time over a while once start-up has settled. Prints
a table, and writes build/idle.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "idle.json"
SERVICES = ("ingestor", "signal", "strategy", "gateway")
SETTLE_S = 5.0
START_S = 60.0
MAX_CPU_PERCENT = 3.0
MAX_RSS_MB = 80.0
WITH_TORCH = "signal"


def main() -> None:
    """Measure and report; exits 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds: float = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="tickline-idle-") as folder:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        env = {**clean, "TICKLINE_STATE_DIR": folder, "TICKLINE_BUS__FOLDER": f"{folder}/bus"}
        command = [sys.executable, "-c", "from services.console.main import main; main()", "run", "--rate", "0.0001"]
        console = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        try:
            found = measure(_processes(console), seconds)
        finally:
            console.terminate()
            console.wait(30)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if report(found) else 1)


def measure(processes: dict[str, psutil.Process], seconds: float) -> dict[str, dict[str, float]]:
    """Process -> percent of a core, and MB of resident memory."""
    time.sleep(SETTLE_S)
    before = {name: _cpu_s(process) for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {
        name: {
            "cpu_percent": round(100 * (_cpu_s(process) - before[name]) / took, 2),
            "rss_mb": round(process.memory_info().rss / 2**20, 1),
        }
        for name, process in processes.items()
    }


def report(found: dict[str, dict[str, float]]) -> bool:
    """Print the table; whether the targets are met."""
    print(f"{'process':<10}{'CPU, % of a core':>18}{'memory, MB':>12}")
    for name, row in found.items():
        print(f"{name:<10}{row['cpu_percent']:>18.2f}{row['rss_mb']:>12.1f}")
    cpu = sum(found[name]["cpu_percent"] for name in SERVICES)
    rss = max(found[name]["rss_mb"] for name in SERVICES if name != WITH_TORCH)
    print(f"all services: {cpu:.2f} % of a core (target: below {MAX_CPU_PERCENT:g})")
    print(f"largest service without torch: {rss:.1f} MB (target: below {MAX_RSS_MB:g})")
    return cpu < MAX_CPU_PERCENT and rss < MAX_RSS_MB


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _processes(console: "subprocess.Popen[bytes]") -> dict[str, psutil.Process]:
    """The services, the bus and the console, once all are there."""
    own = psutil.Process(console.pid)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        found = {"console": own}
        for child in own.children():
            line = child.cmdline()
            name = line[-1] if "-m" in line else "bus"
            found[name] = child
        if found.keys() >= {*SERVICES, "bus"}:
            return {name: found[name] for name in (*SERVICES, "bus", "console")}
        time.sleep(0.1)
    sys.exit("the services did not start")


if __name__ == "__main__":
    main()
