"""Continuity: what is repeated, out of order, missing, not believed, or not heard."""

from decimal import Decimal

import pytest

from services.ingestor.live.continuity import Continuity
from shared.exchanges.market_data.events import (
    Answered,
    Clock,
    Connected,
    Disconnected,
    Event,
    FeedSilent,
    Missing,
    MissingTrades,
    Ordered,
    Page,
    Trade,
    Watermark,
)
from shared.exchanges.market_data.options import ContinuityRules

T = 1_000_000
RULES = ContinuityRules(order_ns=10, order_count=3, waiting=6, silence_ns=100, ask_ns=20, fill_ns=500, ahead_ns=50)
BY_TIME = ContinuityRules(
    consecutive=False, order_ns=10, order_count=3, waiting=6, silence_ns=100, ask_ns=20, fill_ns=500, ahead_ns=50
)


def trade(number: int | str, ts: int) -> Trade:
    return Trade(number, T + ts, Decimal(1), Decimal(1))


def begun(rules: ContinuityRules = RULES) -> Continuity:
    feed = Continuity(rules)
    assert given(feed, Clock(T), Connected()) == []
    return feed


def given(feed: Continuity, *events: Event) -> list[Ordered]:
    return [out for event in events for out in feed.on_tick(event) or []]


def ids(out: list[Ordered]) -> list[int | str]:
    return [val.id for val in out if isinstance(val, Trade)]


def test_repeated_and_reordered_trades_go_out_once_and_in_order() -> None:
    feed = begun()
    arrived = [trade(i, i) for i in (1, 3, 2, 2, 1, 5, 4)]
    assert ids(given(feed, *arrived)) == [1, 2, 3, 4, 5]
    assert (feed.old, feed.question) == (2, None)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([trade(4, 2), trade(5, 2), trade(6, 2), trade(7, 2)], id="more than may be out of order"),
        pytest.param([trade(4, 2), trade(5, 13)], id="longer than it may be out of order, by the trades"),
        pytest.param([trade(4, 2), Clock(T + 12)], id="longer than it may be out of order, by the clock"),
    ],
)
def test_a_hole_is_asked_for_when_its_trades_are_later_than_the_bound(later: list[Event]) -> None:
    feed = begun()
    given(feed, trade(1, 0))
    assert given(feed, *later[:-1]) == []
    assert given(feed, later[-1]) == [Missing(1, "trades", 2, 3, T, T + 2)]
    assert feed.question == Missing(1, "trades", 2, 3, T, T + 2)
    assert ids(given(feed, Page((trade(3, 1), trade(2, 1))))) == [2, 3, *(e.id for e in later if isinstance(e, Trade))]
    assert given(feed, Answered(1, "trades", True)) == []
    assert feed.question is None


@pytest.mark.parametrize("rules", [RULES, BY_TIME], ids=["by id", "by time"])
def test_the_series_begins_with_the_first_connection(rules: ContinuityRules) -> None:
    feed = begun(rules)
    assert given(feed, trade(7, -1), Clock(T + 11)) == [Watermark(T + 11)]
    assert (feed.old, feed.question) == (1, None)
    assert ids(given(feed, trade(9, 12), trade(10, 25), Clock(T + 40))) == [9, 10]
    assert feed.holes == 0


def test_what_is_not_there_is_a_hole_before_each_trade_behind_it() -> None:
    feed = begun()
    given(feed, trade(1, 0), trade(6, 2), Clock(T + 20), Page((trade(3, 1),)))
    out = given(feed, Answered(1, "trades", True))
    assert out[:4] == [MissingTrades(T + 1, T), trade(3, 1), MissingTrades(T + 2, T + 1), trade(6, 2)]
    assert feed.holes == 2
    assert ids(given(feed, trade(4, 2), trade(7, 3))) == [7]


def test_before_a_hole_nothing_is_known_of_the_time_since_the_last_trade_whatever_was_answered() -> None:
    feed = begun()
    given(feed, trade(1, 0), Disconnected(), Connected(), Clock(T + 20))
    assert given(feed, Answered(1, "trades", True)) == [Watermark(T + 20)]
    given(feed, trade(3, 30), Clock(T + 60))
    assert given(feed, Answered(2, "trades", False))[:2] == [MissingTrades(T + 30, T), trade(3, 30)]


