"""The files of a user's folder that decide: modules, what their import statements name, and the data they declare.

`Reading.closure(module)` is what all of this is for: from one module it follows the import statements, which it reads
without running them, and gives every file of the folder that may take part. A module's name is dotted, from the folder
on. Beside the folder there are Tickline's own modules, Python's library and installed packages: `installed` says which
of them has a name, and they come first.
"""

import ast
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from typing import NamedTuple

from shared.errors import ConfigError

# Modules of ours. User code imports only `tickline`; a file or folder of these other names is the user's own.
FACE, INNER = "tickline", ("shared", "services")
_ROOT = Path(__file__).parents[2]
OURS = tuple(f"{_ROOT / name}/" for name in (FACE, *INNER))
_PLACES = (*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), site.getusersitepackages())
LIBRARIES = tuple({place + os.sep for place in _PLACES})
_PACKAGES = frozenset({"site-packages", "dist-packages"})
DATA_FILES = "data_files"
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # of what Python cannot read as its source
MAX_BYTES = 256_000_000  # of one data file: it is kept in memory, and goes along in a bundle


class CodeFile(NamedTuple):
    """A code file is one module of the folder, read once: what is hashed is what is compiled.

    - name: the module's, dotted, from the folder on; empty for the folder itself.
    - path: the file's, from the folder on, with slashes; empty for a folder without `__init__.py`.
    - data: its bytes.
    """

    name: str
    path: str
    data: bytes
    is_package: bool

    @property
    def package(self) -> str:
        """Returns the name from which its relative imports start."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def module_at(folder: Path, name: str) -> CodeFile | None:
    """Returns the module of a dotted name as it lies in the folder now, or None.

    Only source counts: no `.pyc`, and no compiled extension, whose code nobody can hash as it was loaded. Raises
    ConfigError for such a one, and for a file that lies elsewhere (a link out of the folder).
    """
    place = folder.joinpath(*name.split(".")) if name else folder
    for path, is_package in ((place / "__init__.py", True), (place.with_name(f"{place.name}.py"), False)):
        if (name or is_package) and path.is_file():
            return CodeFile(name, path.relative_to(folder).as_posix(), read(folder, path), is_package)
    for suffix in EXTENSION_SUFFIXES:
        compiled = place.with_name(place.name + suffix)
        if name and compiled.is_file():
            raise ConfigError(f"{compiled}: compiled code cannot be hashed as it runs: install it as a package")
    return CodeFile(name, "", b"", is_package=True) if place.is_dir() else None


def read(folder: Path, path: Path) -> bytes:
    """Returns a file's bytes; raises ConfigError where it cannot be read, or lies outside of the folder."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder):
            raise ConfigError(f"{path} is a link to {real}, outside of {folder}: put a copy into the folder")
        return real.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def installed(top: str, folder: Path) -> str:
    """Returns what else has this module's name, for a person: Python's library or a package; empty if nothing has."""
    return _installed(top, folder, tuple(sys.path))


@lru_cache(maxsize=4096)
def _installed(top: str, folder: Path, paths: tuple[str, ...]) -> str:
    if top in sys.stdlib_module_names:
        return "Python's standard library"
    if top == FACE:
        return "Tickline"
    elsewhere = [entry for entry in paths if Path(entry or ".").resolve() != folder]
    for finder in sys.meta_path:
        found = finder.find_spec(top, elsewhere if finder is PathFinder else None)
        if found is None or (found.origin is None and not _in_site_packages(found.submodule_search_locations)):
            continue
        if found.origin is None or not is_own(Path(found.origin), folder):
            return f"the installed package {top}"
    return ""


def is_own(path: Path, folder: Path) -> bool:
    """Says whether a file is the folder's own, and not a package's of an environment that lies in it.

    >>> is_own(Path("/me/mine.py"), Path("/me")), is_own(Path("/me/.venv/lib/site-packages/a.py"), Path("/me"))
    (True, False)
    """
    return path.is_relative_to(folder) and _PACKAGES.isdisjoint(path.relative_to(folder).parts)


def _in_site_packages(places: object) -> bool:
    """Says whether one of a namespace's places is installed; any folder on the path has such a name otherwise."""
    return any(not _PACKAGES.isdisjoint(Path(place).parts) for place in places or ())  # type: ignore[attr-defined]


def own_module(folder: Path, name: str, importer: CodeFile) -> str | None:
    """Returns which module of the folder an absolute import means, or None where it means another's.

    It is looked for in the folder, then beside the module that imports it. Raises ConfigError where both have it.
    """
    top = name.partition(".")[0]
    if top == FACE or (folder == _ROOT if top in INNER else installed(top, folder)):
        return None
    beside = importer.package
    found = [prefix for prefix in dict.fromkeys(("", f"{beside}." * bool(beside))) if has_module(folder, prefix + top)]
    if len(found) > 1:
        raise ConfigError(
            f"{folder / importer.path}: there are two modules {top}, in {folder} and beside this file: write "
            f"`from .{top} import ...` for the one beside it, or rename one"
        )
    return found[0] + name if found else None


def shadows(folder: Path, top: str) -> Path | None:
    """Returns the file in the folder that has the name of an installed module, or None."""
    if folder == _ROOT and top in (FACE, *INNER):
        return None
    return next((path for path in (folder / f"{top}.py", folder / top / "__init__.py") if path.is_file()), None)


