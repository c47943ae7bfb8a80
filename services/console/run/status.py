"""A running line looked at from outside: its progress, its books, and whether its account may send."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from services.console.run.troubles import last_why
from services.research.in_process_line import Book, book_from, position_from
from shared.bus.api import Bus, BusLost, Session
from shared.config import Settings
from shared.config.fingerprint import config_hash
from shared.control.arming import Armed
from shared.errors import ConfigError, JournalUnwritable, TicklineError
from shared.explain.account import standing
from shared.lookup import Lookup
from shared.runner.health import MAX_AGE_S, alive_file, fresh, touched_after
from shared.runner.progress import Progress, read_progress, read_snapshots
from shared.status.page_file import page_line, page_path, read_page_file
from shared.status.reader import StatusReader
from shared.status.state import LineStatus, how_to_arm
from shared.strategies.identity import decided_by_config, identity_or_none
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from shared.journal.journal import Journal

LOOK_EVERY_S = 0.5
READ_EVERY_S = 1.0
SPARED = 10  # times as long as a status takes to be read it is not read again, but no longer than SPARED_S
SPARED_S = 5.0
LAST_S = 20.0  # for the status of the summary
GATEWAY = "gateway"  # the service
MINUTE_S = 60.0
RAN_WITH = "ran_with:"  # beside the partition count: one field for all settings that `tickline run` ran with
DECIDES = {"name", "params", "balance", "wrappers", "qty_step", "qty_steps"}  # of a strategy's settings


class View(NamedTuple):
    """The line as it was at one moment.

    - taken: symbol -> quotes that the ingestor has committed, seen before the progress was.
    - books: of the run's symbols, in their order, as the strategy service committed them; sums go in that order, as the
      backtest's do, or their last digit could differ.
    - balance: of a book that has not decided yet (None).
    """

    taken: dict[str, int]
    progress: Progress
    books: dict[str, Book | None]
    balance: Decimal

    @property
    def equity(self) -> Decimal:
        """Returns the sum over all books, in quote units."""
        return sum((book.equity() if book else self.balance for book in self.books.values()), Decimal(0))

    @property
    def fees(self) -> Decimal:
        """Returns the sum over all books, in quote units."""
        return sum((book.fees for book in self.books.values() if book), Decimal(0))

    @property
    def capital(self) -> Decimal:
        """Returns the capital of all books, with what a person has given or taken since they began, in quote units."""
        return sum((book.account.capital if book else self.balance for book in self.books.values()), Decimal(0))

    @property
    def in_flight(self) -> dict[str, int]:
        """Returns symbol -> how many of its orders have no end that its book knows; only where there are any."""
        counts = {sym: len(book.in_flight) for sym, book in self.books.items() if book}
        return {sym: count for sym, count in counts.items() if count}

    @property
    def decided(self) -> dict[str, int]:
        """Returns symbol -> number of the last tick that was decided on."""
        return {sym: book.last_tick_n for sym, book in self.books.items() if book}

    @property
    def ordered(self) -> dict[str, int]:
        """Returns symbol -> number of the last order that was written."""
        return {sym: book.orders_written for sym, book in self.books.items() if book}

    @property
    def positions(self) -> dict[str, Decimal]:
        """Returns symbol -> what its book holds, in base units; only where it holds something."""
        held = {sym: book.account.position(sym) for sym, book in self.books.items() if book}
        return {sym: position.signed_qty for sym, position in held.items() if position}

    def complete(self, expected: Mapping[str, int]) -> bool:
        """Returns whether so many quotes of each symbol went all the way through the line."""
        return self.progress.drained and all(self.taken.get(sym, 0) >= count for sym, count in expected.items())


class Watcher:
    """A watcher keeps one session to the bus for looking."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._session: Session | None = None

    async def look(self) -> View:
        """Returns the line as it is now; raises BusLost."""
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
        """Ends the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class LiveStatus:
    """A live status is read again and again beside a run, so seldom that it takes little from the line.

    - seen: the newest; None before the first.
    - how: what is typed before a verb, e.g. `tickline`.
    """

    def __init__(self, bus: Bus, settings: Settings, wall: WallTime, how: str) -> None:
        self.seen: LineStatus | None = None
        self._bus = bus
        self._settings = settings
        self._wall = wall
        self._how = how

    async def run(self) -> None:
        """Reads until it is cancelled; while it cannot, what it has read stays, with the reason."""
        while True:
            try:
                await self._keep_reading()
            except (BusLost, TicklineError) as error:
                if self.seen is not None:
                    self.seen = self.seen._replace(notes=(f"the status cannot be read: {error}",))
                await asyncio.sleep(READ_EVERY_S)

    async def last(self) -> LineStatus | None:
        """Returns the status as it is now; None where it cannot be read, or not soon."""
        try:
            async with asyncio.timeout(LAST_S), AsyncExitStack() as stack:
                return await (await self._reader(stack)).read()
        except (BusLost, TicklineError, TimeoutError):
            return None

    async def _keep_reading(self) -> None:
        async with AsyncExitStack() as stack:
            reader = await self._reader(stack)
            while True:
                began_s = time.monotonic()
                self.seen = await reader.read()
                spared_s = min(SPARED * (time.monotonic() - began_s), SPARED_S)
                await asyncio.sleep(max(READ_EVERY_S, spared_s))

    async def _reader(self, stack: AsyncExitStack) -> StatusReader:
        lookup = await stack.enter_async_context(Lookup.open(self._settings))
        session = await self._bus.connect()
        stack.push_async_callback(session.close)
        return StatusReader(self._settings, lookup, self._wall, session=session, how=self._how)


class AccountLine:
    """The line of an account tells whether it may send, and what keeps it from that.

    It reads the journal now and then, and writes nothing. how: what is typed before a verb, e.g. `tickline`. wall: the
    clock of its times.
    """

    def __init__(self, settings: Settings, how: str, wall: WallTime) -> None:
        self._settings = settings
        self._armed = Armed(config_hash(settings), decided_by_config(settings))
        self._how = how
        self._began_s, self._began_ns = time.monotonic(), time.time_ns()
        self._log = settings.state_dir / "logs" / f"{GATEWAY}.log"
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
        self._wall = wall
        self._arm = how_to_arm(settings, how)
        self._journal: Journal | None = None
        self._looked_s = float("-inf")
        self._line = ""

    async def look(self) -> str:
        """Returns the line; empty while there is no journal yet."""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return self._line
        self._looked_s = time.monotonic()
        try:
            self._line = self._trouble() or await self._said()
        except (ConfigError, JournalUnwritable) as error:
            self._line = f"the journal cannot be read: {error}" if self._journal else ""
            await self.close()
        return self._line

    async def close(self) -> None:
        """Closes the journal."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with suppress(JournalUnwritable):
                await journal.close()

    async def _said(self) -> str:
        own = self._settings
        if self._journal is None:
            from shared.journal.journal import Journal  # what a line on paper does without

            self._journal = await Journal.open(own.journal_url, own.gateway.account, durable=True, write=False)
        journal = self._journal
        differences = len(await journal.externals(adopted=False))
        return standing(
            await journal.latches(),
            await journal.arming(),
            self._armed,
            differences,
            time.time() * 1_000,
            self._how,
            self._arm,
            self._wall,
        )

    def _trouble(self) -> str:
        """Returns why the gateway does nothing, where it should have been at work by now."""
        folder, runs_s = self._settings.state_dir, time.monotonic() - self._began_s
        if self._journal is not None and not folder.is_dir():
            return f"{folder} is away: no verb reaches this account until it is put back"
        alive = alive_file(folder, GATEWAY)
        if runs_s < MAX_AGE_S or fresh(alive, time.time()):
            return ""
        why = last_why(self._log, self._log_began)
        if not why and not touched_after(alive, self._began_ns):
            long = ", for more than a minute" if runs_s > MINUTE_S else ""
            return f"the gateway is starting{long} (log: {self._log})"
        return f"the gateway is not at work: {why or 'it said nothing'} (log: {self._log})"