def test_an_answer_to_another_question_settles_nothing() -> None:
    feed = begun()
    given(feed, trade(1, 0), trade(3, 2), Clock(T + 20))
    assert given(feed, Answered(7, "trades", True), Answered(1, "bars", True)) == []
    assert feed.question is not None


def test_a_question_that_is_never_answered_ends_by_itself_but_not_because_of_a_stop() -> None:
    feed = begun()
    given(feed, trade(1, 0), trade(3, 2), Clock(T + 20))
    assert given(feed, Clock(T + 520)) == []
    stopped = Continuity(RULES)
    stopped.restore(feed.state())
    assert given(stopped, Disconnected(), Clock(T + 9_000), Clock(T + 9_500)) == []
    assert given(feed, Clock(T + 521))[:2] == [MissingTrades(T + 2, T), trade(3, 2)]
    assert given(stopped, Clock(T + 9_501))[:2] == [MissingTrades(T + 2, T), trade(3, 2)]


def test_what_waits_is_bounded() -> None:
    feed = begun()
    given(feed, trade(1, 0))
    out = given(feed, *(trade(i, 2) for i in range(3, 10)))
    assert [type(val) for val in out[:2]] == [Missing, MissingTrades]
    assert ids(out) == list(range(3, 10))
    assert feed.question is None


def test_a_lost_connection_is_in_doubt_until_all_since_then_was_asked_for() -> None:
    feed = begun()
    assert given(feed, trade(1, 0), Clock(T + 5)) == [trade(1, 0), Watermark(T + 5)]
    assert given(feed, Disconnected(), Clock(T + 6)) == [Missing(1, "trades", 2, None, T, T + 6)]
    # The answer is older than the connection: it says nothing about what lies between.
    out = given(feed, Clock(T + 30), Connected(), Answered(1, "trades", True), Clock(T + 31), Clock(T + 51))
    assert out == [Watermark(T + 6), Missing(2, "trades", 2, None, T, T + 51)]
    assert given(feed, Page((trade(2, 20),)), Answered(2, "trades", True), Clock(T + 60)) == [
        trade(2, 20),
        Watermark(T + 51),
        Watermark(T + 60),
    ]
    assert feed.deaf == 0


def test_the_next_id_proves_that_nothing_was_missed() -> None:
    feed = begun()
    given(feed, trade(1, 0), Disconnected(), Connected())
    assert given(feed, trade(2, 30), Clock(T + 40)) == [trade(2, 30), Watermark(T + 40)]


def test_silence_is_believed_for_a_while_and_then_asked_for() -> None:
    feed = begun()
    assert given(feed, trade(1, 0), Clock(T + 100))[1:] == [Watermark(T + 100)]
    assert given(feed, Clock(T + 101)) == [Missing(1, "trades", 2, None, T, T + 101)]
    assert given(feed, Answered(1, "trades", True), Clock(T + 201)) == [Watermark(T + 101), Watermark(T + 201)]
    assert given(feed, Clock(T + 202)) == [Missing(2, "trades", 2, None, T, T + 202)]
    assert feed.deaf == 0


@pytest.mark.parametrize(("ts", "deaf"), [(91, 1), (92, 0)])
def test_a_feed_is_deaf_when_the_answer_has_what_should_have_been_heard(ts: int, deaf: int) -> None:
    feed = begun()
    given(feed, trade(1, 0), Clock(T + 101))
    out = given(feed, Page((trade(2, ts),)), Answered(1, "trades", True))
    assert ids(out) == [2]
    assert (out.count(FeedSilent()), feed.deaf) == (deaf, deaf)


