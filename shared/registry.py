"""A registry names what lies in modules of its own and imports each only when somebody asks for it."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Registry(MutableMapping[str, T], Generic[T]):
    """A registry maps a name to an object; it starts with `module:object` for each and imports at first use.

    >>> counters = Registry[type]({"counter": "collections:Counter"})
    >>> list(counters), counters["counter"]
    (['counter'], <class 'collections.Counter'>)
    """

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = dict(where)
        self._found: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._found:
            module, _, what = self._where[name].partition(":")
            self._found[name] = cast(T, getattr(import_module(module), what))
        return self._found[name]

    def __setitem__(self, name: str, found: T | str) -> None:
        """Adds an object, or where it lies."""
        self._found.pop(name, None)
        if isinstance(found, str):
            self._where[name] = found
        else:
            self._where[name], self._found[name] = "", found

    def __delitem__(self, name: str) -> None:
        del self._where[name]
        self._found.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)
