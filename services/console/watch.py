"""Looking at a running line from outside."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from services.research.plans import Book, book_from, position_from
from shared.bus.api import Bus, BusLost, Session
from shared.config import Settings
from shared.runner.progress import Progress, read_progress, read_snapshots


class View(NamedTuple):
    """What was seen at one moment. books: of the run's symbols, in their order, as the strategy service committed them.

    Sums go in that order, as the backtest's do: in another one their last digit could differ.
    balance: of a book that has not decided yet (None).
    taken: symbol -> quotes that the ingestor has committed, seen before the progress was.
    """

    taken: dict[str, int]
    progress: Progress
    books: dict[str, Book | None]
    balance: Decimal

    @property
    def equity(self) -> Decimal:
        """Sum over all books, in quote units."""
        return sum((book.equity() if book else self.balance for book in self.books.values()), Decimal(0))

    @property
    def fees(self) -> Decimal:
        """Sum over all books, in quote units."""
        return sum((book.fees for book in self.books.values() if book), Decimal(0))

    @property
    def capital(self) -> Decimal:
        """Of all books, with what a person has given or taken since they began, in quote units."""
        return sum((book.account.capital if book else self.balance for book in self.books.values()), Decimal(0))

    @property
    def in_flight(self) -> dict[str, int]:
        """Symbol -> its orders whose end its book has not been told; only where there are any."""
        counts = {sym: len(book.in_flight) for sym, book in self.books.items() if book}
        return {sym: count for sym, count in counts.items() if count}

    @property
    def decided(self) -> dict[str, int]:
        """Symbol -> number of the last tick that was decided on."""
        return {sym: book.last_tick_n for sym, book in self.books.items() if book}

    @property
    def ordered(self) -> dict[str, int]:
        """Symbol -> number of the last order that was written."""
        return {sym: book.orders_written for sym, book in self.books.items() if book}

    @property
    def positions(self) -> dict[str, Decimal]:
        """Symbol -> what its book holds, in base units; only where it holds something."""
        held = {sym: book.account.position(sym) for sym, book in self.books.items() if book}
        return {sym: position.signed_qty for sym, position in held.items() if position}

    def complete(self, expected: Mapping[str, int]) -> bool:
        """Whether so many quotes of each symbol went all the way through the line."""
        return self.progress.drained and all(self.taken.get(sym, 0) >= count for sym, count in expected.items())


class Watcher:
    """Keeps one session to the bus for looking."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._session: Session | None = None

    async def look(self) -> View:
        """The line as it is now; raises BusLost."""
        try:
            if self._session is None:
                self._session = await self._bus.connect()
            own = self._settings
            ingested = await read_snapshots(self._session, own.ingestor.instance, own.bus.partitions)
            progress = await read_progress(self._session, own)
            snapshots = await read_snapshots(self._session, own.strategy.instance, own.bus.partitions)
        except BusLost:
            await self.close()
            raise
        mine = set(own.symbols)  # an earlier run may have left others
        counted = own.ingestor.source != "ccxt"  # there are no quotes to count
        taken = {sym: position_from(sym, data) for sym, data in ingested.items() if counted and sym in mine}
        books = {sym: book_from(own, sym, snapshots[sym]) if sym in snapshots else None for sym in own.symbols}
        return View(taken, progress, books, own.strategy.balance)

    async def close(self) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
