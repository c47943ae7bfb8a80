"""The order's life, by table: what each answer makes of each state."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.messages import OrderPhase, Reason
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    Cancel,
    CancelAccepted,
    Event,
    Expire,
    NoteKind,
    OrderState,
    OrderStatusReport,
    Refused,
    Resolve,
    Send,
    Triggered,
    on_event,
)

GRACE_MS = 400
INTENT = OrderState(Decimal(3))
SENT = on_event(INTENT, Send(at_ms=1_000, validity_ms=1_000), GRACE_MS).state
UNKNOWN = on_event(SENT, Ambiguous("time-out"), GRACE_MS).state
SETTLED_MS = 2_400  # validity and grace are over
REFUSED = Refused(Reason.ENDED_BY_VENUE, "no margin")


def told(state: str, filled: int = 0, at_ms: int = 1_000, heard_ms: int = 1_000, venue_order_id: str = "v") -> Answer:
    return Answer(
        at_ms,
        OrderStatusReport(OrderPhase(state), Decimal(filled), Decimal(abs(filled) * 50), venue_order_id),
        heard_ms,
    )


def row(
    state: str, filled: int = 0, traded: int | None = None, at_ms: int = 1_000, venue_order_id: str = "v"
) -> Answer:
    """An order's own row, with what its trades come to; None: they were not asked for."""
    answer = told(state, filled, at_ms, at_ms, venue_order_id)
    return answer._replace(what=answer.what._replace(traded_qty=None if traded is None else Decimal(traded)))


def after(order: OrderState, *events: Event) -> OrderState:
    for event in events:
        order = on_event(order, event, GRACE_MS).state
    return order


NEW = after(SENT, told("NEW"))
PARTIAL = after(SENT, told("PARTIALLY_FILLED", 1))
FILLED = after(SENT, told("FILLED", 3))
CANCELING = after(NEW, Cancel(1_500))
TRIGGERED = after(NEW, Triggered(1_500, 1_500, "w"))
NOT_THERE = after(UNKNOWN, Absent(2_401), Absent(2_402))
CANCELED = after(PARTIAL, told("CANCELED", 1), *(told("CANCELED", 1, at_ms) for at_ms in (2_401, 2_402)))
REJECTED = after(SENT, REFUSED)


