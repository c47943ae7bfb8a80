"""A window over scalars in torch memory."""

import torch

from shared.tick import State, Tick
from shared.windows.numpy_window import numbers_of


class TensorWindow(Tick[float, float]):
    """The last n scalars as a tensor, oldest first; a circular buffer, O(1) per tick.

    dtype and device are the buffer's and those of `values()`. `on_tick` returns the value that fell out, None while
    the window fills. ValueError if n is not positive or a value is beyond the dtype, IndexError outside 0 <= idx < len.

    >>> w = TensorWindow(3)
    >>> [w.on_tick(v) for v in (1, 2, 3, 4)]
    [None, None, None, 1.0]
    >>> w, w.values()
    (TensorWindow(capacity=3, size=3, values=[2.0, 3.0, 4.0]), tensor([2., 3., 4.]))
    """

    def __init__(self, n: int, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None) -> None:
        if n <= 0:
            raise ValueError(f"a TensorWindow's capacity must be positive, not {n}")
        self._capacity = n
        self._data = torch.zeros(n, dtype=dtype, device=device)
        self._start = 0  # where the oldest value is
        self._size = 0

    def on_tick(self, val: float) -> float | None:
        """Append a value; return the oldest one if it had to go."""
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
        """The values oldest first, shape (len,), in memory of their own: no later tick changes them."""
        end = self._start + self._size
        if end <= self._capacity:
            return self._data[self._start : end].clone()
        return torch.cat((self._data[self._start :], self._data[: end - self._capacity]))

    def capacity(self) -> int:
        """How many values fit."""
        return self._capacity

    def is_full(self) -> bool:
        """Whether the next value pushes one out."""
        return self._size == self._capacity

    def __getitem__(self, idx: int) -> float:
        if not 0 <= idx < self._size:
            raise IndexError(f"index {idx} is outside a window of {self._size} values")
        return float(self._data[(self._start + idx) % self._capacity].item())

    def __len__(self) -> int:
        return self._size

    def state(self) -> State:
        """The values, oldest first."""
        values: list[State] = self.values().tolist()
        return values

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        values = numbers_of(state, self._capacity)
        self._start, self._size = 0, 0
        for value in values:
            self.on_tick(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(capacity={self._capacity}, size={self._size}, values={self.values().tolist()})"
