"""A day's book is one symbol's ledger with all its reports, and what it has made since midnight; known books are kept.

Who looks again and again keeps them: each look then reads what is new, however long the day.
"""

from collections.abc import Awaitable, Callable
from copy import copy
from decimal import Decimal
from typing import NamedTuple

from shared.account import Account, Position
from shared.account.account import book_report
from shared.control.books import reports_of
from shared.journal.journal import Journal
from shared.messages import Decision, ExecutionReport, Leg
from shared.messages.reasons import UNASKED

ROUNDED = Decimal("1e-18")  # sums of 28 digits are not taken back to the last of them
FEW = 8  # reports that are read at first where a book is known; then ever more
MOST = 65_536  # that are read of one symbol on paper
_ZERO = Decimal(0)

LastReports = Callable[[int], Awaitable[list[ExecutionReport]]]


class Day(NamedTuple):
    """A day is what a book has made since midnight.

    - made: balance less capital when it began.
    - held: the position then.
    """

    made: Decimal
    held: Position | None
    fees: Decimal
    funding: Decimal
    last_fill: ExecutionReport | None
    last_report: ExecutionReport | None


class DayBook:
    """A day's book takes an account's reports, and knows what the day has brought so far.

    The day begins with the first report of its time. One of before that comes later, e.g. late funding, is the day's.
    """

    def __init__(self, account: Account, sym: str, midnight_ns: int) -> None:
        self.account, self.midnight_ns = account, midnight_ns
        self.taken_n = 0
        self._newest_ns = 0
        self._sym = sym
        self._made, self._begun = _ZERO, False
        self._held: Position | None = None
        self._fees = self._funding = _ZERO
        self.last_fill: ExecutionReport | None = None
        self.last_report: ExecutionReport | None = None

    def copy(self) -> "DayBook":
        """Returns a book that is the same, and takes other reports."""
        other = copy(self)
        other.account = self.account.copy()
        return other

    def take(self, report: ExecutionReport) -> None:
        """Books the next report."""
        account = self.account
        if not self._begun and report.ts_event >= self.midnight_ns:
            self._begun = True
            self._made, self._held = account.balance() - account.capital, account.held(self._sym)
        cost, self.taken_n = book_report(account, report), report.n
        self._newest_ns = max(self._newest_ns, report.ts_event)
        if fills(report):
            self.last_fill = report
        if report.leg not in UNASKED:
            self.last_report = report
        if self._begun and report.leg is Leg.FUNDING:
            self._funding -= cost
        elif self._begun:
            self._fees += cost

    def roll(self, midnight_ns: int) -> bool:
        """Begins the day of that midnight; returns False for an earlier one, and where reports of it are booked."""
        if midnight_ns != self.midnight_ns:
            if midnight_ns < self.midnight_ns or self._newest_ns >= midnight_ns:
                return False
            self.midnight_ns, self._begun = midnight_ns, False
            self._fees = self._funding = _ZERO
        return True

    def day(self) -> Day:
        """Returns what the day has brought so far."""
        made, held = self._made, self._held
        if not self._begun:
            made, held = self.account.balance() - self.account.capital, self.account.held(self._sym)
        return Day(made, held, self._fees, self._funding, self.last_fill, self.last_report)


class KnownBooks:
    """Known books are what earlier looks have booked: the next one reads what is new."""

    def __init__(self) -> None:
        self.prices: dict[tuple[str, int], Decimal | None] = {}  # of a symbol at midnight
        self._books: dict[str, tuple[Decimal, DayBook]] = {}
        self._on_paper: dict[str, DayBook] = {}

    async def of(self, journal: Journal, name: str, sym: str, capital: Decimal, midnight_ns: int) -> DayBook:
        """Returns a book with all its reports. capital: what it was begun with."""
        begun, book = self._books.get(name, (None, None))
        if book is None or begun != capital or book.midnight_ns != midnight_ns:
            book = DayBook(Account(capital), sym, midnight_ns)
            self._books[name] = capital, book
        async for report in reports_of(journal, name, book.taken_n):
            book.take(report)
        return book

    async def on_paper(
        self, sym: str, decision: Decision, midnight_ns: int, last: LastReports
    ) -> tuple[DayBook, list[ExecutionReport]] | None:
        """Returns a book on paper that goes on where it is known, and the reports that the decision had not booked.

        None where it must be booked from the beginning. last: returns the newest reports, so many.
        """
        book = self._on_paper.pop(sym, None)
        if book is None or decision.booked_n < book.taken_n or not book.roll(midnight_ns):
            return None
        new = await _behind(book.taken_n, last)
        if new is None or (new and new[-1].n < decision.booked_n) or (not new and decision.booked_n > book.taken_n):
            return None
        for report in new:
            if report.n <= decision.booked_n:
                book.take(report)
        balance = book.account.balance()
        if abs(balance - decision.balance) > ROUNDED * max(abs(balance), Decimal(1)):
            return None  # something else has changed it
        return book, [report for report in new if report.n > decision.booked_n]

    def keep_on_paper(self, sym: str, book: DayBook) -> DayBook:
        """Keeps a book as its decision found it; returns a copy, which takes the reports behind that."""
        self._on_paper[sym] = book
        return book.copy()


async def _behind(taken_n: int, last: LastReports) -> list[ExecutionReport] | None:
    """Returns all reports behind a number; None where they are not all there."""
    count = FEW
    while True:
        found = await last(count)
        new = [report for report in found if report.n > taken_n]
        if len(new) < len(found) or (found and found[0].n == taken_n + 1) or not found:
            whole = [report.n for report in new] == list(range(taken_n + 1, taken_n + 1 + len(new)))
            return new if whole else None
        if len(found) < count or count >= MOST:
            return None
        count *= 4


def fills(report: ExecutionReport) -> bool:
    """Says whether a report filled something."""
    return report.last_px is not None and bool(report.last_qty)