@pytest.mark.parametrize(
    ("order", "event", "state"),
    [
        (INTENT, REFUSED, "REJECTED"),
        (INTENT, Expire(Reason.END_OF_DATA), "EXPIRED"),
        (INTENT, Ambiguous(""), "INTENT"),
        (INTENT, Absent(9_000), "INTENT"),
        (SENT, told("NEW"), "NEW"),
        (SENT, told("NEW", 1), "PARTIALLY_FILLED"),
        (SENT, told("PARTIALLY_FILLED", 1), "PARTIALLY_FILLED"),
        (SENT, told("FILLED", 3), "FILLED"),
        (SENT, told("FILLED", 2), "UNKNOWN"),
        (SENT, told("CANCELED", 2), "UNKNOWN"),
        (SENT, told("EXPIRED"), "UNKNOWN"),
        (SENT, REFUSED, "REJECTED"),
        (SENT, Ambiguous(""), "UNKNOWN"),
        (SENT, Absent(9_000), "SENT"),
        (SENT, row("EXPIRED", 0, 0), "EXPIRED"),
        (SENT, row("CANCELED", 2, 2), "CANCELED"),
        (SENT, row("CANCELED", 2, 1), "UNKNOWN"),
        (SENT, row("CANCELED", 4, 4), "UNKNOWN"),  # more than was asked for
        (SENT, row("FILLED", 2, 2), "UNKNOWN"),
        (UNKNOWN, row("CANCELED", 0, 0), "CANCELED"),
        (PARTIAL, row("CANCELED", 1, 1), "CANCELED"),
        (PARTIAL, row("CANCELED", 0, 0), "UNKNOWN"),  # less than was known
        (SENT, Cancel(1_500), "SENT"),
        (UNKNOWN, Cancel(1_500), "UNKNOWN"),
        (NEW, Cancel(1_500), "CANCELING"),
        (PARTIAL, Cancel(1_500), "CANCELING"),
        (CANCELING, Cancel(1_600), "CANCELING"),
        (FILLED, Cancel(1_500), "FILLED"),
        (NEW, CancelAccepted(1_500, 1_500), "CANCELING"),
        (UNKNOWN, CancelAccepted(1_500, 1_500), "UNKNOWN"),
        (FILLED, CancelAccepted(1_500, 1_500), "FILLED"),
        (CANCELING, told("NEW", at_ms=9_000), "CANCELING"),
        (CANCELING, told("PARTIALLY_FILLED", 1), "CANCELING"),
        (CANCELING, told("FILLED", 3), "FILLED"),  # it was filled first
        (CANCELING, row("CANCELED", 2, 2), "CANCELED"),
        (CANCELING, told("CANCELED", 2), "UNKNOWN"),
        (SENT, Triggered(1_500, 1_500, "w"), "TRIGGERED"),
        (UNKNOWN, Triggered(1_500, 1_500, "w"), "TRIGGERED"),
        (NEW, Triggered(1_500, 1_500, "w"), "TRIGGERED"),
        (CANCELING, Triggered(1_500, 1_500, "w"), "TRIGGERED"),  # the price was faster
        (TRIGGERED, Cancel(1_600), "TRIGGERED"),
        (TRIGGERED, Ambiguous(""), "TRIGGERED"),
        (TRIGGERED, told("NEW", venue_order_id="w"), "TRIGGERED"),
        (TRIGGERED, told("PARTIALLY_FILLED", 1, venue_order_id="w"), "TRIGGERED"),
        (TRIGGERED, told("FILLED", 3, venue_order_id="w"), "FILLED"),
        (TRIGGERED, row("REJECTED", 0, 0, venue_order_id="w"), "REJECTED"),  # a trigger that failed
        (UNKNOWN, told("NEW"), "UNKNOWN"),
        (UNKNOWN, told("FILLED", 3), "FILLED"),
        (UNKNOWN, told("NEW", 3), "UNKNOWN"),
        (UNKNOWN, REFUSED, "REJECTED"),
        (UNKNOWN, Ambiguous(""), "UNKNOWN"),
        (NEW, Ambiguous(""), "NEW"),
        (NEW, Absent(9_000), "NEW"),
        (NEW, told("PARTIALLY_FILLED", 1), "PARTIALLY_FILLED"),
        (PARTIAL, told("FILLED", 3), "FILLED"),
        (PARTIAL, told("CANCELED", 1), "UNKNOWN"),
        (PARTIAL, Ambiguous(""), "PARTIALLY_FILLED"),
    ],
)
def test_one_event(order: OrderState, event: Event, state: str) -> None:
    step = on_event(order, event, GRACE_MS)
    assert step.state.phase == state
    assert not [note for note in step.notes if note.kind is NoteKind.CONTRADICTION]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([Absent(2_401)], "UNKNOWN"),
        ([Absent(2_400), Absent(2_401)], "UNKNOWN"),  # the first was asked too early
        ([Absent(2_401), Absent(2_401)], "UNKNOWN"),  # one answer, twice
        ([Absent(2_402), Absent(2_401)], "UNKNOWN"),  # an older one
        ([Absent(2_401), Ambiguous(""), Absent(2_402)], "EXPIRED"),  # no answer is not another answer
        ([Absent(2_401), told("NEW", at_ms=1_000, heard_ms=2_402), Absent(2_403), Absent(9_000)], "UNKNOWN"),
        ([Absent(2_401), REFUSED], "REJECTED"),
    ],
)
def test_absent_ends_an_unknown_order_only_if_it_is_told_twice_when_nothing_can_arrive_any_more(
    events: list[Event], state: str
) -> None:
    order = after(UNKNOWN, *events)
    assert order.phase == state
    assert (order.reason is Reason.NOT_ON_VENUE) is (state == "EXPIRED")


def test_while_the_send_is_to_be_answered_absent_says_nothing_however_often() -> None:
    assert after(SENT, Absent(9_000), Absent(9_001)) == SENT


