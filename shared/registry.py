"""A registry names what lies in modules of its own and imports each only when somebody asks for it."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Registry(MutableMapping[str, T], Generic[T]):
    """A registry maps a name to an object; it starts with `module:object` for each and imports that when asked.

    >>> counters = Registry[type]({"counter": "collections:Counter"})
    >>> list(counters), counters["counter"]
    (['counter'], <class 'collections.Counter'>)
    """

    def __init__(self, where: Mapping[str, str]) -> None:
        self._entries: dict[str, T | str] = dict(where)

    def __getitem__(self, name: str) -> T:
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        module, _, what = entry.partition(":")
        return cast(T, getattr(import_module(module), what))

    def __setitem__(self, name: str, entry: T | str) -> None:
        """Adds an object, or where it lies."""
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        """Says whether there is one of this name; nothing is imported, as `Mapping`'s own would."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
