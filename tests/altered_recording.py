"""Changes a recording, as somebody might who edits its files."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from shared.messages import Stream
from shared.recording.layout import parts

Row = dict[str, object]


def alter(folder: Path, stream: Stream, change: Callable[[list[Row]], None]) -> None:
    """Rewrites a stream's only part with changed rows."""
    (part,) = parts(folder, stream)
    table = parquet.read_table(part.path)
    rows = table.to_pylist()
    change(rows)
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), part.path)


def the_row(rows: list[Row], sym: str, n: int) -> Row:
    """Returns the row of message n of a symbol."""
    return next(row for row in rows if (row["k"], row["n"]) == (sym, n))
