"""DequeWindow against slices of the whole series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows import DequeWindow


@given(st.lists(st.integers(), max_size=60), st.integers(1, 8))
def test_each_step_equals_the_slice_of_the_series(series: list[int], n: int) -> None:
    window = DequeWindow[int](n)
    for t, value in enumerate(series):
        dropped = window.on_tick(value)
        assert dropped == (series[t - n] if t >= n else None)
        assert window.values() == series[max(0, t + 1 - n) : t + 1]
        assert len(window) == min(t + 1, n)
        assert window.is_full() == (t + 1 >= n)
    assert window.capacity() == n


def test_values_is_a_copy() -> None:
    window = DequeWindow[int](2)
    window.on_tick(1)
    taken = window.values()
    window.on_tick(2)
    assert taken == [1]


@pytest.mark.parametrize("n", [0, -1])
def test_capacity_must_be_positive(n: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        DequeWindow[int](n)


@pytest.mark.parametrize("state", [None, 3, [1, 2, 3]])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="a window of 2 restores"):
        DequeWindow[int](2).restore(state)  # type: ignore[arg-type]
