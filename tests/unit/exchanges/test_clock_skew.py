"""Clock skew: within half the way of the quickest answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.exchanges.clock import ClockSkew, Skew, TimeAnswer


@given(st.integers(-(10**9), 10**9), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1))
def test_the_true_skew_lies_within_the_error(true: int, ways: list[tuple[int, int]]) -> None:
    skew, now = ClockSkew(count=4), 10**18
    for there, back in ways:
        found = skew.on_tick(TimeAnswer(now, now + there + back, now + there + true))
        assert found is not None
        assert abs(found.offset_ns - true) <= found.error_ns
        now += 10**9
    assert found.error_ns == (min(there + back for there, back in ways[-4:]) + 1) // 2


def test_when_our_clock_was_set_back_what_was_measured_is_forgotten() -> None:
    skew = ClockSkew()
    assert skew.on_tick(TimeAnswer(100, 102, 1_101)) == Skew(1_000, 1)
    assert skew.on_tick(TimeAnswer(110, 50, 1_111)) is None
    assert skew.on_tick(TimeAnswer(60, 80, 1_170)) == Skew(1_100, 10)
    assert skew.refused == 1


def test_a_window_of_no_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="not possible"):
        ClockSkew(count=0)
