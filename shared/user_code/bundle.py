"""A bundle carries users' code to another process: the bytes that were loaded here, never the objects."""

import atexit
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import NamedTuple

from shared.user_code import loader
from shared.user_code.finder import FINDER

_unpacked: dict["Bundle", tuple[Path, ...]] = {}  # where each lies in this process
_in_use: Counter["Bundle"] = Counter()


class Packed(NamedTuple):
    """A folder's files, by path from there on."""

    folder: Path
    files: tuple[tuple[str, bytes], ...]


class Bundle(NamedTuple):
    """A bundle holds all files of the user's folder that decide in some specs; it can be pickled and is small.

    - folder: where relative specs are looked for.
    - packed: the files of each folder; none where all specs are of ours, or of packages, which a worker has itself.
    """

    folder: Path
    packed: tuple[Packed, ...] = ()

    @classmethod
    def of(cls, specs: Iterable[str], folder: Path | None = None) -> "Bundle":
        """Packs what these specs need; arguments, as a feature's spec has them, are left out of account.

        Raises ConfigError as `load` does.
        """
        root = (folder if folder is not None else loader.user_folder()).resolve()
        found: dict[Path, dict[str, bytes]] = {}
        for spec in specs:
            name = spec.partition("(")[0]
            for where, path, data in loader.files_of(name, root) if loader.is_spec(name) else ():
                found.setdefault(where, {})[path] = data
        return cls(root, tuple(Packed(where, tuple(sorted(files.items()))) for where, files in sorted(found.items())))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Lets `load` find these files, and no others of these folders, whether or not the folders are there.

        Errors name the files where they lay.
        """
        for packed, place in zip(self.packed, self._places(), strict=True):
            FINDER.moved[packed.folder] = place
        _in_use[self] += 1
        before = loader.user_folder()
        loader.use_folder(self.folder)
        try:
            yield
        finally:
            _in_use[self] -= 1
            loader.use_folder(before)
            if not _in_use[self]:
                for packed in self.packed:
                    FINDER.moved.pop(packed.folder, None)

    def _places(self) -> tuple[Path, ...]:
        """Returns the folders in which the files lie in this process, written when they are first asked for."""
        if self not in _unpacked:
            _unpacked[self] = tuple(_unpack(packed) for packed in self.packed)
        return _unpacked[self]


def _unpack(packed: Packed) -> Path:
    place = Path(mkdtemp(prefix="tickline-")).resolve()
    atexit.register(rmtree, place, ignore_errors=True)
    for path, data in packed.files:
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return place
