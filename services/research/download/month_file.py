"""A month's Parquet file, and what it says of itself.

`datetime` is a timestamp in UTC; numbers are texts with the venue's own digits. shared.history reads those exactly, and
any tool casts them in one step. A float would lose digits of large volumes; a decimal of one fixed scale would pad each
price (71440.100000000000000000) or not hold it, and one of fitting scale would give two months two schemas.

pyarrow ships no types, so its tables and schemas are `Any` here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, ValidationError

from services.research.download.disk import replacing
from services.research.download.job import Origin
from services.research.download.kinds import Kind
from services.research.download.rows import Row
from shared.errors import DataError

TIME, ID = "datetime", "id"
_KEY = b"tickline"
_TIME_TYPE = pa.timestamp("ms", "UTC")
_REMEDY = "move it away and run the same command again"


class About(BaseModel):
    """Where a file's rows come from. They are all there are from `start_ms` until before `end_ms`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Origin
    start_ms: int
    end_ms: int
    repeats: int


def schema(kind: Kind) -> Any:
    """The columns of a kind's files."""
    texts = (*kind.columns, ID) if kind.has_id else kind.columns
    return pa.schema([pa.field(TIME, _TIME_TYPE, nullable=False), *(pa.field(name, pa.string()) for name in texts)])


def about(path: Path) -> About | None:
    """What a file says of itself; None where there is no file. A DataError where it is none of ours."""
    if not path.exists():
        return None
    with _opened(path) as file:
        return _about(path, file)


def write(path: Path, kind: Kind, new: About, parts: Iterable[Any]) -> int:
    """Put a file of these tables in the place of what is there, as a whole; the number of rows."""
    rows = 0
    with replacing(path) as temporary:
        form = schema(kind).with_metadata({_KEY: new.model_dump_json().encode()})
        with temporary.open("wb") as file, parquet.ParquetWriter(file, form, compression="zstd") as writer:
            for part in parts:
                if part.num_rows:
                    writer.write_table(part.cast(form))
                    rows += part.num_rows
    return rows


def table(kind: Kind, rows: Sequence[Row]) -> Any:
    """Rows as a table."""
    times = pa.array([row.at_ms for row in rows], pa.int64()).cast(_TIME_TYPE)
    texts = [pa.array([row.values[at] for row in rows], pa.string()) for at in range(len(kind.columns))]
    ids = [pa.array([row.id for row in rows], pa.string())] if kind.has_id else []
    return pa.Table.from_arrays([times, *texts, *ids], schema=schema(kind))


def tables(path: Path, start_ms: int, end_ms: int) -> Iterator[Any]:
    """A file's rows from `start_ms` until before `end_ms`, a row group at a time."""
    first, end = (pa.scalar(at_ms, pa.int64()).cast(_TIME_TYPE) for at_ms in (start_ms, end_ms))
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            found = file.read_row_group(group)
            inside = pc.and_(pc.greater_equal(found[TIME], first), pc.less(found[TIME], end))
            yield found.filter(inside)


def last_rows(path: Path, kind: Kind) -> list[Row]:
    """The rows of a file's last time."""
    with _opened(path) as file:
        last = file.read_row_group(file.num_row_groups - 1)
    at_ms = pc.max(last[TIME].cast(pa.int64())).as_py()
    found = last.filter(pc.equal(last[TIME].cast(pa.int64()), at_ms)).to_pylist()
    return [Row(at_ms, row.get(ID, ""), tuple(row[name] for name in kind.columns)) for row in found]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]}): {_REMEDY}") from error


def _about(path: Path, file: Any) -> About:
    try:
        return About.model_validate_json((file.schema_arrow.metadata or {})[_KEY])
    except (KeyError, ValidationError) as error:
        raise DataError(f"{path}: was not written by `tickline download`: {_REMEDY}") from error
