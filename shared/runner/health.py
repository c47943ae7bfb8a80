"""Health: a service touches a file after every round with the bus; a fresh file is a healthy service.

So it says: the bus answers, and the service owns what falls to it, or stands by ready. Who is kept from its work for
long (commits are refused, a stage fails, a share that is not given up) touches the file no more. Which of these it is
stands in the file, and in the log.

It also holds a lock on it, which the kernel takes back when the process ends, however it ends: a file that is fresh, is
touched no more and that nobody holds is that of a service that was killed some seconds ago.

`python -m shared.runner.health signal` says it in a line, and exits 0 when it is fresh, 1 when not. It imports nothing
heavy.
"""

import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path

MAX_AGE_S = 10.0
TOUCHED_S = 1.5  # a service at work touches its file several times a second
HELD = b"held\n"  # stands in a file of which a service holds a lock
LONGEST = 1_000  # bytes of what a service says of itself

_locks: dict[Path, int] = {}  # file -> what holds its lock, until this process ends


def alive_file(folder: Path, service: str) -> Path:
    """Returns the file that `service` touches."""
    return folder / f"{service}.alive"


def touch(path: Path, said: str = "") -> None:
    """Touches it; where that cannot be, the service is not seen to be healthy, and works on.

    It makes no folder: one that a person has moved away would not fit in its place again.

    - said: what the service is at, for a person; written where it changes.
    """
    with contextlib.suppress(OSError):
        path.touch()
        _hold(path)
        _say(path, said)


def tell(path: Path, said: str) -> None:
    """Writes what the service is at, and leaves the file as old as it is: it makes no progress."""
    with contextlib.suppress(OSError):
        before = path.stat()
        _say(path, said)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _say(path: Path, said: str) -> None:
    opened, text = _locks.get(path), said.encode()[:LONGEST]
    if opened is not None and os.pread(opened, LONGEST + 1, len(HELD)) != text:
        os.pwrite(opened, text, len(HELD))
        os.ftruncate(opened, len(HELD) + len(text))


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


def seen(path: Path, now_s: float) -> tuple[bool, str]:
    """Returns whether the service is healthy, and what a person should know of it."""
    try:
        said = path.read_bytes().removeprefix(HELD).decode(errors="replace")
        old_s = now_s - path.stat().st_mtime
    except OSError as error:
        return False, f"{path}: {error.strerror}: the service is not there yet, or cannot write"
    if old_s < MAX_AGE_S:
        return True, said or "at work"
    said = f"; {said}" if said else ""
    return False, f"no round with the bus was made, or no progress, for {old_s:.0f} s{said}: see the service's log"


def main() -> None:
    """Says how the service named by the argument is; exits 0 when it is healthy."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m shared.runner.health SERVICE")
    folder = Path(os.environ.get("TICKLINE_STATE_DIR", ".tickline"))
    healthy, said = seen(alive_file(folder, sys.argv[1]), time.time())
    print(said)  # noqa: T201 - `docker inspect` shows it
    sys.exit(0 if healthy else 1)


if __name__ == "__main__":
    main()
