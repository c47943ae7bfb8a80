"""One part of a recording: rows of one stream and day, and how far the whole stream was recorded with it.

Rows and positions stand in one file, which is there whole or not at all. So there is no moment at which a row is
kept and the cursor behind it is not, or the other way round: the files are the truth, and nothing else is asked.

The columns of a stream are made from the message classes that may stand in it. Decimals are strings, so that they stay
exact. A tensor is three columns: dtype, shape and bytes. `d` is the message as it lay on the bus, so nothing is lost
where a field has no column, or an entry could not be decoded.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import accumulate
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from shared.bus.entry import Entry
from shared.bus.names import PartitionId
from shared.errors import DataError
from shared.messages import DecodeError, Stream, decode
from shared.messages.base import Message
from shared.messages.codec import TYPES, pack, unpack
from shared.record import WIRE, NewerWire, Record, Snapshot
from shared.recording.layout import NewerRecording, Part, parts, write_durably
from shared.recording.position import SavedPosition, StreamPosition

BESIDE = {"sym", "n", "tr", "stream"}  # they have columns already, or a folder


class ReceivedEntry(NamedTuple):
    """An entry of a stream's partition is to be recorded.

    - missing: how many entries should have come before it and did not.
    """

    place: PartitionId
    entry: Entry
    missing: int


class MessageColumn(NamedTuple):
    """A field of a message has a column of its own.

    - path: the names that lead from the message to the value.
    - kind: the value's type.
    """

    name: str
    path: tuple[str, ...]
    kind: Any


@cache
def message_columns(stream: Stream) -> tuple[MessageColumn, ...]:
    """Returns the columns of the messages that may stand in a stream.

    >>> [column.name for column in message_columns(Stream.EXECUTIONS)][-4:]
    ['commission', 'reason', 'dust', 'capital']
    """
    found: dict[str, MessageColumn] = {}
    for kind in TYPES.values():
        if getattr(kind, "STREAM", stream) is stream and stream is not Stream.DEAD:  # a Gap belongs to any stream
            found |= {column.name: column for column in _columns(kind, ())}
    return tuple(found.values())


def _columns(kind: type[Record], path: tuple[str, ...]) -> Iterator[MessageColumn]:
    for name, field in kind.model_fields.items():
        if not path and name in BESIDE:
            continue
        inner, at = _plain_type(field.annotation), (*path, name)
        if isinstance(inner, type) and issubclass(inner, Record):
            yield from _columns(inner, at)
        else:
            yield MessageColumn("_".join(at), at, inner)


def _plain_type(annotation: Any) -> Any:
    """Returns the type without Annotated and `| None`."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _plain_type(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation


def schema(stream: Stream) -> Any:
    """Returns the Arrow schema of a stream's parts."""
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    own = {
        "id": pa.string(),
        "instance": words,
        "p": pa.int32(),
        "t": pa.string(),
        "k": pa.string(),
        "n": pa.int64(),
        "h": pa.string(),
        "tr": pa.string(),
        "w": pa.int64(),
        "d": pa.binary(),
        "missing": pa.int64(),
    }
    return pa.schema(own | {column.name: _arrow_type(column.kind) for column in message_columns(stream)})


def _arrow_type(kind: Any) -> Any:
    import pyarrow as pa

    kind = _plain_type(kind)
    if get_origin(kind) is tuple:
        return pa.list_(_arrow_type(get_args(kind)[0]))
    simple = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), bytes: pa.binary()}
    if kind in simple:
        return simple[kind]
    text = get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, str | Decimal | Enum))
    if text:
        return pa.string()
    raise TypeError(f"a recording has no column for {kind}")


def table(stream: Stream, rows: list[ReceivedEntry], metadata: Mapping[str, bytes]) -> Any:
    """Returns the rows as an Arrow table, every message decoded; raises NewerWire where one is a newer Tickline's."""
    import pyarrow as pa

    own, kinds = schema(stream), message_columns(stream)
    values: dict[str, list[Any]] = {name: [] for name in own.names}
    for place, entry, missing in rows:
        cells = (
            entry.id.decode(),
            place.instance,
            place.p,
            entry.t.decode(errors="replace"),
            entry.k,
            _fitting(entry.n),
            entry.h.decode(errors="replace"),
            entry.tr,
            _fitting(entry.w),
            entry.d,
            missing,
        )
        message = _message(stream, entry)
        for name, cell in zip(own.names, (*cells, *(_cell(message, column.path) for column in kinds)), strict=True):
            values[name].append(cell)
    return pa.table(values, schema=own.with_metadata(metadata))


def _message(stream: Stream, entry: Entry) -> Message | None:
    if stream is Stream.DEAD:
        return None
    try:
        return decode(entry.t, entry.d)
    except DecodeError:
        return None  # its bytes are kept all the same


