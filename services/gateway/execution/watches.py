"""The account's equity, observed now and then at a pace of its own: no other question makes it older than its limit."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.gateway.execution.baseline import mine_of
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.session_context import SessionContext, now_ms
from services.gateway.risk.equity import coins_of_books, equity, fresh, last_bid_row, last_bids, with_last
from shared.control.latches import symbol_latch
from shared.errors import VenueError
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.venue import Contract, MarketNews
from shared.journal.rows import Change, EventRow, LatchRow, LimitRow
from shared.messages import Reason
from shared.messages.codec import is_kept, keep, kept
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


# What a person or the exchange changes while the gateway runs: markets and modes, read again and again.
#
# A market that is not traded, or is about to end, and modes that are not as configured stop adding in that symbol
# until it is otherwise. Another contract than before, of another size or step, stops it until a person has looked: a
# latch. What it was stands in the journal, so that one that changes between two runs is seen, too.

log = structlog.get_logger()

BY = "gateway"
CONTRACT = "contract:"  # and the symbol: the row of what it was when last read


class WatchPace(NamedTuple):
    """markets_s: between two looks at the markets. pause_s: the least, however often one is in doubt. modes_s: between
    two looks at the modes."""

    markets_s: float
    pause_s: float
    modes_s: float


class MarketWatch:
    """Sets `clearance.stopped`, and latches."""

    def __init__(self, syms: Sequence[str], tools: SessionContext, pace: WatchPace) -> None:
        self._syms = syms
        self._tools = tools
        self._pace = pace

    async def run_markets(self) -> None:
        """For ever: at once, since whoever stood by knows them as they were; when it is time; and in doubt."""
        doubt = self._tools.markets_in_doubt
        while True:
            doubt.clear()
            await self.markets()
            await asyncio.sleep(self._pace.pause_s)
            try:
                async with asyncio.timeout(max(self._pace.markets_s - self._pace.pause_s, 0)):
                    await doubt.wait()
            except TimeoutError:
                continue

    async def run_modes(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._pace.modes_s)
            await self.modes()

    async def markets(self) -> None:
        """Look at them once; where the venue does not answer, all stays as it was."""
        try:
            news = await self._tools.venue.read_markets(self._known())
        except VenueError as error:
            log.warning("cannot read the markets", why=str(error))
            return
        await self._see(news)

    async def as_opened(self) -> None:
        """What is known of them already counts before anything is judged: one that was closed at the start, too."""
        await self._see(self._tools.venue.market_news(self._known()))

    def _known(self) -> dict[str, Contract]:
        limits = self._tools.clearance.limits
        return {sym: kept(Contract, limits[CONTRACT + sym]) for sym in self._syms if CONTRACT + sym in limits}

    async def _see(self, news: Sequence[MarketNews]) -> None:
        limits = self._tools.clearance.limits
        await self._stop(Reason.MARKET_CLOSED, {one.sym: one.closed for one in news if one.closed})
        for one in news:
            now = Contract.of(self._tools.venue.rules(one.sym))
            row = LimitRow(CONTRACT + one.sym, keep(now))
            if one.changed:
                await self._latch(one.sym, one.changed, row)
            elif not is_kept(now, limits.get(row.name)):
                limits[row.name] = row.value
                told = [EventRow("MARKET", one.sym, "", one.least, now_ms())] if one.least else []
                for event in told:
                    log.warning("an order must be", sym=event.sym, what=event.text)
                await self._tools.pen.write([row, *told])

    async def modes(self) -> None:
        """Look at them once, likewise."""
        try:
            found = await self._tools.venue.read_modes()
        except VenueError as error:
            log.warning("cannot read the account's modes", why=str(error))
            return
        await self._stop(Reason.ACCOUNT_MODES, found)

    async def _stop(self, reason: Reason, found: Mapping[str, str]) -> None:
        """Stop adding in these symbols, and in no other, for this reason; both are told once."""
        stopped, changes = self._tools.clearance.stopped, list[Change]()
        for sym, why in found.items():
            if stopped.get((sym, reason)) != why:
                log.error("alarm", sym=sym, what=f"nothing is added: {why}")
                changes.append(EventRow("ALARM", sym, "", f"nothing is added: {why}", now_ms()))
            stopped[sym, reason] = why
        for sym in [sym for sym, other in stopped if other is reason and sym not in found]:
            log.info("adding goes on", sym=sym, after=stopped.pop((sym, reason)))
            changes.append(EventRow("MARKET", sym, "", f"{reason} is over", now_ms()))
        if changes:
            await self._tools.pen.write(changes)

    async def _latch(self, sym: str, why: str, row: LimitRow) -> None:
        """Set together with what the contract is now: seen once, and not lost.

        A person lifts it, by its name, when the strategy's own sizes have been looked at.
        """
        latch = LatchRow(symbol_latch(sym), why, BY, now_ms())
        log.error("alarm", sym=sym, what=f"nothing is added: {why}: `tickline resume {latch.name}` goes on")
        self._tools.clearance.latches = {**self._tools.clearance.latches, latch.name: latch}
        self._tools.clearance.limits[row.name] = row.value
        await self._tools.pen.write([latch, row, EventRow("ALARM", sym, "", f"{latch.name}: {why}", now_ms())])


# The venue's quotes, asked for all symbols together.

log = structlog.get_logger()

LEAST_S = 0.1


class QuoteWatch:
    """Hands quotes to `clearance`. every_s: between the beginnings of two looks, where the venue answers in time."""

    def __init__(self, syms: Sequence[str], tools: SessionContext, every_s: float) -> None:
        self._syms = syms
        self._tools = tools
        self._every_s = every_s

    async def run(self) -> None:
        """Look for ever."""
        took_s = 0.0
        while True:
            await asyncio.sleep(max(self._every_s - took_s, LEAST_S))
            begun_s = time.monotonic()
            await self.once()
            took_s = time.monotonic() - begun_s

    async def once(self) -> None:
        """A quote that is too old stands for none in the risk check, so a failed look needs no more than a log."""
        try:
            found = await self._tools.venue.quotes(self._syms)
        except VenueError as error:
            log.warning("no quotes", why=str(error))
            return
        self._tools.clearance.quotes.update(found)
        if missing := [sym for sym in self._syms if sym not in found]:
            log.warning("no quote", sym=", ".join(missing), why="the venue has none")
