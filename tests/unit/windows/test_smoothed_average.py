"""SmoothedAverage against its sum of weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows.smoothed_average import SmoothedAverage

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=30)


@given(VALUES, st.integers(1, 6), st.floats(0.01, 1))
def test_it_is_the_sum_of_its_weights(values: list[float], n: int, weight: float) -> None:
    average = SmoothedAverage(n, weight)
    for at, value in enumerate(values, 1):
        found = average.on_tick(value)
        if at < n:
            assert found is None
            continue
        old = (1 - weight) ** (at - n) * np.mean(values[:n])
        new = sum(weight * (1 - weight) ** (at - 1 - k) * values[k] for k in range(n, at))
        assert found == pytest.approx(old + new, rel=1e-9, abs=1e-6)


@given(VALUES, st.integers(1, 6), st.floats(0.01, 1))
def test_an_array_has_the_bits_of_the_ticks(values: list[float], n: int, weight: float) -> None:
    average = SmoothedAverage(n, weight)
    ticks = [average.on_tick(value) for value in values]
    expected = np.array([np.nan if found is None else found for found in ticks], np.float64)
    assert SmoothedAverage(n, weight).array(np.array(values, np.float64)).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("n", "weight"), [(0, 0.5), (-1, 0.5), (1, 0.0), (1, 1.5), (1, float("nan"))])
def test_n_and_weight_must_fit(n: int, weight: float) -> None:
    with pytest.raises(ValueError, match="SmoothedAverage"):
        SmoothedAverage(n, weight)


@pytest.mark.parametrize("state", [None, {"v": 3, "count": 3, "value": 1.0}, {"v": 3, "count": 1, "value": "x"}])
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="SmoothedAverage"):
        SmoothedAverage(2, 0.5).restore(state)  # type: ignore[arg-type]
