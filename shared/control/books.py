"""The books as an account's journal has them: the same reports that the strategy books, in the same order."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from decimal import Context, Decimal
from typing import NamedTuple

from shared.account import Account
from shared.account.account import book_report
from shared.config import Settings
from shared.journal.journal import Journal
from shared.journal.rows import ExecutionRow
from shared.messages import ExecutionReport
from shared.messages.codec import keep, kept

_ZERO = Decimal(0)
PAGE = 1_000
EXACT = Context(prec=100)  # of a sum that is kept: what was added and taken away again leaves nothing


class Retired(NamedTuple):
    """A book that is traded no more: its symbol is not in the config, or it is of another strategy's instance.

    - qty: what it holds, signed base units.
    - price: what was paid for that, on average.
    - profit: what it has made, quote units.
    """

    book: str
    sym: str
    qty: Decimal
    price: Decimal
    profit: Decimal


class Books:
    """Books have an account per symbol, each with its own capital; and what the journal's retired books hold.

    A retired book belongs to a symbol, or a strategy, that is traded no more: nothing is booked there, but what it
    holds is in the account all the same.

    - moved: the symbols of which something was booked, or that were begun or retired, since somebody cleared it.
    """

    def __init__(self, symbols: Iterable[str], capital: Decimal) -> None:
        self._accounts = {sym: Account(capital) for sym in symbols}
        self._balance = sum((account.balance() for account in self._accounts.values()), _ZERO)
        self.moved = set(self._accounts)
        self._opened: dict[str, str] = {}  # by symbol: see `opened_by`
        self._retired: list[Retired] = []

    def __contains__(self, sym: object) -> bool:
        return sym in self._accounts

    def begin(self, sym: str, capital: Decimal) -> None:
        """Opens a new account for the symbol, before anything is booked. capital: what its book was begun with."""
        before = self._accounts.get(sym)
        self._accounts[sym] = Account(capital)
        self._note(sym, _ZERO if before is None else before.balance())

    def book(self, report: ExecutionReport) -> None:
        """Books a report of the journal. A symbol that is not configured any more has no book here."""
        account = self._accounts.get(report.sym)
        if account is None:
            return
        before, balance = self.tradable(report.sym), account.balance()
        book_report(account, report)
        self._note(report.sym, balance)
        after = self.tradable(report.sym)
        if not after:
            self._opened.pop(report.sym, None)
        elif before * after <= 0:
            self._opened[report.sym] = report.client_order_id

    def _note(self, sym: str, before: Decimal) -> None:
        """Notes that a book is another now. before: its balance until then."""
        self._balance = EXACT.add(self._balance, EXACT.subtract(self._accounts[sym].balance(), before))
        self.moved.add(sym)

    def opened_by(self, sym: str) -> str:
        """Returns the order, or what else was booked, that opened the symbol's position; empty when flat or dust."""
        return self._opened.get(sym, "")

    def retire(self, book: Retired) -> None:
        """Takes a book that is traded no more; its coins are the account's all the same."""
        self._retired.append(book)
        self.moved.add(book.sym)  # what was paid for the symbol

    def others(self) -> dict[str, Decimal]:
        """Returns what books hold that are traded no more, by symbol."""
        held: dict[str, Decimal] = {}
        for book in self._retired:
            if book.qty:
                held[book.sym] = held.get(book.sym, _ZERO) + book.qty
        return held

    def held(self) -> dict[str, Decimal]:
        """Returns what all books hold, by symbol, traded or not."""
        others = self.others()
        return {sym: self.position(sym) + others.get(sym, _ZERO) for sym in (*self._accounts, *others)}

    def paid(self) -> dict[str, Decimal]:
        """Returns what was paid for what is held, on average, by symbol."""
        found = {book.sym: book.price for book in self._retired if book.qty}
        own = ((sym, account.held(sym)) for sym, account in self._accounts.items())
        return found | {sym: held.price for sym, held in own if held is not None}

    def paid_for(self, sym: str) -> Decimal:
        """Returns the most that was paid, on average, for what a book of the symbol holds, retired or not; else 0."""
        held = self._accounts[sym].held(sym) if sym in self._accounts else None
        paid = [book.price for book in self._retired if book.sym == sym and book.qty]
        return max([*paid, _ZERO if held is None else held.price])

    def position(self, sym: str) -> Decimal:
        """Returns the symbol's position: signed, base units, dust too; 0 when flat."""
        account = self._accounts.get(sym)
        held = None if account is None else account.held(sym)
        return _ZERO if held is None else held.signed_qty

    def tradable(self, sym: str) -> Decimal:
        """Returns the symbol's position, signed, base units; 0 when it is flat or dust."""
        return self.position(sym) - self.dust(sym)

    def dust(self, sym: str) -> Decimal:
        """Returns what is held and cannot be sold: signed, base units."""
        account = self._accounts.get(sym)
        return _ZERO if account is None else account.dust(sym)

    def cost_of_rest(self) -> Decimal:
        """Returns what was paid for what is held and not for sale, quote units: dust, and what is in retired books."""
        dust = [account.held(sym) for sym, account in self._accounts.items() if account.dust(sym)]
        cost = sum((held.signed_qty.copy_abs() * held.price for held in dust if held is not None), _ZERO)
        return cost + sum((book.qty.copy_abs() * book.price for book in self._retired), _ZERO)

    def positions(self) -> dict[str, Decimal]:
        """Returns the position of every book."""
        return {sym: self.position(sym) for sym in self._accounts}

    def balance(self) -> Decimal:
        """Returns the balance of all books together, quote units, without unrealised profit.

        It is kept, not added up: each order is judged by it, however many books there are.
        """
        return +self._balance

    def balance_of(self, sym: str) -> Decimal:
        """Returns the balance of one book, which must be there."""
        return self._accounts[sym].balance()

    def capital(self, sym: str) -> Decimal:
        """Returns what a person has given a book, which must be there."""
        return self._accounts[sym].capital

    def profit(self) -> Decimal:
        """Returns what all books have made since they were begun, quote units: the balances without the capital."""
        made = (account.balance() - account.capital for account in self._accounts.values())
        return sum(made, sum((book.profit for book in self._retired), _ZERO))


