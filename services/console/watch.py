"""Looking at a running line from outside."""

from decimal import Decimal
from typing import NamedTuple

from services.research.plans import Book, book_from
from shared.bus.api import Bus, BusLost, Session
from shared.config import Settings
from shared.runner.progress import Progress, read_progress, read_snapshots


class View(NamedTuple):
    """What was seen at one moment. books: by symbol, as the strategy service committed them."""

    progress: Progress
    books: dict[str, Book]
    idle_balance: Decimal

    @property
    def equity(self) -> Decimal:
        """Sum over all books, in quote units; those that have not decided yet hold their balance."""
        return sum((book.equity() for book in self.books.values()), self.idle_balance)

    @property
    def fees(self) -> Decimal:
        """Sum over all books, in quote units."""
        return sum((book.fees for book in self.books.values()), Decimal(0))

    @property
    def decided(self) -> dict[str, int]:
        """Symbol -> number of the last tick that was decided on."""
        return {sym: book.last_tick_n for sym, book in self.books.items()}


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
            progress = await read_progress(self._session, self._settings)
            own = self._settings
            snapshots = await read_snapshots(self._session, own.strategy.instance, own.bus.partitions)
        except BusLost:
            await self.close()
            raise
        books = {sym: book_from(own, sym, data) for sym, data in snapshots.items()}
        return View(progress, books, len(set(own.symbols) - books.keys()) * own.strategy.balance)

    async def close(self) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
