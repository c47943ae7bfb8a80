"""The limit on funding paid per day: when it latches, that it stays, and what a person's `resume` does to it."""

from decimal import Decimal

import pytest

from services.gateway.risk.marks import DAY_NS, FUNDING_MARKS, counted_from_ms, funding_marks_in, watch_funding
from shared.control.latches import DAILY_FUNDING
from shared.journal.rows import FundingRow, LatchRow, LimitRow
from shared.messages.codec import pack
from shared.record import WIRE

DAY = 20_000
HOUR = DAY_NS // 24


class Account:
    """A journal's payments, limits and latches."""

    def __init__(self) -> None:
        self.payments: list[FundingRow] = []
        self.limits: dict[str, bytes] = {}
        self.latches: dict[str, LatchRow] = {}

    def pays(self, amount: str, hour: float) -> set[str]:
        """The latches that stand after a payment at this hour of the day was booked (0: none was)."""
        now_ns = DAY * DAY_NS + int(hour * HOUR)
        if Decimal(amount):
            row = FundingRow("BTCUSDT", f"{len(self.payments)}", -Decimal(amount), now_ns // 1_000_000)
            self.payments.append(row)
        shown = [row for row in self.payments if row.at_ms >= counted_from_ms(now_ns)]
        for change in watch_funding(Decimal(5), now_ns, shown, self.limits, self.latches):
            if isinstance(change, LimitRow):
                self.limits[change.name] = change.value
            elif isinstance(change, LatchRow):
                self.latches[change.name] = change
        return set(self.latches)


def test_what_is_paid_within_a_day_latches_and_stays() -> None:
    account = Account()
    assert account.pays("3", 1) == account.pays("1.99", 9) == set()
    assert account.pays("0.01", 17) == {DAILY_FUNDING}
    said = account.latches[DAILY_FUNDING].reason
    assert said == "5.00 of funding paid since midnight, UTC: the limit is 5"
    assert account.pays("0", 17.1) == account.pays("-9", 18) == account.pays("0", 30) == {DAILY_FUNDING}


def test_what_is_received_counts_against_it() -> None:
    account = Account()
    assert account.pays("-3", 1) == account.pays("7.9", 9) == set()
    assert account.pays("0.1", 17) == {DAILY_FUNDING}


def test_a_new_day_counts_anew() -> None:
    account = Account()
    assert account.pays("4", 23) == account.pays("4", 25) == set()
    assert account.pays("1", 33) == {DAILY_FUNDING}


def test_after_resume_what_is_paid_later_counts() -> None:
    account = Account()
    account.pays("6", 1)
    account.pays("0", 1.5)  # with the latch in the journal
    account.latches.clear()  # what `tickline resume` does
    assert account.pays("0", 2) == account.pays("4", 9) == set()
    assert account.pays("1", 17) == {DAILY_FUNDING}
    account.pays("0", 18)
    account.latches.clear()
    assert account.pays("0", 19) == account.pays("4.9", 25) == set()


def test_a_latch_that_nobody_saw_is_set_again() -> None:
    account = Account()
    account.pays("6", 1)
    account.latches.clear()  # the write failed
    assert account.pays("0", 1.1) == {DAILY_FUNDING}


def test_a_latch_without_marks_stands_and_can_be_resumed() -> None:
    account = Account()
    account.latches[DAILY_FUNDING] = LatchRow(DAILY_FUNDING, "before", "gateway", 0)
    assert account.pays("0", 1) == {DAILY_FUNDING}
    account.latches.clear()
    assert account.pays("0", 2) == set()


def test_nothing_is_written_when_nothing_moved() -> None:
    account = Account()
    account.pays("1", 1)
    now_ns = DAY * DAY_NS + HOUR
    assert watch_funding(Decimal(5), now_ns, account.payments, account.limits, {}) == ()


def test_what_is_no_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"FundingMarks\.day: Field required"):
        funding_marks_in({FUNDING_MARKS: pack({"v": WIRE})})
