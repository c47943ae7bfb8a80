"""The venue's time, as far as it is believed.

Clock skew: within half the way of the quickest answer.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.exchanges.clock import STUBBORN, ClockSkew, ExchangeClock, Now, Skew, TimeAnswer

MS = 1_000_000
S = 1_000 * MS
START = 1_700_000_000 * S


class Ours:
    """Our two clocks, set by hand."""

    def __init__(self) -> None:
        self.wall, self.monotonic = START, 0

    def __call__(self) -> Now:
        return Now(self.wall, self.monotonic)

    def pass_on(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns


def asked(clock: ExchangeClock, ours: Ours, ahead_ns: int, way_ns: int = 10 * MS) -> bool:
    """A request to a venue whose clock is ahead of ours."""
    sent = clock.ask()
    ours.pass_on(way_ns)
    return clock.heard(sent, ours.wall - way_ns // 2 + ahead_ns)


def test_unknown_it_is_not_sure() -> None:
    clock = ExchangeClock(S, Ours())
    assert not clock.known
    assert not clock.read().sure


def test_it_goes_on_with_the_monotonic_clock() -> None:
    ours = Ours()
    clock = ExchangeClock(S, ours)
    assert asked(clock, ours, 300 * MS)
    before = clock.read()
    ours.monotonic += 2 * S
    ours.wall -= 3_600 * S
    assert (before.sure, clock.read().now - before.now) == (True, 2 * S)


def test_after_a_suspension_it_is_not_sure_until_it_was_measured_anew() -> None:
    """What was fetched meanwhile would else be taken for new."""
    ours = Ours()
    clock = ExchangeClock(S, ours)
    asked(clock, ours, 0)
    ours.wall += 3_600 * S
    assert not clock.read().sure
    assert asked(clock, ours, 0)
    assert (clock.read().sure, clock.read().now) == (True, ours.wall)


def test_too_far_apart_it_is_not_sure() -> None:
    ours = Ours()
    clock = ExchangeClock(S, ours)
    asked(clock, ours, -2 * S)
    assert (clock.read().sure, clock.read().now) == (False, ours.wall - 2 * S)


def test_a_lone_jump_is_not_believed_and_one_that_stays_is() -> None:
    ours = Ours()
    clock = ExchangeClock(S, ours)
    asked(clock, ours, 0)
    assert not asked(clock, ours, 10 * S)
    assert (clock.doubted, clock.read().sure, clock.read().now) == (True, False, ours.wall)
    assert asked(clock, ours, 0)
    assert (clock.doubted, clock.read().sure) == (False, True)
    assert [asked(clock, ours, 500 * MS) for _ in range(STUBBORN)] == [False] * (STUBBORN - 1) + [True]
    assert (clock.read().sure, clock.read().now) == (True, ours.wall + 500 * MS)


def test_when_our_clock_was_set_it_is_measured_anew() -> None:
    ours = Ours()
    clock = ExchangeClock(S, ours)
    asked(clock, ours, 0, way_ns=2 * MS)
    ours.wall += 5 * S
    assert asked(clock, ours, -5 * S, way_ns=40 * MS)
    assert (clock.read().now, clock.read().sure) == (ours.wall - 5 * S, False)


def test_a_slow_answer_that_can_be_true_moves_nothing() -> None:
    ours = Ours()
    clock = ExchangeClock(S, ours)
    asked(clock, ours, 100 * MS, way_ns=2 * MS)
    sent = clock.ask()
    ours.pass_on(800 * MS)
    assert clock.heard(sent, ours.wall)
    skew = clock.skew
    assert skew is not None
    assert skew.offset_ns == 100 * MS


def test_an_orders_time_follows_every_answer_at_once_and_our_wall_clock() -> None:
    ours = Ours()
    clock = ExchangeClock(clocks=ours)
    now_ms = ours.wall // MS
    assert (clock.ahead_ms, clock.now_ms()) == (0, now_ms)
    clock.told(now_ms, now_ms + 2_020, now_ms + 40)
    assert (clock.ahead_ms, clock.now_ms()) == (2_000, now_ms + 2_000)
    clock.told(now_ms, now_ms - 4_980, now_ms + 40)
    assert clock.ahead_ms == -5_000
    ours.wall += 60 * S  # the machine was suspended: its monotonic clock stood still
    assert clock.now_ms() == now_ms + 55_000
    clock.told(now_ms, now_ms + 10, now_ms + 8_020)  # one that took long moves it no further than it must
    assert clock.ahead_ms == -5_000
    clock.told(now_ms, now_ms + 8_010, now_ms + 8_020)
    assert clock.ahead_ms == -10


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
