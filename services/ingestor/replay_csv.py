"""Rows of a CSV file, one at a time: memory does not grow with the file."""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from services.ingestor.replay_prices import text_price
from services.ingestor.replay_times import Instant, text_time
from shared.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

TIME = "datetime"
OHLC = ("open", "high", "low", "close")
PRICE = ("price",)
MAX_LINE_CHARS = 1 << 20


class Row(NamedTuple):
    """One bar as the file has it. `number` as an editor shows it: the header is row 1."""

    number: int
    start: Instant
    price: Decimal


def price_columns(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The price columns to read, the last of them being the tick's price; refuses a file that lacks them.

    >>> price_columns("f.csv", ["datetime", "volume", "price"])
    ('price',)
    >>> price_columns("f.csv", ["time", "price"])
    Traceback (most recent call last):
    shared.errors.DataError: f.csv: row 1: no column datetime ...
    """
    wanted = OHLC if "price" not in columns or set(OHLC) <= set(columns) else PRICE
    missing = [column for column in (TIME, *wanted) if column not in columns]
    if missing:
        raise DataError(
            f"{name}: row 1: no column {', '.join(missing)} (there are: {', '.join(columns)[:200]!r}): "
            f"name them datetime,open,high,low,close or datetime,price, separated by commas"
        )
    for column in (TIME, *wanted):
        if columns.count(column) > 1:
            raise DataError(f"{name}: row 1: column {column} stands twice: remove one")
    return wanted


def csv_rows(path: Path, skip: int) -> Iterator[Row]:
    """The rows after the first `skip` ones. Skipped rows are not looked at, apart from the file's form."""
    try:
        # Lines are bounded, so that a file without line ends cannot fill the memory.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, csv.reader(iter(partial(file.readline, MAX_LINE_CHARS), ""), strict=True), skip)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: row {_undecodable_row(path)}: not UTF-8 text: save it as CSV in UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


def _rows(path: Path, reader: "Reader", skip: int) -> Iterator[Row]:
    number = 1
    try:
        header = [column.strip() for column in next(reader, [])]
        if not header:
            raise DataError(f"{path}: row 1: no header: the file needs one and rows, e.g. datetime,price")
        columns = price_columns(str(path), header)
        time_at, cells = header.index(TIME), [(column, header.index(column)) for column in columns]
        number = reader.line_num + 1
        skipped = sum(1 for _ in islice(filter(None, reader), skip))
        if skipped < skip:
            raise DataError(f"{path}: has {skipped} rows, but {skip} were taken before: it is another file now")
        number = reader.line_num + 1
        for fields in reader:
            if fields:  # an empty line is no row
                if len(fields) != len(header):
                    raise ValueError(f"{len(fields)} fields, but the header has {len(header)}: correct the row")
                prices = [text_price(column, fields[at]) for column, at in cells]
                yield Row(number, text_time(fields[time_at]), prices[-1])
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: row {number}: not CSV ({error}): correct the row") from error
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise DataError(f"{path}: row {number}: {error}") from error


def _undecodable_row(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
