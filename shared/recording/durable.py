"""A file that is there whole or not at all, also after a power cut."""

import os
from collections.abc import Callable
from pathlib import Path

from shared.recording.layout import UNFINISHED


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, force it to the disk, then give it its name; raises OSError."""
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
