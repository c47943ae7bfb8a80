"""The check of a price file, or of a folder that was downloaded, tells what it holds and lacks.

It tells all that is wrong, where a backtest stops at the first defect.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from shared.errors import ConfigError, DataError
from shared.history.bar import HistoryBar
from shared.history.files import is_trades, read
from shared.history.row_order import RowOrder, Steps, TradeOrder
from shared.history.times import Instant, time_text
from shared.history.trades import bars_of_trades
from shared.history.zone import Zone, zone_of
from shared.intervals import interval_ns, interval_text
from shared.plural import plural

SHOWN = 5  # gaps and defects
EVERY = 10_000  # rows from one report to the next

Progress = Callable[[str, int], None]  # what is done, and how many rows it has read


class FileCheck(NamedTuple):
    """A file's check found this.

    - lines: for a person.
    - fault: why the file is unusable, in one line, or None.
    """

    lines: list[str]
    fault: str | None


class MissingBars(NamedTuple):
    """Bars are missing between these two starts of bars. missing: how many."""

    after_ns: int
    before_ns: int
    missing: int

    def __str__(self) -> str:
        return f"{time_text(self.after_ns)} to {time_text(self.before_ns)}: {self.missing:,} missing"


class Findings(RowOrder):
    """Takes a file's rows and ends at none: it counts what is wrong and remembers the first. Memory does not grow.

    >>> findings = Findings("bars.csv", 3_600_000_000_000)
    >>> for row, hour in enumerate((0, 1, 4, 4), 2):
    ...     try:
    ...         _ = findings.end(row, Instant(hour * 3_600_000_000_000, "ISO 8601"))
    ...     except DataError as error:
    ...         findings.refuse(row, error)
    >>> findings.gaps, findings.missing, findings.duplicates, findings.unusable
    (1, 2, 1, 1)
    """

    def __init__(self, name: str, interval_ns: int, zone: Zone | None = None) -> None:
        super().__init__(name, interval_ns, zone)
        self.first: Instant | None = None
        self.gaps = self.missing = self.duplicates = self.unusable = 0
        self.shown: list[MissingBars] = []
        self.largest = MissingBars(0, 0, 0)
        self.faults: list[str] = []

    def end(self, row: int, start: Instant) -> int:
        """Takes a row and counts what is wrong with it: see RowOrder."""
        last = self.last
        self.duplicates += last is not None and last.ns == start.ns
        try:
            end = super().end(row, start)
        except DataError:
            if last is not None and last.form == start.form and last.ns < start.ns:
                self.go_on_from(row, start)  # it does not fit, but the next one is held against it
            raise
        self.first = self.first or start
        if last is not None and self.apart > self.interval_ns:
            self._gap(MissingBars(last.ns, start.ns, self.apart // self.interval_ns - 1))
        return end

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Remembers the defect, and goes on."""
        self.unusable += 1
        self.fault(str(error) if isinstance(error, DataError) else f"{self.name}: row {row}: {error}")

    def fault(self, text: str) -> None:
        """Notes a defect for which a backtest would refuse the file."""
        if len(self.faults) < SHOWN:
            self.faults.append(str(DataError(text)))

    def _gap(self, gap: MissingBars) -> None:
        self.gaps += 1
        self.missing += gap.missing
        if len(self.shown) < SHOWN:
            self.shown.append(gap)
        if gap.missing > self.largest.missing:
            self.largest = gap


def check_file(path: Path, interval: str | None, progress: Progress, timezone: str = "") -> FileCheck:
    """Reads a CSV or Parquet file from end to end, twice.

    - interval: what its bars should be; the file's by default.
    - timezone: as `shared.history.bars` takes it.

    Raises DataError for a file without readable rows, ConfigError for an
    unknown interval or time zone.
    """
    try:
        expected = None if interval is None else interval_ns(interval)
    except ValueError as error:
        raise ConfigError(f"--interval: {error}") from error
    try:
        zone = zone_of(timezone)
    except ValueError as error:
        raise ConfigError(f"--timezone: {error}") from error
    if is_trades(path):
        return check_trades(path, interval, timezone, lambda done: progress("trades", done))
    steps = Steps(str(path), zone)
    _read(path, steps, lambda done: progress("interval", done))
    found = steps.commonest_ns()
    findings = Findings(str(path), expected or found or 1, zone)
    rows, same = _read(path, findings, lambda done: progress("rows", done))
    if findings.first is None or findings.last is None:
        raise DataError(findings.faults[0] if findings.faults else f"{path}: no rows: there is nothing to read")
    _whole(findings, rows, same)
    shown = [
        f"rows: {rows:,}, first {time_text(findings.first.ns)}, last {time_text(findings.last.ns)}",
        _interval(steps, expected),
        *_gaps(findings),
        f"duplicates: {findings.duplicates:,}" if findings.duplicates else "duplicates: none",
        f"unusable rows: {findings.unusable:,}" if findings.unusable else "unusable rows: none",
        *findings.faults,
    ]
    more = f" (and {findings.unusable - 1:,} more)" if findings.unusable > 1 else ""
    return FileCheck(shown, findings.faults[0] + more if findings.faults else None)


