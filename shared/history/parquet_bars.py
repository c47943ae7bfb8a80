"""Bars out of a Parquet file, a batch at a time: memory does not grow with the file.

pyarrow ships no types, so its columns and types are `Any` here; it and numpy are imported only with a Parquet file.
"""

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import ConfigError, DataError
from shared.extras import to_install
from shared.history.bar import HistoryBar
from shared.history.columns import Columns, columns_of
from shared.history.prices import text_price
from shared.history.row_order import RowOrder
from shared.history.rows import RowReader
from shared.history.times import Instant, epoch_time, text_time, timestamp_time
from shared.history.zone import Zone
from shared.intervals import NS_PER_S
from shared.plural import plural

V = TypeVar("V")
_UNIT_NS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DAY_NS = 86_400 * NS_PER_S


class Column(NamedTuple, Generic[V]):
    """A column of a Parquet file turns its cells into values.

    - cells: gives a batch's cells as Python values, None where there is none.
    - value: converts one of the others.
    """

    name: str
    cells: Callable[[Any], list[Any]]
    value: Callable[[Any], V]


def time_column(name: str, arrow_type: Any, zone: Zone | None = None) -> Column[Instant]:
    """Returns a column of timestamps of any unit, dates, integer epochs or texts; raises ValueError for other types.

    - zone: of the times that have none.
    """
    from pyarrow import int32, int64, types

    if types.is_timestamp(arrow_type):
        unit_ns = _UNIT_NS[arrow_type.unit]
        own = zone if arrow_type.tz is None else None
        return Column(name, _as(int64()), lambda count: timestamp_time(count, unit_ns, own))
    if types.is_date32(arrow_type):
        return Column(name, _as(int32()), lambda count: timestamp_time(count, _DAY_NS, zone))
    if types.is_date64(arrow_type):
        return Column(name, _as(int64()), lambda count: timestamp_time(count, _UNIT_NS["ms"], zone))
    if types.is_integer(arrow_type):
        return Column(name, _plain, epoch_time)
    if _is_text(arrow_type):
        return Column(name, _plain, lambda text: text_time(text, zone))
    raise ValueError(f"column {name} is {arrow_type}, which is no time: use a timestamp, an integer epoch or a string")


def price_column(name: str, arrow_type: Any) -> Column[Decimal]:
    """Returns a column of floats (as the shortest digits that give the same float), decimals, integers or texts."""
    from pyarrow import types

    if types.is_boolean(arrow_type):
        raise ValueError(f"column {name} is bool, which is no price: use a float, a decimal, an integer or a string")
    texts = text_column(name, arrow_type, "price")
    return Column(name, _plain, lambda price: text_price(name, texts.value(price)))


def text_column(name: str, arrow_type: Any, what: str = "number") -> Column[str]:
    """Returns a column of the same types, or of true and false, as the text that a CSV would have."""
    from pyarrow import types

    if types.is_float64(arrow_type):
        return Column(name, _plain, repr)
    if types.is_floating(arrow_type):
        import numpy as np

        kind = np.dtype(arrow_type.to_pandas_dtype()).type
        return Column(name, _plain, lambda number: str(kind(number)))
    known = (types.is_decimal, types.is_integer, types.is_boolean, _is_text)
    if any(is_one(arrow_type) for is_one in known):
        return Column(name, _plain, str)
    raise ValueError(
        f"column {name} is {arrow_type}, which is no {what}: use a float, a decimal, an integer or a string"
    )


def _plain(cells: Any) -> list[Any]:
    values: list[Any] = cells.to_pylist()
    return values


def _as(arrow_type: Any) -> Callable[[Any], list[Any]]:
    return lambda cells: _plain(cells.cast(arrow_type))


def _is_text(arrow_type: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type))


FIRST_ROW = 2  # as in the same table written as CSV, where the header is row 1
BATCH_ROWS = 8_192
READ_BYTES = 1 << 20


def parquet_bars(path: Path, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    """Returns the bars or trades behind the first `skip` rows, with what they have of these groups.

    Imports pyarrow with the first such file.
    """
    with _opened(path) as file:
        yield from _bars(path, file, order, skip, groups)


def parquet_columns(path: Path) -> Columns:
    """Returns what a file's rows are; raises DataError where it lacks the columns."""
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


def _bars(path: Path, file: Any, order: RowOrder, skip: int, groups: Set[str]) -> Iterator[HistoryBar]:
    """Yields the bars of a file. A row's cells are those of the prices, then those of the extras, in one tuple."""
    schema, total = file.schema_arrow, file.metadata.num_rows
    found = columns_of(str(path), schema.names)
    time, *columns = (schema.names[at] for at in (found.time, *found.prices))
    reader = RowReader(found, groups)
    if skip > total:
        raise DataError(f"{path}: has {plural(total, 'row')}, but {skip} were taken before: it is another file now")
    try:
        times = time_column(time, schema.field(time).type, order.zone)
        prices = [price_column(column, schema.field(column).type) for column in columns]
        extras = [text_column(schema.names[at], schema.field(at).type) for at in reader.places]
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    count = len(prices)
    for first, batch in _batches(file, [time, *columns, *(extra.name for extra in extras)], skip):
        starts = times.cells(batch.column(time))
        cells_of = [price.cells(batch.column(price.name)) for price in prices]
        cells_of += [extra.cells(batch.column(extra.name)) for extra in extras]
        rows = zip(*cells_of, strict=True)
        for number, (start, cells) in enumerate(zip(starts, rows, strict=True), first):
            try:
                values = [_value(price, cell) for price, cell in zip(prices, cells[:count], strict=True)]
                texts = [
                    "" if cell is None else extra.value(cell) for extra, cell in zip(extras, cells[count:], strict=True)
                ]
                bar = reader.bar(order.end(number, _value(times, start)), values, number, texts)
            except (ValueError, DataError) as error:
                order.refuse(number, error)
            else:
                yield bar


def _value(column: Column[V], cell: Any) -> V:
    if cell is None:
        raise ValueError(f"{column.name} is missing: fill it in or remove the row")
    return column.value(cell)


def _batches(file: Any, columns: list[str], skip: int) -> Iterator[tuple[int, Any]]:
    """Yields the batches behind the first `skip` rows, each with the number of its first row.

    Row groups that lie before that are not read at all.
    """
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
