"""A window's numbers as a snapshot holds them."""

from typing import Annotated

from pydantic import Field

from shared.record import Snapshot, unvalidated
from shared.tick import State


class WindowSnapshot(Snapshot):
    """What a window over numbers remembers, index 0 first."""

    values: list[Annotated[float, Field(allow_inf_nan=True)]]


saved_numbers = unvalidated(WindowSnapshot)


def numbers_of(state: State, capacity: int) -> list[float]:
    """The numbers in a window's state; ValueError if they are none, or more than fit.

    >>> numbers_of(saved_numbers(values=[1.0, 2.0]), 3)
    [1.0, 2.0]
    """
    values = WindowSnapshot.of(state).values
    if len(values) > capacity:
        raise ValueError(f"a window of {capacity} restores up to that many numbers, not {len(values)}")
    return values
