"""The simulator in a process of its own, which sends as fast as it is read."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.bench.feed.reader_task import OTHERS_CORE, RATE, START_MS, STREAM, pin
from tests.bench.processes import ROOT


@contextmanager
def simulator(markets: int, trades: int, prepared: bool = True) -> Iterator[tuple[str, psutil.Process]]:
    """Starts the simulator; yields its URL and the process.

    prepared: its messages are made before, so that it only sends
    """
    command = [sys.executable, "-m", "services", "simulator", "--port", "0", "--walk-ms", "0", "--flood"]
    command += ["--markets", str(markets), "--trades", str(trades), "--trades-per-s", str(RATE)]
    command += ["--start-ms", str(START_MS), "--waits-for", str(markets + 1)]
    command += ["--prepared", STREAM] if prepared else []
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pin(OTHERS_CORE, process.pid)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
