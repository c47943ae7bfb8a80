"""Daily loss and drawdown: when they latch, that they stay, and what a person's `resume` does to them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.risk.marks import DAY_NS, EQUITY_MARKS, WATCHED, Marks, marks_in, one_more, sent, watch
from shared.config.risk import RiskSettings
from shared.control.latches import DAILY_LOSS, DRAWDOWN
from shared.journal.rows import EventRow, LatchRow, LimitRow
from shared.messages.codec import pack

RULES = RiskSettings(daily_loss=Decimal(100), max_drawdown=Decimal("0.2"))
DAY = 20_000


class Account:
    """A journal's limits and latches, as far as the marks go."""

    def __init__(self) -> None:
        self.limits: dict[str, bytes] = {}
        self.latches: dict[str, LatchRow] = {}
        self.suspected: tuple[str, ...] = ()
        self.events: list[EventRow] = []

    def sees(self, equity: int, day: float = DAY) -> set[str]:
        """The latches that stand after the account's equity was seen twice."""
        self.observes(equity, day)
        return self.observes(equity, day)

    def observes(self, equity: int, day: float = DAY) -> set[str]:
        """The same, seen once."""
        seen = watch(RULES, int(day * DAY_NS), Decimal(equity), self.limits, self.latches, self.suspected)
        self.suspected = seen.suspected
        for row in seen.changes:
            if isinstance(row, LimitRow):
                self.limits[row.name] = row.value
            elif isinstance(row, LatchRow):
                self.latches[row.name] = row
            else:
                self.events.append(row)
        return set(self.latches)


def test_a_day_may_lose_less_than_the_limit() -> None:
    account = Account()
    assert [account.sees(equity) for equity in (1_000, 901, 1_000, 901)] == [set()] * 4


def test_the_limit_of_a_day_latches_and_stays() -> None:
    account = Account()
    account.sees(1_000)
    assert account.sees(900) == {DAILY_LOSS}
    assert account.latches[DAILY_LOSS].reason == "equity 900, 1000 when the day began: the limit is 100"
    assert account.sees(2_000) == {DAILY_LOSS}
    assert account.sees(2_000, DAY + 1) == {DAILY_LOSS}


def test_gains_of_the_day_are_not_counted_against_it() -> None:
    account = Account()
    account.sees(1_000)
    account.sees(1_100)
    assert account.sees(901) == set()


def test_a_new_day_begins_with_the_last_equity_that_was_seen() -> None:
    account = Account()
    account.sees(1_000)
    account.sees(950)
    assert account.sees(851, DAY + 1) == set()
    assert account.sees(850, DAY + 1.9) == {DAILY_LOSS}


def test_a_loss_while_nobody_looked_counts_for_the_day_it_is_seen() -> None:
    account = Account()
    account.sees(1_000)
    assert account.sees(900, DAY + 3) == {DAILY_LOSS}


def test_a_clock_that_goes_back_begins_no_day() -> None:
    account = Account()
    account.sees(1_000)
    account.sees(950, DAY - 1)
    assert account.sees(900, DAY) == {DAILY_LOSS}


def test_drawdown_is_measured_from_the_highest() -> None:
    account = Account()
    account.sees(1_000)
    for day, equity in enumerate((1_100, 1_010, 920, 881), 1):
        assert account.sees(equity, DAY + day) == set()
    assert account.sees(880, DAY + 4) == {DRAWDOWN}


def test_a_high_that_was_seen_once_is_none() -> None:
    account = Account()
    account.sees(1_000)
    account.observes(1_300)
    assert account.sees(1_000) == set()
    account.sees(1_099)
    account.observes(1_300)
    assert account.sees(1_250) == set()
    assert account.sees(1_000, DAY + 1) == {DRAWDOWN, DAILY_LOSS}


def test_after_resume_it_counts_anew() -> None:
    account = Account()
    account.sees(1_000)
    assert account.sees(800) == {DAILY_LOSS, DRAWDOWN}
    account.sees(800)  # with the latches in the journal
    account.latches.clear()  # what `tickline resume` does
    assert account.sees(790) == set()
    assert account.sees(691) == set()
    assert account.sees(690) == {DAILY_LOSS}
    account.sees(690)
    account.latches.clear()
    assert account.sees(640) == set()
    assert account.sees(632, DAY + 1) == {DRAWDOWN}


def test_nothing_is_written_when_nothing_moved() -> None:
    account = Account()
    account.sees(1_000)
    assert watch(RULES, DAY * DAY_NS, Decimal(1_000), account.limits, {}) == ((), (), ())


