"""The account's equity, observed now and then at a pace of its own: no other question makes it older than its limit."""

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.gateway.desk.lane import Lane
from services.gateway.desk.tools import Tools
from services.gateway.risk.equity import equity, fresh
from shared.errors import VenueError
from shared.journal.rows import EventRow, LatchRow
from shared.messages.reasons import OrderState

log = structlog.get_logger()


class EquityPace(NamedTuple):
    """every_s: between two observations. again_s: after one that says nothing, or that a second one must confirm.

    quote_max_age_s: of a quote that values coins.
    """

    every_s: float
    again_s: float
    quote_max_age_s: float


class EquityWatch:
    """Asks for the balance and hands the equity to `clearance`, whose limits go into the journal."""

    def __init__(self, lanes: Mapping[str, Lane], tools: Tools, pace: EquityPace) -> None:
        self._lanes = lanes
        self._tools = tools
        self._pace = pace

    async def run(self) -> None:
        """Observe for ever."""
        sure = not self._tools.clearance.doubtful
        while True:
            await asyncio.sleep(self._pace.every_s if sure else min(self._pace.every_s, self._pace.again_s))
            sure = await self.once()

    async def once(self) -> bool:
        """Whether the equity was observed, and no second observation must confirm it."""
        tools = self._tools
        before = self._at_work()
        try:
            balance = await tools.venue.balance()
        except VenueError as error:
            log.warning("no equity", why=str(error))
            return False
        if balance.coins and (before is None or before != self._at_work()):
            return False  # coins and cash are on their way from one to the other: this answer is no measure
        quotes = fresh(tools.clearance.quotes, time.time_ns() // 1_000_000, self._pace.quote_max_age_s)
        worth = equity(balance, tools.books.positions(), quotes)
        if worth is None:
            log.warning("no equity", why="a coin that the books hold has no fresh quote")
            return False
        if changes := tools.clearance.see_equity(worth):
            await tools.pen.write(changes)
            for change in changes:
                if isinstance(change, EventRow):
                    log.warning("alarm", what=change.text)
                elif isinstance(change, LatchRow):
                    log.error("alarm", what=change.reason, latch=change.name)
        return not tools.clearance.doubtful

    def _at_work(self) -> dict[str, Decimal] | None:
        """What the books hold; None while an order was sent and is not booked."""
        open_orders = (ticket for lane in self._lanes.values() for ticket in lane.tickets.values())
        if any(ticket.life.state is not OrderState.INTENT for ticket in open_orders):
            return None
        return self._tools.books.positions()
