"""The account's equity, observed now and then at a pace of its own: no other question makes it older than its limit."""

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.gateway.execution.in_doubt import coins_of_books
from services.gateway.execution.last_bid import last_bid_row, last_bids, with_last
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.persons_coins import mine_of
from services.gateway.execution.session_context import SessionContext, now_ms
from services.gateway.risk.equity import equity, fresh
from shared.errors import VenueError
from shared.exchanges.trading.amounts import plain
from shared.journal.rows import Change, EventRow, LatchRow, LimitRow
from shared.messages.reasons import OrderPhase
from shared.orders import VenueQuote
from shared.orders.answers import VenueBalance

log = structlog.get_logger()

_ZERO = Decimal(0)


class EquityPace(NamedTuple):
    """every_s: between two observations. again_s: after one that says nothing, or that a second one must confirm.

    quote_max_age_s: of a quote that values coins.
    """

    every_s: float
    again_s: float
    quote_max_age_s: float


class AtWork(NamedTuple):
    """held: what the books hold. unknown: orders of which nobody knows what became, by id: symbol and quantity."""

    held: Mapping[str, Decimal]
    unknown: Mapping[str, tuple[str, Decimal]]


class EquityWatch:
    """Asks for the balance and hands the equity to `clearance`, whose limits go into the journal."""

    def __init__(self, lanes: Mapping[str, OrderManager], tools: SessionContext, pace: EquityPace) -> None:
        self._lanes = lanes
        self._tools = tools
        self._pace = pace
        self._others: dict[str, Decimal] = {}  # coins that are no book's, when last seen with no order in doubt
        self._told: set[str] = set()

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
        held = self._held(balance, before) if before is not None else tools.books.held()
        if held is None:
            log.warning("no equity", why="coins came in while an order is UNKNOWN: what is whose cannot be told")
            return False
        quotes = await self._quotes(held)
        worth = equity(balance, held, quotes)
        if worth is None:
            log.warning("no equity", why="a coin that the books hold has no fresh quote")
            return False
        if changes := tools.clearance.see_equity(worth):
            await tools.pen.write([*changes, *self._bids(held, balance, quotes)])
            for change in changes:
                if isinstance(change, EventRow):
                    log.warning("alarm", what=change.text)
                elif isinstance(change, LatchRow):
                    log.error("alarm", what=change.reason, latch=change.name)
        return not tools.clearance.doubtful

    def _held(self, balance: VenueBalance, at_work: AtWork) -> dict[str, Decimal] | None:
        """What of the coins is the books'; None where it cannot be told."""
        doubted = {sym for sym, _ in at_work.unknown.values()} & balance.coins.keys()
        mine = mine_of(self._tools.clearance.limits, balance.coins)
        held = dict(at_work.held)
        for sym, coins in balance.coins.items():
            booked = held.get(sym, _ZERO)
            if sym not in doubted:
                self._others[sym] = max(coins - booked, _ZERO)
                continue
            others = self._others.get(sym, mine.get(sym, _ZERO))
            unknown = [qty for one, qty in at_work.unknown.values() if one == sym]
            ours = coins_of_books(coins, others, booked, unknown)
            if ours is None:
                return None
            held[sym] = ours
        return held

    def _bids(
        self, held: Mapping[str, Decimal], balance: VenueBalance, quotes: Mapping[str, VenueQuote]
    ) -> list[LimitRow]:
        """What the coins were valued at: the next run may find their market closed."""
        rows = [last_bid_row(sym, quotes[sym].bid) for sym in balance.coins if held.get(sym, _ZERO) > 0]
        limits = self._tools.clearance.limits
        new = [row for row in rows if limits.get(row.name) != row.value]
        limits |= {row.name: row.value for row in new}
        return new

    async def _quotes(self, held: Mapping[str, Decimal]) -> Mapping[str, VenueQuote]:
        """What coins are worth; where a market is closed its last bid, which is said and kept."""
        tools, clearance = self._tools, self._tools.clearance
        quotes = fresh(clearance.quotes, time.time_ns() // 1_000_000, self._pace.quote_max_age_s)
        bids = last_bids(held, quotes, tools.venue.untraded, clearance.quotes, clearance.limits, tools.books.paid())
        changes = list[Change]()
        for sym, bid in bids.items():
            row = last_bid_row(sym, bid)
            if clearance.limits.get(row.name) != row.value:
                clearance.limits[row.name] = row.value
                changes.append(row)
            if sym not in self._told:
                text = f"{plain(held[sym])} of it count at {plain(bid)}, the last price: its market is closed, and "
                text += "nobody can say what they are worth now"
                log.error("alarm", sym=sym, what=text)
                changes.append(EventRow("ALARM", sym, "", text, now_ms()))
        self._told = set(bids)
        if changes:
            await tools.pen.write(changes)
        return with_last(quotes, bids)

    def _at_work(self) -> AtWork | None:
        """What the books hold; None while an order is on its way, or its answer. One that is UNKNOWN may stay so."""
        sent = [
            ticket for lane in self._lanes.values() for ticket in lane.tickets.values()
            if ticket.state.phase is not OrderPhase.INTENT
        ]  # fmt: skip
        if any(ticket.state.phase is not OrderPhase.UNKNOWN for ticket in sent):
            return None
        unknown = {ticket.row.client_order_id: (ticket.row.sym, ticket.state.asked_qty) for ticket in sent}
        return AtWork(self._tools.books.held(), unknown)