def test_news_starts_the_count_anew() -> None:
    order = after(UNKNOWN, Absent(2_401), told("NEW", at_ms=2_402, heard_ms=2_402), told("NEW", at_ms=2_803))
    assert order.phase is OrderPhase.UNKNOWN
    assert after(order, told("NEW", at_ms=2_804)).phase is OrderPhase.NEW


def test_an_end_short_of_the_quantity_is_believed_when_its_last_fills_had_time_to_show() -> None:
    order = after(UNKNOWN, told("CANCELED", 1, 5_000, heard_ms=5_100))
    early = after(order, told("CANCELED", 1, 5_400), told("CANCELED", 1, 5_500))
    assert early.phase is OrderPhase.UNKNOWN
    grown = after(early, told("CANCELED", 2, 5_501, heard_ms=5_600), told("CANCELED", 2, 6_001))
    assert (grown.phase, grown.filled_qty, grown.paid) == (OrderPhase.UNKNOWN, 2, 100)
    ended = after(grown, told("CANCELED", 2, 6_002))
    assert (ended.phase, ended.filled_qty, ended.reason) == (OrderPhase.CANCELED, 2, Reason.ENDED_BY_VENUE)


def test_an_end_short_of_the_quantity_is_believed_at_once_when_row_and_trades_agree() -> None:
    ended = after(UNKNOWN, row("EXPIRED", 2, 1), row("EXPIRED", 2, 2, at_ms=1_001))
    assert (ended.phase, ended.filled_qty, ended.paid, ended.reason) == (
        OrderPhase.EXPIRED, 2, 100, Reason.ENDED_BY_VENUE,
    )  # fmt: skip


def test_an_order_keeps_the_venues_word_for_its_end() -> None:
    answer = row("CANCELED", 1, 1)
    ended = after(NEW, answer._replace(what=answer.what._replace(cause="CancelBySmp")))
    assert (ended.phase, ended.reason, ended.cause) == (OrderPhase.CANCELED, Reason.ENDED_BY_VENUE, "CancelBySmp")


def test_an_order_that_was_shown_waits_for_no_validity() -> None:
    """Its request has arrived: only the last fills may be missing."""
    known = on_event(INTENT, Send(at_ms=1_000, validity_ms=60_000), GRACE_MS).state
    short = after(known, told("NEW"), told("CANCELED", 1, 1_100, 1_100))
    assert after(short, told("CANCELED", 1, 1_500), told("CANCELED", 1, 1_501)).phase is OrderPhase.UNKNOWN
    assert after(short, told("CANCELED", 1, 1_501), told("CANCELED", 1, 1_502)).phase is OrderPhase.CANCELED
    never = after(known, Ambiguous(""), Absent(50_000), Absent(50_001))
    assert never.phase is OrderPhase.UNKNOWN


def gone(*times_ms: int, traded: int = 0) -> list[Absent]:
    """It is not there, and its trades were asked for."""
    return [Absent(at_ms, Decimal(traded), Decimal(50 * traded), at_ms) for at_ms in times_ms]


FORGOTTEN_MS = 2_000 + GRACE_MS


def test_an_order_whose_cancel_was_taken_may_be_forgotten() -> None:
    taken = after(CANCELING, CancelAccepted(1_990, 2_000))
    times = gone(FORGOTTEN_MS, FORGOTTEN_MS + 1, FORGOTTEN_MS + 2)
    assert after(NEW, *times).phase is OrderPhase.NEW, "nobody has cancelled it"
    assert after(taken, *times[:2]).phase is OrderPhase.CANCELING, "asked too early"
    assert after(taken, *(one._replace(traded_qty=None) for one in times)).phase is OrderPhase.CANCELING, "not asked"
    ended = after(taken, *times)
    assert (ended.phase, ended.filled_qty, ended.reason) == (OrderPhase.CANCELED, 0, Reason.ENDED_BY_VENUE)


