"""Each book has a capital: the journal says what it was begun with, and every change is a report of its sequence.

The config's `strategy.balance` is what a new book begins with. From then on the books decide: a person changes the
capital (`tickline capital`), and a config that says neither what a book was begun with nor what it has now is refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b

from shared.config import Settings
from shared.control.accounts import write_alone
from shared.control.books import Books, all_reports, book_of, execution_row, reports_of, retire_others
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow, LimitRow
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.messages.codec import keep, kept
from shared.record import Record

NS_PER_MS = 1_000_000
BEGUN = "capital:"  # and the book: the row of what it was begun with
_ZERO = Decimal(0)


class Begun(Record):
    """The record says what a book was begun with, quote units."""

    capital: Decimal


def begun_row(book: str, capital: Decimal) -> LimitRow:
    """Returns the journal's row of what a book was begun with."""
    return LimitRow(BEGUN + book, keep(Begun(capital=capital)))


def begun_with(limits: Mapping[str, bytes], book: str) -> Decimal | None:
    """Returns what a book was begun with, in quote units; None for one that is not begun.

    >>> row = begun_row("strategy:BTCUSDT", Decimal(1_000))
    >>> begun_with({row.name: row.value}, "strategy:BTCUSDT"), begun_with({}, "strategy:BTCUSDT")
    (Decimal('1000'), None)
    """
    return kept(Begun, limits[BEGUN + book]).capital if BEGUN + book in limits else None


def unknown_capital(sym: str, config: Decimal) -> SafetyRefusal:
    """Returns the refusal of a book with executions whose journal, an early one, does not tell its beginning."""
    return SafetyRefusal(
        f"{sym}: its book has executions, and its journal does not tell what it was begun with: say what that was, "
        f"e.g. `tickline capital --sym {sym} --set {config:f}`"
    )


def check_capital(sym: str, config: Decimal, begun: Decimal, now: Decimal) -> None:
    """Raises ConfigError where the config says something else than the book, in one line with the way out."""
    if config in (begun, now):
        return
    has = f"a capital of {now:f}" if begun == now else f"a capital of {now:f}, and was begun with {begun:f}"
    raise ConfigError(
        f"config: strategy.balance is {config:f}, but the book of {sym} has {has}: put {now:f} back, "
        f"or let the book follow: `tickline capital --sym {sym} --set {config:f}`"
    )


def capital_report(sym: str, book: str, seq: int, capital: Decimal, at_ms: int) -> ExecutionReport:
    """Returns the report that tells a book that its capital is another one from here on."""
    return ExecutionReport(
        n=seq,
        sym=sym,
        ts_event=at_ms * NS_PER_MS,
        tr=f"capital:{sym}:{at_ms}",
        tick_n=0,
        order_n=0,
        client_order_id=blake2b(f"capital|{book}|{seq}".encode(), digest_size=16).hexdigest(),
        leg=Leg.CAPITAL,
        status=OrderStatus.FILLED,
        last_qty=_ZERO,
        last_px=None,
        commission=_ZERO,
        reason=None,
        capital=capital,
    )


class CapitalChange:
    """A change says which capital a book shall have (`to`), or what is added (`add`; < 0: taken out); quote units."""

    def __init__(self, to: Decimal | None, add: Decimal | None) -> None:
        if (to is None) == (add is None):
            raise ConfigError("capital: say either --set X or --add X (with a minus: taken out)")
        self._to, self._add = to, add

    def begun_with(self, sym: str) -> Decimal:
        """Returns the capital with which a book began, as the person says; raises ConfigError where nobody said it."""
        if self._to is None:
            raise ConfigError(f"capital: nobody knows what the book of {sym} was begun with: say it with --set X")
        return self.of(self._to, self._to, sym)

    def of(self, now: Decimal, balance: Decimal, sym: str) -> Decimal:
        """Returns the new capital of a book that has `now` and stands at `balance`; raises ConfigError for none."""
        capital = self._to if self._to is not None else now + (self._add or Decimal(0))
        if capital <= 0:
            raise ConfigError(f"capital: {plain(capital)} is no capital for {sym}: it must be above 0")
        if balance + capital - now <= 0:
            raise ConfigError(
                f"capital: the book of {sym} has {plain(balance)} left of {plain(now)}: "
                f"it must keep some, so its capital cannot become {plain(capital)}"
            )
        return capital


