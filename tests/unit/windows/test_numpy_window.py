"""NumpyWindow against numpy over the whole series, and against a list under any mixture of both ends."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows import NumpyWindow

FLOATS = st.floats(allow_nan=False)
DTYPES = st.sampled_from([np.float64, np.float32])


@given(st.lists(st.floats(width=32), max_size=60), st.integers(1, 8), DTYPES)
def test_each_step_equals_the_slice_of_the_series(series: list[float], n: int, dtype: npt.DTypeLike) -> None:
    whole = np.array(series, dtype=dtype)
    window = NumpyWindow(n, dtype=dtype)
    for t, value in enumerate(series):
        dropped = window.on_tick(value)
        if t < n:
            assert dropped is None
        else:
            np.testing.assert_array_equal(dropped, whole[t - n])
        expected = whole[max(0, t + 1 - n) : t + 1]
        np.testing.assert_array_equal(window.values(), expected)
        assert window.values().dtype == whole.dtype
        np.testing.assert_array_equal([window[i] for i in range(len(window))], expected)
        assert window.is_full() == (t + 1 >= n)


@given(st.lists(FLOATS, max_size=60), st.integers(1, 8))
def test_append_left_is_the_reversed_series(series: list[float], n: int) -> None:
    window = NumpyWindow(n)
    for t, value in enumerate(series):
        dropped = window.append_left(value)
        assert dropped == (series[t - n] if t >= n else None)
        np.testing.assert_array_equal(window.values(), np.array(series[: t + 1][::-1][:n]))


@given(st.lists(st.tuples(st.booleans(), FLOATS), max_size=80), st.integers(1, 7))
def test_both_ends_in_any_mixture(moves: list[tuple[bool, float]], n: int) -> None:
    window, model = NumpyWindow(n), list[float]()
    for left, value in moves:
        expected = None
        if left:
            dropped = window.append_left(value)
            model.insert(0, value)
            if len(model) > n:
                expected = model.pop()
        else:
            dropped = window.on_tick(value)
            model.append(value)
            if len(model) > n:
                expected = model.pop(0)
        assert dropped == expected
        assert window.values().tolist() == model
        assert window.values().flags.c_contiguous
        assert (len(window), window.is_full()) == (len(model), len(model) == n)


@given(st.lists(FLOATS, min_size=1, max_size=20), st.lists(FLOATS, min_size=1, max_size=20), st.integers(1, 7))
def test_values_belong_to_the_caller(before: list[float], after: list[float], n: int) -> None:
    window = NumpyWindow(n)
    for value in before:
        window.on_tick(value)
    taken = window.values()
    kept = taken.tolist()
    for value in after:
        window.on_tick(value)
        window.append_left(value)
    assert taken.tolist() == kept
    inside = window.values()
    taken[:] = 0.25
    assert window.values().tolist() == inside.tolist()


def test_astype_is_a_converted_copy() -> None:
    window = NumpyWindow(2)
    window.on_tick(0.1)
    taken = window.astype(np.float32)
    window.on_tick(0.2)
    window.on_tick(0.3)
    assert taken.dtype == np.float32
    assert taken.tolist() == [float(np.float32(0.1))]


class _Counting(np.ndarray[Any, Any]):
    """Counts the places written."""

    written = 0

    def __setitem__(self, key: object, value: object) -> None:
        type(self).written += 1 if isinstance(key, int) else len(self)
        super().__setitem__(key, value)  # type: ignore[call-overload]


@pytest.mark.parametrize("n", [1, 10, 10_000])
def test_a_tick_writes_two_places_whatever_the_capacity(n: int) -> None:
    window = NumpyWindow(n)
    window._data = window._data.view(_Counting)
    ticks = 3 * n
    for at_left in (False, True):
        _Counting.written = 0
        for value in range(ticks):
            _ = window.append_left(value) if at_left else window.on_tick(value)
        assert _Counting.written == 2 * ticks


@pytest.mark.parametrize("idx", [-1, 2, 5])
def test_an_index_outside_is_refused(idx: int) -> None:
    window = NumpyWindow(3)
    window.on_tick(1)
    window.on_tick(2)
    with pytest.raises(IndexError):
        window[idx]


@pytest.mark.parametrize("n", [0, -1])
def test_capacity_must_be_positive(n: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        NumpyWindow(n)


@pytest.mark.parametrize("state", [None, 3, [1.0, 2.0, 3.0], ["1"], [True], [None]])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    window = NumpyWindow(2)
    window.on_tick(7)
    with pytest.raises(ValueError, match="window"):
        window.restore(state)  # type: ignore[arg-type]
    assert window.values().tolist() == [7.0]


@pytest.mark.parametrize("at_left", [False, True])
@pytest.mark.parametrize(("dtype", "value"), [(np.int32, math.nan), (np.int32, 2**40), (np.float32, 1e300)])
def test_a_value_beyond_the_dtype_is_refused_and_not_taken(at_left: bool, dtype: npt.DTypeLike, value: float) -> None:
    window = NumpyWindow(2, dtype=dtype)
    for taken in (1, 2, 3):
        window.on_tick(taken)
    with pytest.raises(ValueError, match="does not fit into"):
        _ = window.append_left(value) if at_left else window.on_tick(value)
    assert window.values().tolist() == [2, 3]
