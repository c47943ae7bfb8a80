"""The desk: from an order that was read to its one terminal report, with the journal in between.

It is the gateway's keeper beside the bus. While it is attached it owns the account: the journal's epoch is its own, its
lanes send and follow orders, and it compares with the venue. Whatever goes wrong in any of its tasks ends the attach:
the worker drops everything, waits, and attaches again from what the journal says."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast
from uuid import uuid4

from services.gateway.execution.account_session import AccountSession
from services.gateway.execution.session_context import Outbox, RecentOrders, SessionConfig
from services.gateway.risk.limits import RiskCheck
from shared.bus.api import Session
from shared.errors import JournalUnwritable, VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.messages import ExecutionReport, Message, OrderIntent, Stream
from shared.record import Snapshot
from shared.runner.backpressure import Backpressure
from shared.runner.bus_reader import BusReader
from shared.runner.external_store import ExternalStoreLost
from shared.runner.partition import Partition
from shared.runner.stage import SequenceNumbers, Stage
from shared.tick import State

MakeVenue = Callable[[], Venue]
OpenJournal = Callable[[], Awaitable[Journal]]


class ExecutionEngine:
    """outbox: reports on their way to the bus."""

    def __init__(self, rules: SessionConfig, risk: RiskCheck, open_journal: OpenJournal, make_venue: MakeVenue) -> None:
        self.outbox = Outbox(rules.partitions)
        self._known = RecentOrders()
        self._rules = rules
        self._risk = risk
        self._open_journal = open_journal
        self._make_venue = make_venue
        self._owner = f"gateway {uuid4().hex[:12]}"
        self._leased_until_s = 0.0
        self._attached: AccountSession | None = None
        self._journal: Journal | None = None
        self._venue: Venue | None = None

    async def prepare(self) -> None:
        """Open journal and venue, and leave them open: a stand-by is ready to take over at once."""
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
        """Take the account over: the epoch first, then what the journal says is open."""
        await self.prepare()  # a journal that failed is opened anew
        assert self._journal is not None
        assert self._venue is not None
        self.outbox.wake = session.wake
        try:
            bus_id = (await session.meta({"bus_id": uuid4().hex}))["bus_id"]
            self._attached = await AccountSession.begin(
                self._rules, self._risk, self._journal, self._venue, self.outbox, self._known, self._owner,
                self._leased, parts, bus_id,
            )  # fmt: skip
        except (JournalUnwritable, VenueError) as error:
            await self._close_journal()
            raise ExternalStoreLost(str(error)) from error

    def renewed(self, until_s: float) -> None:
        """Orders may be sent until then."""
        self._leased_until_s = until_s

    def _leased(self) -> bool:
        return time.monotonic() < self._leased_until_s

    async def keep(self, taken: Sequence[Message]) -> None:
        """Journal the orders that the stages took; those whose turn it is go out."""
        attached = self._attached
        if attached is None:
            if taken:
                raise ExternalStoreLost("orders came before the account was taken over")
            return
        attached.check()
        if taken:
            await attached.take(cast(Sequence[OrderIntent], taken))

    async def detach(self) -> None:
        """Start nothing new, and forget what is not in the journal."""
        self._leased_until_s = 0.0
        attached, self._attached = self._attached, None
        if attached is not None:
            await attached.end()
            if attached.tools.pen.refused:
                self._known.doubt()
            if attached.tools.pen.broken:
                await self._close_journal()  # what became of the last write is known when it is opened again
        self.outbox.clear()

    async def close(self) -> None:
        """Give back what was opened."""
        venue, self._venue = self._venue, None
        if venue is not None:
            await venue.close()
        await self._close_journal()

    async def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            await journal.close()

    async def reload(self, part: Partition) -> None:
        """The partition was loaded anew from the bus: its reports are told again from there on."""
        if self._attached is not None:
            await self._attached.fill_outbox(part)


# The gateway's stage where orders really go: they leave to the desk, and reports come back from the journal.


class GatewaySnapshot(Snapshot):
    """The stream numbers."""

    numbers: Any


class GatewayStage(Stage):
    """The stage gives each order on to the engine, which journals it before the cursor moves, and reports to the bus.

    A report's n is its sequence in its book, so what is on the stream already is known by it.
    """

    def __init__(self) -> None:
        self._numbers = SequenceNumbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Take an OrderIntent from the bus, or an ExecutionReport from the journal."""
        if isinstance(val, ExecutionReport):
            n = self._numbers.next(Stream.EXECUTIONS)
            if val.n != n:
                raise ValueError(f"report n={val.n} of {val.sym} came where n={n} was due")
            return [val]
        return [val]

    def state(self) -> State:
        """The stream numbers."""
        return GatewaySnapshot(numbers=self._numbers.state())

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        self._numbers.restore(GatewaySnapshot.of(state).numbers)


# Input of a live gateway: orders from the bus, and reports from the journal.


class GatewayReader:
    """Reports first: they are what the strategy waits for."""

    def __init__(self, orders: BusReader, desk: ExecutionEngine) -> None:
        self._orders = orders
        self._desk = desk
        self._stale: set[int] = set()

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Backpressure, wait_s: float) -> None:
        """What waits in the outbox, as far as there is room; then orders, waiting only if there was nothing."""
        for part in parts:
            p = part.lease.place.p
            if p in self._stale:
                self._stale.discard(p)
                await self._desk.reload(part)
            for report in self._desk.outbox.take(p, partial(_written, part), flow.room(part)):
                part.feed(report.sym, report)
                wait_s = 0.0
        await self._orders.gather(session, parts, flow, wait_s)

    def forget(self, p: int) -> None:
        """The partition was loaded anew: what was fed may not have been committed."""
        self._stale.add(p)


def _written(part: Partition, sym: str) -> int:
    return part.symbol(sym).sent.get(Stream.EXECUTIONS, 0)
