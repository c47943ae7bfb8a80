"""One part of a recording: rows of one stream and day, and how far the whole stream was recorded with it.

Rows and positions stand in one file, which is there whole or not at all. So there is no moment at which a row is
kept and the cursor behind it is not, or the other way round: the files are the truth, and nothing else is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from shared.bus.names import PartitionId
from shared.errors import DataError
from shared.messages import Stream
from shared.messages.codec import pack, unpack
from shared.record import WIRE, NewerWire, Snapshot
from shared.recording.about import NewerRecording
from shared.recording.columns import Taken, table
from shared.recording.durable import write_durably
from shared.recording.layout import Part, parts
from shared.recording.position import Position, SavedPosition

POSITIONS = b"tickline.positions"
BATCH_ROWS = 4_096

Positions = dict[PartitionId, Position]


class PositionsSnapshot(Snapshot):
    """How far a stream was recorded: a place as it is named -> its position."""

    places: dict[str, SavedPosition]


class Row(NamedTuple):
    """A recorded entry, as far as it is read again."""

    k: str
    n: int
    t: str
    tr: str
    d: bytes
    missing: int


def write_part(
    path: Path, stream: Stream, rows: list[Taken], positions: Mapping[PartitionId, Position], wire: int = WIRE
) -> None:
    """Write a part, its positions as `wire` writes them; raises OSError, and NewerWire where a row cannot be read."""
    from pyarrow import parquet

    kept = PositionsSnapshot(places={str(place): position.dump() for place, position in positions.items()})
    made = table(stream, rows, {POSITIONS.decode(): pack(kept, wire)})
    write_durably(path, lambda unfinished: parquet.write_table(made, unfinished, compression="zstd"))


def read_positions(path: Path) -> Positions:
    """How far the stream was recorded when this part was written; raises DataError."""
    from pyarrow import ArrowException, parquet

    try:
        kept = PositionsSnapshot.of(unpack(parquet.read_schema(path).metadata[POSITIONS]))
        return {_place(name): Position.of(saved) for name, saved in kept.places.items()}
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
    """The symbols of which there are ticks, sorted; raises DataError."""
    newest = parts(folder, Stream.TICKS)[-1:]
    positions = read_positions(newest[0].path) if newest else {}
    found = sorted({sym for position in positions.values() for sym in position.last})
    if not found:
        raise DataError(f"{folder}: has no ticks: there is nothing to replay")
    return found


def read_rows(folder: Path, stream: Stream, instance: str, symbols: Sequence[str] = ()) -> Iterator[Row]:
    """The rows that an instance wrote to a stream, in the recorded order; of these symbols, or of all. DataError."""
    for part in parts(folder, stream):
        yield from _part_rows(part, instance, symbols)


def _part_rows(part: Part, instance: str, symbols: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import compute, parquet

    try:
        with parquet.ParquetFile(part.path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["instance", *Row._fields], use_threads=False):
                wanted = compute.equal(batch.column("instance"), instance)
                if symbols:
                    wanted = compute.and_(wanted, compute.is_in(batch.column("k"), value_set=pa.array(symbols)))
                chosen = batch.filter(wanted)
                yield from map(Row, *(chosen.column(name).to_pylist() for name in Row._fields))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(f"{part.path}: no whole part of a recording ({why}): restore it or remove it") from error