def test_an_order_may_be_forgotten_too_when_the_answer_to_its_cancel_was_lost() -> None:
    """It was sent at 1,500: until its grace is over "not there" is only a replica that lags."""
    assert after(CANCELING, *gone(1_900, 1_900, 1_901)).phase is OrderPhase.CANCELING
    ended = after(CANCELING, *gone(1_901, 1_902))
    assert (ended.phase, ended.filled_qty, ended.reason) == (OrderPhase.CANCELED, 0, Reason.ENDED_BY_VENUE)
    assert after(CANCELING, Absent(1_901), Absent(1_902), Absent(1_903)).phase is OrderPhase.CANCELING, "not asked"
    part = after(CANCELING, *gone(2_500, 2_901, 2_902, traded=1))
    assert (part.phase, part.filled_qty) == (OrderPhase.CANCELED, 1)


def test_an_order_that_is_shown_as_open_between_is_not_forgotten() -> None:
    """One lagging read, however often it comes back, between others that show it."""
    shown = [told("NEW", at_ms=at_ms) for at_ms in (2_000, 2_010, 2_020, 2_030)]
    mixed = [event for pair in zip(shown, gone(2_005, 2_015, 2_025, 2_035), strict=True) for event in pair]
    assert after(CANCELING, *mixed).phase is OrderPhase.CANCELING
    assert after(CANCELING, *mixed, *gone(2_040)).phase is OrderPhase.CANCELED


def test_an_order_from_the_journal_is_forgotten_no_sooner() -> None:
    """Nobody knows any more when its cancel was sent: it counts from the first answer on."""
    loaded = replace(CANCELING, told=None, news_ms=0)
    assert after(loaded, *gone(5_000, 5_399, 5_400)).phase is OrderPhase.CANCELING
    assert after(loaded, *gone(5_000, 5_401, 5_402)).phase is OrderPhase.CANCELED


def test_that_the_first_row_of_an_order_that_was_triggered_is_over_is_no_end() -> None:
    """As ccxt says of one that has become another: closed, with nothing filled."""
    over = [row(state, 0, 0, at_ms=at_ms) for state in ("CANCELED", "EXPIRED") for at_ms in (9_000, 9_001, 9_002)]
    assert after(TRIGGERED, *over) == TRIGGERED
    filled = after(TRIGGERED, *over, row("FILLED", 3, 3, venue_order_id="w"))
    assert filled.phase is OrderPhase.FILLED
    assert [on_event(filled, late, GRACE_MS) for late in over] == [(filled, ())] * len(over)
    same = after(NEW, Triggered(1_500, 1_500, "v"))  # Bybit's keeps its id
    assert after(same, row("CANCELED", 0, 0)).phase is OrderPhase.CANCELED


def test_what_was_filled_before_the_cancel_is_in_the_trades_of_a_forgotten_order() -> None:
    taken = after(CANCELING, CancelAccepted(1_990, 2_000))
    traded = [Absent(at_ms, Decimal(1), Decimal(50), at_ms) for at_ms in (3_000, 3_401, 3_402)]
    known = after(taken, *traded[:2])
    assert (known.phase, known.filled_qty, known.paid) == (OrderPhase.CANCELING, 1, 50)
    assert after(known, traded[2]).phase is OrderPhase.CANCELED
    lagging = on_event(known, Absent(3_402, Decimal(0), Decimal(0), 3_402), GRACE_MS)
    assert [note.kind for note in lagging.notes] == [NoteKind.STALE]


def test_an_order_that_was_triggered_is_open_under_either_id_and_ends_as_the_second() -> None:
    assert (TRIGGERED.venue_order_id, TRIGGERED.became) == ("v", "w")
    part = after(TRIGGERED, told("NEW", at_ms=9_000), told("NEW", at_ms=9_001), told("NEW", 1, venue_order_id="w"))
    assert (part.phase, part.filled_qty, part.venue_order_id) == (OrderPhase.TRIGGERED, 1, "v")
    assert after(part, row("EXPIRED", 1, 1, venue_order_id="w")).phase is OrderPhase.EXPIRED
    assert after(TRIGGERED, Triggered(1_600, 1_600, "w")) == TRIGGERED
    failed = after(SENT, Triggered(1_500, 1_500, "w"), row("REJECTED", 0, 0, venue_order_id="w"))
    late = on_event(replace(failed, told=None), told("NEW"), GRACE_MS)  # as the journal has it, and the send's answer
    assert [note.kind for note in late.notes] == [NoteKind.STALE]
    first = after(SENT, Triggered(1_500, 1_500, "w"), told("NEW", venue_order_id="w"), told("NEW", venue_order_id="v"))
    assert (first.venue_order_id, first.became) == ("v", "w"), "the answer to the send came last"
    assert on_event(TRIGGERED, gone(9_000)[0], GRACE_MS).notes[0].kind is NoteKind.STALE