def _fitting(number: int) -> int:
    """Returns a number that an int64 holds; 0 for one that is damaged."""
    return number if number < 2**63 else 0


def _cell(message: Message | None, path: tuple[str, ...]) -> Any:
    """Returns the value at the end of a path; None where the message has none, or there is no message."""
    value: Any = message
    for name in path:
        value = getattr(value, name, None)
    return str(value) if isinstance(value, Decimal | Enum) else value


POSITIONS = b"tickline.positions"
BATCH_ROWS = 4_096

Positions = dict[PartitionId, StreamPosition]


class PositionsSnapshot(Snapshot):
    """A part keeps how far its stream was recorded: the name of each partition -> its position."""

    places: dict[str, SavedPosition]


class RecordedEntry(NamedTuple):
    """A recorded entry is read again with these fields."""

    k: str
    n: int
    t: str
    tr: str
    d: bytes
    missing: int


def write_part(
    path: Path,
    stream: Stream,
    rows: list[ReceivedEntry],
    positions: Mapping[PartitionId, StreamPosition],
    wire: int = WIRE,
) -> None:
    """Writes a part, its positions as `wire` writes them; raises OSError, and NewerWire where a row cannot be read."""
    from pyarrow import parquet

    kept = PositionsSnapshot(places={str(place): position.dump() for place, position in positions.items()})
    made = table(stream, rows, {POSITIONS.decode(): pack(kept, wire)})
    write_durably(path, lambda unfinished: parquet.write_table(made, unfinished, compression="zstd"))


def read_positions(path: Path) -> Positions:
    """Returns how far the stream was recorded when a part was written; raises DataError."""
    from pyarrow import ArrowException, parquet

    try:
        kept = PositionsSnapshot.of(unpack(parquet.read_schema(path).metadata[POSITIONS]))
        return {_place(name): StreamPosition.of(saved) for name, saved in kept.places.items()}
    except NewerWire as newer:
        raise NewerRecording(path, newer) from newer
    except (ArrowException, OSError, TypeError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(
            f"{path}: no whole part of a recording ({why}): restore it, or record to another folder"
        ) from error


def _place(name: str) -> PartitionId:
    instance, _, p = name.rpartition(".")
    return PartitionId(instance, int(p))


def recorded_symbols(folder: Path) -> list[str]:
    """Returns the symbols of which there are ticks, sorted; raises DataError."""
    newest = parts(folder, Stream.TICKS)[-1:]
    positions = read_positions(newest[0].path) if newest else {}
    found = sorted({sym for position in positions.values() for sym in position.last})
    if not found:
        raise DataError(f"{folder}: has no ticks: there is nothing to replay")
    return found


def last_rows(part: Part) -> dict[tuple[str, str], RecordedEntry]:
    """Returns the last row of each instance and symbol in a part; raises DataError."""
    return {(instance, row.k): row for instance, row in _rows(part)}


def read_rows(folder: Path, stream: Stream, instance: str = "", symbols: Sequence[str] = ()) -> Iterator[RecordedEntry]:
    """Returns the rows of a stream, in the recorded order; raises DataError.

    - instance: that wrote them; without one, of all.
    - symbols: whose rows; without one, of all.
    """
    for part in parts(folder, stream):
        yield from (row for _, row in _rows(part, instance, symbols))


def one_of(column: Any, texts: Sequence[str]) -> Any:
    """Returns which cells of an Arrow column are one of these texts.

    An array of bytes tells it. To take over a text of Python's, pyarrow would load pandas; told that there is none, it
    would find none for the rest of this process.

    >>> import pyarrow as pa
    >>> one_of(pa.chunked_array([["A", "B"], ["ü"]]), ["ü", "A"]).to_pylist()
    [True, False, True]
    """
    import pyarrow as pa
    from pyarrow import compute

    data = [text.encode() for text in texts]
    ends = pa.py_buffer(array("i", accumulate(map(len, data), initial=0)))
    known = pa.StringArray.from_buffers(len(data), ends, pa.py_buffer(b"".join(data)))
    return compute.is_in(column, value_set=known)


def _rows(part: Part, instance: str = "", symbols: Sequence[str] = ()) -> Iterator[tuple[str, RecordedEntry]]:
    """Yields each row behind its instance; only those of this instance and of these symbols, or of all."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = ("instance", *RecordedEntry._fields)
    try:
        with parquet.ParquetFile(part.path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
                if instance:
                    batch = batch.filter(one_of(batch.column("instance"), [instance]))
                if symbols:
                    batch = batch.filter(one_of(batch.column("k"), symbols))
                cells = [batch.column(name).to_pylist() for name in columns]
                yield from zip(cells[0], map(RecordedEntry, *cells[1:]), strict=True)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(f"{part.path}: no whole part of a recording ({why}): restore it or remove it") from error
