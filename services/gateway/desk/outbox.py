"""Terminal reports that are in the journal and not on the bus yet, by symbol, in the sequence of their book."""

from collections import deque
from collections.abc import Callable

from shared.messages import ExecutionReport


class Outbox:
    """Reports wait here until the partition of their symbol takes them. `wake`: called when one came."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._waiting: dict[str, deque[ExecutionReport]] = {}

    def add(self, report: ExecutionReport) -> None:
        """The next report of its book; it is in the journal."""
        self._waiting.setdefault(report.sym, deque()).append(report)
        self.wake()

    def take(self, sym: str, most: int) -> list[ExecutionReport]:
        """The next reports of a symbol, at most so many."""
        waiting = self._waiting.get(sym)
        if not waiting:
            return []
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def symbols(self) -> list[str]:
        """Those for which something waits."""
        return [sym for sym, waiting in self._waiting.items() if waiting]

    def drop(self, sym: str) -> None:
        """Forget what waits for a symbol: it is loaded again."""
        self._waiting.pop(sym, None)

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
