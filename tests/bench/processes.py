"""The processes of a contestant: started together, their CPU time read, all killed at the end."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.contestant import Command

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 5.0
NOT_OURS = ("others", "interrupts", "stolen")


class Died(RuntimeError):
    """A process of the line ended while it was measured."""


@contextlib.contextmanager
def running(commands: Mapping[str, Command], log_folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start all; at the end SIGTERM, and SIGKILL for what has not gone after STOP_S."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    with contextlib.ExitStack() as logs:
        try:
            for name, command in commands.items():
                log = logs.enter_context(open(log_folder / f"{name}.log", "ab"))
                started[name] = subprocess.Popen(
                    command.arguments, cwd=ROOT, env=command.full_environment(), stdout=log, stderr=log
                )
            yield started
        finally:
            for process in started.values():
                process.terminate()
            until = time.monotonic() + STOP_S
            for process in started.values():
                try:
                    process.wait(timeout=max(0.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def check_alive(started: Mapping[str, subprocess.Popen[bytes]], log_folder: Path) -> None:
    """Raise Died with the end of its log if one has ended."""
    for name, process in started.items():
        if process.poll() is not None:
            tail = (log_folder / f"{name}.log").read_text(errors="replace")[-2000:]
            raise Died(f"{name} ended with {process.returncode}:\n{tail}")


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds at one moment: of each process, of all programs together, and what the kernel's interrupts used."""

    at_s: float
    own: dict[str, float]
    programs: float
    interrupts: float
    stolen: float


def cpu_times(pids: Mapping[str, int]) -> CpuTimes:
    """Read the CPU seconds used so far (children included, a service may have its own)."""
    own = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        own[name] = sum(sum(p.cpu_times()[:2]) for p in family)
    whole = psutil.cpu_times()
    programs = whole.user + whole.system + whole.nice
    return CpuTimes(time.monotonic(), own, programs, whole.irq + whole.softirq, whole.steal)


def cpu_shares(before: CpuTimes, after: CpuTimes) -> dict[str, float]:
    """Cores used between two moments: by each process; `others` are all other programs, `stolen` the host's."""
    seconds = after.at_s - before.at_s
    shares = {name: (after.own[name] - before.own[name]) / seconds for name in after.own}
    shares["others"] = max(0.0, (after.programs - before.programs) / seconds - sum(shares.values()))
    shares["interrupts"] = (after.interrupts - before.interrupts) / seconds
    shares["stolen"] = (after.stolen - before.stolen) / seconds
    return {name: round(share, 3) for name, share in shares.items()}


def others_busy(pids: Mapping[str, int], seconds: float) -> float:
    """Cores that other processes than `pids` use now."""
    before = cpu_times(pids)
    time.sleep(seconds)
    return cpu_shares(before, cpu_times(pids))["others"]