def test_the_quiet_time_starts_when_the_news_has_come_not_when_it_was_asked_for() -> None:
    order = after(UNKNOWN, told("CANCELED", 1, at_ms=3_000, heard_ms=4_000))
    assert after(order, told("CANCELED", 1, 3_900), told("CANCELED", 1, 4_400)).phase is OrderPhase.UNKNOWN
    assert after(order, told("CANCELED", 1, 4_401), told("CANCELED", 1, 4_402)).phase is OrderPhase.CANCELED


def test_an_unknown_order_that_is_found_open_is_open_when_that_is_told_twice() -> None:
    order = after(UNKNOWN, told("PARTIALLY_FILLED", 1), told("PARTIALLY_FILLED", 1, 2_401))
    assert (order.phase, order.filled_qty) == (OrderPhase.UNKNOWN, 1)
    assert after(order, told("PARTIALLY_FILLED", 1, 2_402)).phase is OrderPhase.PARTIALLY_FILLED


def test_the_larger_part_of_each_answer_is_kept_in_whatever_order_they_come() -> None:
    answers = [told("NEW"), told("PARTIALLY_FILLED", 2), told("CANCELED", 1)]
    ways = [after(SENT, *answers), after(SENT, *reversed(answers)), after(SENT, *answers, *answers)]
    assert {(order.told, order.filled_qty, order.paid) for order in ways} == {
        (OrderPhase.CANCELED, Decimal(2), Decimal(100))
    }


@pytest.mark.parametrize("stale", [told("NEW", 1), told("PARTIALLY_FILLED", 1, 2_500), Absent(2_500)])
def test_a_stale_answer_is_noted_and_breaks_the_row(stale: Event) -> None:
    order = after(PARTIAL, told("CANCELED", 2), told("CANCELED", 2, 2_401))
    step = on_event(order, stale, GRACE_MS)
    assert [note.kind for note in step.notes] == [NoteKind.STALE]
    assert (step.state.told, step.state.filled_qty) == (OrderPhase.CANCELED, 2)
    late = isinstance(stale, Absent) or stale == told("PARTIALLY_FILLED", 1, 2_500)
    assert after(step.state, told("CANCELED", 2, 2_600)).phase is (OrderPhase.UNKNOWN if late else OrderPhase.CANCELED)


def test_filled_with_another_quantity_is_reported_and_believed_when_it_is_told_twice() -> None:
    step = on_event(SENT, told("FILLED", 4), GRACE_MS)
    assert [note.kind for note in step.notes] == [NoteKind.OTHER_QUANTITY]
    order = after(step.state, told("FILLED", 4, 2_401), told("FILLED", 4, 2_402))
    assert (order.phase, order.filled_qty, order.reason) == (OrderPhase.FILLED, 4, None)


@pytest.mark.parametrize(
    ("order", "event"),
    [
        (INTENT, told("NEW")),  # it was not sent
        (after(INTENT, REFUSED), told("REJECTED")),
        (NEW, REFUSED),
        (after(NEW, told("CANCELED")), REFUSED),  # UNKNOWN, but it was shown
        (NEW, told("NEW", venue_order_id="w")),  # two orders of one id
        (NEW, told("PARTIALLY_FILLED", -1)),
        (FILLED, told("CANCELED", 3)),
        (FILLED, told("FILLED", 4)),
        (FILLED, REFUSED),
        (NOT_THERE, told("NEW")),
        (NOT_THERE, told("FILLED", 3)),
        (CANCELED, told("CANCELED", 2)),
        (CANCELED, told("CANCELED", 1, venue_order_id="w")),
        (CANCELED, told("FILLED", 3)),
        (REJECTED, told("NEW")),
        (INTENT, CancelAccepted(1_500, 1_500)),
        (NOT_THERE, CancelAccepted(1_500, 1_500)),
        (INTENT, Triggered(1_500, 1_500, "w")),
        (CANCELED, Triggered(1_500, 1_500, "w")),
        (TRIGGERED, Triggered(1_500, 1_500, "x")),
        (TRIGGERED, told("NEW", venue_order_id="x")),
        (after(NEW, told("CANCELED")), Triggered(1_500, 1_500, "w")),
        (CANCELING, REFUSED),
    ],
)
def test_a_contradiction_is_reported_and_never_applied(order: OrderState, event: Event) -> None:
    step = on_event(order, event, GRACE_MS)
    assert step.state == order
    assert [note.kind for note in step.notes] == [NoteKind.CONTRADICTION]


