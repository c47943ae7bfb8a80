"""What a run stands on, the folders and the room on their disks: a person is told when it goes."""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

LOW_BYTES = 100_000_000  # a bus that rewrites its log needs more than that in a moment
MB = 1_000_000


class Ground:
    """folders: what each holds -> where it is; they must be there. free: bytes that may be written to a path."""

    def __init__(
        self, folders: Mapping[str, Path], free: Callable[[Path], int] = lambda p: shutil.disk_usage(p).free
    ) -> None:
        self._free = free
        self._held = {what: (path, os.open(path, os.O_RDONLY | os.O_DIRECTORY)) for what, path in folders.items()}
        self._gone: set[str] = set()
        self._full: set[Path] = set()

    def close(self) -> None:
        """Let go of the folders."""
        for _, held in self._held.values():
            os.close(held)
        self._held = {}

    def news(self) -> Iterator[str]:
        """What has changed since the last call."""
        for what, (path, held) in self._held.items():
            if any(self._held[gone][0] in path.parents for gone in self._gone):
                continue  # with the folder around it
            there = _is_still(path, held)
            if there and what in self._gone:
                self._gone.remove(what)
                yield f"{path} is back"
            elif not there and what not in self._gone:
                self._gone.add(what)
                yield _gone(what, path, held)
            if there:
                yield from self._room(path)

    def _room(self, path: Path) -> Iterator[str]:
        try:
            free = self._free(path)
        except OSError:
            return
        if free < LOW_BYTES and path not in self._full:
            self._full.add(path)
            yield (
                f"{path}: its disk has {free // MB} MB left: make room; what cannot be written is waited for, and no "
                "order is sent meanwhile"
            )
        elif free >= 2 * LOW_BYTES and path in self._full:
            self._full.remove(path)
            yield f"{path}: its disk has room again, {free // MB} MB"


def _gone(what: str, path: Path, held: int) -> str:
    moved = _place(held)
    if moved is not None:
        return (
            f"{path} was moved to {moved} while it is in use: what is written ({what}) goes there, and no verb of this "
            f"line finds it: move it back: mv {shlex.quote(str(moved))} {shlex.quote(str(path))}"
        )
    return (
        f"{path} was removed while it is in use: what is written there from now on ({what}) is lost when "
        "this run ends: end it, then put the folder back from a copy, or begin anew without it"
    )


def _place(held: int) -> Path | None:
    """Where the folder that was opened stands now; None where it is no more, or the system does not tell."""
    try:
        place = Path(os.readlink(f"/proc/self/fd/{held}"))
    except OSError:
        return None
    return place if _is_still(place, held) else None


def _is_still(path: Path, held: int) -> bool:
    """Whether the folder that was opened is the one that stands there: its place may have been taken by a new one."""
    try:
        return os.path.samestat(path.stat(), os.fstat(held))
    except OSError:
        return False
