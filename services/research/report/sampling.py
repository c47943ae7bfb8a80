"""A sample of bounded size out of a stream of unknown length."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Every(Generic[T]):
    """Keeps every k-th item and the last one, at most `limit` + 1 in all; k doubles whenever there would be more.

    >>> every = Every[int](limit=4)
    >>> every.extend(range(7))
    >>> every.extend(range(7, 10))
    >>> every.values(), every.step, every.seen
    ([0, 4, 8, 9], 4, 10)
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a sample's limit must be at least 1, not {limit}")
        self.step = 1
        self.seen = 0
        self._limit = limit
        self._kept: list[T] = []
        self._last: list[T] = []

    def extend(self, items: Sequence[T]) -> None:
        """Take the next items."""
        if not items:
            return
        self._kept.extend(items[-self.seen % self.step :: self.step])
        self.seen += len(items)
        self._last = [items[-1]]
        while len(self._kept) > self._limit:
            del self._kept[1::2]
            self.step *= 2

    def values(self) -> list[T]:
        """What is kept, in order."""
        last_is_kept = (self.seen - 1) % self.step == 0
        return self._kept.copy() if last_is_kept else self._kept + self._last