@pytest.mark.parametrize(
    ("order", "event", "stale"),
    [
        (FILLED, told("FILLED", 3), False),
        (FILLED, told("PARTIALLY_FILLED", 2), True),
        (FILLED, Absent(9_000), False),
        (FILLED, Ambiguous(""), False),
        (CANCELED, told("CANCELED"), True),
        (NOT_THERE, REFUSED, False),
        (NOT_THERE, told("EXPIRED"), False),
        (REJECTED, REFUSED, False),
    ],
)
def test_after_the_end_what_is_older_or_doubled_changes_nothing(order: OrderState, event: Event, stale: bool) -> None:
    step = on_event(order, event, GRACE_MS)
    assert step.state == order
    assert [note.kind for note in step.notes] == ([NoteKind.STALE] if stale else [])


@pytest.mark.parametrize(
    "order", [SENT, UNKNOWN, NEW, PARTIAL, CANCELING, TRIGGERED, FILLED, CANCELED, REJECTED, NOT_THERE]
)
@pytest.mark.parametrize("event", [Send(1_000, 1_000), Expire(Reason.END_OF_DATA)])
def test_an_order_is_sent_once_and_what_was_sent_is_not_taken_back(order: OrderState, event: Event) -> None:
    with pytest.raises(ValueError, match="takes no"):
        on_event(order, event, GRACE_MS)


def test_what_was_not_sent_is_not_cancelled() -> None:
    with pytest.raises(ValueError, match="takes no Cancel"):
        on_event(INTENT, Cancel(1_000), GRACE_MS)


def test_a_person_ends_an_order() -> None:
    step = on_event(PARTIAL, Resolve(2_401, told("CANCELED", 2).what, "ann"), GRACE_MS)
    assert (step.state.phase, step.state.filled_qty, step.state.reason) == (OrderPhase.CANCELED, 2, Reason.RESOLVED)


@pytest.mark.parametrize(
    ("order", "event", "match"),
    [
        (UNKNOWN, Resolve(SETTLED_MS, told("EXPIRED").what, "ann"), "wait until"),
        (UNKNOWN, Resolve(2_401, told("NEW").what, "ann"), "how it ended"),
        (PARTIAL, Resolve(2_401, told("CANCELED").what, "ann"), "was filled"),
        (UNKNOWN, Resolve(2_401, told("CANCELED", -1).what, "ann"), "other side"),
        (FILLED, Resolve(2_401, told("FILLED", 3).what, "ann"), "takes no"),
        (INTENT, Resolve(2_401, told("EXPIRED").what, "ann"), "takes no"),
    ],
)
def test_a_person_cannot_say_what_cannot_be(order: OrderState, event: Event, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        on_event(order, event, GRACE_MS)


def test_an_order_from_the_journal_starts_to_agree_anew() -> None:
    order = after(UNKNOWN, told("CANCELED", 1), told("CANCELED", 1, 2_401))
    loaded = replace(order, told=None, news_ms=0, agreeing=0, asked_ms=0)
    once = after(loaded, told("CANCELED", 1, 2_500, heard_ms=2_500), told("CANCELED", 1, 2_901))
    assert once.phase is OrderPhase.UNKNOWN
    assert after(once, told("CANCELED", 1, 2_902)).phase is OrderPhase.CANCELED
