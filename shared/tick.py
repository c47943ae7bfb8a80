"""A Tick is the building block of everything that decides: one value in, a result or None out.

Rules that every Tick keeps:

1. `on_tick` is synchronous and pure: no I/O, no clock, no log, no random. Time comes with the value.
2. None means "need more data" and nothing else. An error is an exception.
3. What a Tick remembers it gives as `state()` and takes back with `restore()`. A Tick that was restored goes on
   exactly as one that was never stopped.
"""

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any, Generic, TypeAlias, TypeVar, Union

from shared.record import Record, Snapshot

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")

# What a state may hold: whatever the codec carries exactly. Several values together are a Snapshot, which names them.
State: TypeAlias = Union[  # noqa: UP007  (`|` cannot hold the forward references)
    None, bool, int, float, str, bytes, Decimal, list["State"], tuple["State", ...], dict[str, "State"], Record
]


class Tick(ABC, Generic[T, R]):
    """A Tick is one stage of computation over a stream of values.

    >>> class Double(Tick[int, int]):
    ...     def on_tick(self, val: int) -> int | None:
    ...         return 2 * val
    >>> Double().on_tick(21)
    42
    """

    @abstractmethod
    def on_tick(self, val: T) -> R | None:
        """Takes one value; returns the result, or None when it needs more data."""

    def state(self) -> State:
        """Returns what this Tick remembers; a Tick without memory keeps this default."""
        return None

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; raises ValueError when it does not fit."""
        if state is not None:
            raise ValueError(f"{type(self).__name__} has no memory to restore, but a state was given")


class PipeSnapshot(Snapshot):
    """The saved form of a Pipe."""

    first: Any
    second: Any


class Pipe(Tick[T, R], Generic[T, M, R]):
    """A Pipe runs two Ticks in a row and stops at the first None.

    >>> class Half(Tick[int, int]):
    ...     def on_tick(self, val: int) -> int | None:
    ...         return val // 2 if val % 2 == 0 else None
    >>> quarter = Pipe(Half(), Half())
    >>> quarter.on_tick(8), quarter.on_tick(6), quarter.on_tick(3)
    (2, None, None)
    """

    def __init__(self, first: Tick[T, M], second: Tick[M, R]) -> None:
        self.first = first
        self.second = second

    def on_tick(self, val: T) -> R | None:
        """Feeds the first Tick, and the second with its result."""
        middle = self.first.on_tick(val)
        return None if middle is None else self.second.on_tick(middle)

    def state(self) -> State:
        """Returns the states of both."""
        return PipeSnapshot(first=self.first.state(), second=self.second.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = PipeSnapshot.of(state)
        self.first.restore(saved.first)
        self.second.restore(saved.second)

    def __repr__(self) -> str:
        return f"Pipe({self.first!r}, {self.second!r})"
