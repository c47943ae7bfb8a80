"""Series for the tests of metrics, and how to hand them over in pieces."""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Returns in basis points, so that many are equal and many are 0.
MOVES = st.lists(st.integers(-800, 800) | st.just(0), min_size=1, max_size=60)
PIECE = st.integers(1, 61)


def values_of(moves: Sequence[int], start: float = 100.0) -> Floats:
    """A series that makes these moves; without `start` itself."""
    return start * np.cumprod(1 + np.array(moves) / 10_000)


def in_pieces(add: Callable[..., None], size: int, *columns: NDArray[np.generic]) -> None:
    """Call `add` with `size` rows after another."""
    for at in range(0, len(columns[0]), size):
        add(*(column[at : at + size] for column in columns))
