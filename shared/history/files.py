"""Bars out of price files of every format. A new format is a module like csv_bars.py, and a line in FORMATS."""

from collections.abc import Callable, Iterator, Set
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from shared.errors import ConfigError, DataError
from shared.history.bar import HistoryBar
from shared.history.columns import ALL_GROUPS, Columns
from shared.history.csv_bars import csv_bars, csv_columns
from shared.history.packed import PARQUET, begins_with
from shared.history.parquet_bars import parquet_bars, parquet_columns
from shared.history.row_order import RowOrder, Steps, TradeOrder
from shared.history.tables import PriceData, price_file
from shared.history.trades import bars_of_trades
from shared.history.zone import zone_of
from shared.intervals import interval_ns, interval_text
from shared.plural import plural

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


def is_parquet(path: Path) -> bool:
    """Returns whether a file is Parquet, by its name or by how it begins."""
    return path.suffix.lower() in PARQUET_SUFFIXES or begins_with(path, PARQUET)


class PriceFormat(NamedTuple):
    """A format of price files says which files are its own, what their rows are, and reads them.

    - columns: raises DataError where a file has no usable columns.
    - bars: gives the bars or trades behind the first `skip` rows, each held against an order, with the groups wanted.
    """

    recognises: Callable[[Path], bool]
    columns: Callable[[Path], Columns]
    bars: Callable[[Path, RowOrder, int, Set[str]], Iterator[HistoryBar]]


# The first that recognises a file reads it.
FORMATS = (
    PriceFormat(is_parquet, parquet_columns, parquet_bars),
    PriceFormat(lambda path: True, csv_columns, csv_bars),
)


def bars(
    path: PriceData, interval: str, *, skip: int = 0, timezone: str = "", groups: Set[str] = ALL_GROUPS
) -> Iterator[HistoryBar]:
    """Returns the bars of one CSV or Parquet file behind the first `skip` of them; memory does not grow with the file.

    A DataFrame of polars or pandas stands for its file (`tables.py`).

    The file has the columns `datetime, open, high, low, close` or `datetime, price`, in small or capital letters; for
    `datetime` also `open_time`, `timestamp` or `date`. It may have `volume, quote_volume, trades, taker_volume`, `bid,
    ask, bid_qty, ask_qty` and `funding_rate`, by those names or an exchange's; others are left out (`columns.py`). The
    time is the bar's start, so `ts_event` is that + interval. A hole in the times is let through. Klines, trades and
    aggTrades of data.binance.vision, and rows of ccxt's `fetch_ohlcv`, are read without a header too; trades become
    bars (`bars_of_trades`). Commas, semicolons or tabs separate the fields; a file may be packed (`packed.py`).

    - groups: what is read beside the prices; columns of others are not looked at, which is faster.
    - timezone: an IANA name, of times that have no offset; bars of whole days are then days there, which end at local
      midnight. By default UTC.

    Any defect is a DataError of one line with file and row, raised when its row is reached. What only a whole file
    shows, bars that are longer than the interval, is raised behind the last row, where no row was skipped. Raises
    ValueError for an unknown interval or time zone, or a negative `skip`.

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
    length, zone = interval_ns(interval), zone_of(timezone)
    if not isinstance(path, str | Path):
        return _bars_of_table(path, interval, skip, timezone, groups)
    path = Path(path)
    _require_file(path)
    return _bars(path, RowOrder(str(path), length, zone), skip, groups)


def groups_of(path: Path) -> frozenset[str]:
    """Returns the groups that a file's columns have; raises DataError for one that is no price file."""
    _require_file(path)
    return _format(path).columns(path).groups


def fields_of(path: Path) -> frozenset[str]:
    """Returns those of the bar group's fields beside volume that a file tells; raises DataError as `groups_of` does."""
    _require_file(path)
    return _format(path).columns(path).fields


def infer_interval(path: PriceData, timezone: str = "") -> str:
    """Returns the interval of a file's bars: the most frequent difference between its times. Reads the whole file.

    Rows that cannot be used are skipped: `bars` names them. A DataError where none can, for fewer than two, for
    trades, and where the difference is no interval, e.g. 0.25 s. ConfigError for an unknown time zone.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "bars.csv"
    >>> _ = path.write_text("datetime,price\\n2024-10-29,1\\n2024-10-30,2\\n2024-10-31,3\\n2024-10-31T15:37,4\\n")
    >>> infer_interval(path)
    '1d'
    >>> folder.cleanup()
    """
    with price_file(path) as file:
        return _commonest_step(file, timezone)


def _commonest_step(path: Path, timezone: str) -> str:
    try:
        steps = Steps(str(path), zone_of(timezone))
    except ValueError as error:
        raise ConfigError(f"--timezone: {error}") from error
    if is_trades(path):
        raise DataError(f"{path}: has trades, of which bars of any length are made: pass --interval, e.g. 1m")
    for _ in read(path, steps, frozenset()):
        pass
    commonest = steps.commonest_ns()
    if commonest is None:
        raise DataError(steps.first_fault or f"{path}: fewer than two rows, so they have no interval: pass --interval")
    shown = interval_text(commonest)
    try:
        interval_ns(shown)
    except ValueError as error:
        raise DataError(f"{path}: most rows are {shown} apart, which is no interval: correct the times") from error
    return shown


def is_trades(path: Path) -> bool:
    """Returns whether a file's rows are trades, not bars; raises DataError for a file that is neither."""
    _require_file(path)
    return _format(path).columns(path).trades


def read(path: Path, order: RowOrder, groups: Set[str] = ALL_GROUPS) -> Iterator[HistoryBar]:
    """Returns the rows of a file, held against an order of one's own; what only a whole file shows is left out."""
    _require_file(path)
    return _read(path, order, 0, groups)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: is a directory: pass one CSV or Parquet file")
    if not path.exists():
        raise DataError(f"{path}: there is no such file: check the path")
    if not path.is_file():
        raise DataError(f"{path}: is no regular file, and it is read more than once: copy it into one")


def _bars_of_table(table: PriceData, interval: str, skip: int, timezone: str, groups: Set[str]) -> Iterator[HistoryBar]:
    with price_file(table) as path:
        yield from bars(path, interval, skip=skip, timezone=timezone, groups=groups)


def _bars(path: Path, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    if is_trades(path):
        yield from _made_of_trades(path, order, skip, groups)
        return
    # The row before is read again, so that the first new one is held against it.
    found = _read(path, order, max(skip - 1, 0), groups)
    first = next(found, None)
    if first is None:
        raise DataError(
            f"{path}: has {plural(skip - 1, 'row')}, but {skip} were taken before: it is another file now"
            if skip
            else f"{path}: no rows: there is nothing to read"
        )
    if skip:
        yield from found
    else:
        yield first
        yield from found
        order.check_whole_file()


def _made_of_trades(path: Path, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    length, zone = order.interval_ns, order.zone
    found = bars_of_trades(_read(path, TradeOrder(str(path), zone), 0, groups), length, zone)
    skipped = sum(1 for _ in islice(found, skip))
    if skipped < skip:
        raise DataError(f"{path}: gives {plural(skipped, 'bar')}, but {skip} were taken before: it is another file now")
    count = 0
    for bar in found:
        count += 1
        yield bar
    if not skip and not count:
        raise DataError(
            f"{path}: has no whole bar of {interval_text(length)}: pass a shorter --interval, or more trades"
        )


def _read(path: Path, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    return _format(path).bars(path, order, skip, groups)


def _format(path: Path) -> PriceFormat:
    return next(known for known in FORMATS if known.recognises(path))