@pytest.mark.parametrize("rules", [RULES, BY_TIME])
def test_a_silence_of_which_nobody_can_tell_anything_counts_as_deaf_and_is_asked_for_again(
    rules: ContinuityRules,
) -> None:
    feed = begun(rules)
    given(feed, trade(1, 0), Clock(T + 10), Clock(T + 101))
    assert given(feed, Answered(1, "trades", False), Clock(T + 120)) == [FeedSilent()]
    (question,) = given(feed, Clock(T + 121))
    assert (question.no, question.to_ns) == (2, T + 121) if isinstance(question, Missing) else False
    assert given(feed, Disconnected(), Connected(), Answered(2, "trades", False)) == []
    assert feed.deaf == 1


@pytest.mark.parametrize("rules", [RULES, BY_TIME])
def test_without_a_connection_every_clock_asks(rules: ContinuityRules) -> None:
    """So a venue without a websocket is polled."""
    feed = begun(rules)
    out: list[Ordered] = given(feed, Disconnected())
    for step in range(1, 4):
        out += given(feed, Clock(T + 20 * step), Page((trade(step, 20 * step - 1),)), Answered(step, "trades", True))
    assert [val.to_ns - T for val in out if isinstance(val, Missing)] == [20, 40, 60]
    assert ids(out) == [1, 2, 3]


@pytest.mark.parametrize("rules", [RULES, BY_TIME])
def test_a_trade_far_ahead_of_the_clock_is_not_believed_and_asked_for(rules: ContinuityRules) -> None:
    feed = begun(rules)
    out = given(feed, trade(1, 0), Clock(T + 11), trade(2, 10**9), trade(3, 12), Clock(T + 30))
    assert ids(out) == [1]
    assert feed.ahead == 1
    assert feed.question is not None
    out = given(feed, Page((trade(2, 11),)), Answered(feed.question.no, "trades", True), Clock(T + 50))
    assert ids(out) == [2, 3]


def test_by_time_a_hole_is_where_the_first_trade_in_doubt_was() -> None:
    feed = begun(BY_TIME)
    given(feed, trade("a", 0), Clock(T + 15), Disconnected(), Connected(), trade("c", 20))
    (question,) = given(feed, Clock(T + 25))
    assert question == Missing(1, "trades", None, None, T, T + 25)
    out = given(feed, Page((trade("b", 18),)), Answered(1, "trades", False), Clock(T + 40))
    assert out[:3] == [trade("b", 18), MissingTrades(T + 20, T), trade("c", 20)]


def test_by_time_a_part_of_an_answer_is_not_believed_to_be_all_that_was_before_it() -> None:
    feed = begun(BY_TIME)
    given(feed, trade(1, 0), Clock(T + 10), Clock(T + 111), Page((trade(3, 50),)))
    assert given(feed, Answered(1, "trades", False), Clock(T + 120)) == [FeedSilent()]
    (question,) = given(feed, Clock(T + 131))
    out = given(feed, Page((trade(3, 50), trade(2, 40))), Answered(2, "trades", True))
    assert (question, ids(out)) == (Missing(2, "trades", None, None, T, T + 131), [2, 3])


def test_a_venue_that_counts_anew_is_followed_behind_a_hole() -> None:
    feed = begun()
    given(feed, trade(7, 0), Clock(T + 140))
    assert given(feed, trade(1, 150)) == []
    assert given(feed, trade(2, 151), trade(3, 152)) == [MissingTrades(T + 151, T), trade(2, 151), trade(3, 152)]
    assert (feed.question, feed.holes) == (None, 1)


@pytest.mark.parametrize("name", ["order_ns", "waiting", "silence_ns"])
def test_a_negative_bound_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} -1 is negative"):
        ContinuityRules(**{name: -1})


def test_after_a_reconnect_rest_has_time_to_know_what_was_traded_before() -> None:
    """What it does not have yet would be older than what was heard since, and be left out without a word."""
    feed = begun(BY_TIME)
    given(feed, trade("a", 0), Clock(T + 15), Disconnected(), Connected(), trade("c", 16))
    assert given(feed, Clock(T + 16), Clock(T + 24)) == []
    assert given(feed, Clock(T + 25)) == [Missing(1, "trades", None, None, T, T + 25)]
    out = given(feed, Page((trade("b", 14),)), Answered(1, "trades", True), Clock(T + 40))
    assert ids(out) == ["b", "c"]