def test_a_latch_that_is_not_in_the_journal_yet_stands() -> None:
    limits: dict[str, bytes] = {}
    standing = []
    for equity in (1_000, 900, 1_000, 1_000):
        seen = watch(RULES, DAY * DAY_NS, Decimal(equity), limits, {}, WATCHED)
        limits |= {row.name: row.value for row in seen.changes if isinstance(row, LimitRow)}
        standing.append(seen.standing)
    assert standing == [(), (DAILY_LOSS,), (DAILY_LOSS,), (DAILY_LOSS,)]


def test_a_latch_without_marks_stands_and_can_be_resumed() -> None:
    account = Account()
    account.latches[DAILY_LOSS] = LatchRow(DAILY_LOSS, "before", "gateway", 0)
    account.sees(1_000)
    account.latches.clear()
    assert account.sees(950) == set()
    assert account.sees(850) == {DAILY_LOSS}


def test_a_latch_that_nobody_saw_in_the_journal_is_set_again() -> None:
    first = watch(RULES, DAY * DAY_NS, Decimal(1_000), {}, {})
    limits = {row.name: row.value for row in first.changes if isinstance(row, LimitRow)}
    for _ in range(2):
        seen = watch(RULES, DAY * DAY_NS, Decimal(900), limits, {}, WATCHED)
        limits |= {row.name: row.value for row in seen.changes if isinstance(row, LimitRow)}
        assert [row.name for row in seen.changes if isinstance(row, LatchRow)] == [DAILY_LOSS]


def test_one_observation_is_no_loss() -> None:
    """A balance and a price that were read around a fill."""
    account = Account()
    account.sees(1_000)
    for equity in (100, 1_000, 100, 1_000):
        assert account.observes(equity) == set()
    assert account.observes(100) == set()
    assert account.suspected == (DAILY_LOSS, DRAWDOWN)
    assert account.observes(101) == {DAILY_LOSS, DRAWDOWN}
    assert account.suspected == ()


def test_two_in_a_row_are_past_the_same_limit() -> None:
    account = Account()
    account.sees(1_000)
    account.sees(950, DAY + 1)
    assert account.observes(850, DAY + 1) == set()
    assert account.suspected == (DAILY_LOSS,)
    assert account.observes(800, DAY + 2) == set(), "a day later it is another limit"
    assert account.suspected == (DRAWDOWN,)
    assert account.observes(800, DAY + 2) == {DRAWDOWN}


def before(**changes: Any) -> bytes:
    """Marks of another definition."""
    fields = {"day_equity": Decimal(5_000), "peak": Decimal(6_000), "last": Decimal(4_000), **changes}
    return Marks(day=DAY, definition=1, **fields).row().value


def test_marks_of_another_definition_are_begun_anew_with_an_event() -> None:
    account = Account()
    account.limits[EQUITY_MARKS] = before()
    assert account.sees(900) == set()
    assert marks_in(account.limits) == Marks(day=DAY, day_equity=Decimal(900), peak=Decimal(900), last=Decimal(900))
    (event,) = account.events
    assert event.kind == "EQUITY"
    assert "begun anew at 900" in event.text and "5000 when the day began, 6000 at its highest" in event.text


def test_what_is_latched_stays_so_when_the_marks_are_begun_anew() -> None:
    account = Account()
    account.limits[EQUITY_MARKS] = before(latched=(DAILY_LOSS,), seen=(DAILY_LOSS,))
    account.latches[DAILY_LOSS] = LatchRow(DAILY_LOSS, "before", "gateway", 0)
    assert account.sees(4_000) == {DAILY_LOSS}


def test_what_is_no_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="Marks has named fields"):
        marks_in({EQUITY_MARKS: pack([1, 2])})


# Never more than the limit within any 60 s, and a memory that does not grow.


@given(st.lists(st.integers(0, 30_000), max_size=60), st.integers(1, 5))
def test_no_60_seconds_have_more_than_the_limit(pauses_ms: list[int], limit: int) -> None:
    limits: dict[str, bytes] = {}
    went_out: list[int] = []
    now_ms = 1_763_985_600_000
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if sent(limits, now_ms) < limit:
            row = one_more(limits, now_ms)
            limits[row.name] = row.value
            went_out.append(now_ms)
    for last_ms in went_out:
        assert sum(last_ms - 60_000 < at_ms <= last_ms for at_ms in went_out) <= limit


def test_after_a_minute_and_a_second_all_are_free_again() -> None:
    row = one_more({}, 1_000_500)
    limits = {row.name: row.value}
    assert [sent(limits, 1_000_500 + ms) for ms in (0, 60_000, 61_000)] == [1, 1, 0]


def test_only_the_last_minute_is_kept() -> None:
    limits: dict[str, bytes] = {}
    for second in range(200):
        row = one_more(limits, second * 1_000)
        limits = {row.name: row.value}
    assert len(limits[row.name]) < 300
    assert sent(limits, 199_000) == 61
