"""Health: a service touches a file after every round with the bus; a fresh file is a healthy service.

`python -m shared.runner.health signal` exits 0 when it is fresh, 1 when not. It imports nothing heavy.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

MAX_AGE_S = 10.0


def alive_file(folder: Path, service: str) -> Path:
    """Returns the file that `service` touches."""
    return folder / f"{service}.alive"


def touch(path: Path) -> None:
    """Touches it; where that cannot be, the service is not seen to be healthy, and works on.

    It makes no folder: one that a person has moved away would not fit in its place again.
    """
    with contextlib.suppress(OSError):
        path.touch()


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
