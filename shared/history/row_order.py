"""What must hold between the rows of one file: one form of time, strictly ascending, at least an interval apart."""

from shared.errors import DataError
from shared.history.times import MAX_NS, Instant, time_text
from shared.intervals import interval_text


class RowOrder:
    """Gives each row's end, start + interval, and refuses what does not follow from the row before.

    A difference of more than one interval is a hole in the data and is let through.

    >>> order = RowOrder("bars.csv", 3_600_000_000_000)
    >>> order.end(2, Instant(1_730_196_000_000_000_000, "ISO 8601"))
    1730199600000000000
    >>> order.end(3, Instant(1_730_196_060_000_000_000, "ISO 8601"))
    Traceback (most recent call last):
    shared.errors.DataError: bars.csv: interval 1h, but rows 2 and 3 are 1m apart: pass --interval 1m
    """

    def __init__(self, name: str, interval_ns: int) -> None:
        self.name = name
        self.interval_ns = interval_ns
        self.row = 0
        self.last: Instant | None = None
        self.closest_ns: int | None = None
        self.closest_rows = (0, 0)
        self.differences = 0

    def end(self, row: int, start: Instant) -> int:
        """When the bar of this row is known."""
        last = self.last
        if last is not None:
            apart = start.ns - last.ns
            if apart < self.interval_ns or start.form != last.form:
                raise DataError(f"{self.name}: {self._fault(row, start, last)}")
            self.differences += 1
            if self.closest_ns is None or apart < self.closest_ns:
                self.closest_ns, self.closest_rows = apart, (self.row, row)
        end = start.ns + self.interval_ns
        if end > MAX_NS:
            raise DataError(f"{self.name}: row {row}: the bar from {time_text(start.ns)} ends after 2262: correct it")
        self.row, self.last = row, start
        return end

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """A row that cannot be used ends the reading with a DataError; where this returns, the row is skipped."""
        if isinstance(error, DataError):
            raise error
        raise DataError(f"{self.name}: row {row}: {error}") from error

    def whole_file(self) -> None:
        """Refuse a whole file whose bars are all longer than the interval: their closes would be used too early."""
        if self.differences > 1 and self.closest_ns is not None and self.closest_ns > self.interval_ns:
            rows = "{} and {}".format(*self.closest_rows)
            raise DataError(
                f"{self.name}: interval {interval_text(self.interval_ns)}, but no two rows are less than "
                f"{interval_text(self.closest_ns)} apart (rows {rows}): {self._remedy(self.closest_ns)}"
            )

    def _fault(self, row: int, start: Instant, last: Instant) -> str:
        if start.form != last.form:
            return f"row {row}: time is {start.form}, but row {self.row} has {last.form}: use one form in a file"
        if start.ns == last.ns:
            return f"row {row}: time {time_text(start.ns)} stands in row {self.row} too: remove one of them"
        if start.ns < last.ns:
            return (
                f"row {row}: time {time_text(start.ns)} is before {time_text(last.ns)} of row {self.row}: "
                f"sort the file by datetime"
            )
        apart = start.ns - last.ns
        return (
            f"interval {interval_text(self.interval_ns)}, but rows {self.row} and {row} are "
            f"{interval_text(apart)} apart: {self._remedy(apart)}"
        )

    @staticmethod
    def _remedy(apart: int) -> str:
        shown = interval_text(apart)
        return f"pass --interval {shown}" if "." not in shown else "correct the times or pass another --interval"
