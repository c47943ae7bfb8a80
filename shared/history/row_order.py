"""The rows of one file have one form of time, ascend strictly, and lie whole intervals apart.

A RowOrder is shown each row in turn, and refuses the one that does not follow. It counts how far the rows are apart
(their steps), so that an error can say what the interval should have been. Steps only counts them, to find the
interval; a TradeOrder is for trades, which have none.
"""

from shared.errors import DataError
from shared.history.times import MAX_NS, Instant, time_text
from shared.history.zone import DAY_NS, Zone
from shared.intervals import NS_PER_S, interval_text

DISTINCT = 4_096  # more than so many different steps are not told apart
MONTHS = frozenset({28, 29, 30, 31})  # days
MOSTLY = 10  # steps, from which on it counts what most of them are
BACK_NS = NS_PER_S  # how far the times of an archive may go back from one trade to the next: ids are its order
_CLOCK_CHANGE_NS = 3_600 * NS_PER_S


class RowOrder:
    """The order of a file's bars gives each row's end, start + interval, and refuses a row that does not follow.

    A difference of several intervals is a hole in the data and is let through.

    - name: of the file, for errors.
    - zone: of times without an offset; where the interval is of whole days, they are days on its clock, of 23 to 25
      hours.

    >>> order = RowOrder("bars.csv", 3_600_000_000_000)
    >>> order.end(2, Instant(1_730_196_000_000_000_000, "ISO 8601"))
    1730199600000000000
    >>> order.end(3, Instant(1_730_196_060_000_000_000, "ISO 8601"))
    Traceback (most recent call last):
    shared.errors.DataError: bars.csv: interval 1h, but rows 2 and 3 are 1m apart: pass --interval 1m
    """

    def __init__(self, name: str, interval_ns: int, zone: Zone | None = None) -> None:
        self.name = name
        self.interval_ns = interval_ns
        self.zone = zone
        self.row = 0
        self.last: Instant | None = None
        self.apart = 0  # of the last two rows
        self.closest_ns: int | None = None
        self.closest_rows = (0, 0)
        self._days = zone if interval_ns % DAY_NS == 0 else None
        self._last_ns = 0  # of the last row, on the clock that the interval is of
        # How often each step was there: the closest, which most rows have, the others, and those beyond DISTINCT.
        self._closest_count = 0
        self._steps: dict[int, int] = {}
        self._other = 0

    def end(self, row: int, start: Instant) -> int:
        """Returns when the bar of a row is known; raises DataError where the row does not follow."""
        days, last, interval_ns = self._days, self.last, self.interval_ns
        ns = start.ns if days is None else days.wall_ns(start.ns)
        if last is not None:
            apart = ns - self._last_ns
            if apart != interval_ns or start.form != last.form:
                self._require_fit(row, start, last, apart)
            if apart == self.closest_ns:  # most rows
                self._closest_count += 1
            else:
                self._count(apart, row)
            self.apart = apart
        end = ns + interval_ns if days is None else days.instant_ns(ns + interval_ns)
        if end > MAX_NS:
            raise DataError(f"{self.name}: row {row}: the bar from {time_text(start.ns)} ends after 2262: correct it")
        self.row, self.last, self._last_ns = row, start, ns
        return end

    def _require_fit(self, row: int, start: Instant, last: Instant, apart: int) -> None:
        """Raises DataError unless a row that is not just one interval behind the last one follows all the same."""
        if apart < self.interval_ns or apart % self.interval_ns or start.form != last.form:
            raise DataError(f"{self.name}: {self._fault(row, start, last, apart)}")

    def _count(self, apart: int, row: int) -> None:
        """Counts a step that is not the closest so far."""
        if self.closest_ns is None or apart < self.closest_ns:
            self._steps = self._all_steps()
            self._closest_count = self._steps.pop(apart, 0)
            self.closest_ns, self.closest_rows = apart, (self.row, row)
            self._closest_count += 1
        elif apart in self._steps or len(self._steps) < DISTINCT:
            self._steps[apart] = self._steps.get(apart, 0) + 1
        else:
            self._other += 1

    def _all_steps(self) -> dict[int, int]:
        """Returns how often each step was there, as far as they are told apart."""
        closest = {} if self.closest_ns is None else {self.closest_ns: self._closest_count}
        return {**self._steps, **closest}

    @property
    def differences(self) -> int:
        """Returns how many steps there were."""
        return sum(self._steps.values()) + self._closest_count + self._other

    def go_on_from(self, row: int, start: Instant) -> None:
        """Holds the next row against this one, which was refused."""
        self.row, self.last = row, start
        self._last_ns = start.ns if self._days is None else self._days.wall_ns(start.ns)

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Raises DataError for a row that cannot be used; where a subclass returns instead, the row is skipped."""
        if isinstance(error, DataError):
            raise error
        raise DataError(f"{self.name}: row {row}: {error}") from error

    def commonest_ns(self) -> int | None:
        """Returns the step that is there most often, of equals the shortest; None with fewer than two rows."""
        steps = self._all_steps()
        return min(steps, key=lambda step: (-steps[step], step), default=None)

    @property
    def share(self) -> float:
        """Returns the share of the commonest step."""
        steps = self._all_steps()
        return max(steps.values()) / self.differences if steps else 0.0

    def check_whole_file(self) -> None:
        """Refuses a whole file whose bars are longer than the interval: their closes would be used too early."""
        commonest = self.commonest_ns()
        if commonest is None or self.closest_ns is None or self.differences < 2 or commonest <= self.interval_ns:
            return
        shown, remedy = interval_text(self.interval_ns), self._remedy(commonest)
        if self.closest_ns > self.interval_ns:
            rows = "{} and {}".format(*self.closest_rows)
            raise DataError(
                f"{self.name}: interval {shown}, but no two rows are less than "
                f"{interval_text(self.closest_ns)} apart (rows {rows}): {remedy}"
            )
        if self.differences >= MOSTLY and 2 * self.share > 1:
            rows = "{} and {}".format(*self.closest_rows)
            raise DataError(
                f"{self.name}: interval {shown}, but most rows are {interval_text(commonest)} apart (not rows {rows}): "
                f"{remedy}"
            )

    def _fault(self, row: int, start: Instant, last: Instant, apart: int) -> str:
        """Returns what is wrong about a row that does not follow, and what to do about it."""
        if start.form != last.form:
            return f"row {row}: time is {start.form}, but row {self.row} has {last.form}: use one form in a file"
        if start.ns == last.ns:
            return f"row {row}: time {time_text(start.ns)} stands in row {self.row} too: remove one of them"
        if start.ns < last.ns:
            return (
                f"row {row}: time {time_text(start.ns)} is before {time_text(last.ns)} of row {self.row}: "
                f"sort the file by datetime"
            )
        said = (
            f"interval {interval_text(self.interval_ns)}, but rows {self.row} and {row} are "
            f"{interval_text(apart)} apart"
        )
        if (change := self._change_of_clocks(apart)) is not None:
            return f"{said}: {change}"
        if {apart // DAY_NS, self.interval_ns // DAY_NS} <= MONTHS and apart % DAY_NS == 0:
            return f"{said}: these are months, of no one length: use bars of days"
        fits = self._all_steps().get(self.interval_ns, 0)
        if fits > 1 or (fits and self.interval_ns % apart):  # the interval is right, so it is the row that is wrong
            return f"{said}: row {row} ({time_text(start.ns)}) does not fit: correct its time or remove it"
        return f"{said}: {self._remedy(apart)}"

    def _change_of_clocks(self, apart: int) -> str | None:
        """Returns what to do about rows that are one hour, or half of one, less or more than intervals apart."""
        off = abs((apart + self.interval_ns // 2) % self.interval_ns - self.interval_ns // 2)
        if off not in (_CLOCK_CHANGE_NS, _CLOCK_CHANGE_NS // 2) or off * 4 > self.interval_ns or apart < off * 3:
            return None
        if self.interval_ns % DAY_NS:
            return "where the clocks change, or a row does not fit: write times in UTC, or correct the row"
        if self.zone is not None:
            return f"these are no days of {self.zone.name}: pass the --timezone whose days they are, or correct the row"
        return "these are local days over a change of the clocks: pass --timezone, e.g. Europe/Berlin"

    @staticmethod
    def _remedy(apart: int) -> str:
        shown = interval_text(apart)
        usual = "." not in shown and (DAY_NS % apart == 0 or apart % DAY_NS == 0)
        return f"pass --interval {shown}" if usual else "correct the times or pass another --interval"


class Steps(RowOrder):
    """Steps between the rows are counted, over all rows that can be used.

    - first_fault: the error of the first row that cannot.

    >>> steps = Steps("bars.csv")
    >>> for row, hour in enumerate((0, 12, 24, 60, 60, 72), 2):
    ...     try:
    ...         _ = steps.end(row, Instant(hour * 3_600_000_000_000, "ISO 8601"))
    ...     except DataError as error:
    ...         steps.refuse(row, error)
    >>> steps.commonest_ns() // 3_600_000_000_000, steps.share
    (12, 0.75)
    """

    def __init__(self, name: str, zone: Zone | None = None) -> None:
        super().__init__(name, 1, zone)
        self._days = zone  # a local day is as long as another
        self.first_fault: str | None = None

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Skips the row, and keeps the first fault."""
        if self.first_fault is None:
            self.first_fault = str(error) if isinstance(error, DataError) else f"{self.name}: row {row}: {error}"


class TradeOrder(RowOrder):
    """The order of a file's trades gives each one's time, never before the last one's, and refuses one that goes back.

    >>> order = TradeOrder("trades.csv")
    >>> [order.end(row, Instant(ms * 1_000_000, "epoch milliseconds")) for row, ms in enumerate((5, 5, 4), 2)]
    [5000000, 5000000, 5000000]
    """

    def __init__(self, name: str, zone: Zone | None = None) -> None:
        super().__init__(name, 1, zone)

    def end(self, row: int, start: Instant) -> int:
        """Returns when the trade was known; raises DataError where it goes back by more than BACK_NS."""
        last = self.last
        if last is not None:
            if start.form != last.form:
                raise DataError(f"{self.name}: {self._fault(row, start, last, 0)}")
            if start.ns < last.ns - BACK_NS:
                raise DataError(
                    f"{self.name}: row {row}: time {time_text(start.ns)} is before {time_text(last.ns)} of row "
                    f"{self.row}: sort the trades by time"
                )
            start = max(start, last)
        self.row, self.last = row, start
        return start.ns
