"""`tickline capital`: a person gives a book more money to trade with, or less."""

from collections.abc import Iterator
from decimal import Decimal

import typer

from services.gateway.account.alone import write_alone
from services.gateway.account.opened import journal_of, settings_of_account
from services.gateway.account.terminal import confirm, need_terminal, now_ms, person
from services.gateway.account.worst_case import money
from shared.config import Mode, Settings, load_settings
from shared.control.books import Books, book_of, execution_row, reports_of, retire_others
from shared.control.capital import begun_row, begun_with, capital_report, check_capital, unknown_capital
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError
from shared.exchanges.trading.amounts import plain
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow


class Wanted:
    """What a person asks for: a capital to be had, or what is to be added to it (< 0: taken out), quote units."""

    def __init__(self, to: Decimal | None, add: Decimal | None) -> None:
        if (to is None) == (add is None):
            raise ConfigError("capital: say either --set X or --add X (with a minus: taken out)")
        self._to, self._add = to, add

    def said(self, sym: str) -> Decimal:
        """What a book was begun with, as the person says it; ConfigError where it is none."""
        if self._to is None:
            raise ConfigError(f"capital: nobody knows what the book of {sym} was begun with: say it with --set X")
        return self.of(self._to, self._to, sym)

    def of(self, now: Decimal, balance: Decimal, sym: str) -> Decimal:
        """The new capital, for a book that has `now` and stands at `balance`; ConfigError where it cannot be."""
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
    """The books as the journal has them; one that is not begun has the config's capital."""
    capital, limits = settings.strategy.balance, await journal.limits()
    books = Books(settings.symbols, capital)
    for sym in settings.symbols:
        book = book_of(settings, sym)
        begun = begun_with(limits, book)
        books.begin(sym, capital if begun is None else begun)
        async for report in reports_of(journal, book):
            books.book(report)
    own = [book_of(settings, sym) for sym in settings.symbols]
    here = Whereabouts.of(settings)
    await retire_others(journal, books, own, here.renamed(Whereabouts.known(limits)))
    return books


async def check_books(settings: Settings, journal: Journal, books: Books) -> None:
    """ConfigError where the config has another capital, market or exchange than a book, as the gateway refuses it."""
    limits, seqs = await journal.limits(), await journal.last_seqs()
    traded = [sym for sym in settings.symbols if book_of(settings, sym) in seqs]
    Whereabouts.of(settings).check(Whereabouts.known(limits), traded)
    for sym in settings.symbols:
        begun = begun_with(limits, book_of(settings, sym))
        if begun is None and book_of(settings, sym) in seqs:
            raise unknown_capital(sym, settings.strategy.balance)
        if begun is not None:
            check_capital(sym, settings.strategy.balance, begun, books.capital(sym))


async def set_capital(sym: str, wanted: Wanted) -> Iterator[str]:
    """Show what a book has and would have, let the person type the account's name, and write it."""
    loaded = load_settings()
    if loaded.gateway.mode is Mode.PAPER:
        raise ConfigError(
            "config: gateway.mode is paper: a book on paper keeps the strategy.balance that it was begun with; another "
            f"one begins new books in another bus.namespace than {loaded.bus.namespace!r}"
        )
    settings = settings_of_account(loaded)
    need_terminal("capital")
    if sym not in settings.symbols:
        raise ConfigError(f"--sym {sym}: the config's symbols are {', '.join(settings.symbols)}")
    account = settings.gateway.account
    async with journal_of(settings) as journal:
        if await _not_told(settings, journal, sym):
            said = wanted.said(sym)
            typer.echo(f"{sym}: its book is taken to have been begun with {plain(said)}; nothing else is changed")
            confirm(account, "say so")
            await write_capital(settings, journal, sym, wanted, person())
            return iter([f"{sym} was begun with a capital of {plain(said)}"])
        books = await books_in(settings, journal)
        now, balance = books.capital(sym), books.balance_of(sym)
        capital = wanted.of(now, balance, sym)
        if capital == now:
            return iter([f"{sym} has a capital of {plain(now)} already: nothing was changed"])
        typer.echo(
            f"{sym}: capital {plain(now)} becomes {plain(capital)}, its balance {money(balance)} "
            f"becomes {money(balance + capital - now)}; nothing is moved at the exchange"
        )
        confirm(account, "change it")
        capital = await write_capital(settings, journal, sym, wanted, person())
    return iter([f"{sym} has a capital of {plain(capital)} now"])


async def write_capital(settings: Settings, journal: Journal, sym: str, wanted: Wanted, by: str) -> Decimal:
    """Book it, as the next report of the book; returns the new capital.

    Of a book that an early version has begun it is what it was begun with: that is written down, and nothing booked.
    """
    at_ms, book = now_ms(), book_of(settings, sym)
    if await _not_told(settings, journal, sym):
        said = wanted.said(sym)
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
        capital = wanted.of(before, books.balance_of(sym), sym)
        report = capital_report(sym, book, seq + 1, capital, at_ms)
        text = f"{plain(before)} became {plain(capital)}, by {by}"
        changes: list[Change] = [execution_row(book, report, at_ms), EventRow("CAPITAL", sym, "", text, at_ms)]
        return changes if begun_with(await journal.limits(), book) is not None else [*changes, begun_row(book, before)]

    await write_alone(journal, f"capital by {by}", changed)  # the gateway loads its books anew
    return capital


async def _not_told(settings: Settings, journal: Journal, sym: str) -> bool:
    """Whether a book has executions, and the journal does not tell what it was begun with."""
    book = book_of(settings, sym)
    return begun_with(await journal.limits(), book) is None and book in await journal.last_seqs()


async def _read_on(journal: Journal, book: str, books: Books, seq: int) -> int:
    """Book what the journal has behind number `seq`; the number of the last."""
    async for report in reports_of(journal, book, seq):
        books.book(report)
        seq = report.n
    return seq