class PageLine:
    """The line of the page says where it is served, and its code, once, and again when its monitor was started anew."""

    def __init__(self, settings: Settings) -> None:
        self._path = page_path(settings.state_dir)
        self._began_ms = time.time_ns() // 1_000_000
        self._said_ms = 0

    def news(self) -> Iterator[str]:
        """Yields the line when it is new."""
        try:
            found = read_page_file(self._path)
        except ConfigError:
            return  # the next look says it
        if found.began_ms >= self._began_ms and found.began_ms != self._said_ms:
            self._said_ms = found.began_ms
            yield page_line(found)


async def one_history(bus: Bus, settings: Settings) -> bool:
    """Notes this run's settings on the bus; returns whether no run before it had others.

    Only then does a backtest tell something of all that the bus holds.
    """
    session = await bus.connect()
    try:
        known = await session.meta({f"{RAN_WITH}{mark(settings)}": "1"})
    finally:
        await session.close()
    return sum(name.startswith(RAN_WITH) for name in known) == 1


def mark(settings: Settings) -> str:
    """Returns a short name of everything that decides which orders are made; not of pace, limit and symbols.

    >>> mark(Settings(symbols=("SIM-A",))) == mark(Settings()) != mark(Settings(interval="5m"))
    True
    """
    ingestor = settings.ingestor.model_dump(mode="json", include={"source", "files", "seed"})
    made = identity_or_none(settings)
    signal = None if made is None else [made.sha256, made.code]
    strategy = settings.strategy.model_dump(mode="json", include=DECIDES)
    if settings.strategy.protect.terms is not None:
        strategy["protect"] = settings.strategy.protect.deciding()
    gateway = settings.gateway.model_dump(mode="json", include={"venue", "fee", "slippage_bps"})
    text = json.dumps([settings.interval, ingestor, signal, strategy, gateway], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
