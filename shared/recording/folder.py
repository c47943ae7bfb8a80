"""A recording's folder, for the one process that writes it."""

import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from shared.errors import ConfigError, DataError
from shared.messages import Stream
from shared.record import WIRE
from shared.recording.layout import LOCK, UNFINISHED, Part, checkpoint_paths, day_of, part_path, parts
from shared.recording.part import Positions, ReceivedEntry, RecordedEntry, last_rows, read_positions, write_part
from shared.recording.position import StreamPosition

DAY_S = 86_400


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps others from writing the folder meanwhile; raises ConfigError. The hold ends with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise ConfigError(f"recorder.folder {folder}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderInUse(f"recorder.folder {folder}: another recorder writes it: name another folder") from error
        for left in folder.rglob(f"*{UNFINISHED}"):
            left.unlink()
        yield


class FolderInUse(ConfigError):
    """Another recorder writes this folder."""


class Age(NamedTuple):
    """The age says how much of a recording stays; 0: all. Each stream's newest part stays: it has the positions."""

    keep_days: int = 0
    keep_bytes: int = 0


class RecordingFolder:
    """The folder takes new parts, knows how far each stream was recorded, and removes what is too old or too much."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        known = parts(folder)
        self._next = known[-1].seq + 1 if known else 1
        newest = {part.stream: part for part in known}
        self.positions: dict[Stream, Positions] = {stream: {} for stream in Stream}
        self._unread = {stream: [part for part in known if part.stream is stream] for stream in Stream}
        self._last_rows: dict[Stream, dict[tuple[str, str], RecordedEntry]] = {}
        self.positions |= {stream: read_positions(part.path) for stream, part in newest.items()}

    def add(self, stream: Stream, rows: list[ReceivedEntry], run_id: str, wire: int = WIRE) -> int:
        """Writes rows, in the order in which they were taken; returns how many parts they made. Raises OSError.

        - wire: the one that stands on the bus, so that an older Tickline can go on until it is raised.
        """
        days: dict[str, list[ReceivedEntry]] = defaultdict(list)
        for row in rows:
            days[day_of(row.entry.id)].append(row)
        for day in sorted(days):  # a stream's ids only grow, so an earlier day's rows come before a later one's
            positions = {place: position.copy() for place, position in self.positions[stream].items()}
            for row in days[day]:
                positions.setdefault(row.place, StreamPosition()).take(stream, row.entry, run_id)
            write_part(part_path(self.folder, stream, day, self._next), stream, days[day], positions, wire)
            self.positions[stream] = positions
            self._next += 1
        return len(days)

    def last_row(self, stream: Stream, instance: str, sym: str) -> RecordedEntry | None:
        """Returns the last row of a symbol that an instance wrote, from before this object was made; None without one.

        It reads the newest parts first, and each once, so a first call may take long. A part that cannot be read, or
        was removed meanwhile, is left out.
        """
        found, unread = self._last_rows.setdefault(stream, {}), self._unread[stream]
        while (instance, sym) not in found and unread:
            with suppress(DataError):
                for key, row in last_rows(unread.pop()).items():
                    found.setdefault(key, row)
        return found.get((instance, sym))

    def remove_old(self, age: Age) -> list[Part]:
        """Removes the oldest parts, and checkpoints that no part needs any more; returns the parts."""
        known = parts(self.folder)
        newest = {part.stream: part.seq for part in known}
        last_day = day_of(b"%d-0" % ((time.time() - age.keep_days * DAY_S) * 1000))
        sizes = {part.seq: part.path.stat().st_size for part in known}
        total, removed = sum(sizes.values()), []
        for part in known:
            too_old = age.keep_days and part.day < last_day
            too_much = age.keep_bytes and total > age.keep_bytes
            if (too_old or too_much) and part.seq != newest[part.stream]:
                part.path.unlink()
                total -= sizes[part.seq]
                removed.append(part)
        if removed:
            self._tidy(known, removed)
        return removed

    def needs_checkpoint(self) -> bool:
        """Returns whether the last checkpoint is older than half of the parts: soon nothing is left to go on from."""
        known, checkpoints = parts(self.folder), checkpoint_paths(self.folder)
        if not known or not checkpoints:
            return bool(known)
        return checkpoints[-1].stat().st_mtime_ns < known[len(known) // 2].path.stat().st_mtime_ns

    def _tidy(self, known: list[Part], removed: list[Part]) -> None:
        for folder in {part.path.parent for part in removed}:
            if not any(folder.iterdir()):
                folder.rmdir()
        gone = {part.seq for part in removed}
        oldest = min(os.stat(part.path).st_mtime for part in known if part.seq not in gone)
        before = [path for path in checkpoint_paths(self.folder) if path.stat().st_mtime < oldest]
        for path in before[:-1]:  # the last one before the oldest part is where that part goes on
            path.unlink()