def _read(path: Path, order: Steps | Findings, progress: Callable[[int], None]) -> tuple[int, Decimal | None]:
    """Returns how many rows can be used, and their close where all have the same."""
    rows, low, high = 0, None, None
    try:
        for bar in read(path, order):
            rows += 1
            low, high = min(low or bar.close, bar.close), max(high or bar.close, bar.close)
            if rows % EVERY == 0:
                progress(rows)
    except DataError as error:  # behind it nothing can be read
        if order.last is None:
            raise
        if isinstance(order, Findings):
            order.unusable += 1
            order.fault(f"{error} (the rest was not read)")
    progress(rows)
    return rows, low if low == high else None


def _whole(findings: Findings, rows: int, same: Decimal | None) -> None:
    """Adds what only the whole file shows."""
    try:
        findings.check_whole_file()
    except DataError as error:
        findings.fault(str(error))
    if rows < 2:
        findings.fault(f"{findings.name}: one row is too few for a bar's length to be told: pass more")
    elif same is not None:
        findings.fault(f"{findings.name}: all {rows:,} prices are the same ({same}): there is nothing to trade")


def _interval(steps: Steps, expected: int | None) -> str:
    found = steps.commonest_ns()
    if found is None:
        return "interval: cannot be told from one row"
    told = f"interval: {interval_text(found)}, between {100 * steps.share:.4g} % of the rows"
    return told if expected in (None, found) else f"{told}; --interval {interval_text(expected or 0)} was given"


def _gaps(findings: Findings) -> list[str]:
    if not findings.gaps:
        return ["gaps: none"]
    more = findings.gaps - len(findings.shown)
    return [
        *(f"gap: {gap}" for gap in findings.shown),
        *([f"... and {plural(more, 'more gap', spec=',')}"] if more else []),
        f"gaps: {findings.gaps:,}, missing: {findings.missing:,}, the largest: {findings.largest}",
    ]


class TradeFindings(TradeOrder):
    """Takes a file's trades and ends at none: it counts those that cannot be used."""

    def __init__(self, name: str, zone: Zone | None = None) -> None:
        super().__init__(name, zone)
        self.unusable = 0
        self.faults: list[str] = []

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Remembers the defect, and goes on."""
        self.unusable += 1
        if len(self.faults) < SHOWN:
            self.faults.append(str(error) if isinstance(error, DataError) else f"{self.name}: row {row}: {error}")


def check_trades(path: Path, interval: str | None, timezone: str, progress: Callable[[int], None]) -> FileCheck:
    """Reads a file of trades from end to end.

    - interval: of bars that are made of them, to see how many there would be. Raises DataError for a file without
      usable rows.
    """
    zone = zone_of(timezone)
    order = TradeFindings(str(path), zone)
    trades, first, last = 0, 0, 0

    def counted() -> Iterator[HistoryBar]:
        nonlocal trades, first, last
        for trade in read(path, order, frozenset()):
            trades, first, last = trades + 1, first or trade.ts_event, trade.ts_event
            if trades % EVERY == 0:
                progress(trades)
            yield trade

    bars = gaps = 0
    before: int | None = None
    length = interval_ns(interval or "1d")
    try:
        for bar in bars_of_trades(counted(), length, zone):
            gaps += before is not None and bar.ts_event - before >= 2 * length
            bars, before = bars + 1, bar.ts_event
    except DataError as error:  # behind it nothing can be read
        if not trades:
            raise
        order.refuse(trades, DataError(f"{error} (the rest was not read)"))
    progress(trades)
    if not trades:
        raise DataError(order.faults[0] if order.faults else f"{path}: no rows: there is nothing to read")
    lines = [
        f"trades: {trades:,}, first {time_text(first)}, last {time_text(last)}",
        f"unusable rows: {order.unusable:,}" if order.unusable else "unusable rows: none",
    ]
    if interval is not None:
        lines.append(f"whole bars of {interval}: {bars:,}, gaps: {gaps:,}")
        if not bars:
            order.refuse(0, DataError(f"{path}: has no whole bar of {interval}: pass a shorter --interval"))
    more = f" (and {order.unusable - 1:,} more)" if order.unusable > 1 else ""
    return FileCheck([*lines, *order.faults], order.faults[0] + more if order.faults else None)


def check_folder(folder: Path) -> FileCheck:
    """Reads the months of one download from end to end; raises DataError where they are of several, or damaged."""
    from services.research.download.check import checked
    from services.research.download.month_file import about  # pyarrow

    found = [(path, said) for path in sorted(folder.glob("*.parquet")) if (said := about(path)) is not None]
    if not found:
        raise DataError(f"{folder}: has no month's file of `tickline download`: pass such a folder, or one file")
    paths, months = zip(*found, strict=True)
    if len({said.origin for said in months}) > 1:
        raise DataError(f"{folder}: its files are of several downloads: pass a folder of one")
    first, last = months[0], months[-1]
    lines = checked(first.origin, list(paths), first.start_ms, last.end_ms)
    return FileCheck([f"{first.origin}: {plural(len(paths), 'month')}", *lines], None)
