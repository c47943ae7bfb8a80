"""Terminal reports that are in the journal and not on the bus yet, by partition, in the sequence of their books."""

from collections import defaultdict, deque
from collections.abc import Callable

from shared.bus.names import partition_of
from shared.messages import ExecutionReport


class Outbox:
    """Reports wait here until their partition takes them. wake: called when one came."""

    def __init__(self, partitions: int) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._partitions = partitions
        self._waiting: dict[int, deque[ExecutionReport]] = defaultdict(deque)

    def add(self, report: ExecutionReport) -> None:
        """The next report of its book; it is in the journal."""
        self._waiting[partition_of(report.sym, self._partitions)].append(report)
        self.wake()

    def take(self, p: int, most: int) -> list[ExecutionReport]:
        """The next reports of a partition, at most so many."""
        waiting = self._waiting[p]
        return [waiting.popleft() for _ in range(min(most, len(waiting)))] if waiting else []

    def clear(self, p: int | None = None) -> None:
        """Forget what waits: of a partition that is loaded again, or all."""
        if p is None:
            self._waiting.clear()
        else:
            self._waiting.pop(p, None)
