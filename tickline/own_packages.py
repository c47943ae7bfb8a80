"""Tickline's packages have plain names, `shared` and `services`; a user's folder may have files of the same names.

A finder finds ours, and the standard library, before whatever lies in the folder that Python puts first on its path:
that of a script, of a notebook, or the working folder. This module imports nothing that such a folder could shadow.
"""

import sys
from importlib.machinery import PathFinder
from os import path as paths

TYPE_CHECKING = False  # from typing it would load half of the standard library before the finder is there
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

OURS = ("shared", "services")
ROOT = paths.dirname(paths.dirname(paths.abspath(__file__)))
_LIBRARY = paths.dirname(paths.__file__)
_STANDARD = [_LIBRARY, paths.join(_LIBRARY, "lib-dynload")]


class OwnPackages:
    """A finder of our packages, and of the standard library's modules, wherever the path begins."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Returns where a top-level module of ours or of the standard library lies; None for any other."""
        if path is not None:
            return None
        if name in OURS:
            return PathFinder.find_spec(name, [ROOT])
        return PathFinder.find_spec(name, _STANDARD) if name in sys.stdlib_module_names else None


class HiddenModules:
    """A finder behind all others, which says what hides a module that nobody found in our packages."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Raises ModuleNotFoundError for a module of a user's `shared` or `services`; returns None otherwise."""
        package, _, inner = name.partition(".")
        if inner and package in OURS and (theirs := _theirs(name)) is not None:
            raise ModuleNotFoundError(f"No module named {name!r}: {_clash(package, theirs)}", name=name)
        return None


def put_first() -> None:
    """Installs the finders, once; raises ImportError where another package of such a name is loaded already."""
    for name in OURS:
        loaded = sys.modules.get(name)
        if loaded is not None and (folder := _folder(loaded)) != paths.join(ROOT, name):
            raise ImportError(_clash(name, folder), name="tickline")
    if OwnPackages not in sys.meta_path:
        # Behind the interpreter's own finders, of built-in and frozen modules, which no file can shadow.
        sys.meta_path.insert(sys.meta_path.index(PathFinder), OwnPackages)
        sys.meta_path.append(HiddenModules)


def _folder(module: "ModuleType") -> str:
    """Returns a package's folder, or a module's file."""
    inside: list[str] = list(getattr(module, "__path__", ()))
    return paths.abspath(inside[0]) if inside else str(getattr(module, "__file__", module))


def _theirs(name: str) -> str | None:
    """Returns the package's folder, on the path, that has a module of this name."""
    for entry in sys.path:
        file = paths.join(entry, *name.split("."))
        if (paths.isdir(file) or paths.exists(f"{file}.py")) and paths.abspath(entry) != ROOT:
            return paths.abspath(paths.join(entry, name.partition(".")[0]))
    return None


def _clash(name: str, theirs: str) -> str:
    return f"`{name}` is a package of Tickline's own, and {theirs} has the same name: rename it"
