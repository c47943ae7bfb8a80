"""RollingMoments against numpy over each window, and after a million values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows import rolling_moments
from shared.windows.rolling_moments import RollingMoments

# Both ways round; a result is compared as far as the values' own digits reach.
VALUES = st.lists(st.floats(-1e6, 1e6), max_size=40)


@given(VALUES, st.integers(1, 9))
def test_each_window_equals_numpy(values: list[float], n: int) -> None:
    moments = RollingMoments(n)
    for at, value in enumerate(values, 1):
        found = moments.on_tick(value)
        if at < n:
            assert found is None
            continue
        assert found is not None
        window = np.array(values[at - n : at])
        largest = abs(window).max()
        np.testing.assert_allclose(found.mean, window.mean(), rtol=1e-12, atol=1e-14 * largest)
        np.testing.assert_allclose(found.variance, window.var(), rtol=1e-9, atol=1e-14 * largest**2)
        assert found.variance >= 0


@given(VALUES, st.integers(1, 9), st.integers(1, 3))
def test_an_array_has_the_bits_of_the_ticks(values: list[float], n: int, blocks: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rolling_moments, "AT_ONCE", blocks * n)
        array = RollingMoments(n).array(np.array(values, np.float64))
    moments = RollingMoments(n)
    ticks = [moments.on_tick(value) for value in values]
    for column, found in zip(zip(*(found or (np.nan,) * 2 for found in ticks), strict=True), array, strict=False):
        assert found.tobytes() == np.array(column).tobytes()
    scores = [np.nan if found is None else found.z_score(value) for found, value in zip(ticks, values, strict=True)]
    assert array.z_scores(np.array(values, np.float64)).tobytes() == np.array(scores, np.float64).tobytes()


@given(st.floats(-1e300, 1e300), st.lists(st.floats(-1e9, 1e9), max_size=9), st.integers(1, 9))
def test_equal_values_have_no_variance_whatever_came_before(value: float, before: list[float], n: int) -> None:
    moments = RollingMoments(n)
    for each in [*before, *[value] * (n - 1)]:
        moments.on_tick(each)
    assert moments.on_tick(value) == (value, 0.0)


def test_no_error_stays_or_grows_in_a_million_values() -> None:
    rng = np.random.default_rng(12)
    values = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 1_000_000)))
    values[::10_007] *= 1e12  # a running sum would keep 1e12's rounding, about 1e-2, for ever
    moments, n, compared = RollingMoments(50), 50, 0
    for at, value in enumerate(values.tolist(), 1):
        found = moments.on_tick(value)
        if at < n or (at % 499 and (at - 1) % 10_007 != n):
            continue
        assert found is not None
        window = values[at - n : at]
        assert found.mean == pytest.approx(window.mean(), rel=1e-13)
        assert found.variance == pytest.approx(window.var(), rel=1e-9)
        compared += 1
    assert compared > 2000


@pytest.mark.parametrize("n", [0, -3])
def test_n_must_be_positive(n: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        RollingMoments(n)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {"v": 3, "older": [1.0, 2.0, 3.0], "block": []},
        {"v": 3, "older": [1.0], "block": []},
        {"v": 3, "older": [], "block": [1.0, 2.0, 3.0]},
        {"v": 3, "older": [], "block": ["x"]},
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match=r"Snapshot|window|RollingMoments"):
        RollingMoments(3).restore(state)  # type: ignore[arg-type]
