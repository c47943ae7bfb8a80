"""How far apart a file's rows are."""

from collections import Counter

from shared.errors import DataError
from shared.history.row_order import RowOrder
from shared.history.times import Instant

DISTINCT = 4_096  # more than so many different steps are not told apart


class Steps(RowOrder):
    """Counts the steps between rows that can be used, and skips the others.

    >>> steps = Steps("bars.csv", 1)
    >>> for row, hour in enumerate((0, 12, 24, 60, 60, 72), 2):
    ...     try:
    ...         _ = steps.end(row, Instant(hour * 3_600_000_000_000, "ISO 8601"))
    ...     except DataError as error:
    ...         steps.refuse(row, error)
    >>> steps.commonest_ns() // 3_600_000_000_000, steps.share
    (12, 0.75)
    """

    def __init__(self, name: str, interval_ns: int) -> None:
        super().__init__(name, interval_ns)
        self._counts: Counter[int] = Counter()

    def end(self, row: int, start: Instant) -> int:
        """See RowOrder."""
        last = self.last
        end = super().end(row, start)
        if last is not None:
            apart = start.ns - last.ns
            if apart in self._counts or len(self._counts) < DISTINCT:
                self._counts[apart] += 1
        return end

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Skip the row: the check itself tells of it."""

    def commonest_ns(self) -> int | None:
        """The step that is there most often, of equally many the shortest; None where there are fewer than two rows."""
        return min(self._counts, key=lambda step: (-self._counts[step], step), default=None)

    @property
    def share(self) -> float:
        """How many of all steps are the commonest one."""
        commonest = self.commonest_ns()
        return self._counts[commonest] / self.differences if commonest is not None else 0.0