def has_module(folder: Path, name: str) -> bool:
    """Says whether the folder has a module, or a folder, of this name now; reads nothing."""
    place = folder.joinpath(*name.split("."))
    names = (f"{place.name}.py", *(place.name + suffix for suffix in EXTENSION_SUFFIXES))
    return place.is_dir() or any(place.with_name(file).is_file() for file in names)


def imported_names(folder: Path, source: CodeFile) -> Iterator[str]:
    """Yields the names of the folder's modules that a module's import statements may load, wherever they stand.

    So what is imported only when a function runs is among them. Raises SyntaxError or ValueError where it is no Python.
    """
    for node in ast.walk(ast.parse(source.data, str(folder / source.path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _parents(own_module(folder, alias.name, source))
        elif isinstance(node, ast.ImportFrom):
            base = _base(folder, node, source)
            if base is None:
                continue
            yield from _parents(base)
            for alias in node.names:
                if alias.name == "*":
                    yield from _all_in(folder, base)
                else:
                    yield f"{base}.{alias.name}".lstrip(".")


def _base(folder: Path, node: ast.ImportFrom, source: CodeFile) -> str | None:
    """Returns the folder's module that stands behind `from`; None where it is another's."""
    if not node.level:
        return own_module(folder, node.module or "", source)
    parts = source.package.split(".") if source.package else []
    if node.level - 1 > len(parts):
        return None  # beyond the folder: the import itself raises
    start = parts[: len(parts) - (node.level - 1)]
    return ".".join([*start, *((node.module or "").split(".") if node.module else [])])


def _parents(name: str | None) -> Iterator[str]:
    """Yields a, a.b, a.b.c."""
    if name is not None:
        parts = name.split(".") if name else []
        yield from (".".join(parts[:length]) for length in range(len(parts) + 1))


def _all_in(folder: Path, name: str) -> Iterator[str]:
    """Yields all modules of a package, since its `__all__` may name any of them."""
    place = folder.joinpath(*name.split(".")) if name else folder
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.suffix == ".py" and path.stem != "__init__":
            yield f"{name}.{path.stem}".lstrip(".")


class Reading:
    """A reading remembers a folder as it was read: each file once, and what its imports meant then.

    So what it gives never changes: neither by an edit, nor by a file that is added or taken away.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, CodeFile | None] = {}
        self._imports: dict[str, tuple[str, ...]] = {}
        self._data: dict[str, tuple[CodeFile, ...]] = {}

    def closure(self, root: str) -> dict[str, CodeFile]:
        """Returns a module, every module of the folder that one of them may load, and the data that they declare.

        A name that no module has is left out, and a file that is no Python is among them: to load it raises.
        """
        found: dict[str, CodeFile] = {}
        waiting = list(_parents(root))
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            source = self._file(name)
            if source is not None:  # else it is a name of a module, or of one that is not there: its import raises
                found[name] = source
                waiting += self._imported(source)
        return found | {data.name: data for source in found.values() for data in self._data[source.name]}

    def _file(self, name: str) -> CodeFile | None:
        if name not in self._files:
            self._files[name] = module_at(self._folder, name)
        return self._files[name]

    def _imported(self, source: CodeFile) -> tuple[str, ...]:
        if source.name not in self._imports:
            try:
                names = tuple(imported_names(self._folder, source))
                data = tuple(declared_files(self._folder, source))
            except NO_PYTHON:
                names, data = (), ()
            self._imports[source.name], self._data[source.name] = names, data
        return self._imports[source.name]


def declared_files(folder: Path, source: CodeFile) -> Iterator[CodeFile]:
    """Yields the files that a module declares, as `data_files = ("prices.csv",)` in a class or in the module.

    They are named from the module's own folder on. Raises ConfigError for a missing one, and for what is no literal.
    """
    for node in ast.walk(ast.parse(source.data)):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets, value = node.targets if isinstance(node, ast.Assign) else [node.target], node.value
        if value is None or not any(isinstance(target, ast.Name) and target.id == DATA_FILES for target in targets):
            continue
        where = f"{folder / source.path}:{node.lineno}: {DATA_FILES}"
        try:
            names = ast.literal_eval(value)
        except ValueError as error:
            raise ConfigError(f'{where}: write the names themselves, as in {DATA_FILES} = ("prices.csv",)') from error
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f'{where}: it is a tuple of names, as in {DATA_FILES} = ("prices.csv",)')
        for name in names:
            yield _data(folder, (folder / source.path).parent / name, f"{where}: {name!r:.100}")


def _data(folder: Path, path: Path, where: str) -> CodeFile:
    full = Path(os.path.normpath(path))
    if not full.is_relative_to(folder):
        raise ConfigError(f"{where} lies outside of {folder}: put it there")
    shown = full.relative_to(folder).as_posix()
    if not full.is_file():
        raise ConfigError(f"{where}: there is no such file: put it there, or take the name out")
    if full.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{where} has more than {MAX_BYTES} bytes: make it smaller")
    return CodeFile(data_name(shown), shown, read(folder, full), is_package=False)


def data_name(path: str) -> str:
    """Returns the name under which a folder keeps a data file, which no module can have."""
    return f"/{path}"
