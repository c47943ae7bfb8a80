"""The runner drives a live gateway by three parts: its stage, its input, and the engine that has the account.

Orders go from the bus through the stage to the engine, which journals them before the cursor moves and sends them.
Reports come back from the journal through the reader and the stage to the bus.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast
from uuid import uuid4

from services.gateway.execution.account_session import AccountSession, published
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.session_context import Outbox, RecentOrders, SessionConfig
from services.gateway.risk.limits import RiskCheck
from shared.bus.api import Session
from shared.errors import JournalUnwritable, VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.messages import ExecutionReport, Message, OrderIntent, Stream
from shared.record import Snapshot
from shared.runner.backpressure import Backpressure, BusReader
from shared.runner.last_words import exchange_heard
from shared.runner.partition import Partition
from shared.runner.parts import ExternalStoreLost
from shared.runner.spec import SequenceNumbers, Stage
from shared.side_by_side import side_by_side
from shared.tick import State

MakeVenue = Callable[[], Venue]
CarryOut = Callable[[Journal, Venue], Awaitable[None]]
OpenJournal = Callable[[], Awaitable[Journal]]


class GatewaySnapshot(Snapshot):
    """The snapshot keeps the stream numbers."""

    numbers: Any


class GatewayStage(Stage):
    """The stage gives each order on to the engine, which journals it before the cursor moves, and reports to the bus.

    A report's n is its sequence in its book, so what is on the stream already is known by it.
    """

    def __init__(self) -> None:
        self._numbers = SequenceNumbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes an OrderIntent from the bus, or an ExecutionReport from the journal."""
        if isinstance(val, ExecutionReport):
            n = self._numbers.next(Stream.EXECUTIONS)
            if val.n != n:
                raise ValueError(f"report n={val.n} of {val.sym} came where n={n} was due")
        return [val]

    def state(self) -> State:
        """Returns the stream numbers."""
        return GatewaySnapshot(numbers=self._numbers.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        self._numbers.restore(GatewaySnapshot.of(state).numbers)


class ExecutionEngine:
    """The engine is the gateway's ExternalStore beside the bus: while it is attached it owns the account.

    Whatever goes wrong in a session ends it: the worker drops everything, waits, and attaches again from what the
    journal says. outbox: reports on their way to the bus.

    - carry_out: does what a person has asked for in the journal, while no session has the account.
    """

    def __init__(
        self,
        config: SessionConfig,
        check: RiskCheck,
        open_journal: OpenJournal,
        make_venue: MakeVenue,
        carry_out: CarryOut | None = None,
    ) -> None:
        self.outbox = Outbox(config.partitions)
        self._recent = RecentOrders()
        self._config = config
        self._check = check
        self._open_journal = open_journal
        self._make_venue = make_venue
        self._carry_out = carry_out
        self._owner = f"gateway {uuid4().hex[:12]}"
        self._leased_until_s = 0.0
        self._account: AccountSession | None = None
        self._journal: Journal | None = None
        self._venue: Venue | None = None

    async def prepare(self) -> None:
        """Opens journal and venue, and leaves them open: a stand-by is ready to take over at once.

        What a person has asked for is carried out now: no session has the account.
        """
        await self._open()
        if self._carry_out is not None and self._journal is not None and self._venue is not None:
            try:
                await self._carry_out(self._journal, self._venue)
            except JournalUnwritable as error:
                await self._close_journal()
                raise ExternalStoreLost(str(error)) from error

    async def _open(self) -> None:
        try:
            if self._journal is None:
                self._journal = await self._open_journal()
            if self._venue is None:
                venue = self._make_venue()
                await venue.open()
                self._venue = venue
        except (JournalUnwritable, VenueError) as error:
            raise ExternalStoreLost(str(error)) from error

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        """Takes the account over: the epoch first, then what the journal says is open."""
        await self._open()  # a journal that failed is opened anew
        assert self._journal is not None
        assert self._venue is not None
        self.outbox.wake = session.wake
        account = AccountSession(
            self._config, self._check, self._journal, self._venue, self.outbox, self._recent, self._leased
        )
        try:
            bus_id = (await session.meta({"bus_id": uuid4().hex}))["bus_id"]
            await account.begin(self._owner, parts, bus_id)
        except (JournalUnwritable, VenueError) as error:
            await self._close_journal()
            raise ExternalStoreLost(str(error)) from error
        self._account = account

    def renewed(self, until_s: float) -> None:
        """Lets orders be sent until then."""
        self._leased_until_s = until_s

    @property
    def account(self) -> AccountSession | None:
        """Returns the session while the account is ours."""
        return self._account

    @property
    def heard_ms(self) -> int:
        """Returns when the venue answered last, by our clock; 0 where it has not since the account was taken over."""
        return 0 if self._account is None else self._account.context.risk.heard_ms

    def _leased(self) -> bool:
        return time.monotonic() < self._leased_until_s

    async def keep(self, taken: Sequence[Message]) -> None:
        """Journals the orders that the stages gave; those whose turn it is go out."""
        account = self._account
        if account is None:
            if taken:
                raise ExternalStoreLost("orders came before the account was taken over")
            return
        if account.tasks.lost:
            raise ExternalStoreLost(account.tasks.lost)
        if taken:
            await self._take(account.managers, cast(Sequence[OrderIntent], taken))

    async def _take(self, managers: Mapping[str, OrderManager], intents: Sequence[OrderIntent]) -> None:
        """Hands each symbol's orders to its manager; what the managers write shares one commit of the journal."""
        by_symbol: dict[str, list[OrderIntent]] = defaultdict(list)
        for intent in intents:
            by_symbol[intent.sym].append(intent)
        unknown = by_symbol.keys() - managers.keys()
        if unknown:
            raise ExternalStoreLost(
                f"orders for {', '.join(sorted(unknown))}, which the config does not name: add to symbols"
            )
        if len(by_symbol) == 1:  # as most often: a task less on the order's way
            ((sym, own),) = by_symbol.items()
            await managers[sym].take(own)
        else:
            await side_by_side(managers[sym].take(own) for sym, own in by_symbol.items())

    async def detach(self) -> None:
        """Starts nothing new, and forgets what is not in the journal."""
        self._leased_until_s = 0.0
        account, self._account = self._account, None
        try:
            if account is not None:
                await account.end()
        finally:
            self.outbox.clear()
            if account is not None and account.context.fenced.refused:
                self._recent.doubt()
            if account is not None and account.context.fenced.broken:
                await self._close_journal()  # what became of the last write is known when it is opened again

    async def close(self) -> None:
        """Gives back what was opened."""
        venue, self._venue = self._venue, None
        if venue is not None:
            await venue.close()
        await self._close_journal()

    async def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            await journal.close()

    async def reload(self, part: Partition) -> None:
        """Puts the partition's reports into the outbox again: it was loaded anew from the bus."""
        if self._account is not None:
            await self._account.fill_outbox(part)


class GatewayReader:
    """The reader feeds reports of the journal first, which the strategy waits for, then orders of the bus."""

    def __init__(self, orders: BusReader, engine: ExecutionEngine) -> None:
        self._orders = orders
        self._engine = engine
        self._stale: set[int] = set()

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Feeds what waits in the outbox, as far as there is room; then orders, waiting only if there was nothing."""
        for part in parts:
            p = part.lease.partition.p
            if p in self._stale:
                self._stale.discard(p)
                await self._engine.reload(part)
            for report in self._engine.outbox.take(p, partial(published, part), pressure.room(part)):
                part.feed(report.sym, report)
                wait_s = 0.0
        if parts and (heard_ms := self._engine.heard_ms):
            parts[0].tell(*exchange_heard(heard_ms))
        await self._orders.gather(session, parts, pressure, wait_s)

    def forget(self, p: int) -> None:
        """Has the partition's reports fed again: it was loaded anew, and what was fed may not have been committed."""
        self._stale.add(p)
