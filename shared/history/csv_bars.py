"""Bars out of a CSV file, one row at a time: memory does not grow with the file."""

import csv
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import DataError
from shared.history.bar import Bar, bar_of
from shared.history.columns import TIME, price_columns
from shared.history.prices import text_prices
from shared.history.row_order import RowOrder
from shared.history.times import text_time

if TYPE_CHECKING:
    from _csv import Reader

MAX_LINE_CHARS = 1 << 20


def csv_bars(path: Path, order: RowOrder, skip: int) -> Iterator[Bar]:
    """The bars after the first `skip` rows. Skipped rows are not looked at, apart from the file's form."""
    try:
        # Lines are bounded, so that a file without line ends cannot fill the memory.
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = iter(partial(file.readline, MAX_LINE_CHARS), "")
            yield from _bars(path, csv.reader(lines, strict=True), order, skip)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: row {_undecodable_row(path)}: not UTF-8 text: save it as CSV in UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


def _bars(path: Path, reader: "Reader", order: RowOrder, skip: int) -> Iterator[Bar]:
    number = 1
    try:
        header = [column.strip() for column in next(reader, [])]
        if not header:
            raise DataError(f"{path}: row 1: no header: the file needs one and rows, e.g. datetime,price")
        columns = price_columns(str(path), header)
        time_at, places = header.index(TIME), [header.index(column) for column in columns]
        number = reader.line_num + 1
        skipped = sum(1 for _ in islice(filter(None, reader), skip))
        if skipped < skip:
            raise DataError(f"{path}: has {skipped} rows, but {skip} were taken before: it is another file now")
        number = reader.line_num + 1
        for fields in reader:
            if fields:  # an empty line is no row
                try:
                    if len(fields) != len(header):
                        raise ValueError(f"{len(fields)} fields, but the header has {len(header)}: correct the row")
                    prices = text_prices(columns, [fields[at] for at in places])
                    bar = bar_of(order.end(number, text_time(fields[time_at])), prices, number)
                except (ValueError, DataError) as error:
                    order.refuse(number, error)
                else:
                    yield bar
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: row {number}: not CSV ({error}): correct the row") from error


def _undecodable_row(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
