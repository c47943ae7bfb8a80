"""Bars out of a Parquet file, a batch at a time: memory does not grow with the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import ConfigError, DataError
from shared.extras import to_install
from shared.history.arrow_columns import Column, V, price_column, time_column
from shared.history.bar import Bar, bar_of
from shared.history.columns import Columns, columns_of
from shared.history.row_order import RowOrder
from shared.plural import plural

FIRST_ROW = 2  # as in the same table written as CSV, where the header is row 1
BATCH_ROWS = 8_192
READ_BYTES = 1 << 20


def parquet_bars(path: Path, order: RowOrder, skip: int) -> Iterator[Bar]:
    """The bars after the first `skip` rows. pyarrow is imported when the first such file is opened."""
    with _opened(path) as file:
        yield from _bars(path, file, order, skip)


def parquet_columns(path: Path) -> Columns:
    """What a file's rows are; a DataError where it lacks the columns."""
    with _opened(path) as file:
        return columns_of(str(path), file.schema_arrow.names)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs pyarrow: {to_install('parquet')}, or pass a CSV") from error
    try:
        with path.open("rb") as raw, parquet.ParquetFile(raw, buffer_size=READ_BYTES, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        # pyarrow raises plain OSErrors on damaged pages, and ValueErrors on names that are not UTF-8.
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error
        raise DataError(f"{path}: not a whole Parquet file ({str(error).strip()[:160]}): write it again") from error


def _bars(path: Path, file: Any, order: RowOrder, skip: int) -> Iterator[Bar]:
    schema, total = file.schema_arrow, file.metadata.num_rows
    found = columns_of(str(path), schema.names)
    time, *columns = (schema.names[at] for at in (found.time, *found.prices))
    if skip > total:
        raise DataError(f"{path}: has {plural(total, 'row')}, but {skip} were taken before: it is another file now")
    try:
        times = time_column(time, schema.field(time).type, order.zone)
        prices = [price_column(column, schema.field(column).type) for column in columns]
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    for first, batch in _batches(file, [time, *columns], skip):
        starts = times.cells(batch.column(time))
        rows = zip(*(price.cells(batch.column(price.name)) for price in prices), strict=True)
        for number, (start, cells) in enumerate(zip(starts, rows, strict=True), first):
            try:
                values = [_value(price, cell) for price, cell in zip(prices, cells, strict=True)]
                bar = bar_of(order.end(number, _value(times, start)), values, number)
            except (ValueError, DataError) as error:
                order.refuse(number, error)
            else:
                yield bar


def _value(column: Column[V], cell: Any) -> V:
    if cell is None:
        raise ValueError(f"{column.name} is missing: fill it in or remove the row")
    return column.value(cell)


def _batches(file: Any, columns: list[str], skip: int) -> Iterator[tuple[int, Any]]:
    """Batches behind the first `skip` rows, each with the number of its first row. Whole row groups are not read."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    before, group = 0, 0
    while group < len(sizes) and before + sizes[group] <= skip:
        before += sizes[group]
        group += 1
    groups = list(range(group, len(sizes)))
    for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False):
        cut = min(max(skip - before, 0), batch.num_rows)
        yield FIRST_ROW + before + cut, batch.slice(cut)
        before += batch.num_rows
