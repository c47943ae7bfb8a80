"""Health: a service touches a file after every round with the bus; a fresh file is a healthy service.

It also holds a lock on it, which the kernel takes back when the process ends, however it ends: a file that is fresh, is
touched no more and that nobody holds is that of a service that was killed some seconds ago.

`python -m shared.runner.health signal` exits 0 when it is fresh, 1 when not. It imports nothing heavy.
"""

import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path

MAX_AGE_S = 10.0
TOUCHED_S = 3.0  # a service at work touches its file several times a second
HELD = b"held\n"  # stands in a file of which a service holds a lock

_locks: dict[Path, int] = {}  # file -> what holds its lock, until this process ends


def alive_file(folder: Path, service: str) -> Path:
    """Returns the file that `service` touches."""
    return folder / f"{service}.alive"


def touch(path: Path) -> None:
    """Touches it; where that cannot be, the service is not seen to be healthy, and works on.

    It makes no folder: one that a person has moved away would not fit in its place again.
    """
    with contextlib.suppress(OSError):
        path.touch()
        _hold(path)


def _hold(path: Path) -> None:
    """Takes the lock, once for each file that stands there; replicas share it."""
    held = _locks.get(path)
    if held is not None and os.path.samestat(os.fstat(held), path.stat()):
        return
    opened = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.pwrite(opened, HELD, 0)
    except OSError:  # somebody looks just now, or this file system has no locks
        os.close(opened)
        raise
    if held is not None:
        os.close(held)
    _locks[path] = opened


def abandoned(path: Path, now_s: float) -> bool:
    """Says whether a service held the file, and none does any more.

    One that is touched is not abandoned, whatever its lock says: another machine's is not seen through every shared
    folder.
    """
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        if now_s - os.fstat(opened).st_mtime < TOUCHED_S:
            return False
        if os.pread(opened, len(HELD), 0) != HELD:
            return False
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it is held
        return False
    else:
        return True
    finally:
        os.close(opened)


def fresh(path: Path, now_s: float) -> bool:
    """Says whether the file was touched within the last MAX_AGE_S seconds."""
    try:
        return now_s - path.stat().st_mtime < MAX_AGE_S
    except FileNotFoundError:
        return False


def touched_after(path: Path, ns: int) -> bool:
    """Says whether the file was touched after this moment (ns since 1970)."""
    return path.exists() and path.stat().st_mtime_ns > ns


def main() -> None:
    """Exits 0 when the service named by the argument is healthy."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m shared.runner.health SERVICE")
    folder = Path(os.environ.get("TICKLINE_STATE_DIR", ".tickline"))
    sys.exit(0 if fresh(alive_file(folder, sys.argv[1]), time.time()) else 1)


if __name__ == "__main__":
    main()
