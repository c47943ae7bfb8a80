"""The sampler against a plain computation; what is late, unknown, or too much."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.sampler import MOST_BARS, Sampler, Sampling
from shared.exchanges.market_data.events import ClosedBar, Late, Lost, MissingTrades, Sampled, Trade, Watermark

DAY = 86_400 * 10**9


def trade(ts: int, price: int = 1) -> Trade:
    return Trade(ts, ts, Decimal(price), Decimal(1))


def run(sampler: Sampler, *values: Sampling) -> list[Sampled]:
    return [out for val in values for out in sampler.on_tick(val) or []]


def bar(end: int, price: int | None) -> ClosedBar:
    return ClosedBar(end, None if price is None else Decimal(price))


@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=40),
    st.integers(4, 12),
)
def test_each_bar_has_its_last_price_or_the_one_before(made: list[tuple[int, int, int]], grace: int) -> None:
    """Prices in the order in which they come; their times may go back by less than the grace."""
    now, prices = 100, list[tuple[int, int]]()
    for step, back, price in made:
        now += step
        prices.append((max(100, now - back), price))
    sampler = Sampler(10, grace)
    given_out = run(sampler, Watermark(100), *(trade(ts, price) for ts, price in prices), Watermark(now + 100))
    price: int | None = None
    expected = list[ClosedBar]()
    for end in range(110, now + 100 - grace + 1, 10):
        price = next((p for ts, p in reversed(prices) if end - 10 <= ts < end), price)
        expected.append(bar(end, price))
    assert given_out == expected
    assert sampler.late == 0


def test_bars_end_at_utc_midnight() -> None:
    start = 1_730_203_200 * 10**9  # 2024-10-29T12:00:00Z
    assert run(Sampler(DAY, 0), Watermark(start), Watermark(start + DAY // 2)) == [Lost(1_730_246_400 * 10**9)]


def test_the_bar_in_which_it_begins_is_lost_and_one_seen_from_its_start_is_not() -> None:
    assert run(Sampler(10, 0), trade(105, 1), trade(112, 2), Watermark(120)) == [Lost(110), bar(120, 2)]
    assert run(Sampler(10, 0), Watermark(110), trade(115, 2), Watermark(120)) == [bar(120, 2)]
    assert run(Sampler(10, 0), Watermark(110), Watermark(120)) == [bar(120, None)]


def test_a_late_price_is_counted_and_changes_nothing() -> None:
    sampler = Sampler(10, 2)
    first = run(sampler, Watermark(100), trade(105, 5), Watermark(112))
    assert run(sampler, trade(107, 5)) == []
    assert run(sampler, trade(108, 6), trade(109, 7)) == [Late(110)]
    assert sampler.late == 3
    assert (first, run(sampler, Watermark(122))) == ([bar(110, 5)], [bar(120, 7)])


def test_a_price_that_is_late_for_a_bar_that_was_never_given_is_only_counted() -> None:
    sampler = Sampler(10, 0)
    assert run(sampler, trade(105, 1), trade(112, 2), trade(106, 3)) == [Lost(110)]
    assert sampler.late == 1


def test_a_price_that_is_late_for_a_forgotten_bar_is_taken_for_a_change() -> None:
    sampler = Sampler(10, 0)
    run(sampler, Watermark(100), trade(105, 1), Watermark(1_000))
    assert run(sampler, trade(106, 1)) == [Late(110)]


def test_a_hole_inside_a_bar_that_has_a_price_behind_it_changes_nothing() -> None:
    assert run(
        Sampler(10, 0), Watermark(100), trade(103, 3), MissingTrades(107, 103), trade(107, 7), Watermark(110)
    ) == [bar(110, 7)]


def test_bars_that_a_hole_may_reach_into_are_lost_but_for_the_last() -> None:
    sampler = Sampler(10, 0)
    values: list[Sampling] = [Watermark(100), trade(103, 3), MissingTrades(127, 103), trade(127, 7), Watermark(140)]
    assert run(sampler, *values) == [Lost(110), Lost(120), bar(130, 7), bar(140, 7)]


def test_what_is_missing_may_be_younger_than_the_trade_behind_it_by_the_grace() -> None:
    values: list[Sampling] = [Watermark(100), trade(103, 3), MissingTrades(119, 103), trade(119, 7), Watermark(132)]
    assert run(Sampler(10, 0), *values) == [Lost(110), bar(120, 7), bar(130, 7)]
    assert run(Sampler(10, 2), *values) == [Lost(110), bar(120, 7), Lost(130)]


def test_a_hole_that_reaches_into_committed_bars_is_said_once() -> None:
    sampler = Sampler(10, 0)
    assert run(sampler, Watermark(100), trade(103, 3), Watermark(125)) == [bar(110, 3), bar(120, 3)]
    values = [MissingTrades(127, 103), trade(127, 7), MissingTrades(128, 103), trade(128, 8), Watermark(130)]
    assert run(sampler, *values) == [Late(110), Late(120), bar(130, 8)]


def test_a_hole_behind_a_price_of_the_open_bar_reaches_back_by_the_grace() -> None:
    """In the order of ids, times may go back a little."""
    sampler = Sampler(10, 4)
    assert run(sampler, Watermark(100), trade(103, 3), Watermark(114), trade(111, 1), MissingTrades(117, 111)) == [
        bar(110, 3),
        Late(110),
    ]
    assert run(sampler, Watermark(124), trade(124, 2), MissingTrades(128, 124)) == [Lost(120)]


def test_a_late_price_is_also_that_of_the_bars_behind_it_in_which_nothing_traded() -> None:
    sampler = Sampler(10, 0)
    assert run(sampler, Watermark(100), trade(103, 3), Watermark(121)) == [bar(110, 3), bar(120, 3)]
    assert run(sampler, trade(104, 4), Watermark(130)) == [Late(110), Late(120), bar(130, 4)]
    assert run(sampler, trade(105, 5), trade(135, 6), trade(106, 7), Watermark(140)) == [Late(130), bar(140, 6)]


@pytest.mark.parametrize(("since", "late"), [(119, [Late(120)]), (120, [])])
def test_a_hole_does_not_reach_further_back_than_all_was_known(since: int, late: list[Sampled]) -> None:
    sampler = Sampler(10, 0)
    run(sampler, Watermark(100), trade(103, 3), Watermark(125))
    assert run(sampler, MissingTrades(127, since), trade(127, 7), Watermark(130)) == [*late, bar(130, 7)]


def test_a_jump_of_time_is_not_filled_with_bars() -> None:
    sampler = Sampler(10, 0)
    far = 100 + 10 * MOST_BARS + 50
    assert run(sampler, Watermark(100), trade(103, 3), Watermark(far)) == [Lost(110)]
    assert run(sampler, Watermark(far + 10)) == [bar(far // 10 * 10 + 10, 3)]


@pytest.mark.parametrize(("interval", "grace"), [(0, 0), (-1, 0), (1, -1)])
def test_impossible_parameters_are_refused(interval: int, grace: int) -> None:
    with pytest.raises(ValueError, match="not possible"):
        Sampler(interval, grace)
