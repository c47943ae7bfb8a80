"""Terminal reports that are in the journal and not on the bus yet, by symbol and number."""

from collections import defaultdict
from collections.abc import Callable

from shared.bus.names import partition_of
from shared.messages import ExecutionReport


class Outbox:
    """Reports wait here until their partition takes them. wake: called when one came.

    One that is added twice, or before an earlier one, does no harm: they are taken by their numbers.
    """

    def __init__(self, partitions: int) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._partitions = partitions
        self._waiting: dict[int, dict[str, dict[int, ExecutionReport]]] = defaultdict(dict)

    def add(self, report: ExecutionReport) -> None:
        """A report of its book; it is in the journal."""
        waiting = self._waiting[partition_of(report.sym, self._partitions)]
        waiting.setdefault(report.sym, {})[report.n] = report
        self.wake()

    def take(self, p: int, written: Callable[[str], int], most: int) -> list[ExecutionReport]:
        """What comes next on a partition's stream, at most so many. written: the number of a symbol's last one."""
        taken: list[ExecutionReport] = []
        for sym, waiting in list(self._waiting[p].items()):
            n = written(sym) + 1
            while n in waiting and len(taken) < most:
                taken.append(waiting[n])
                n += 1
            for old in [number for number in waiting if number < n]:
                del waiting[old]
            if not waiting:
                del self._waiting[p][sym]
        return taken

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
