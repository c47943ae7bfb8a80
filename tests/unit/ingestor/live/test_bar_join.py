"""The joint of bars: fetched and live, by bar time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.bar_join import BarJoin, Close, Cut, Joined, Joining
from shared.exchanges.market_data.events import Answered, Bars, Clock, ClosedBar, Disconnected, Late, Lost, Missing
from shared.messages import GapCause


def bar(end: int, price: int | None) -> ClosedBar:
    return ClosedBar(end, None if price is None else Decimal(price))


def close(end: int, price: int) -> Close:
    return Close(end, Decimal(price))


def run(join: BarJoin, *values: Joining) -> list[Joined]:
    return [out for val in values for out in join.on_tick(val) or []]


def cut(end: int) -> Cut:
    return Cut(end, GapCause.UNFILLED)


def test_the_start_asks_for_its_history_and_joins_the_live_bars_to_it() -> None:
    join = BarJoin(10, warm=3)
    assert run(join, Clock(135), Clock(136)) == [Missing(1, "bars", None, None, 110, 130)]
    assert run(join, bar(140, 14), Bars((bar(120, 12), bar(110, 11), bar(140, 99)))) == [close(110, 11), close(120, 12)]
    assert run(join, Bars((bar(130, 13), bar(120, 12)))) == [close(130, 13), close(140, 14)]
    assert run(join, Answered(1, "bars", True), bar(150, 15)) == [close(150, 15)]
    assert (join.repeated, join.question) == (2, None)


def test_a_start_with_less_history_than_asked_for_begins_with_what_there_is() -> None:
    join = BarJoin(10, warm=5)
    run(join, Clock(135), Bars((bar(120, 12), bar(130, 13))))
    assert run(join, Answered(1, "bars", True)) == [close(120, 12), close(130, 13)]
    cold = BarJoin(10, warm=5)
    run(cold, Clock(135))
    assert run(cold, Answered(1, "bars", False), bar(150, 15)) == [close(150, 15)]


def test_an_answer_of_many_pages_is_waited_for_as_long_as_pages_come() -> None:
    join = BarJoin(10, warm=3, fill_ns=100)
    run(join, Clock(135), Clock(230), Bars((bar(110, 11),)))
    assert run(join, Clock(240), Clock(340), Bars((bar(120, 12),))) == [close(120, 12)]
    assert run(join, Bars((bar(130, 13),)), Answered(1, "bars", True)) == [close(130, 13)]
    cold = BarJoin(10, warm=3, fill_ns=100)
    run(cold, Clock(135), Clock(236))
    assert cold.question is None


def test_what_a_complete_answer_leaves_out_had_no_trade() -> None:
    join = BarJoin(10, warm=0)
    assert run(join, bar(10, 1), bar(50, 5)) == [close(10, 1), Missing(1, "bars", None, None, 20, 40)]
    assert run(join, Bars((bar(30, 3),))) == []
    assert run(join, Answered(1, "bars", True)) == [close(20, 1), close(30, 3), close(40, 3), close(50, 5)]


def test_what_an_incomplete_answer_leaves_out_is_cut() -> None:
    join = BarJoin(10, warm=0)
    run(join, bar(10, 1), bar(60, 6), Bars((bar(30, 3),)))
    assert run(join, Answered(1, "bars", False)) == [cut(20), close(30, 3), cut(50), close(60, 6)]


def test_without_fetching_a_missing_bar_is_cut_at_once() -> None:
    join = BarJoin(10, warm=3, fetch=False)
    assert run(join, Clock(15), bar(20, 2), bar(40, 4)) == [close(20, 2), cut(30), close(40, 4)]


def test_after_a_cut_a_bar_without_trades_has_no_price() -> None:
    join = BarJoin(10, warm=0, fetch=False)
    out = run(join, bar(20, 2), bar(40, None), bar(50, None), bar(60, 6))
    assert out == [close(20, 2), cut(30), cut(40), cut(50), close(60, 6)]


def test_a_lost_bar_is_asked_for_at_once_also_while_another_question_is_open() -> None:
    join = BarJoin(10, warm=0)
    assert run(join, Lost(10), bar(20, 2), Lost(30)) == [close(20, 2), Missing(1, "bars", None, None, 30, 30)]
    assert run(join, Lost(40), Bars((bar(30, 3),))) == [close(30, 3)]
    assert run(join, Answered(1, "bars", True)) == [Missing(2, "bars", None, None, 40, 40)]
    assert run(join, Bars((bar(40, 4),)), Answered(2, "bars", True), bar(50, 5)) == [close(40, 4), close(50, 5)]


def test_a_late_price_cuts_behind_the_last_bar_and_takes_back_one_that_waits() -> None:
    join = BarJoin(10, warm=0)
    run(join, bar(10, 1), bar(20, 2))
    assert run(join, Late(10), Late(90)) == [Cut(20, GapCause.LATE)]
    run(join, bar(30, 3), bar(50, 5), Late(50), bar(60, 6), Bars((bar(40, 4),)))
    assert run(join, Answered(1, "bars", True)) == [Missing(2, "bars", None, None, 50, 50)]
    assert run(join, Bars((bar(50, 7),))) == [close(50, 7), close(60, 6)]


def test_what_waits_is_bounded() -> None:
    join = BarJoin(10, warm=0, waiting=2)
    out = run(join, bar(10, 1), *(bar(end, end) for end in (30, 40, 50)))
    assert out == [close(10, 1), Missing(1, "bars", None, None, 20, 20), cut(20), *(close(e, e) for e in (30, 40, 50))]
    assert join.question is None


def test_a_question_that_is_never_answered_ends_by_itself_but_not_because_of_a_stop() -> None:
    join = BarJoin(10, warm=0, fill_ns=100)
    run(join, Clock(30), bar(10, 1), bar(30, 3))
    assert run(join, Clock(130), Disconnected(), Clock(500), Clock(600)) == []
    assert run(join, Clock(601)) == [cut(20), close(30, 3)]


def test_a_bar_that_came_twice_with_two_prices_is_counted() -> None:
    join = BarJoin(10, warm=0)
    run(join, bar(10, 1), bar(10, 1), bar(10, 2))
    assert (join.repeated, join.other) == (2, 1)


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)), st.booleans())
def test_any_order_and_any_split_between_the_two_ways_gives_one_series(
    order: list[int], fetched: set[int], complete: bool
) -> None:
    join, out = BarJoin(10, warm=0), list[Joined]()
    first = min(set(range(1, 9)) - fetched, default=None)
    live = sorted(set(range(1, 9)) - fetched)
    for number in live:
        out += run(join, bar(10 * number, number))
        while join.question is not None:
            asked = range(join.question.from_ns, join.question.to_ns + 1, 10)
            found = tuple(bar(10 * number, number) for number in order if complete and 10 * number in asked)
            out += run(join, Bars(found), Answered(join.question.no, "bars", complete))
    closes = [val for val in out if isinstance(val, Close)]
    cuts = [val for val in out if isinstance(val, Cut)]
    expected = range(first or 9, max(live, default=8) + 1)
    assert closes == [close(10 * n, n) for n in expected if complete or n in live]
    assert bool(cuts) == (len(closes) < len(expected))


@pytest.mark.parametrize("seen", [True, False])
def test_a_bar_that_was_not_sure_takes_the_fetched_price(seen: bool) -> None:
    join = BarJoin(10, warm=0)
    run(join, bar(10, 1), bar(40, None))
    fetched = (bar(20, 2), bar(30, 3), *((bar(40, 4),) if seen else ()))
    assert run(join, Bars(fetched))[-1] == close(40, 3)
