"""Reading a window's saved numbers."""

from shared.tick import State


def numbers_of(state: State, capacity: int) -> list[float]:
    """The numbers in a window's state; ValueError if they are none, or more than fit.

    >>> numbers_of([1.0, 2.0], 3)
    [1.0, 2.0]
    """
    if not isinstance(state, list) or len(state) > capacity:
        raise ValueError(f"a window of {capacity} restores a list of up to {capacity} numbers, not {state!r:.80}")
    numbers: list[float] = []
    for value in state:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"a window's state holds numbers, not {value!r:.80}")
        numbers.append(value)
    return numbers
