"""A guard sees whether a file is opened while only copies of it should be."""

import ctypes
import os
from pathlib import Path
from types import TracebackType

from shared.errors import DataError, LookaheadFound

_IN_OPEN = 0x20  # linux/inotify.h
_EVENTS = 4_096


class Guard:
    """A guard watches one file through Linux's inotify, from the guard's making on.

    It sees whoever opens the file: Python, a library in C or Rust, a child process, and any other program too. A
    context manager. Raises LookaheadFound where the file cannot be watched, for then nothing can be shown.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file, Guard(Path(file.name)) as guard:
    ...     before = guard.opened()
    ...     _ = Path(file.name).read_bytes()
    ...     before, guard.opened(), guard.opened()
    (False, True, False)
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DataError(f"{path}: there is no such file: check the path")
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            raise LookaheadFound(f"{path}: who opens it cannot be watched: check for lookahead on Linux")
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_OPEN) < 0:
            reason = os.strerror(ctypes.get_errno())
            self._close()
            raise LookaheadFound(f"{path}: who opens it cannot be watched ({reason}): check a copy of it")

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def opened(self) -> bool:
        """Says whether the file was opened since the last call."""
        found = False
        while True:
            try:
                found = bool(os.read(self._fd, _EVENTS)) or found
            except BlockingIOError:
                return found

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
