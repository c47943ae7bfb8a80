"""A session of the live gateway on its account lasts from the moment it is ours until it is not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from services.gateway.execution.open_orders import OpenOrdersWatch
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.protector import Protector
from services.gateway.execution.reconciler import Reconciler
from services.gateway.execution.records import OpenOrder, by_book, open_order_of
from services.gateway.execution.session_context import (
    FencedJournal,
    Outbox,
    RecentOrders,
    SessionConfig,
    SessionContext,
    SessionTasks,
    fenced_by,
    now_ms,
)
from services.gateway.execution.stop_watch import StopWatch
from services.gateway.execution.watches import EquityWatch, MarketWatch, QuoteWatch
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from shared.bus.names import partition_of
from shared.control.books import Books, all_reports, reports_of, retire_others
from shared.control.capital import begun_row, begun_with, check_capital, unknown_capital
from shared.control.latches import bus_changes, is_at_work
from shared.control.whereabouts import Whereabouts
from shared.errors import SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.venue import Venue
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import LimitRow, OrderRow
from shared.messages import Stream
from shared.messages.codec import is_kept, keep, kept
from shared.plural import plural
from shared.record import Record
from shared.runner.partition import Partition
from shared.runner.parts import ExternalStoreLost
from shared.side_by_side import side_by_side

log = structlog.get_logger()

BEGAN = "began"
LAST_CANCELS_S = 3.0


class Began(Record):
    """The journal keeps when the account was first taken over."""

    at_ms: int


class AccountSession:
    """The session owns the account from `begin` until its tasks end.

    - managers: by symbol, each has its orders.
    - tasks: what works in the session; the first that fails loses the account.
    - journal, venue: open; they outlive the session, as do outbox and recent.
    - leased: whether our leases on the bus are good.
    """

    context: SessionContext
    stop_watch: StopWatch

    def __init__(
        self,
        config: SessionConfig,
        check: RiskCheck,
        journal: Journal,
        venue: Venue,
        outbox: Outbox,
        recent: RecentOrders,
        leased: Callable[[], bool],
    ) -> None:
        self._config = config
        self._check = check
        self._journal = journal
        self._venue = venue
        self._outbox = outbox
        self._recent = recent
        self._leased = leased
        self._over = False
        self.managers: dict[str, OrderManager] = {}
        self.tasks = SessionTasks(outbox)

    async def begin(self, owner: str, parts: Sequence[Partition], bus_id: str) -> None:
        """Raises the epoch, loads what is open, and starts.

        Raises ExternalStoreLost, JournalUnwritable, VenueError or SafetyRefusal.

        - owner: the name of this process in the journal.
        - bus_id: of the bus that the parts are on. Another one than the journal's latches until a person adopts it.
        """
        holder = await self._journal.epoch()
        if is_at_work(holder, now_ms()):
            raise ExternalStoreLost("a halt is at work on this account")
        try:
            epoch = await self._journal.raise_epoch(owner, after=holder.epoch or None)
        except Fenced as error:  # it may be a halt, which only just begins
            raise ExternalStoreLost(fenced_by(error.holder)) from None
        self.context = self._new_context(epoch)
        log.info("account taken over", epoch=epoch)
        try:
            changes = bus_changes(await self._journal.bus_id(), bus_id, now_ms())
            if changes:
                await self.context.fenced.write(changes)
            await self._start(parts)
        except BaseException:
            await self.tasks.end()
            raise

    def _new_context(self, epoch: int) -> SessionContext:
        config, journal = self._config, self._journal
        books, protector = Books(config.symbols, config.capital), Protector()
        open_orders: dict[str, dict[str, OpenOrder]] = {}
        return SessionContext(
            config=config,
            journal=journal,
            fenced=FencedJournal(journal, epoch),
            venue=self._venue,
            risk=RiskContext(
                self._check,
                books,
                open_orders,
                config.equity_max_age_s,
                self._limits_reducing,
                protector.clearing,
                protector.exposed,
            ),
            books=books,
            outbox=self._outbox,
            recent=self._recent,
            spawn=self.tasks.spawn,
            leased=self._may_send,
            markets_in_doubt=asyncio.Event(),
            resting=OpenOrdersWatch(self._venue, config.poll_max_s),
            protector=protector,
            open_orders=open_orders,
        )

    def _limits_reducing(self, sym: str) -> bool:
        """Says whether the venue lets a reduce-only order only reduce: that of a swap, and spot has none."""
        return self._venue.rules(sym).kind == "swap"

    def _may_send(self) -> bool:
        """Says whether our leases are good, and are this session's: the next one has them anew.

        Once a part of it has failed its memory may be wrong, until it ends: what that let through is not sent.
        """
        return not self._over and not self.tasks.lost and self._leased()

    async def end(self) -> None:
        """Sends nothing more, stops the tasks, and cancels what rests and adds: nobody will look after it.

        What was sent and not answered is found in the journal.
        """
        self._over = True
        await self.tasks.end()
        managers = [manager for manager in self.managers.values() if manager.resting()]
        if managers:
            log.warning("what rests and adds is cancelled: the session ends", symbols=[one.sym for one in managers])
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_CANCELS_S):
                    await asyncio.gather(*(one.let_nothing_rest() for one in managers), return_exceptions=True)

    async def fill_outbox(self, part: Partition, seqs: Mapping[str, int] | None = None) -> None:
        """Puts into the outbox what the partition's stream of executions lacks.

        seqs: the number of each book's last one; None: the journal is asked.
        """
        last = await self._journal.last_seqs() if seqs is None else seqs
        for sym in self._config.symbols:
            book = self._config.book(sym)
            if self._lies_in(part, sym) and last.get(book, 0) > published(part, sym):
                async for report in reports_of(self._journal, book, published(part, sym)):
                    self._outbox.add(report)

    # What the journal has of the account.

    async def _start(self, parts: Sequence[Partition]) -> None:
        self.context.risk.limits = await self._journal.limits()  # from here on nobody but us writes them
        await self._recent.begin(self._journal)
        seqs = await self._journal.last_seqs()
        before = await self._keep_whereabouts([sym for sym in self._config.symbols if self._config.book(sym) in seqs])
        await self._look_at_controls()
        self._check_that_they_belong_together(parts, seqs)
        await self._load_books(seqs, before)
        for sym in self._config.symbols:
            book = self._config.book(sym)
            manager = self.managers[sym] = OrderManager(sym, book, seqs.get(book, 0), self.context)
        for part in parts:
            await self.fill_outbox(part, seqs)
        rows = by_book(await self._journal.orders())
        self.context.risk.left = self._left_in_flight(rows)
        for manager in self.managers.values():
            await manager.resume(rows[manager.book])
        await self._protect()
        self.tasks.spawn(self._look_around())
        self.tasks.spawn(self._watch_controls())

    def _left_in_flight(self, rows: Mapping[str, Sequence[OrderRow]]) -> dict[str, list[OpenOrder]]:
        """Returns by symbol the orders that may be filled yet, of books that this config does not trade."""
        own, left = {manager.book for manager in self.managers.values()}, dict[str, list[OpenOrder]]()
        for order in [open_order_of(row) for book, those in rows.items() if book not in own for row in those]:
            if order.state.in_flight:
                what = f"{order.name} of {order.row.book} is {order.state.phase}, and not traded by this config"
                log.warning("it counts, and nobody follows it: put its symbol back into the config", what=what)
                left.setdefault(order.row.sym, []).append(order)
        return left

    async def _keep(self, *rows: LimitRow) -> None:
        await self.context.fenced.write(rows)
        self.context.risk.limits |= {row.name: row.value for row in rows}

    async def _keep_whereabouts(self, traded: Sequence[str]) -> Whereabouts:
        """Keeps where this account is and what its symbols are called there, for a halt whose config is broken.

        Returns what stood there before.
        """
        limits, here = self.context.risk.limits, self._config.whereabouts
        before = Whereabouts.known(limits)
        here.check(before, traded)
        here = here.of_account(self._venue, before, self._config.account).after(before)
        row = here.row()
        if not is_kept(here, limits.get(row.name)):
            await self._keep(row)
        return before

    def _check_that_they_belong_together(self, parts: Sequence[Partition], seqs: Mapping[str, int]) -> None:
        """Raises SafetyRefusal where the bus has more reports than the journal: the next would be taken for old ones.

        The journal is written first, so a bus of its own never has more.
        """
        for sym in self._config.symbols:
            known = seqs.get(self._config.book(sym), 0)
            for part in parts:
                if self._lies_in(part, sym) and (on_bus := published(part, sym)) > known:
                    raise SafetyRefusal(
                        f"{sym}: this bus has {plural(on_bus, 'execution')}, the account's journal {known}: if "
                        "these are paper's or another account's, give this account books of its own by another "
                        "`namespace` in [bus] of its config, e.g. the account's name; else put its newest journal there"
                    )

    def _lies_in(self, part: Partition, sym: str) -> bool:
        return partition_of(sym, self._config.partitions) == part.lease.partition.p

    async def _load_books(self, seqs: Mapping[str, int], before: Whereabouts) -> None:
        """Loads the books; a new one begins with the config's capital. ConfigError where that says otherwise.

        What others hold that are traded no more counts in what the account is worth.
        """
        config, limits, books = self._config, self.context.risk.limits, self.context.books
        own = {config.book(sym): sym for sym in config.symbols}
        begun = {book: begun_with(limits, book) for book in own}
        new = [book for book, capital in begun.items() if capital is None]
        if unknown := [own[book] for book in new if book in seqs]:
            raise unknown_capital(unknown[0], config.capital)
        if new:
            await self._keep(*(begun_row(book, config.capital) for book in new))
        begins = {own[book]: config.capital if capital is None else capital for book, capital in begun.items()}
        for sym, capital in begins.items():
            books.begin(sym, capital)
        async for book, report in all_reports(self._journal):
            if book in own:
                books.book(report)
        for sym, capital in begins.items():
            check_capital(sym, config.capital, capital, books.capital(sym))
        here = config.whereabouts
        for other in await retire_others(self._journal, books, own, here.renamed(before)):
            held = f"the book {other.book} holds {plain(other.qty)}, and is not traded by this config"
            log.warning("it counts, and nobody trades it: `tickline halt --flatten` sells it, too", what=held)
        others = [sym for sym in books.others() if sym not in config.symbols]
        self._venue.also(here.of_others(before, others))

    async def _protect(self) -> None:
        """Has each position's stops looked at, from now on: what an earlier session has left first."""
        protector = self.context.protector
        await protector.begin(self.managers, self.context)
        self.stop_watch = StopWatch(protector, self.context)
        for sym in self.managers:
            self.tasks.spawn(protector.run(sym))
        self.tasks.spawn(self.stop_watch.run(at_once=True))

    # What is watched, for as long as the session lasts.

    async def _look_around(self) -> None:
        """Looks at quotes, markets and modes, and compares; then orders are judged, and all of it is repeated."""
        context = self.context
        reconciler = Reconciler(self.managers, context, await self._began_ms(), self.stop_watch)
        equity = EquityWatch(self.managers, context)
        markets = MarketWatch(self._config.symbols, context)
        quotes = QuoteWatch(list(dict.fromkeys([*self._config.symbols, *context.books.others()])), context)
        await markets.as_opened()
        await side_by_side((reconciler.once(), markets.modes(), quotes.once()))
        await quotes.once()  # a first comparison may have taken long
        await equity.once()  # what coins are worth takes a quote
        context.risk.ready = True
        await self._go_on()
        works = (reconciler.run(), equity.run(), markets.run_markets(), markets.run_modes(), quotes.run())
        for work in (*works, context.resting.run()):
            self.tasks.spawn(work)

    async def _began_ms(self) -> int:
        """Returns when this account was first taken over: what it did before is not compared."""
        limits = self.context.risk.limits
        if BEGAN not in limits:
            await self._keep(LimitRow(BEGAN, keep(Began(at_ms=now_ms()))))
        return kept(Began, limits[BEGAN]).at_ms

    async def _go_on(self) -> None:
        await side_by_side(self.managers[sym].go_on() for sym in list(self.context.open_orders))

    async def _watch_controls(self) -> None:
        """Looks at what a person has changed, and lets time pass for orders that wait."""
        while True:
            await asyncio.sleep(self._config.watch_s)
            await self._look_at_controls()
            await self._go_on()

    async def _look_at_controls(self) -> None:
        """Reads latches, arming and requests, and whether the account is still ours: a person may have acted on it."""
        holder = await self._journal.epoch()
        if holder.epoch != self.context.fenced.epoch:
            raise ExternalStoreLost(fenced_by(holder.owner))
        if requests := await self._journal.requests(now_ms()):
            raise ExternalStoreLost(f"{requests[0].by} asks for {requests[0].kind}: the session ends, and it is done")
        risk = self.context.risk
        await risk.read_latches(self._journal.latches)
        risk.arming = await self._journal.arming()


def published(part: Partition, sym: str) -> int:
    """Returns the number of the symbol's last execution on the bus."""
    return part.symbol(sym).sent.get(Stream.EXECUTIONS, 0)
