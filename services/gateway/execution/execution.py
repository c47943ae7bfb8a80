"""The desk: from an order that was read to its one terminal report, with the journal in between.

It is the gateway's keeper beside the bus. While it is attached it owns the account: the journal's epoch is its own, its
lanes send and follow orders, and it compares with the venue. Whatever goes wrong in any of its tasks ends the attach:
the worker drops everything, waits, and attaches again from what the journal says.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from services.gateway.execution.account_session import AccountSession
from services.gateway.execution.outbox import Outbox
from services.gateway.execution.recent_orders import RecentOrders
from services.gateway.execution.rules import DeskRules
from services.gateway.risk.risk import Risk
from shared.bus.api import Session
from shared.errors import JournalUnwritable, VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.messages import OrderIntent
from shared.runner.external_store import ExternalStoreLost
from shared.runner.partition import Partition

MakeVenue = Callable[[], Venue]
OpenJournal = Callable[[], Awaitable[Journal]]


class Desk:
    """taken: where the stages put the orders that they took. outbox: reports on their way to the bus."""

    def __init__(self, rules: DeskRules, risk: Risk, open_journal: OpenJournal, make_venue: MakeVenue) -> None:
        self.taken: list[OrderIntent] = []
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

    async def keep(self) -> None:
        """Journal the orders that the stages took; those whose turn it is go out."""
        attached = self._attached
        if attached is None:
            if self.taken:
                raise ExternalStoreLost("orders came before the account was taken over")
            return
        attached.check()
        if self.taken:
            taken, self.taken[:] = list(self.taken), []
            await attached.take(taken)

    async def detach(self) -> None:
        """Start nothing new, and forget what is not in the journal."""
        self._leased_until_s = 0.0
        self.taken.clear()
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
