"""ccxt's packages import every exchange that there is, and a process of ours speaks to one or two of them.

Loaded leanly, a package gives an exchange's class when somebody asks for it. That takes a third of the time and half of
the memory. Nothing else is different: what a package tells beside the classes, its own code tells.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # the real one loads much that nobody needs

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")


class LeanPackage(ModuleType):
    """A lean package has imported those of its exchanges that somebody asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dict__.get("exchanges", ()):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        import_module(f"{self.__name__}.{name}")
        return self.__dict__[name]

    def __setattr__(self, name: str, value: object) -> None:
        """Takes the class out of a module that the import system brings, as the package's own code does."""
        if isinstance(value, ModuleType) and name in self.__dict__.get("exchanges", ()):
            value = getattr(value, name)
        super().__setattr__(name, value)


class _LeanLoader(Loader):
    """The loader of a package runs its code, with empty modules in the places of the exchanges'."""

    def __init__(self, real: Loader, finder: "_Finder") -> None:
        self._real, self._finder = real, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Lets the import system make it."""
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Runs the package's code."""
        empty: list[str] = []
        self._finder.empty[module.__name__] = empty
        try:
            self._real.exec_module(module)
        finally:
            del self._finder.empty[module.__name__]
            for name in empty:
                del sys.modules[f"{module.__name__}.{name}"]
                module.__dict__.pop(name, None)
        module.__class__ = LeanPackage


class _EmptyLoader(Loader):
    """The loader of an exchange's place gives a module with the class's name in it."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Lets the import system make it."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Names the class."""
        name = module.__name__.rpartition(".")[2]
        setattr(module, name, None)


class _Finder:
    """The finder answers for ccxt's packages, and while one's code runs for the modules right below it.

    - empty: the packages whose code runs, each with the names that were given an empty module.
    """

    def __init__(self) -> None:
        self.empty: dict[str, list[str]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns what the import system loads; None where that is not ours to say."""
        package, _, name = fullname.rpartition(".")
        if fullname not in PACKAGES and package not in self.empty:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None:
            return None
        if fullname in PACKAGES:
            spec.loader = _LeanLoader(cast("Loader", spec.loader), self)
        elif spec.submodule_search_locations is None:  # exchanges are files, all else is folders
            self.empty[package].append(name)
            return ModuleSpec(fullname, _EmptyLoader())
        return spec


@contextmanager
def lean() -> Iterator[None]:
    """Loads leanly what is imported of ccxt inside; what is there already stays as it is."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
