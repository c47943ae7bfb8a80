"""A DequeWindow keeps values of any one type."""

from collections import deque
from typing import Generic, TypeVar, cast

from shared.attributes import restored_value, saved_value
from shared.tick import State, Tick
from shared.windows.capacity import whole

T = TypeVar("T")


class DequeWindow(Tick[T, T], Generic[T]):
    """A DequeWindow keeps the last n values, oldest first, in O(1) per tick.

    `on_tick` returns the value that falls out, or None while the window fills. The values must be such as
    `shared.attributes` saves. ValueError if n is not positive.

    >>> w = DequeWindow[int](3)
    >>> [w.on_tick(v) for v in (1, 2, 3, 4)]
    [None, None, None, 1]
    >>> w
    DequeWindow(capacity=3, values=[2, 3, 4])
    """

    def __init__(self, n: int) -> None:
        n = whole(n, "a DequeWindow's capacity")
        self._capacity = n
        self._data: deque[T] = deque(maxlen=n)

    def on_tick(self, val: T) -> T | None:
        """Appends a value; returns the oldest one if it falls out."""
        dropped = self._data[0] if self.is_full() else None
        self._data.append(val)
        return dropped

    def values(self) -> list[T]:
        """Returns a copy of the values, oldest first."""
        return list(self._data)

    def capacity(self) -> int:
        """Returns how many values fit."""
        return self._capacity

    def is_full(self) -> bool:
        """Says whether the next value pushes one out."""
        return len(self._data) == self._capacity

    def __len__(self) -> int:
        return len(self._data)

    def state(self) -> State:
        """Returns the values, oldest first."""
        return saved_value(type(self).__name__, list(self._data))

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        if not isinstance(state, list) or len(state) > self._capacity:
            raise ValueError(f"a window of {self._capacity} restores a list of up to that many, not {state!r:.80}")
        values = restored_value(type(self).__name__, state)
        self._data = deque(cast(list[T], values), maxlen=self._capacity)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(capacity={self._capacity}, values={list(self._data)})"
