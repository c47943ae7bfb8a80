"""Bars out of price files, whatever their kind."""

from collections.abc import Iterator
from pathlib import Path

from shared.errors import DataError
from shared.history.bar import Bar
from shared.history.csv_bars import csv_bars
from shared.history.parquet_bars import parquet_bars
from shared.history.row_order import RowOrder
from shared.intervals import interval_ns, interval_text

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


def bars(path: Path, interval: str, *, skip: int = 0) -> Iterator[Bar]:
    """The bars of one CSV or Parquet file (`.parquet`, `.pq`; anything else is CSV) behind its first `skip` rows.

    Columns: `datetime, open, high, low, close` or `datetime, price`; others are ignored. `datetime` is the bar's start,
    so `ts_event` is `datetime` + interval. A hole in the times is let through. Memory does not grow with the file.

    Any defect is a DataError of one line with file and row, raised when its row is reached. What only a whole file
    shows, bars that are all longer than the interval, is raised behind the last row, where no row was skipped.
    Raises ValueError for an unknown interval or a negative `skip`.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "bars.csv"
    >>> _ = path.write_text("datetime,open,high,low,close\\n2024-10-29,2,5,1,4\\n2024-10-29T12:00,4,9,4,8.0\\n")
    >>> [(bar.ts_event, str(bar.close)) for bar in bars(path, "12h")]
    [(1730203200000000000, '4'), (1730246400000000000, '8.0')]
    >>> folder.cleanup()
    """
    if skip < 0:
        raise ValueError(f"skip {skip} is negative")
    order = RowOrder(str(path), interval_ns(interval))
    _require_file(path)
    return _bars(path, order, skip)


def infer_interval(path: Path) -> str:
    """The interval of a file's bars: the smallest difference between two of its times. Reads the whole file.

    A DataError for any defect, for fewer than two rows, and where the difference is no interval, e.g. 0.25 s.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "bars.csv"
    >>> _ = path.write_text("datetime,price\\n2024-10-29,1\\n2024-10-31,2\\n2024-11-01,3\\n")
    >>> infer_interval(path)
    '1d'
    >>> folder.cleanup()
    """
    order = RowOrder(str(path), 1)  # the shortest there is, so that any ascending times are in order
    for _ in read(path, order):
        pass
    closest = order.closest_ns
    if closest is None:
        raise DataError(f"{path}: fewer than two rows, so they have no interval: pass --interval")
    shown = interval_text(closest)
    try:
        interval_ns(shown)
    except ValueError as error:
        rows = "{} and {}".format(*order.closest_rows)
        raise DataError(f"{path}: rows {rows} are {shown} apart, which is no interval: correct the times") from error
    return shown


def read(path: Path, order: RowOrder) -> Iterator[Bar]:
    """The bars of a file, held against an order of one's own; what a whole file shows is not looked at."""
    _require_file(path)
    return _read(path, order, 0)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: is a directory: pass one CSV or Parquet file")
    if not path.exists():
        raise DataError(f"{path}: there is no such file: check the path")
    if not path.is_file():
        raise DataError(f"{path}: is no regular file, and it is read more than once: copy it into one")


def _bars(path: Path, order: RowOrder, skip: int) -> Iterator[Bar]:
    # The row before is read again, so that the first new one is held against it.
    found = _read(path, order, max(skip - 1, 0))
    first = next(found, None)
    if first is None:
        raise DataError(
            f"{path}: has {skip - 1} rows, but {skip} were taken before: it is another file now"
            if skip
            else f"{path}: no rows: there is nothing to read"
        )
    if skip:
        yield from found
    else:
        yield first
        yield from found
        order.whole_file()


def _read(path: Path, order: RowOrder, skip: int) -> Iterator[Bar]:
    return (parquet_bars if path.suffix.lower() in PARQUET_SUFFIXES else csv_bars)(path, order, skip)
