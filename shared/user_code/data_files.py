"""Data files decide, too: what code of a user's folder opens there is held to what it has declared.

What Python's own `open` is asked for, by code of a folder or on its behalf, for a file in that folder, is looked at.
What a library reads by itself (e.g. in Rust), what lies outside of the folder, and what comes over the network is not.
"""

import os
import sys
from pathlib import Path
from threading import local
from types import FrameType
from typing import TYPE_CHECKING, Any

from shared.errors import UserCodeFailed
from shared.user_code.sources import DATA_FILES, LIBRARIES, OURS, data_name

if TYPE_CHECKING:
    from shared.user_code.finder import Folder

_folders: dict[int, "Folder"] = {}  # by the id of the builtins that its modules run with
_checking = local()


def hold(folder: "Folder", builtins: dict[str, Any]) -> None:
    """Holds code that runs with these builtins to what its folder has declared."""
    if not _folders:
        sys.addaudithook(_on_event)
    _folders[id(builtins)] = folder


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not isinstance(args[0], str | bytes | os.PathLike) or getattr(_checking, "now", False):
        return
    if args[2] & os.O_ACCMODE == os.O_WRONLY:
        return  # what is only written decides nothing
    named = os.path.abspath(os.fsdecode(args[0]))
    if named.startswith((*LIBRARIES, *OURS)):  # the folder may be the one in which all of it lies
        return
    _checking.now = True
    try:
        real = os.path.realpath(named)  # a link to the folder leads there, too
        for folder in _folders.values():
            for place in {folder.path, folder.shown}:
                inside = f"{place}{os.sep}"
                path = named if named.startswith(inside) else real
                if path.startswith(inside):
                    _check(folder, Path(path), Path(path).relative_to(place).as_posix())
    finally:
        _checking.now = False


def _check(folder: "Folder", path: Path, shown: str) -> None:
    """Raises UserCodeFailed where code of this folder opens a file that it has not declared, or that has changed."""
    frame = _frame_of(folder)
    if frame is None or any(shown == source.path and source.name != data_name(shown) for source in folder.all()):
        return
    known = folder.sources.get(data_name(shown))
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}: {shown}"
    if known is None:
        raise UserCodeFailed(
            f"{where}: a file that decides must be declared, so that it is hashed: "
            f"write {DATA_FILES} = ({shown!r},) in the class that reads it"
        )
    if path.is_file() and path.read_bytes() != known.data:
        raise UserCodeFailed(f"{where} has changed since your code was loaded: start again")


def _frame_of(folder: "Folder") -> FrameType | None:
    """Returns the innermost frame of the folder's code that is at work, or None."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if _folders.get(id(frame.f_builtins)) is folder:
            return frame
        frame = frame.f_back
    return None
