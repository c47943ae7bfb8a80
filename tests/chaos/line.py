"""The four services as real processes. What is killed is started again at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from shared.runner.process import WITH_PARENT
from tests.chaos.watch import SERVICES

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 120.0


class Line:
    """Processes by name: `signal`, and `signal-2` for a second replica.

    urls: where each finds the bus. environment: the TICKLINE_ variables of all. Logs go to `folder/NAME.log`.
    code: by name, the folder with another version's packages, where it is not this one's.
    """

    def __init__(
        self, folder: Path, urls: str | Mapping[str, str], environment: Mapping[str, str],
        code: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.folder = folder
        self.unexpected: list[str] = []
        self._urls = dict.fromkeys(SERVICES, urls) if isinstance(urls, str) else dict(urls)
        self._environment = dict(environment)
        self._code = dict(code)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._killed: set[int] = set()
        self._logs = ExitStack()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *names: str) -> None:
        """Start these processes, or one of each service."""
        for name in names or SERVICES:
            service = name.partition("-")[0]
            environment = {
                **{k: v for k, v in os.environ.items() if not k.startswith("TICKLINE_")}, **self._environment,
                "TICKLINE_BUS__URL": self._urls[service], "TICKLINE_STATE_DIR": str(self.folder / name),
                WITH_PARENT: "1",
            }  # fmt: skip
            log = self._logs.enter_context(self.log_path(name).open("ab"))
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "services", service],
                cwd=self._code.get(name, ROOT), env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip

    def tend(self) -> None:
        """Start again what was killed; nothing may end in any other way."""
        for name, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            assert process.pid in self._killed, f"{name} ended with {code}: {self.log(name)[-2000:]}"
            self._gone(name)
            self.start(name)

    def pids(self) -> list[int]:
        """Of the processes that run."""
        return [process.pid for process in self._processes.values()]

    def pid(self, name: str) -> int:
        """Of one process."""
        return self._processes[name].pid

    def send(self, name: str, number: int) -> None:
        """Send a signal."""
        self._processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """kill -9; `tend` starts it again."""
        process = self._processes[name]
        self._killed.add(process.pid)
        process.kill()
        process.wait()

    def end(self, name: str) -> None:
        """SIGTERM; `tend` starts it again."""
        process = self._processes[name]
        self._killed.add(process.pid)
        process.terminate()
        process.wait(STOP_S)

    def forget(self, name: str, within_s: float = STOP_S) -> int:
        """Wait for the end of a process that is to stay away; returns its exit code."""
        code = self._processes[name].wait(within_s)
        self._gone(name)
        return code

    def _gone(self, name: str) -> None:
        process = self._processes.pop(name)
        if process.stdin is not None:
            process.stdin.close()

    def log_path(self, name: str) -> Path:
        """Where a process logs."""
        return self.folder / f"{name}.log"

    def log(self, name: str) -> str:
        """All that a process has logged."""
        path = self.log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """SIGTERM to all, kill -9 to those that do not go."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for name, process in self._processes.items():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self.unexpected.append(f"{name} did not stop within {STOP_S:g} s of SIGTERM")
        for name in list(self._processes):
            self._gone(name)
        self._logs.close()
