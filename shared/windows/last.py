"""A Last keeps the last value of a stream."""

from typing import Any, Generic, TypeVar

from shared.attributes import restored_value, saved_value
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

T = TypeVar("T")


class LastSnapshot(Snapshot):
    """The saved form of a Last."""

    value: Any


_snapshot = fields_of(LastSnapshot)


class Last(Tick[T, T], Generic[T]):
    """A Last remembers the last value and returns each value unchanged.

    >>> last = Last[int]()
    >>> last
    Last(value=None)
    >>> last.on_tick(1), last.on_tick(3), last
    (1, 3, Last(value=3))
    """

    def __init__(self) -> None:
        self._value: T | None = None

    def on_tick(self, val: T) -> T | None:
        """Remembers `val` and returns it."""
        self._value = val
        return val

    def value(self) -> T | None:
        """Returns the last value, or None before the first."""
        return self._value

    def state(self) -> State:
        """Returns the last value."""
        return _snapshot(value=saved_value(type(self).__name__, self._value))

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        self._value = restored_value(type(self).__name__, LastSnapshot.of(state).value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(value={self._value})"
