"""One attach of the desk: from the moment the account is ours until it is not."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import structlog

from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.reconciler import Reconciler
from services.gateway.execution.records import OpenOrder
from services.gateway.execution.session_context import (
    FencedJournal,
    Outbox,
    RecentOrders,
    SessionConfig,
    SessionContext,
    acted,
    now_ms,
)
from services.gateway.execution.watches import EquityPace, EquityWatch, MarketWatch, QuoteWatch, WatchPace
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from shared.bus.names import partition_of
from shared.control.books import Books, reports_of, retire_others
from shared.control.capital import begun_row, begun_with, check_capital, unknown_capital
from shared.control.latches import AT_WORK, bus_changes
from shared.control.whereabouts import Whereabouts
from shared.errors import SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import LimitRow
from shared.messages import OrderIntent, Stream
from shared.messages.codec import is_kept, keep, kept
from shared.plural import plural
from shared.record import Record
from shared.runner.external_store import ExternalStoreLost
from shared.runner.partition import Partition

log = structlog.get_logger()

BEGAN = "began"
HALT_WORKS_MS = 30_000  # how long a halt's own cancel and flatten may hold the account


class Began(Record):
    """When the account was first taken over."""

    at_ms: int


class AccountSession:
    """Made by `begin`. The first task that fails ends it: `check` raises what was wrong."""

    def __init__(
        self, rules: SessionConfig, risk: RiskCheck, journal: Journal, venue: Venue, outbox: Outbox,
        known: RecentOrders, epoch: int, leased: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._rules = rules
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = ""
        self._over = False
        self._outbox = outbox
        self._lanes: dict[str, OrderManager] = {}
        books = Books(rules.symbols, rules.capital)
        clearance = RiskContext(risk, books, self._open_orders, rules.equity_max_age_s)
        self.tools = SessionContext(
            journal,
            FencedJournal(journal, epoch),
            venue,
            clearance,
            books,
            outbox,
            known,
            rules.pace,
            self._spawn,
            leased,
            asyncio.Event(),
        )

    @classmethod
    async def begin(
        cls, rules: SessionConfig, risk: RiskCheck, journal: Journal, venue: Venue, outbox: Outbox, known: RecentOrders,
        owner: str, leased: Callable[[], bool], parts: Sequence[Partition], bus_id: str,
    ) -> "AccountSession":  # fmt: skip
        """Raise the epoch, load what is open, and start.

        Raises ExternalStoreLost, JournalUnwritable, VenueError or SafetyRefusal.

        bus_id: of the bus that the parts are on. Another one than the journal's latches until a person adopts it.
        """
        holder = await journal.epoch()
        if holder.owner.startswith(AT_WORK) and now_ms() - holder.raised_ms < HALT_WORKS_MS:
            raise ExternalStoreLost("a halt is at work on this account")
        self = cls(rules, risk, journal, venue, outbox, known, await journal.raise_epoch(owner), leased)
        log.info("account taken over", epoch=self.tools.pen.epoch)
        try:
            changes = bus_changes(await journal.bus_id(), bus_id, now_ms())
            if changes:
                await self.tools.pen.write(changes)
            await self._start(parts)
        except BaseException:
            await self.end()
            raise
        return self

    async def _start(self, parts: Sequence[Partition]) -> None:
        self.tools.clearance.limits = await self._journal.limits()  # from here on nobody but us writes them
        await self.tools.known.begin(self._journal)
        seqs = await self._journal.last_seqs()
        before = await self._keep_whereabouts([sym for sym in self._rules.symbols if self._rules.book(sym) in seqs])
        await self._look_at_controls()
        self._check_that_they_belong_together(parts, seqs)
        await self._load_books(seqs, before)
        for sym in self._rules.symbols:
            book = self._rules.book(sym)
            self._lanes[sym] = OrderManager(sym, book, seqs.get(book, 0), self.tools)
        for part in parts:
            await self.fill_outbox(part)
        rows = await self._journal.orders()
        for lane in self._lanes.values():
            await lane.resume([row for row in rows if row.book == lane.book])
        self._spawn(self._look_around())
        self._spawn(self._watch_controls())

    async def _keep_whereabouts(self, traded: Sequence[str]) -> Whereabouts:
        """Where this account is and what its symbols are called there, for a halt whose config is broken.

        Returns what stood there before.
        """
        limits, here = self.tools.clearance.limits, self._rules.whereabouts
        before = Whereabouts.known(limits)
        here.check(before, traded)
        here = here.of_account(self.tools.venue, before, self._rules.account).after(before)
        row = here.row()
        if not is_kept(here, limits.get(row.name)):
            await self.tools.pen.write([row])
            limits[row.name] = row.value
        return before

    def check(self) -> None:
        """Raise ExternalStoreLost when a task has failed."""
        if self._lost:
            raise ExternalStoreLost(self._lost)

    async def take(self, intents: Sequence[OrderIntent]) -> None:
        """Journal these orders; those whose turn it is go out. Lanes share one commit of the journal."""
        by_symbol: dict[str, list[OrderIntent]] = defaultdict(list)
        for intent in intents:
            by_symbol[intent.sym].append(intent)
        unknown = by_symbol.keys() - self._lanes.keys()
        if unknown:
            raise ExternalStoreLost(
                f"orders for {', '.join(sorted(unknown))}, which the config does not name: add to symbols"
            )
        if len(by_symbol) == 1:  # as most often: a task less on the order's way
            ((sym, own),) = by_symbol.items()
            await self._lanes[sym].take(own)
        else:
            await asyncio.gather(*(self._lanes[sym].take(own) for sym, own in by_symbol.items()))

    def _check_that_they_belong_together(self, parts: Sequence[Partition], seqs: Mapping[str, int]) -> None:
        """The journal is written first, so the bus never has more: its next reports would be taken for old ones."""
        for sym in self._rules.symbols:
            known = seqs.get(self._rules.book(sym), 0)
            for part in parts:
                if self._lies_in(part, sym) and (published := _published(part, sym)) > known:
                    raise SafetyRefusal(
                        f"{sym}: this bus has {plural(published, 'execution')}, the account's journal {known}: if "
                        "these are paper's or another account's, give this account books of its own by another "
                        "`namespace` in [bus] of its config, e.g. the account's name; else put its newest journal there"
                    )

    def _lies_in(self, part: Partition, sym: str) -> bool:
        return partition_of(sym, self._rules.partitions) == part.lease.place.p

    async def fill_outbox(self, part: Partition) -> None:
        """Put into the outbox what the partition's stream of executions lacks."""
        for sym in self._rules.symbols:
            if self._lies_in(part, sym):
                async for report in reports_of(self._journal, self._rules.book(sym), _published(part, sym)):
                    self._outbox.add(report)

    async def end(self) -> None:
        """Stop everything; what was sent and not answered is found in the journal."""
        self._over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _load_books(self, seqs: Mapping[str, int], before: Whereabouts) -> None:
        """Out of the journal; a new one begins with the config's capital. ConfigError where that says otherwise.

        What others hold that are traded no more counts in what the account is worth.
        """
        rules, limits, books = self._rules, self.tools.clearance.limits, self.tools.books
        own = {rules.book(sym): sym for sym in rules.symbols}
        for book, sym in own.items():
            begun = begun_with(limits, book)
            if begun is None and book in seqs:
                raise unknown_capital(sym, rules.capital)
            if begun is None:
                begun, row = rules.capital, begun_row(book, rules.capital)
                await self.tools.pen.write([row])
                limits[row.name] = row.value
            books.begin(sym, begun)
            async for report in reports_of(self._journal, book):
                books.book(report)
            check_capital(sym, rules.capital, begun, books.capital(sym))
        here = rules.whereabouts
        for other in await retire_others(self._journal, books, own, here.renamed(before)):
            held = f"the book {other.book} holds {plain(other.qty)}, and is not traded by this config"
            log.warning("it counts, and nobody trades it: `tickline halt --flatten` sells it, too", what=held)
        others = [sym for sym in books.others() if sym not in rules.symbols]
        self.tools.venue.also(here.of_others(before, others))

    def _open_orders(self, sym: str) -> Iterable[OpenOrder]:
        lane = self._lanes.get(sym)
        return () if lane is None else lane.tickets.values()

    async def _look_around(self) -> None:
        """Quotes and a comparison; from then on what is asked is answered, and both are repeated."""
        comparing = Reconciler(self._lanes, self.tools, await self._began_ms(), self._rules.max_clock_skew_ms)
        equity = EquityWatch(self._lanes, self.tools, self._equity_pace())
        watch = MarketWatch(self._rules.symbols, self.tools, self._watch_pace())
        quoted = dict.fromkeys([*self._rules.symbols, *self.tools.books.others()])
        quotes = QuoteWatch(list(quoted), self.tools, self._rules.quote_s)
        await watch.as_opened()
        await asyncio.gather(comparing.once(), watch.modes(), quotes.once())
        await quotes.once()  # a first comparison may have taken long
        await equity.once()  # what coins are worth takes a quote
        self.tools.clearance.ready = True
        await self._go_on()
        self._spawn(comparing.run(self._rules.reconcile_s))
        self._spawn(equity.run())
        self._spawn(watch.run_markets())
        self._spawn(watch.run_modes())
        self._spawn(quotes.run())

    def _watch_pace(self) -> WatchPace:
        rules = self._rules
        return WatchPace(rules.markets_s, rules.markets_pause_s, rules.reconcile_s)

    def _equity_pace(self) -> EquityPace:
        """At least three observations within the age at which the equity is not known any more."""
        rules = self._rules
        return EquityPace(min(rules.reconcile_s, rules.equity_max_age_s / 3), rules.again_s, rules.quote_max_age_s)

    async def _began_ms(self) -> int:
        """When this account was first taken over: what it did before is not compared."""
        limits = self.tools.clearance.limits
        if BEGAN not in limits:
            limits[BEGAN] = keep(Began(at_ms=now_ms()))
            await self.tools.pen.write([LimitRow(BEGAN, limits[BEGAN])])
        return kept(Began, limits[BEGAN]).at_ms

    async def _go_on(self) -> None:
        await asyncio.gather(*(lane.go_on() for lane in self._lanes.values()))

    async def _watch_controls(self) -> None:
        """See what a person has changed, and let time pass for orders that wait."""
        while True:
            await asyncio.sleep(self._rules.watch_s)
            await self._look_at_controls()
            await self._go_on()

    async def _look_at_controls(self) -> None:
        """Also whether the account is still ours: a person may have acted while there was nothing to write."""
        holder = await self._journal.epoch()
        if holder.epoch != self.tools.pen.epoch:
            raise ExternalStoreLost(acted(holder.owner))
        clearance = self.tools.clearance
        clearance.latches = await self._journal.latches()
        clearance.arming = await self._journal.arming()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._over:  # the journal's thread may tell late that it writes
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._lost:
            self._lost = str(error) if isinstance(error, ExternalStoreLost) else f"{type(error).__name__}: {error}"
            log.error("the desk stops", why=self._lost)
            self._outbox.wake()


def _published(part: Partition, sym: str) -> int:
    """The number of the symbol's last execution on the bus."""
    return part.symbol(sym).sent.get(Stream.EXECUTIONS, 0)
