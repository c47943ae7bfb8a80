"""What the disk refuses, as one line."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ConfigError, DataError

_FULL = "no space is left on the disk: free some and run the same command again; what was fetched is kept"


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the errors of writing and reading back into ConfigErrors and, for a damaged file, a DataError."""
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise ConfigError(f"{path}: {_FULL}") from error
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DataError(f"{path}: damaged ({error}): delete it and run the same command again") from error
        raise ConfigError(f"{path}: cannot be written ({error}): check the folder and its rights") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigError(f"{path}: {_FULL}") from error
        raise ConfigError(f"{path}: cannot be written ({error.strerror or error}): check it and its rights") from error


def make_folder(folder: Path) -> None:
    """A folder that can be written into, or a ConfigError."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process works in this folder; the lock ends with its process, however that ends."""
    with storing(folder / ".lock"):
        lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder}: another download writes here: wait for its end") from error
        yield
    finally:
        os.close(lock)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path whose file takes the place of `path` as a whole, on the disk, when the block ends well."""
    temporary = path.with_name(f".{path.name}.tmp")
    with storing(path):
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
