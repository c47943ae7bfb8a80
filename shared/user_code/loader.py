"""The loader finds what a spec names: `file.py:Class`, `package.module:Class`, or a package's entry point."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from shared.errors import ConfigError, UserCodeFailed
from shared.user_code import blame
from shared.user_code.finder import FINDER, install
from shared.user_code.hash import hash_of, hold_package, package_files, package_hash
from shared.user_code.sources import FACE, INNER, CodeFile, installed, shadows

_chosen = Path()
_codes: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_packages: dict[str, str] = {}  # the hash of each spec of a package that this process has loaded, where it reads once
install()


class Loaded(NamedTuple):
    """What a spec names, with the hash of all code that decides in it.

    - object: the class, or whatever has that name.
    - hash: sha256 in hex; empty for what ships with Tickline.
    - files: what was hashed, from the folder on.
    """

    object: Any
    hash: str = ""
    files: tuple[str, ...] = ()


class _Named(NamedTuple):
    """A spec of the user's folder: where it leads."""

    folder: Path
    module: str
    what: str
    spec: str


def use_folder(folder: Path | None) -> None:
    """Sets where this process looks for users' code, as the settings have it; None: in the working folder."""
    global _chosen
    _chosen = folder or Path()


def read_once() -> None:
    """Lets this process read each file of a user's folder once: from then on nobody's edit changes what decides here.

    A service and a command do so; in a notebook, a file that was edited is loaded anew.
    """
    FINDER.reads_once = True


def user_folder() -> Path:
    """Returns the folder in which specs are looked for."""
    return _chosen


def is_spec(name: str) -> bool:
    """Says whether a name leads to code outside of Tickline, and is not one of a registry."""
    return ":" in name


def load(spec: str, folder: Path | None = None) -> Loaded:
    """Returns what `file.py:Class` or `package.module:Class` names, and runs its module where it has not run yet.

    A file is looked for in `folder`, else in `user_folder()`. Its modules have names of their own and are compiled from
    the very bytes that are hashed. A file that has changed since it was loaded is loaded anew, beside the first.

    Raises ConfigError where there is no such thing, UserCodeFailed with file and line where the code raises.
    """
    named = _named(spec, folder)
    if named is None:
        return _of_package(spec, None)
    sources = _sources(named)
    with blame.blaming(spec):
        try:
            module = FINDER.opened(named.folder, sources).module(named.module)
        except SystemExit as error:
            raise UserCodeFailed(blame.described(error, spec)) from error
    return _noted(Loaded(_attribute(module, named.what, spec), *_hashed(named, sources)))


def code_of(kind: type) -> str:
    """Returns the hash with which `load` gave a class; empty for one that is not loaded, as those of ours."""
    return _codes.get(kind, "")


def code_hash(spec: str, folder: Path | None = None) -> str:
    """Returns the hash that `load` would give, without running any code of the user's folder, or of a package."""
    named = _named(spec, folder)
    if named is None:
        return package_hash(spec, spec.partition(":")[0])
    return _hashed(named, _sources(named))[0]


def files_of(spec: str, folder: Path | None = None) -> Iterator[tuple[Path, str, bytes]]:
    """Yields what is hashed of a spec: folder, path from there, bytes; nothing of a package."""
    named = _named(spec, folder)
    for source in () if named is None else _sources(named).values():
        if named is not None and source.path:
            yield named.folder, source.path, source.data


def load_named(name: str, registry: Mapping[str, Any], group: str, folder: Path | None = None) -> Loaded | None:
    """Returns what a name means: a spec, an entry of ours, or a package's entry point. None where it means nothing.

    - group: of the entry points: `tickline.strategies`, `tickline.features` or `tickline.models`.
    """
    if is_spec(name):
        return load(name, folder)
    if name in registry:
        return Loaded(registry[name])
    point = entry_point(name, group)
    return None if point is None else _of_package(point.value, point)


def hash_named(name: str, registry: Mapping[str, Any], group: str, folder: Path | None = None) -> str:
    """Returns the hash that `load_named` would give, without running any code; empty for what is ours, or unknown."""
    if is_spec(name):
        return code_hash(name, folder)
    point = None if name in registry else entry_point(name, group)
    return "" if point is None else package_hash(point.value, point.module, point.dist)


