"""The home of recordings is a folder of the state folder: each line, and each replay, has its own recording there.

A line is a namespace on a bus: with another bus its numbers begin anew, so it gets another recording.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from shared.config import Settings
from shared.errors import ConfigError, DataError
from shared.recording.folder import locked
from shared.recording.layout import LOCK, ORIGIN, is_recording, parts, read_origin

HOME = "recording"
SHOWN = 8  # digits of a bus's id


def home_of(settings: Settings) -> Path:
    """Returns where recordings go whose folder the config does not name."""
    return settings.state_dir / HOME


def folder_for(settings: Settings, bus_id: str) -> Path:
    """Returns where a line on this bus is recorded.

    >>> folder_for(Settings(), "0123456789abcdef")
    PosixPath('.tickline/recording/tickline-01234567')
    """
    own = settings.recorder.folder
    return home_of(settings) / f"{settings.namespace}-{bus_id[:SHOWN]}" if own is None else own


def recording_of(settings: Settings, bus_id: str | None) -> Path | None:
    """Returns the line's recording, or None where there is none.

    - bus_id: its bus. Where that does not answer (None) the recording that was written last counts.
    """
    if settings.recorder.folder is not None or bus_id is not None:
        found = folder_for(settings, bus_id or "")
        return found if is_recording(found) else None
    mine = [folder for folder in _recordings(home_of(settings)) if _namespace(folder) == settings.namespace]
    return max(mine, key=_written, default=None)


def remove_others(home: Path, own: Path, keep_bytes: int) -> list[Path]:
    """Removes other recordings of the home, the oldest first, until it has at most so many bytes; returns them.

    What another process writes now stays. Whatever a removal left that was cut off goes, too. Raises OSError.
    """
    for folder in list(_rests(home)):
        with suppress(ConfigError), locked(folder):
            _remove(folder)
    sizes = {folder: _size(folder) for folder in _recordings(home)}
    total, removed = sum(sizes.values()), []
    for folder in sorted(sizes.keys() - {own}, key=_written):
        if total <= keep_bytes:
            break
        with suppress(ConfigError), locked(folder):
            _remove(folder)
            total -= sizes[folder]
            removed.append(folder)
    return removed


def _remove(folder: Path) -> None:
    """Removes a folder that this process holds: first what makes it a recording, last what shows that it was one."""
    (folder / ORIGIN).unlink(missing_ok=True)
    for inner in folder.iterdir():
        if inner.is_dir():
            shutil.rmtree(inner)
    shutil.rmtree(folder)


def _rests(home: Path) -> Iterator[Path]:
    """Yields what was a recording; one that begins has nothing but its lock before it is one."""
    if home.is_dir():
        for folder in sorted(home.iterdir()):
            if (
                (folder / LOCK).is_file()
                and not is_recording(folder)
                and any(each.is_dir() for each in folder.iterdir())
            ):
                yield folder


def _recordings(home: Path) -> Iterator[Path]:
    if home.is_dir():
        yield from (folder for folder in sorted(home.iterdir()) if is_recording(folder))


def _namespace(folder: Path) -> str:
    try:
        return read_origin(folder).namespace
    except DataError:
        return ""


def _written(folder: Path) -> float:
    newest = parts(folder)[-1:]
    return max((path.stat().st_mtime for path in (folder / ORIGIN, *(part.path for part in newest))), default=0.0)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
