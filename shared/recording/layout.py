"""Where everything lies in a recording's folder.

recording.json                          which bus and namespace it is of
ticks/2026-11-24/0000000042.parquet     one part; parts of all streams are numbered together, in order of writing
checkpoints/0000000001.msgpack          settings and snapshots, from which the stages can go on
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shared.messages import Stream

ABOUT = "recording.json"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
UNFINISHED = ".tmp"
PART = ".parquet"
CHECKPOINT = ".msgpack"


class Part(NamedTuple):
    """One file: its number, stream and day."""

    seq: int
    stream: Stream
    day: str
    path: Path


def is_recording(folder: Path) -> bool:
    """Whether a folder holds a recording."""
    return (folder / ABOUT).is_file()


def day_of(entry_id: bytes) -> str:
    """The UTC day at which the server wrote an entry, by its id.

    >>> day_of(b"1732406400000-0")
    '2024-11-24'
    """
    return time.strftime("%Y-%m-%d", time.gmtime(int(entry_id.partition(b"-")[0]) / 1000))


def part_path(folder: Path, stream: Stream, day: str, seq: int) -> Path:
    """Where a part lies."""
    return folder / stream / day / f"{seq:010d}{PART}"


def parts(folder: Path, *streams: Stream) -> list[Part]:
    """All parts of these streams (of all without a name), in the order of writing."""
    found = (part for stream in streams or tuple(Stream) for part in _parts(folder, stream))
    return sorted(found, key=lambda part: part.seq)


def _parts(folder: Path, stream: Stream) -> Iterator[Part]:
    for path in (folder / stream).glob(f"*/*{PART}"):
        if path.stem.isdigit():
            yield Part(int(path.stem), stream, path.parent.name, path)


def checkpoint_paths(folder: Path) -> list[Path]:
    """All checkpoints, the oldest first."""
    return sorted(path for path in (folder / CHECKPOINTS).glob(f"*{CHECKPOINT}") if path.stem.isdigit())