def book_of(settings: Settings, sym: str) -> str:
    """Returns what the journal calls the book of a symbol."""
    return f"{settings.strategy.instance}:{sym}"


def execution_row(book: str, report: ExecutionReport, now_ms: int) -> ExecutionRow:
    """Returns a report's row in the journal."""
    return ExecutionRow(book, report.n, report.client_order_id, keep(report), now_ms)


async def reports_of(journal: Journal, book: str, after: int = 0) -> AsyncIterator[ExecutionReport]:
    """Yields a book's reports behind number `after`, as the journal has them, in sequence."""
    while rows := await journal.executions(book, after, PAGE):
        for row in rows:
            yield kept(ExecutionReport, row.report)
        after = rows[-1].seq


async def all_reports(journal: Journal) -> AsyncIterator[tuple[str, ExecutionReport]]:
    """Yields the reports of all books with their book's name: one book after the other, each in sequence."""
    after = ("", 0)
    while rows := await journal.all_executions(after, PAGE):
        for row in rows:
            yield row.book, kept(ExecutionReport, row.report)
        after = rows[-1].book, rows[-1].seq


async def retired(journal: Journal, book: str) -> Retired:
    """Returns a book of the journal that is traded no more."""
    account, sym = Account(_ZERO), book.partition(":")[2]
    async for report in reports_of(journal, book):
        book_report(account, report)
    held, profit = account.held(sym), account.balance() - account.capital
    if held is None:
        return Retired(book, sym, _ZERO, _ZERO, profit)
    return Retired(book, sym, held.signed_qty, held.price, profit)


async def retire_others(
    journal: Journal, books: Books, own: Collection[str], names: Mapping[str, str]
) -> list[Retired]:
    """Retires every book of the journal but `own`; returns those of them that hold something.

    - names: what a symbol is called now whose market has another name in the config.
    """
    found = [await retired(journal, book) for book in sorted((await journal.last_seqs()).keys() - set(own))]
    found = [book._replace(sym=names.get(book.sym, book.sym)) for book in found]
    for book in found:
        books.retire(book)
    return [book for book in found if book.qty]


class Booked(NamedTuple):
    """The position that a book's executions up to number `seq` add up to, in base units."""

    qty: Decimal = Decimal(0)
    seq: int = 0


NOTHING = Booked()


async def booked(journal: Journal, book: str, before: Booked = NOTHING) -> Booked:
    """Returns what a book holds now. before: what was read of it already.

    A long book takes a while: who writes under an epoch of its own reads it before it raises that, and the rest then,
    or the gateway has taken the account back.
    """
    qty, seq = before
    async for report in reports_of(journal, book, seq):
        qty, seq = qty + report.last_qty, report.n
    return Booked(qty, seq)


async def booked_qty(journal: Journal, book: str) -> Decimal:
    """Returns what a book holds, in base units."""
    return (await booked(journal, book)).qty
