"""What the gateway itself knows of the books: the same reports that the strategy books, in the same order."""

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

from shared.account import Account
from shared.account.booking import book_report
from shared.journal.journal import Journal
from shared.messages import ExecutionReport
from shared.messages.codec import kept

_ZERO = Decimal(0)
PAGE = 1_000


class Books:
    """One account per symbol, each with its own capital; and what books have made whose symbols are traded no more."""

    def __init__(self, symbols: Iterable[str], capital: Decimal) -> None:
        self._accounts = {sym: Account(capital) for sym in symbols}
        self._retired = _ZERO

    def begin(self, sym: str, capital: Decimal) -> None:
        """A new account for the symbol, before anything is booked on it. capital: what its book was begun with."""
        self._accounts[sym] = Account(capital)

    def book(self, report: ExecutionReport) -> None:
        """Take a report that is in the journal. A symbol that is not configured any more has no book here."""
        account = self._accounts.get(report.sym)
        if account is not None:
            book_report(account, report)

    def retire(self, profit: Decimal) -> None:
        """What a book that is traded no more has made, quote units."""
        self._retired += profit

    def position(self, sym: str) -> Decimal:
        """Signed, base units, dust too; 0 when flat."""
        account = self._accounts.get(sym)
        held = None if account is None else account.held(sym)
        return _ZERO if held is None else held.signed_qty

    def dust(self, sym: str) -> Decimal:
        """Signed, base units: what is held and cannot be sold."""
        account = self._accounts.get(sym)
        return _ZERO if account is None else account.dust(sym)

    def dust_cost(self) -> Decimal:
        """What all dust was bought for, quote units."""
        dust = [account.held(sym) for sym, account in self._accounts.items() if account.dust(sym)]
        return sum((held.signed_qty.copy_abs() * held.price for held in dust if held is not None), _ZERO)

    def positions(self) -> dict[str, Decimal]:
        """Of every book."""
        return {sym: self.position(sym) for sym in self._accounts}

    def balance(self) -> Decimal:
        """Of all books together, quote units, without unrealised profit."""
        return sum((account.balance() for account in self._accounts.values()), _ZERO)

    def balance_of(self, sym: str) -> Decimal:
        """Of one book, which must be there."""
        return self._accounts[sym].balance()

    def capital(self, sym: str) -> Decimal:
        """Of one book, which must be there: what a person has given it."""
        return self._accounts[sym].capital

    def capitals(self) -> Decimal:
        """Of all books together."""
        return sum((account.capital for account in self._accounts.values()), _ZERO)

    def profit(self) -> Decimal:
        """What all books have made since they were begun, quote units: the balances without the capital."""
        made = (account.balance() - account.capital for account in self._accounts.values())
        return sum(made, self._retired)


async def reports_of(journal: Journal, book: str, after: int = 0) -> AsyncIterator[ExecutionReport]:
    """A book's reports behind number `after`, as the journal has them, in sequence."""
    while rows := await journal.executions(book, after, PAGE):
        for row in rows:
            yield kept(ExecutionReport, row.report)
        after = rows[-1].seq


async def profit_of(journal: Journal, book: str) -> Decimal:
    """What a book has made, quote units."""
    account = Account(_ZERO)
    async for report in reports_of(journal, book):
        book_report(account, report)
    return account.balance() - account.capital