def entry_point(name: str, group: str) -> EntryPoint | None:
    """Returns the entry point of a name; raises ConfigError where several packages offer it."""
    points = list(entry_points(group=group, name=name))
    if len({point.value for point in points}) > 1:
        offers = ", ".join(sorted(f"{point.value} of {point.dist.name if point.dist else '?'}" for point in points))
        raise ConfigError(f"{name}: several packages offer it ({offers}): name one as package.module:Class")
    return points[0] if points else None


def _named(spec: str, folder: Path | None) -> _Named | None:
    """Returns where a spec leads in the user's folder; None where it names an installed package."""
    where, _, what = spec.rpartition(":")
    if not where or not what.isidentifier():
        raise ConfigError(f"{spec!r:.200}: write file.py:Class or package.module:Class")
    root = FINDER.place((folder if folder is not None else user_folder()).resolve())
    if where.endswith(".py"):
        return _of_file(spec, root, Path(where), what)
    if not all(part.isidentifier() for part in where.split(".")):
        raise ConfigError(f"{spec!r:.200}: {where!r:.100} is no module: write file.py:Class or package.module:Class")
    top = where.partition(".")[0]
    if top == "__main__":
        raise ConfigError(
            f"{spec}: it lies in a notebook's cell, or in the script itself, where no service finds it: move it to a "
            f"file, and write e.g. mine.py:{what}"
        )
    if top in (FACE, *INNER):
        raise ConfigError(f"{spec}: this is Tickline's own: name what ships with it without a module, e.g. basic_taker")
    if other := installed(top, root):
        if (path := shadows(root, top)) is not None:
            raise ConfigError(f"{spec}: {path} has the same name as a module of {other}: rename your file")
        return None
    return _Named(root, where, what, spec)


def _of_file(spec: str, root: Path, path: Path, what: str) -> _Named:
    full = Path(os.path.normpath(root / path.expanduser()))
    if not full.is_relative_to(root):
        root = FINDER.place(full.parent.resolve())  # another folder's file: its own modules lie beside it
        full = root / full.name
    parts = full.relative_to(root).with_suffix("").parts
    for part in parts:
        if "." in part:
            raise ConfigError(f"{spec}: a module's name has no dot, as {part!r} has: rename it")
    return _Named(root, ".".join(parts), what, spec)


def _sources(named: _Named) -> dict[str, CodeFile]:
    """Returns the modules and data files that a spec leads to, by name; ConfigError where its own file is not there."""
    found = FINDER.sources(named.folder, named.module)
    if FINDER.reads_once:
        FINDER.opened(named.folder, found)
    if not found.get(named.module, _NOTHING).path:
        where = FINDER.shown(named.folder) / f"{named.module.replace('.', '/')}.py"
        raise ConfigError(f"{named.spec}: there is no file {where}: write file.py:Class with the file's own path")
    return found


_NOTHING = CodeFile("", "", b"", is_package=True)


def _hashed(named: _Named, sources: Mapping[str, CodeFile]) -> tuple[str, tuple[str, ...]]:
    """Returns the hash of a spec's files, and their paths."""
    files = {source.path: source.data for source in sources.values() if source.path}
    return hash_of(f"{named.module}:{named.what}", files), tuple(sorted(files))


def _of_package(spec: str, point: EntryPoint | None) -> Loaded:
    """Loads what a spec names in an installed package. point: the entry point that named it."""
    where, _, what = spec.partition(":")
    blame.also_authors(str(path.parent) for _, path in package_files(where))
    with blame.blaming(spec):
        try:
            module = import_module(where)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{where}.".startswith(f"{error.name}."):
                raise ConfigError(f"{spec}: there is no module {error.name}: install it") from error
            raise
    code = package_hash(spec, where, None if point is None else point.dist)
    if FINDER.reads_once:
        code = _packages.setdefault(spec, code)  # of what runs here, whatever the files are by now
        hold_package(where)
    return _noted(Loaded(_attribute(module, what, spec), code, tuple(shown for shown, _ in package_files(where))))


def _noted(loaded: Loaded) -> Loaded:
    """Keeps the hash for `code_of`."""
    with suppress(TypeError):  # of what nobody can refer to weakly, which is no class
        _codes[loaded.object] = loaded.hash
    return loaded


def _attribute(module: ModuleType, what: str, spec: str) -> Any:
    found = getattr(module, what, None)
    if found is None:
        own = [name for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__]
        raise ConfigError(f"{spec}: there is no {what} in it (there are: {', '.join(own) or 'no classes'})")
    return found
