"""What the processes of a line cost, looked at now and then."""

import psutil

from tests.chaos.line import Line


class Usage:
    """peak_mb: the most resident memory that was seen of a process. cpu_s: of all, also of those that are gone."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._cpu_s: dict[int, float] = {}

    @property
    def cpu_s(self) -> float:
        """Seconds of a core."""
        return sum(self._cpu_s.values())

    def look(self, line: Line) -> None:
        """Right before a kill, so that little of a process's life is missed."""
        for pid in line.pids():
            process = psutil.Process(pid)
            times = process.cpu_times()
            self._cpu_s[pid] = times.user + times.system
            self.peak_mb = max(self.peak_mb, process.memory_info().rss / 2**20)
