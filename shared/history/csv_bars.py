"""Bars out of a CSV file, one row at a time: memory does not grow with the file."""

import csv
from collections.abc import Iterator, Set
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from shared.errors import DataError
from shared.history.bar import HistoryBar, bar_of
from shared.history.columns import Columns, columns_of, columns_without_header
from shared.history.packed import opened, opened_text
from shared.history.prices import DecimalMark, text_prices
from shared.history.row_order import RowOrder
from shared.history.rows import RowReader
from shared.history.times import text_time
from shared.plural import plural

if TYPE_CHECKING:
    from _csv import Reader

MAX_LINE_CHARS = 1 << 20
SEPARATORS = (",", ";", "\t")


class OpenedCsv(NamedTuple):
    """An opened file has its columns and its rows.

    - first: the row that stands where others have a header.
    - reader: gives the rows behind it.
    """

    columns: Columns
    first: list[list[str]]
    reader: "Reader"
    separator: str


def csv_bars(path: Path, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    """Returns the bars or trades behind the first `skip` rows, which are not looked at apart from the file's form.

    - groups: those that are read; what is only of others is not looked at.
    """
    number = 1
    try:
        with opened_text(path) as file:
            table = _table(path, file)
            reader = table.reader
            rows = chain(table.first, reader)
            skipped = sum(1 for _ in islice(filter(None, rows), skip))
            if skipped < skip:
                raise DataError(
                    f"{path}: has {plural(skipped, 'row')}, but {skip} were taken before: it is another file now"
                )
            number = 1 if table.first and not skip else reader.line_num + 1
            time_at, places, names, width, *_ = table.columns
            extra = RowReader(table.columns, groups)
            extras = extra.places
            mark, end, zone = None if table.separator == "," else DecimalMark(), order.end, order.zone
            for fields in rows:
                if fields:  # an empty line is no row
                    try:
                        if len(fields) != width:
                            raise ValueError(
                                f"{plural(len(fields), 'field')}, but the header has {width}: correct the row"
                            )
                        texts = [fields[at] for at in places]
                        prices = text_prices(names, texts if mark is None else list(map(mark.plain, texts)))
                        ts_event = end(number, text_time(fields[time_at], zone))
                        if extras:
                            texts = [fields[at] for at in extras]
                            told = texts if mark is None else list(map(mark.plain, texts))
                            bar = extra.bar(ts_event, prices, number, told)
                        else:
                            bar = bar_of(ts_event, prices, number)
                    except (ValueError, DataError) as error:
                        order.refuse(number, error)
                    else:
                        yield bar
                number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: row {number}: not CSV ({error}): correct the row") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: row {_undecodable_row(path)}: not UTF-8 text: save it as CSV in UTF-8") from error


def csv_columns(path: Path) -> Columns:
    """Returns what a file's rows are; raises DataError where it has no usable header."""
    try:
        with opened_text(path) as file:
            return _table(path, file).columns
    except csv.Error as error:
        raise DataError(f"{path}: row 1: not CSV ({error}): correct the row") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: row {_undecodable_row(path)}: not UTF-8 text: save it as CSV in UTF-8") from error


def _table(path: Path, file: TextIO) -> OpenedCsv:
    reader, separator = separated(file)
    header = next(reader, [])
    if not header:
        raise DataError(f"{path}: row 1: no header: the file needs one and rows, e.g. datetime,price")
    columns = columns_without_header(header)
    if columns is not None:
        return OpenedCsv(columns, [header], reader, separator)
    return OpenedCsv(columns_of(str(path), [column.strip() for column in header]), [], reader, separator)


def separated(file: TextIO) -> "tuple[Reader, str]":
    """Returns a file's rows, and the sign between their fields: the one that stands most often in the first line."""
    # Lines are bounded, so that a file without line ends cannot fill the memory.
    lines = iter(partial(file.readline, MAX_LINE_CHARS), "")
    first = next(lines, "")
    separator = max(SEPARATORS, key=first.count)
    return csv.reader(chain([first] if first else [], lines), strict=True, delimiter=separator), separator


def _undecodable_row(path: Path) -> int:
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
