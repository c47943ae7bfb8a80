"""The last vectors as one array, against a plain list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages.codec import pack, unpack
from shared.windows.sequence_window import SequenceWindow

VECTORS = st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), max_size=12)


def rows(values: list[list[float]]) -> list[np.ndarray]:
    return [np.array(value, np.float32) for value in values]


@given(VECTORS, st.integers(1, 5))
def test_it_gives_the_last_vectors_oldest_first(values: list[list[float]], length: int) -> None:
    window, taken = SequenceWindow(length, 2), rows(values)
    for count, vector in enumerate(taken, 1):
        made = window.on_tick(vector)
        if count < length:
            assert made is None
        else:
            assert made is not None
            assert made.dtype == np.float32
            assert made.tobytes() == np.stack(taken[count - length : count]).tobytes()


@given(VECTORS, st.integers(1, 5), st.integers(0, 12))
def test_restored_is_never_stopped_to_the_bit(values: list[list[float]], length: int, cut: int) -> None:
    whole, first, second = (SequenceWindow(length, 2) for _ in range(3))
    taken = rows(values)
    for vector in taken[:cut]:
        first.on_tick(vector)
    second.restore(unpack(pack(first.state())))
    made = [first.on_tick(vector) for vector in taken[cut:]]
    again = [second.on_tick(vector) for vector in taken[cut:]]
    for vector in taken:
        whole.on_tick(vector)
    assert [None if one is None else one.tobytes() for one in again] == [
        None if one is None else one.tobytes() for one in made
    ]
    assert second.state() == whole.state()


def test_what_it_gave_is_not_overwritten() -> None:
    window = SequenceWindow(1, 1)
    made = window.on_tick(np.ones(1, np.float32))
    window.on_tick(np.zeros(1, np.float32))
    assert made is not None
    assert made.tolist() == [[1.0]]


def test_after_a_reset_it_begins_anew() -> None:
    window = SequenceWindow(2, 1)
    assert [window.on_tick(np.full(1, x, np.float32)) is None for x in (1, 2)] == [True, False]
    window.reset()
    assert [window.on_tick(np.full(1, x, np.float32)) is None for x in (1, 2)] == [True, False]


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 2), ()])
def test_another_vector_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes vectors of 2 numbers"):
        SequenceWindow(3, 2).on_tick(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("length", "width"), [(0, 1), (1, 0)])
def test_a_window_of_nothing_is_refused(length: int, width: int) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        SequenceWindow(length, width)


@pytest.mark.parametrize("data", [b"1", bytes(4), bytes(8 * 4)])
def test_a_state_that_does_not_fit_is_refused(data: bytes) -> None:
    state = {**unpack(pack(SequenceWindow(3, 2).state())), "rows": data}
    with pytest.raises(ValueError, match="are no window of 3 vectors of 2 numbers"):
        SequenceWindow(3, 2).restore(state)
