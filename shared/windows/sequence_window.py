"""A SequenceWindow keeps the last feature vectors, for a model that is shown a sequence."""

import numpy as np
from numpy.typing import NDArray

from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

_STORED = np.dtype("<f4")


class SequenceWindowSnapshot(Snapshot):
    """The saved form of a SequenceWindow: its rows, oldest first, as little-endian float32."""

    rows: bytes


_snapshot = fields_of(SequenceWindowSnapshot)


class SequenceWindow(Tick[NDArray[np.float32], NDArray[np.float32]]):
    """A SequenceWindow gives the last `length` vectors, oldest first; None until it has seen so many.

    - length, width: positive, else ValueError.
    - Input: float32 of shape (width,), else ValueError. Output: float32 of shape (length, width), in memory of its own.
    - Each tick costs two writes of a row and one copy of the output.

    >>> window = SequenceWindow(2, 1)
    >>> [window.on_tick(np.array([x], np.float32)) for x in (1, 2, 3)]
    [None, array([[1.],
           [2.]], dtype=float32), array([[2.],
           [3.]], dtype=float32)]
    """

    def __init__(self, length: int, width: int) -> None:
        if length < 1 or width < 1:
            raise ValueError(f"a SequenceWindow of {length} vectors of {width} numbers holds nothing")
        self._length = length
        self._rows: NDArray[np.float32] = np.zeros((2 * length, width), np.float32)  # every row twice: see NumpyWindow
        self._start = 0
        self._size = 0

    def on_tick(self, val: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Appends a vector; returns the sequence that it ends."""
        rows, length, start = self._rows, self._length, self._start
        if val.shape != rows.shape[1:]:
            raise ValueError(f"a SequenceWindow takes vectors of {rows.shape[1]} numbers, not of shape {val.shape}")
        place = (start + self._size) % length
        if self._size < length:
            self._size += 1
        else:
            start = self._start = (start + 1) % length
        rows[place] = rows[place + length] = val
        return rows[start : start + length].copy() if self._size == length else None

    def reset(self) -> None:
        """Forgets all vectors."""
        self._start = self._size = 0

    def state(self) -> State:
        """Returns the vectors."""
        return _snapshot(rows=self._rows[self._start : self._start + self._size].astype(_STORED).tobytes())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        data, width = SequenceWindowSnapshot.of(state).rows, self._rows.shape[1]
        if len(data) % (4 * width) or len(data) > 4 * width * self._length:
            raise ValueError(f"{len(data)} bytes are no window of {self._length} vectors of {width} numbers")
        self.reset()
        for row in np.frombuffer(data, _STORED).reshape(-1, width):
            self.on_tick(row)

    def __repr__(self) -> str:
        return f"SequenceWindow(length={self._length}, width={self._rows.shape[1]}, size={self._size})"
