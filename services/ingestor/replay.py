"""Replay: the prices of files, as fast as they are taken."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from services.ingestor.replay_csv import Row, csv_rows
from services.ingestor.replay_order import RowOrder
from services.ingestor.replay_parquet import parquet_rows
from services.ingestor.source import Feed, Quote
from shared.errors import ConfigError, DataError
from shared.intervals import interval_ns

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


class Checked(NamedTuple):
    """What a whole file holds: its number of rows, and when the first and the last of them are known."""

    rows: int
    first_ts_event: int
    last_ts_event: int


class ReplaySource:
    """Bars or prices out of one CSV or Parquet file per symbol (`.parquet`, `.pq`; anything else is CSV).

    Columns: `datetime, open, high, low, close` (the price is the close) or `datetime, price`; others are ignored.
    `datetime` is the bar's start, so `ts_event` is `datetime` + interval. A hole in the times is let through.
    Any defect is a DataError of one line with file and row, raised by `check()` for the whole file and by a Feed
    when it gets there. Raises ConfigError without files, ValueError for an unknown interval.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> bars = Path(folder.name) / "bars.csv"
    >>> _ = bars.write_text("datetime,price\\n2024-10-29,71440.10\\n2024-10-29T12:00,72739.5\\n")
    >>> source = ReplaySource({"BTCUSDT": bars}, "12h")
    >>> source.check()["BTCUSDT"].rows
    2
    >>> source.open("BTCUSDT", 0).take(1)
    [Quote(sym='BTCUSDT', ts_event=1730203200000000000, price=Decimal('71440.10'))]
    >>> folder.cleanup()
    """

    def __init__(self, files: Mapping[str, Path], interval: str) -> None:
        if not files:
            raise ConfigError("replay has no file: pass --data FILE --sym SYMBOL")
        self._files = {sym: Path(files[sym]) for sym in sorted(files)}
        self._interval_ns = interval_ns(interval)

    @property
    def venue(self) -> str:
        """The name in trace ids."""
        return "replay"

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, sorted."""
        return tuple(self._files)

    def open(self, sym: str, position: int) -> Feed:
        """The quotes behind the first `position` rows."""
        if position < 0:
            raise ValueError(f"position {position} is negative")
        path = self._file(sym)
        return ReplayFeed(_quotes(sym, path, position, RowOrder(str(path), self._interval_ns)))

    def check(self) -> dict[str, Checked]:
        """Read every file from its first row to its last, so that a bad row is found before anything runs.

        Refuses too what only the whole file shows: bars that are all longer than the interval.
        """
        return {sym: self._check(sym) for sym in self._files}

    def _check(self, sym: str) -> Checked:
        path = self._file(sym)
        order = RowOrder(str(path), self._interval_ns)
        rows, first, last = 0, 0, 0
        for quote in _quotes(sym, path, 0, order):
            rows, first, last = rows + 1, first or quote.ts_event, quote.ts_event
        order.whole_file()
        return Checked(rows, first, last)

    def _file(self, sym: str) -> Path:
        if sym not in self._files:
            raise ConfigError(f"replay has no file for {sym}: it has {', '.join(self._files)}")
        path = self._files[sym]
        if path.is_dir():
            raise DataError(f"{path}: is a directory: pass one CSV or Parquet file")
        if not path.exists():
            raise DataError(f"{path}: there is no such file: check the path")
        if not path.is_file():
            raise DataError(f"{path}: is no regular file, and it is read more than once: copy it into one")
        return path


class ReplayFeed:
    """One symbol's quotes, all of them due at once. A bad row is raised when the quotes before it were taken."""

    def __init__(self, quotes: Iterator[Quote]) -> None:
        self._quotes = quotes
        self._next: Quote | None = None
        self._error: DataError | None = None
        self._advance()

    def take(self, limit: int) -> list[Quote]:
        """The next quotes, at most `limit`; raises DataError at a bad row."""
        taken: list[Quote] = []
        while self._next is not None and len(taken) < limit:
            taken.append(self._next)
            self._advance()
        if self._error is not None and not taken:
            raise self._error
        return taken

    def due_in_s(self) -> float | None:
        """0.0 until the file is at its end, then None."""
        return 0.0 if self._next is not None or self._error is not None else None

    def _advance(self) -> None:
        try:
            self._next = next(self._quotes, None)
        except DataError as error:
            self._next, self._error = None, error


def _quotes(sym: str, path: Path, position: int, order: RowOrder) -> Iterator[Quote]:
    # The row before is read again, so that the first new one is held against it.
    rows = _rows(path, max(position - 1, 0))
    if position:
        before = next(rows, None)
        if before is None:
            raise DataError(
                f"{path}: has {position - 1} rows, but {position} were taken before: it is another file now"
            )
        order.end(before.number, before.start)
    empty = not position
    for row in rows:
        empty = False
        yield Quote(sym, order.end(row.number, row.start), row.price)
    if empty:
        raise DataError(f"{path}: no rows: there is nothing to replay")


def _rows(path: Path, skip: int) -> Iterator[Row]:
    return (parquet_rows if path.suffix.lower() in PARQUET_SUFFIXES else csv_rows)(path, skip)
