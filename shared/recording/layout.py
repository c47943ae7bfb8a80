"""A recording's folder: where everything lies, whose it is, and how a file gets there whole.

recording.json                          which bus and namespace it is of
ticks/2026-11-24/0000000042.parquet     one part; parts of all streams are numbered together, in order of writing
checkpoints/0000000001.msgpack          settings and snapshots, from which the stages can go on
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from shared.bus.entry import EntryId
from shared.errors import ConfigError, DataError
from shared.messages import Stream
from shared.plural import plural
from shared.record import WIRE, NewerWire, Snapshot, at_wire

ORIGIN = "recording.json"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
UNFINISHED = ".tmp"
PART = ".parquet"
CHECKPOINT = ".msgpack"


class Part(NamedTuple):
    """A part is one file, of one stream and day."""

    seq: int
    stream: Stream
    day: str
    path: Path


def is_recording(folder: Path) -> bool:
    """Returns whether a folder holds a recording."""
    return (folder / ORIGIN).is_file()


def day_of(entry_id: bytes) -> str:
    """Returns the UTC day at which the server wrote an entry, by its id.

    >>> day_of(b"1732406400000-0")
    '2024-11-24'
    """
    return time.strftime("%Y-%m-%d", time.gmtime(EntryId.of(entry_id).ms / 1000))


def part_path(folder: Path, stream: Stream, day: str, seq: int) -> Path:
    """Returns where a part lies."""
    return folder / stream / day / f"{seq:010d}{PART}"


def parts(folder: Path, *streams: Stream) -> list[Part]:
    """Returns all parts of these streams (without a name: of all), in the order of writing."""
    found = (part for stream in streams or tuple(Stream) for part in _parts(folder, stream))
    return sorted(found, key=lambda part: part.seq)


def _parts(folder: Path, stream: Stream) -> Iterator[Part]:
    for path in (folder / stream).glob(f"*/*{PART}"):
        if path.stem.isdigit():
            yield Part(int(path.stem), stream, path.parent.name, path)


def checkpoint_paths(folder: Path) -> list[Path]:
    """Returns all checkpoints, the oldest first."""
    return sorted(path for path in (folder / CHECKPOINTS).glob(f"*{CHECKPOINT}") if path.stem.isdigit())


class NewerRecording(DataError):
    """A newer Tickline wrote this file of a recording. Older ones are read for ever."""

    def __init__(self, where: object, newer: NewerWire) -> None:
        known = f"(wire {newer.wire}; this one knows {WIRE})"
        super().__init__(f"{where} was written by a newer Tickline {known}: read the recording with that one")


class RecordingOrigin(Snapshot):
    """A recording is of one namespace on one bus: numbers `n` mean nothing without the bus that counted them."""

    bus_id: str
    namespace: str
    partitions: int


def read_origin(folder: Path) -> RecordingOrigin:
    """Returns what a recording is of; raises DataError where there is none, or a newer Tickline's."""
    path = folder / ORIGIN
    try:
        return RecordingOrigin.of(json.loads(path.read_bytes()))
    except NewerWire as newer:
        raise NewerRecording(path, newer) from newer
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(f"{folder}: is no recording: {ORIGIN} is not there or not whole ({why})") from error


def claim(folder: Path, origin: RecordingOrigin, wire: int = WIRE) -> bool:
    """Begins a recording, or goes on with this very one; returns whether it is new. ConfigError for another's."""
    path = folder / ORIGIN
    if path.exists():
        found = read_origin(folder)
        if found != origin:
            raise ConfigError(
                f"recorder.folder {folder}: holds the recording of {found.namespace} on bus {found.bus_id[:8]} with "
                f"{plural(found.partitions, 'partition')}, not of {origin.namespace} on {origin.bus_id[:8]} with "
                f"{origin.partitions}: name another folder"
            )
        return False
    text = json.dumps(at_wire(origin, wire), indent=2) + "\n"
    write_durably(path, lambda unfinished: unfinished.write_text(text))
    return True


def write_durably(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a file beside `path`, force it to the disk, then give it its name; raises OSError.

    So the file is there whole or not at all, also after a power cut.
    """
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    write(unfinished)
    _force(unfinished)
    unfinished.replace(path)
    for folder in (path.parent, *(new.parent for new in made)):
        _force(folder)


def _force(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
