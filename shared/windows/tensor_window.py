"""A TensorWindow keeps scalars in torch memory."""

import torch

from shared.tick import State, Tick
from shared.windows.capacity import whole
from shared.windows.numpy_window import numbers_of


class TensorWindow(Tick[float, float]):
    """A TensorWindow keeps the last n scalars as a tensor, oldest first, in a circular buffer: O(1) per tick.

    `on_tick` returns the value that falls out, or None while the window fills. ValueError if n is not positive or a
    value does not fit the dtype, IndexError outside 0 <= idx < len.

    - dtype, device: those of the buffer and of `values()`.

    >>> w = TensorWindow(3)
    >>> [w.on_tick(v) for v in (1, 2, 3, 4)]
    [None, None, None, 1.0]
    >>> w, w.values()
    (TensorWindow(capacity=3, size=3, values=[2.0, 3.0, 4.0]), tensor([2., 3., 4.]))
    """

    def __init__(self, n: int, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None) -> None:
        n = whole(n, "a TensorWindow's capacity")
        self._capacity = n
        self._data = torch.zeros(n, dtype=dtype, device=device)
        self._start = 0  # where the oldest value is
        self._size = 0

    def on_tick(self, val: float) -> float | None:
        """Appends a value; returns the oldest one if it falls out."""
        place = (self._start + self._size) % self._capacity
        dropped: float | None = self._data[place].item() if self.is_full() else None
        try:
            self._data[place] = float(val)
        except RuntimeError as error:
            raise ValueError(f"{val!r} does not fit into {self._data.dtype}") from error
        if self._size < self._capacity:
            self._size += 1
        else:
            self._start = (place + 1) % self._capacity
        return dropped

    def values(self) -> torch.Tensor:
        """Returns the values, oldest first, shape (len,), in memory that no later tick changes."""
        end = self._start + self._size
        if end <= self._capacity:
            return self._data[self._start : end].clone()
        return torch.cat((self._data[self._start :], self._data[: end - self._capacity]))

    def capacity(self) -> int:
        """Returns how many values fit."""
        return self._capacity

    def is_full(self) -> bool:
        """Says whether the next value pushes one out."""
        return self._size == self._capacity

    def __getitem__(self, idx: int) -> float:
        if not 0 <= idx < self._size:
            raise IndexError(f"index {idx} is outside a window of {self._size} values")
        return float(self._data[(self._start + idx) % self._capacity].item())

    def __len__(self) -> int:
        return self._size

    def state(self) -> State:
        """Returns the values, oldest first."""
        values: list[State] = self.values().tolist()
        return values

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        values = numbers_of(state, self._capacity)
        self._start, self._size = 0, 0
        for value in values:
            self.on_tick(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(capacity={self._capacity}, size={self._size}, values={self.values().tolist()})"