async def books_in(settings: Settings, journal: Journal) -> Books:
    """Returns the books as the journal has them; one that is not begun has the config's capital."""
    capital, limits = settings.strategy.balance, await journal.limits()
    books = Books(settings.symbols, capital)
    own = {book_of(settings, sym): sym for sym in settings.symbols}
    for book, sym in own.items():
        begun = begun_with(limits, book)
        books.begin(sym, capital if begun is None else begun)
    async for book, report in all_reports(journal):
        if book in own:
            books.book(report)
    here = Whereabouts.of(settings)
    await retire_others(journal, books, own, here.renamed(Whereabouts.known(limits)))
    return books


async def check_books(settings: Settings, journal: Journal, books: Books) -> None:
    """Raises ConfigError where the config has another capital, market or exchange than a book, as the gateway does."""
    limits, seqs = await journal.limits(), await journal.last_seqs()
    traded = [sym for sym in settings.symbols if book_of(settings, sym) in seqs]
    Whereabouts.of(settings).check(Whereabouts.known(limits), traded)
    for sym in settings.symbols:
        begun = begun_with(limits, book_of(settings, sym))
        if begun is None and book_of(settings, sym) in seqs:
            raise unknown_capital(sym, settings.strategy.balance)
        if begun is not None:
            check_capital(sym, settings.strategy.balance, begun, books.capital(sym))


async def lacks_beginning(settings: Settings, journal: Journal, sym: str) -> bool:
    """Returns whether a book has executions, and the journal does not tell what it was begun with."""
    book = book_of(settings, sym)
    return begun_with(await journal.limits(), book) is None and book in await journal.last_seqs()


async def write_capital(
    settings: Settings, journal: Journal, sym: str, change: CapitalChange, by: str, at_ms: int
) -> Decimal:
    """Books the change as the next report of the book; returns the new capital.

    Of a book that an early version has begun the change says what it was begun with: that is written, nothing booked.
    """
    book = book_of(settings, sym)
    if await lacks_beginning(settings, journal, sym):
        said = change.begun_with(sym)
        event = EventRow("CAPITAL", sym, "", f"begun with {plain(said)}, as {by} says", at_ms)

        async def begun_now(_: int) -> list[Change]:
            return [begun_row(book, said), event]

        await write_alone(journal, f"capital by {by}", begun_now)
        return said
    begun = begun_with(await journal.limits(), book)
    books = Books((sym,), settings.strategy.balance if begun is None else begun)
    seq = await _read_on(journal, book, books, 0)  # a long book takes a while, in which the gateway goes on
    capital = Decimal(0)

    async def changed(_: int) -> list[Change]:
        nonlocal seq, capital
        seq = await _read_on(journal, book, books, seq)
        before = books.capital(sym)
        capital = change.of(before, books.balance_of(sym), sym)
        report = capital_report(sym, book, seq + 1, capital, at_ms)
        text = f"{plain(before)} became {plain(capital)}, by {by}"
        changes: list[Change] = [execution_row(book, report, at_ms), EventRow("CAPITAL", sym, "", text, at_ms)]
        return changes if begun_with(await journal.limits(), book) is not None else [*changes, begun_row(book, before)]

    await write_alone(journal, f"capital by {by}", changed)  # the gateway loads its books anew
    return capital


async def _read_on(journal: Journal, book: str, books: Books, seq: int) -> int:
    """Books what the journal has behind number `seq`; returns the number of the last."""
    async for report in reports_of(journal, book, seq):
        books.book(report)
        seq = report.n
    return seq
