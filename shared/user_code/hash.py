"""The hash of code says what decides: the same files with the same bytes have the same hash, wherever they lie."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from hashlib import file_digest, sha256
from importlib.metadata import Distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from threading import local
from types import FrameType
from typing import Any

from shared.errors import ConfigError, UserCodeFailed


def hash_of(spec: str, files: Mapping[str, bytes]) -> str:
    """Returns the sha256, in hex, of what is named and of files by path.

    >>> hash_of("mine.py:Mine", {"mine.py": b"1"}) == hash_of("mine.py:Mine", {"mine.py": b"2"})
    False
    """
    return _of_lines(spec, ((path, sha256(data).hexdigest()) for path, data in files.items()))


def decided_by(strategy: str, model: str) -> str:
    """Returns what an order carries of those who decided on it: 16 hex digits.

    - strategy: the hash of the strategy's code and parameters.
    - model: the prediction's `model`, of all that predicts.

    >>> decided_by("strategy", "model")
    '40a0c07c3b3348c5'
    """
    return sha256(f"{strategy} {model}".encode()).hexdigest()[:16]


def package_hash(spec: str, module: str, dist: Distribution | None = None) -> str:
    """Returns the sha256 of an installed package: its name, its version, and all files beside its modules.

    - module: the one that is named; all of its top-level package counts.
    - dist: the distribution, where it is known.
    """
    names = [dist] if dist is not None else list(_distributions(module))
    what = [spec, *sorted(f"{each.name}=={each.version}" for each in names)]
    return _of_lines("\n".join(what), ((shown, _digest(path)) for shown, path in package_files(module)))


def package_files(module: str) -> Iterator[tuple[str, Path]]:
    """Yields the files of a module's top-level package, each with its path from there; what Python compiled is none."""
    top = module.partition(".")[0]
    spec = find_spec(top)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None and Path(spec.origin).is_file():
            yield Path(spec.origin).name, Path(spec.origin)
        return
    for place in spec.submodule_search_locations:
        for path in sorted(Path(place).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{top}/{path.relative_to(place).as_posix()}", path


def hold_package(module: str) -> None:
    """Holds later imports from a module's top-level package to its files as they are now, for the rest of the process.

    An `import` within a function reads its file when it runs, maybe after an edit: it raises UserCodeFailed then.
    """
    if not _held:
        sys.addaudithook(_on_event)
    for shown, path in package_files(module):
        _held.setdefault(str(path), _digest(path))
        if "/" in shown:  # else it is a module by itself, among all that is installed
            _roots.add(f"{path.parent}{os.sep}")


_held: dict[str, str] = {}  # by path
_roots: set[str] = set()
_reading = local()


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    path = args[0] if event == "open" and not getattr(_reading, "now", False) else None
    if not isinstance(path, str) or not path.endswith(".py"):
        return
    if not (path in _held or path.startswith(tuple(_roots))) or not _importing():
        return
    _reading.now = True
    try:
        if _held.get(path) != _digest(Path(path)):
            raise UserCodeFailed(f"{path} has changed since this package was hashed: start again")
    finally:
        _reading.now = False


def _importing() -> bool:
    """Says whether Python's import asks, and not e.g. a traceback that shows a line."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if code.co_name == "get_data" and code.co_filename == "<frozen importlib._bootstrap_external>":
            return True
        frame = frame.f_back
    return False


def _distributions(module: str) -> Iterator[Distribution]:
    for name in sorted(set(packages_distributions().get(module.partition(".")[0], ()))):
        yield Distribution.from_name(name)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _of_lines(what: str, files: Iterable[tuple[str, str]]) -> str:
    text = "\n".join([what, *(f"{digest}  {path}" for path, digest in sorted(files))])
    return sha256(text.encode()).hexdigest()
