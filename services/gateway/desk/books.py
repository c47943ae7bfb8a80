"""What the gateway itself knows of the books: the same reports that the strategy books, in the same order."""

from collections.abc import Iterable
from decimal import Decimal

from shared.account import Account
from shared.account.booking import book_report
from shared.messages import ExecutionReport

_ZERO = Decimal(0)


class Books:
    """One account per symbol, each with its own capital."""

    def __init__(self, symbols: Iterable[str], capital: Decimal) -> None:
        self._accounts = {sym: Account(capital) for sym in symbols}

    def book(self, report: ExecutionReport) -> None:
        """Take a report that is in the journal. A symbol that is not configured any more has no book here."""
        account = self._accounts.get(report.sym)
        if account is not None:
            book_report(account, report)

    def position(self, sym: str) -> Decimal:
        """Signed, base units, dust too; 0 when flat."""
        account = self._accounts.get(sym)
        held = None if account is None else account.held(sym)
        return _ZERO if held is None else held.signed_qty

    def dust(self, sym: str) -> Decimal:
        """Signed, base units: what is held and cannot be sold."""
        account = self._accounts.get(sym)
        return _ZERO if account is None else account.dust(sym)

    def positions(self) -> dict[str, Decimal]:
        """Of every book."""
        return {sym: self.position(sym) for sym in self._accounts}

    def balance(self) -> Decimal:
        """Of all books together, quote units, without unrealised profit."""
        return sum((account.balance() for account in self._accounts.values()), _ZERO)
