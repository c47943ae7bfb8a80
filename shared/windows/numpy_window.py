"""A NumpyWindow keeps scalars in numpy memory."""

from typing import Any

import numpy as np
import numpy.typing as npt

from shared.tick import State, Tick
from shared.windows.capacity import whole


class NumpyWindow(Tick[float, float]):
    """A NumpyWindow keeps the last n scalars, index 0 first, in O(1) per `on_tick` and per `append_left`.

    `on_tick` appends at the end and returns what falls out at the front; `append_left` appends at the front and returns
    what falls out at the end. ValueError if n is not positive or a value does not fit the dtype, IndexError outside
    0 <= idx < len.

    The buffer has 2n places and holds every value twice, n places apart. So the window's values always lie side by side
    somewhere, no tick shifts them, and each costs two writes.

    >>> w = NumpyWindow(3)
    >>> [w.on_tick(v) for v in (1, 2, 3, 4)]
    [None, None, None, np.float64(1.0)]
    >>> w.append_left(9), w
    (np.float64(4.0), NumpyWindow(capacity=3, size=3, values=[9.0, 2.0, 3.0]))
    """

    def __init__(self, n: int, dtype: npt.DTypeLike = np.float64) -> None:
        n = whole(n, "a NumpyWindow's capacity")
        self._capacity = n
        self._data: npt.NDArray[Any] = np.zeros(2 * n, dtype=dtype)
        self._float64 = self._data.dtype == np.float64
        self._start = 0  # where index 0 is; always below n
        self._size = 0

    def on_tick(self, val: float) -> float | None:
        """Appends at the end; returns the value at the front if it falls out."""
        value = float(val) if self._float64 else self._converted(val)
        n, start = self._capacity, self._start
        dropped: float | None = None
        if self._size < n:
            place = start + self._size
            if place >= n:
                place -= n
            self._size += 1
        else:
            dropped = self._data[start]
            place = start
            self._start = start + 1 if start + 1 < n else 0
        self._data[place] = self._data[place + n] = value
        return dropped

    def append_left(self, val: float) -> float | None:
        """Appends at the front; returns the value at the end if it falls out."""
        value = float(val) if self._float64 else self._converted(val)
        n = self._capacity
        place = self._start - 1 if self._start else n - 1
        dropped: float | None = None
        if self._size < n:
            self._size += 1
        else:
            dropped = self._data[place]
        self._data[place] = self._data[place + n] = value
        self._start = place
        return dropped

    def _converted(self, val: float) -> float:
        """Returns `val` in the buffer's dtype, or raises before the window changes."""
        try:
            with np.errstate(over="raise"):
                value: float = self._data.dtype.type(val)
        except (ArithmeticError, ValueError) as error:
            raise ValueError(f"{val!r} does not fit into {self._data.dtype}") from error
        return value

    def values(self) -> npt.NDArray[Any]:
        """Returns a copy of the values, index 0 first, shape (len,)."""
        return self._data[self._start : self._start + self._size].copy()

    def astype(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Returns `values()` in another dtype, with one copy instead of two."""
        return self._data[self._start : self._start + self._size].astype(dtype)

    def capacity(self) -> int:
        """Returns how many values fit."""
        return self._capacity

    def is_full(self) -> bool:
        """Says whether the next value pushes one out."""
        return self._size == self._capacity

    def __getitem__(self, idx: int) -> float:
        if not 0 <= idx < self._size:
            raise IndexError(f"index {idx} is outside a window of {self._size} values")
        value: float = self._data[self._start + idx]
        return value

    def __len__(self) -> int:
        return self._size

    def state(self) -> State:
        """Returns the values, index 0 first."""
        values: list[State] = self._data[self._start : self._start + self._size].tolist()
        return values

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        values = numbers_of(state, self._capacity)
        self._start, self._size = 0, 0
        for value in values:
            self.on_tick(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(capacity={self._capacity}, size={self._size}, values={self.values().tolist()})"


def numbers_of(state: State, capacity: int) -> list[float]:
    """Returns the numbers in a window's state; raises ValueError for other values, or for more than fit.

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
