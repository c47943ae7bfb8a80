"""The interval of a mean: it holds at every moment, it narrows, and it is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.drift.interval import FARTHEST, mean_interval
from shared.drift.scale import BOUND
from shared.drift.wealth import RUIN

RUNS, BARS, MEAN = 300, 400, 0.1


def test_it_covers_the_mean_at_every_moment_in_19_of_20_runs() -> None:
    """An interval that has ever left the mean out leaves it out at the end, since it knows all its past."""
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(RUNS):
        low, high = mean_interval((MEAN + rng.standard_t(4, BARS) / 2**0.5).clip(max=BOUND).tolist())
        inside += low <= MEAN <= high
    assert inside / RUNS >= 0.95 - 2 * (0.95 * 0.05 / RUNS) ** 0.5


@given(st.lists(st.floats(-RUIN, BOUND), min_size=1, max_size=60), st.floats(-RUIN, BOUND))
@settings(deadline=None)
def test_more_bars_never_widen_it(xs: list[float], more: float) -> None:
    before, after = mean_interval(xs), mean_interval([*xs, more])
    assert before.low <= after.low + 1e-9
    assert after.high <= before.high + 1e-9


def test_it_narrows_to_the_mean() -> None:
    rng = np.random.default_rng(6)
    xs = (MEAN + rng.normal(0, 1, 50_000)).clip(max=BOUND).tolist()
    widths = [high - low for low, high in map(mean_interval, (xs[:500], xs[:5_000], xs))]
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
    assert mean_interval(xs).low < MEAN < mean_interval(xs).high


def test_a_ruin_ends_what_is_known_from_below() -> None:
    good = [1.0] * 200
    assert mean_interval([-RUIN - 1, *good]).low == -FARTHEST
    assert mean_interval([*good, -RUIN - 1]).low == pytest.approx(mean_interval(good).low)
