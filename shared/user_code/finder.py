"""The finder imports the modules of users' folders, each under a name of its own, and from what was hashed alone.

Python asks the UserFinder for a module whose name begins with PACKAGE. It has a Folder for each state of a user's
folder (an edition: files that were edited are another one), with the bytes of its modules; a SourceLoader runs one.
"""

import builtins
import sys
from base64 import b32decode, b32encode
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from shared.errors import UserCodeFailed
from shared.user_code.data_files import hold
from shared.user_code.sources import (
    INNER,
    NO_PYTHON,
    CodeFile,
    Reading,
    has_module,
    installed,
    own_module,
    shadows,
)

PACKAGE = "shared.user_code.folders"
_import = builtins.__import__


class Folder:
    """A folder's modules as they were read: what is imported from it is compiled from these bytes, whenever it is.

    - path: the folder. shown: where its files lie for a person, in tracebacks.
    - package: the name of the package that its modules are in.
    - sources: by module name. Nothing else of the folder can be imported, so nothing decides that is not hashed.
    - on_demand: nobody asked for its hash in this process, e.g. a pool's worker: what is imported is read then.
    """

    def __init__(self, path: Path, shown: Path, edition: int = 0) -> None:
        self.path = path
        self.shown = shown
        self.package = f"{PACKAGE}.{encoded(path, edition)}"
        self.sources: dict[str, CodeFile] = {}
        self.on_demand = False
        self._builtins = {**vars(builtins), "__import__": self._imported}
        hold(self, self._builtins)

    def admit(self, sources: Mapping[str, CodeFile]) -> bool:
        """Takes modules in; returns False, and takes none, where one of them is here with other bytes."""
        if any(self.sources.get(name, source) != source for name, source in sources.items()):
            return False
        self.sources.update(sources)
        return True

    def all(self) -> Iterable[CodeFile]:
        """Returns what was read, modules and data files."""
        return self.sources.values()

    def module(self, name: str) -> ModuleType:
        """Imports a module of the folder; what its code raises goes through."""
        return import_module(f"{self.package}.{name}".rstrip("."))

    def file(self, source: CodeFile) -> str:
        """Returns a source's path, as tracebacks have it."""
        return str(self.shown / source.path)

    def compiled(self, source: CodeFile) -> CodeType:
        """Returns the code of a source; no `.pyc` is read or written."""
        try:
            return compile(source.data, self.file(source), "exec", dont_inherit=True)
        except NO_PYTHON as error:
            if isinstance(error, SyntaxError) and error.lineno:
                raise
            raise UserCodeFailed(f"{self.file(source)}: {str(error) or 'it is nested too deep'}") from error

    def execute(self, source: CodeFile, module: ModuleType) -> None:
        """Runs a module's code, with an `import` that looks into this folder, too."""
        module.__dict__["__builtins__"] = self._builtins
        exec(self.compiled(source), module.__dict__)  # noqa: S102

    def _imported(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Does what `import` means in this folder's modules: Python's library and packages come first."""
        importer = None if level else self._source_of(globals or {})
        if importer is None:
            return _import(name, globals, locals, fromlist, level)
        meant = self._meant(name, importer, fromlist or ())
        if meant is None:
            return _import(name, globals, locals, fromlist, 0)
        module = import_module(f"{self.package}.{meant}")
        if fromlist:
            return _import(module.__name__, globals, locals, fromlist, 0)
        return sys.modules[module.__name__.removesuffix(name) + name.partition(".")[0]]

    def _meant(self, name: str, importer: CodeFile, fromlist: Sequence[str]) -> str | None:
        """Returns the folder's module that an import means, None for another's; raises UserCodeFailed for ours."""
        top = name.partition(".")[0]
        if top in INNER or not installed(top, self.path):
            for prefix in ("", f"{importer.package}." * bool(importer.package)):
                if prefix + top in self.sources:
                    return prefix + name
        meant = own_module(self.path, name, importer)
        if meant is None and (path := shadows(self.path, top)) is not None and top not in INNER:
            raise UserCodeFailed(
                f"{self._line(importer)}: import {top}: {path} has the same name as a module of "
                f"{installed(top, self.path)}: rename your file"
            )
        if meant is None and top in INNER:
            wanted = ", ".join(what for what in fromlist if what != "*") or "..."
            raise UserCodeFailed(
                f"{self._line(importer)}: import {name}: this is Tickline's inside, which changes without notice: "
                f"write `from tickline import {wanted}`"
            )
        return meant

    def _source_of(self, names: Mapping[str, Any]) -> CodeFile | None:
        return self.sources.get(str(names.get("__name__", "")).removeprefix(self.package).lstrip("."))

    def _line(self, importer: CodeFile) -> str:
        """Returns the line that imports, for a person."""
        file, frame = self.file(importer), sys._getframe()
        outer: FrameType | None = frame
        while outer is not None and outer.f_code.co_filename != file:
            outer = outer.f_back
        return f"{file}:{(outer or frame).f_lineno}"


class SourceLoader(Loader):
    """The loader runs one module from its folder's bytes."""

    def __init__(self, folder: Folder, source: CodeFile) -> None:
        self._folder = folder
        self._source = source

    def exec_module(self, module: ModuleType) -> None:
        """Runs it; a folder without `__init__.py` has nothing to run."""
        if self._source.path:
            self._folder.execute(self._source, module)

    def get_source(self, fullname: str) -> str:
        """Returns the text, for tracebacks and `inspect`."""
        return self._source.data.decode("utf-8-sig", "replace")


class UserFinder(MetaPathFinder):
    """The finder finds what lies in users' folders; it is asked last, and knows no other name.

    - folders: by the name of their package.
    - moved: folder -> where its files lie in this process, of those that came in a bundle.
    - reads_once: no file is read a second time, so what was hashed at the start decides as long as the process lives.
    """

    def __init__(self) -> None:
        self.folders: dict[str, Folder] = {}
        self.moved: dict[Path, Path] = {}
        self.reads_once = False
        self._readings: dict[Path, Reading] = {}

    def sources(self, path: Path, module: str) -> dict[str, CodeFile]:
        """Returns a module with all that it may load, as they lie in the folder, or as they were read before."""
        reading = self._readings.get(path) if self.reads_once else None
        if reading is None:
            reading = self._readings[path] = Reading(path)
        return reading.closure(module)

    def place(self, folder: Path) -> Path:
        """Returns where a folder's files lie."""
        return self.moved.get(folder, folder)

    def shown(self, place: Path) -> Path:
        """Returns the folder whose files lie at a place."""
        return next((folder for folder, other in self.moved.items() if other == place), place)

    def opened(self, path: Path, sources: Mapping[str, CodeFile]) -> Folder:
        """Returns the folder with these modules in it; a new edition where the files have changed since."""
        for edition in range(len(self.folders) + 1):
            name = encoded(path, edition)
            folder = self.folders.get(name) or Folder(path, self.shown(path), edition)
            if folder.admit(sources):
                self.folders[name] = folder
                return folder
        raise AssertionError("an edition without modules takes all")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns a module's spec; None where it is of no user's folder, or not there."""
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        first, _, name = fullname.removeprefix(f"{PACKAGE}.").partition(".")
        folder = self.folders.get(first) or self._found_again(first)
        if folder is None:
            return None
        if folder.on_demand and name not in folder.sources:
            folder.admit(self.sources(folder.path, name))
        source = folder.sources.get(name)
        if source is None:
            if has_module(folder.path, name):
                raise UserCodeFailed(
                    f"{folder.path}: {name} was not hashed: it was not there when your code was loaded, or no "
                    "`import` statement names it: write one, or start again"
                )
            return None
        spec = ModuleSpec(fullname, SourceLoader(folder, source), is_package=source.is_package)
        if source.path:
            spec.origin, spec.has_location = str(folder.path / source.path), True
        return spec

    def _found_again(self, first: str) -> Folder | None:
        """Opens a folder whose module another process has named, e.g. the parent of this one."""
        path = decoded(first)
        if path is None or not path.is_dir():
            return None
        folder = Folder(path, path)
        folder.package, folder.on_demand = f"{PACKAGE}.{first}", True
        self.folders[first] = folder
        return folder


FINDER = UserFinder()


def install() -> None:
    """Lets Python ask the finder, after all others."""
    if FINDER not in sys.meta_path:
        sys.meta_path.append(FINDER)


def encoded(path: Path, edition: int = 0) -> str:
    """Returns the name of a folder's package, from which `decoded` finds the folder again.

    >>> encoded(Path("/me"))
    'f_F5WWK'
    >>> decoded(encoded(Path("/me"), 2))
    PosixPath('/me')
    """
    return "f_" + b32encode(str(path).encode()).decode().rstrip("=") + (f"_{edition}" if edition else "")


def decoded(name: str) -> Path | None:
    """Returns the folder of a package's name, or None for a name that is none."""
    text = name.removeprefix("f_").partition("_")[0]
    try:
        return Path(b32decode(text + "=" * (-len(text) % 8)).decode())
    except ValueError:
        return None
