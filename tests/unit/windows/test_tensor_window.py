"""TensorWindow against numpy over the whole series."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.windows.tensor_window import TensorWindow

FLOATS = st.floats(width=32, allow_nan=False)
DTYPES = st.sampled_from([torch.float32, torch.float64])


@given(st.lists(FLOATS, max_size=50), st.integers(1, 8), DTYPES)
def test_each_step_equals_the_slice_of_the_series(series: list[float], n: int, dtype: torch.dtype) -> None:
    whole = np.array(series)
    window = TensorWindow(n, dtype=dtype, device=torch.device("cpu"))
    for t, value in enumerate(series):
        dropped = window.on_tick(value)
        assert dropped == (series[t - n] if t >= n else None)
        expected = whole[max(0, t + 1 - n) : t + 1]
        np.testing.assert_array_equal(window.values().numpy(), expected)
        assert window.values().dtype == dtype
        assert [window[i] for i in range(len(window))] == expected.tolist()
        assert window.is_full() == (t + 1 >= n)
    assert window.capacity() == n


@given(st.lists(FLOATS, max_size=20), st.lists(FLOATS, min_size=1, max_size=20), st.integers(1, 6))
def test_departure_values_never_hands_out_memory_that_a_tick_overwrites(
    before: list[float], after: list[float], n: int
) -> None:
    """The notebook's values() is a view as long as the window has not wrapped, and each time it wraps to its start."""
    window = TensorWindow(n)
    for value in before:
        window.on_tick(value)
    taken = window.values()
    kept = taken.tolist()
    for value in after:
        window.on_tick(value)
        assert taken.tolist() == kept
    inside = window.values().tolist()
    taken.fill_(0.25)
    assert window.values().tolist() == inside


@pytest.mark.parametrize("idx", [-1, 1])
def test_an_index_outside_is_refused(idx: int) -> None:
    window = TensorWindow(3)
    window.on_tick(1)
    with pytest.raises(IndexError):
        window[idx]


@pytest.mark.parametrize("n", [0, -1])
def test_capacity_must_be_positive(n: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        TensorWindow(n)


@pytest.mark.parametrize("state", [None, [1.0, 2.0, 3.0], ["1"]])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="window"):
        TensorWindow(2).restore(state)  # type: ignore[arg-type]


@pytest.mark.parametrize("ticks", [1, 3])
def test_a_value_beyond_the_dtype_is_refused_and_not_taken(ticks: int) -> None:
    window = TensorWindow(2)
    for value in range(ticks):
        window.on_tick(value)
    before = repr(window)
    with pytest.raises(ValueError, match=r"1e\+300 does not fit into torch.float32"):
        window.on_tick(1e300)
    assert repr(window) == before
