"""Data files that user code opens decide, too: the code declares them, they are hashed, and no other is opened.

What Python's own `open` is asked for, by code of the folder or on its behalf, for a file in the folder, is held to
that. What a library reads by itself (e.g. in Rust), what lies outside of the folder, and what comes over the network is
not: keep such things out of what decides.
"""

import ast
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import local
from types import FrameType
from typing import TYPE_CHECKING, Any

from shared.errors import ConfigError, UserCodeFailed
from shared.user_code.sources import Source, read

if TYPE_CHECKING:
    from shared.user_code.finder import Folder

NAME = "data_files"
MAX_BYTES = 256_000_000  # of one file: it is kept in memory, and goes along in a bundle
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_folders: dict[int, "Folder"] = {}  # by the id of the builtins that its modules run with
_checking = local()


def declared(folder: Path, source: Source, known: Mapping[str, Source]) -> Iterator[Source]:
    """Yields the files that a module declares, as `data_files = ("prices.csv",)` in a class or in the module.

    They are named from the module's own folder on. Raises ConfigError for a missing one, and for what is no literal.

    - known: what was read before, and is not read again.
    """
    for node in ast.walk(ast.parse(source.data)):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets, value = node.targets if isinstance(node, ast.Assign) else [node.target], node.value
        if value is None or not any(isinstance(target, ast.Name) and target.id == NAME for target in targets):
            continue
        where = f"{folder / source.path}:{node.lineno}: {NAME}"
        try:
            names = ast.literal_eval(value)
        except ValueError as error:
            raise ConfigError(f'{where}: write the names themselves, as in {NAME} = ("prices.csv",)') from error
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f'{where}: it is a tuple of names, as in {NAME} = ("prices.csv",)')
        for name in names:
            yield _data(folder, (folder / source.path).parent / name, f"{where}: {name!r:.100}", known)


def _data(folder: Path, path: Path, where: str, known: Mapping[str, Source]) -> Source:
    full = Path(os.path.normpath(path))
    if not full.is_relative_to(folder):
        raise ConfigError(f"{where} lies outside of {folder}: put it there")
    shown = full.relative_to(folder).as_posix()
    if data_name(shown) in known:
        return known[data_name(shown)]
    if not full.is_file():
        raise ConfigError(f"{where}: there is no such file: put it there, or take the name out")
    if full.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{where} has more than {MAX_BYTES} bytes: make it smaller")
    return Source(data_name(shown), shown, read(folder, full), is_package=False)


def data_name(path: str) -> str:
    """Returns the name under which a folder keeps a data file, which no module can have."""
    return f"/{path}"


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
    path = os.path.abspath(os.fsdecode(args[0]))
    if path.startswith(_LIBRARIES):
        return
    _checking.now = True
    try:
        for folder in _folders.values():
            for place in {folder.path, folder.shown}:
                if path.startswith(f"{place}{os.sep}"):
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
            f"{where}: a file that decides must be declared, so that it is hashed: write {NAME} = ({shown!r},) in the "
            "class that reads it"
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
