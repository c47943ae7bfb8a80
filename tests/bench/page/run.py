"""A run of eight simulated symbols with its history, its monitor, and what it commits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

from shared.bus.embedded import running_url
from shared.bus.names import Names, PartitionId
from shared.messages import Decision, Stream
from shared.messages.codec import decode
from shared.status.page_file import page_path, read_page_file
from tests.bench.processes import ROOT

COMMAND = [sys.executable, "-c", "from services.console.main import main; main()", "run"]
NAMES, STRATEGY, PARTITIONS = Names("tickline"), "strategy", 8
EACH = 15  # executions of the eight symbols at each tick, or some more
START_S = 120.0
END_S = 600.0  # the run compares its orders with a backtest

Key = tuple[str, int]  # a symbol, and the ms of a tick


class Run:
    """A folder of its own, in which `tickline run` runs one time after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        self._env = {**clean, "TICKLINE_STATE_DIR": str(folder), "TICKLINE_BUS__FOLDER": str(folder / "bus")}
        self._console: subprocess.Popen[bytes] | None = None

    def trade(self, executions: int) -> int:
        """Trades as fast as the line can; returns how many executions there are, at least so many."""
        summary, ticks, found = self.folder / "summary.json", 0, 0
        while found < executions:
            ticks += (executions - found) // EACH + 10
            words = ["--rate", "0", "--limit", str(ticks), "--json", str(summary)]
            subprocess.run([*COMMAND, *words], cwd=ROOT, env=self._env, check=True, stdout=subprocess.DEVNULL)
            found = int(json.loads(summary.read_text())["executions"])
        return found

    @contextmanager
    def at_work(self, ticks_per_s: float) -> Iterator[tuple[str, str]]:
        """The line at work at this rate of each symbol; yields its page's address and code."""
        before_ms, until_s = read_page_file(page_path(self.folder)).began_ms, time.monotonic() + START_S
        with (self.folder / "run.log").open("ab") as log:
            command = [*COMMAND, "--rate", str(ticks_per_s)]
            console = subprocess.Popen(command, cwd=ROOT, env=self._env, stdout=log, stderr=log)
        self._console = console
        try:
            while (page := read_page_file(page_path(self.folder))).began_ms == before_ms:
                if console.poll() is not None or time.monotonic() > until_s:
                    sys.exit(f"the line did not start: {(self.folder / 'run.log').read_text()[-2000:]}")
                time.sleep(0.1)
            yield page.url, page.code
        finally:
            console.terminate()
            console.wait(END_S)

    def monitor(self) -> psutil.Process:
        """The monitor's process."""
        assert self._console is not None
        children = psutil.Process(self._console.pid).children()
        return next(one for one in children if one.cmdline()[-1:] == ["monitor"])

    def committed(self, since_ms: int) -> dict[Key, int]:
        """When each decision since then was committed, in ms since 1970 by the bus's clock, which is this machine's."""
        url = running_url(self.folder / "bus")
        assert url is not None
        found: dict[Key, int] = {}
        with Redis.from_url(url) as client:
            for p in range(PARTITIONS):
                key = NAMES.stream(Stream.DECISIONS, PartitionId(STRATEGY, p))
                rows: Any = client.xrange(key, min=str(since_ms))
                for entry, fields in rows:
                    message = decode(fields[b"t"].decode(), fields[b"d"])
                    assert isinstance(message, Decision)
                    found.setdefault((message.sym, message.ts_event // 1_000_000), int(entry.partition(b"-")[0]))
        return found
