"""A stop's life, rule by rule; tests/unit/gateway/execution/test_stop_model.py has whole lives."""

from decimal import Decimal

import pytest

from shared.messages.reasons import Reason, StopKind
from shared.orders import Absent, Ambiguous, Refused
from shared.orders.state import Cancel
from shared.orders.stop_life import (
    LIVE,
    EntryEnded,
    Placed,
    StopEvent,
    StopLife,
    Superseded,
    Told,
    on_stop_event,
)
from shared.orders.stops import Beyond, Occupied, StopPhase, StopReport

D = Decimal
GRACE_MS, SENT_MS, VALID_MS = 300, 1_000, 6_000
LATE_MS = VALID_MS + GRACE_MS + 1


def stop(phase: StopPhase = StopPhase.SENT, **changed: object) -> StopLife:
    made = StopLife(
        "a1", "book", "BTCUSDT", "e1", StopKind.STOP, 0, D(2), D(95), None, True, phase, SENT_MS, VALID_MS
    )  # fmt: skip
    return made._replace(**changed)  # type: ignore[arg-type]


def told(phase: StopPhase, **changed: object) -> Told:
    report = StopReport("BTCUSDT", StopKind.STOP, phase, "v7", "a1", D(95), whole=True)._replace(**changed)  # type: ignore[arg-type]
    return Told(report, 2_000)


def after(life: StopLife, *events: StopEvent) -> StopLife:
    for event in events:
        life = on_stop_event(life, event, GRACE_MS)
    return life


@pytest.mark.parametrize(
    ("answer", "phase", "reason"),
    [
        (told(StopPhase.WAITING).report, StopPhase.WAITING, None),
        (Ambiguous("time-out"), StopPhase.UNKNOWN, None),
        (Refused(Reason.RATE_LIMITED, "429"), StopPhase.FAILED, Reason.RATE_LIMITED),
        (Beyond("-2021"), StopPhase.FAILED, Reason.STOP_BEYOND),
        (Occupied("-4130"), StopPhase.CANCELED, None),
    ],
)
def test_the_answer_to_its_placing(answer: object, phase: StopPhase, reason: Reason | None) -> None:
    life = after(stop(), Placed(answer, 2_000))  # type: ignore[arg-type]
    assert (life.phase, life.reason) == (phase, reason)
    assert life.occupied is isinstance(answer, Occupied)


@pytest.mark.parametrize("answer", [Refused(Reason.VENUE_REFUSED, ""), Beyond(""), Occupied(""), Ambiguous("")])
def test_what_was_shown_is_not_refused_any_more(answer: object) -> None:
    shown = after(stop(), told(StopPhase.WAITING))
    assert after(shown, Placed(answer, 2_001)) == shown  # type: ignore[arg-type]


def test_a_list_that_is_behind_takes_nothing_back() -> None:
    firing = after(stop(), told(StopPhase.WAITING), told(StopPhase.TRIGGERING))
    assert after(firing, told(StopPhase.WAITING)) == firing
    fired = after(firing, told(StopPhase.TRIGGERED, order_id="o1"))
    assert (fired.phase, fired.order_id, fired.live) == (StopPhase.TRIGGERED, "o1", False)
    for late in (
        told(StopPhase.WAITING),
        told(StopPhase.FAILED),
        Absent(LATE_MS),
        Cancel(LATE_MS),
        Superseded(LATE_MS),
    ):
        assert after(fired, late) == fired


def test_what_is_told_of_it_is_taken_over() -> None:
    """Of one that an entry has carried: for what was filled, and perhaps no mere reduction."""
    carried = stop(whole=False, carried_by="e1")
    life = after(carried, told(StopPhase.WAITING, whole=False, signed_qty=D("-1.5"), reduce_only=False))
    assert (life.held_qty, life.reduces, life.venue_id, life.seen_ms) == (D("1.5"), False, "v7", 2_000)


@pytest.mark.parametrize("phase", [StopPhase.UNKNOWN, StopPhase.WAITING])
def test_not_there_counts_when_it_is_said_twice_and_late_and_takes_no_word_back(phase: StopPhase) -> None:
    life = stop(phase)
    assert after(life, Absent(LATE_MS - 1), Absent(LATE_MS - 1)) == life, "it may be on its way yet"
    once = after(life, Absent(LATE_MS))
    assert (once.phase, once.absent_ms) == (phase, LATE_MS)
    assert after(once, Absent(LATE_MS + GRACE_MS)) == once, "the same answer, perhaps"
    gone = after(once, Absent(LATE_MS + GRACE_MS + 1))
    assert (gone.phase, gone.reason, gone.revivable) == (StopPhase.FAILED, Reason.NOT_ON_VENUE, True)
    assert after(gone, told(StopPhase.WAITING)).phase is StopPhase.WAITING, "it shows up after all"
    assert after(gone, told(StopPhase.TRIGGERED, order_id="o1")).order_id == "o1"
    assert after(once, told(StopPhase.WAITING)).absent_ms == 0


def test_one_that_is_triggered_is_not_missed() -> None:
    firing = stop(StopPhase.TRIGGERING)
    assert after(firing, Absent(LATE_MS), Absent(2 * LATE_MS)) == firing


def test_a_cancel_is_a_question_and_its_answer_the_last_word() -> None:
    asked = after(stop(StopPhase.WAITING), Cancel(3_000))
    assert asked.phase is StopPhase.CANCELING
    assert after(asked, told(StopPhase.WAITING)).phase is StopPhase.CANCELING
    assert after(asked, told(StopPhase.CANCELED)).phase is StopPhase.CANCELED
    assert after(asked, told(StopPhase.TRIGGERED, order_id="o1")).phase is StopPhase.TRIGGERED
    assert after(asked, told(StopPhase.FAILED)).reason is Reason.STOP_FAILED
    forgotten = after(asked, Absent(LATE_MS), Absent(LATE_MS + GRACE_MS + 1))
    assert forgotten.phase is StopPhase.CANCELED, "Binance knows it no more after three days"
    assert after(forgotten, Absent(LATE_MS * 9)) == forgotten


def test_what_is_carried_is_as_its_entry() -> None:
    carried = stop(carried_by="e1")
    nothing = after(carried, EntryEnded(False, 3_000))
    assert (nothing.phase, nothing.live) == (StopPhase.CANCELED, False)
    filled = after(carried, EntryEnded(True, 3_000))
    assert (filled.phase, filled.heard_ms) == (StopPhase.SENT, 3_000)
    shown = after(carried, told(StopPhase.WAITING))
    assert after(shown, EntryEnded(False, 3_000)) == shown, "it is there: something was filled"


def test_one_that_another_has_replaced_in_its_place_is_over() -> None:
    assert after(stop(StopPhase.WAITING), Superseded(3_000)).phase is StopPhase.CANCELED


@pytest.mark.parametrize("phase", sorted(set(StopPhase) - LIVE))
def test_an_end_is_final(phase: StopPhase) -> None:
    over = stop(phase)
    for event in (Placed(Ambiguous(""), 9_000), told(StopPhase.WAITING), Cancel(9_000), EntryEnded(False, 9_000)):
        assert after(over, event) == over


def test_the_journal_need_not_know_when_it_was_last_looked_at() -> None:
    first, again = (
        after(stop(), told(StopPhase.WAITING)),
        after(stop(), told(StopPhase.WAITING), told(StopPhase.WAITING)),
    )
    assert first.kept == again._replace(seen_ms=9).kept
    assert first.kept != stop().kept
