"""A session watches equity, markets and modes, and quotes, each at a pace of its own.

No watch waits for another, so no question makes another's answer older than its limit.
"""

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


class AtWork(NamedTuple):
    """An observation of the books at one moment, while no order is on its way.

    - held: what the books hold, by symbol.
    - unknown: orders of which nobody knows what became, or that rest and may be filled, by id: symbol and quantity.
    """

    held: Mapping[str, Decimal]
    unknown: Mapping[str, tuple[str, Decimal]]


class EquityWatch:
    """The watch asks for the balance and hands the equity to `risk`, whose limits go into the journal."""

    def __init__(self, managers: Mapping[str, OrderManager], context: SessionContext) -> None:
        self._managers = managers
        self._context = context
        self._others: dict[str, Decimal] = {}  # coins that are no book's, when last seen with no order in doubt
        self._told: set[str] = set()

    async def run(self) -> None:
        """Observes for ever."""
        config, sure = self._context.config, not self._context.risk.doubtful
        while True:
            await asyncio.sleep(config.equity_s if sure else min(config.equity_s, config.again_s))
            sure = await self.once()

    async def once(self) -> bool:
        """Observes once; True where the equity was observed, and no second observation must confirm it."""
        context = self._context
        before = self._at_work()
        try:
            balance = await context.venue.balance()
        except VenueError as error:
            log.warning("no equity", why=str(error))
            return False
        if balance.coins and (before is None or before != self._at_work()):
            return False  # coins and cash are on their way from one to the other: this answer is no measure
        held = self._held(balance, before) if before is not None else context.books.held()
        if held is None:
            log.warning("no equity", why="coins came in while an order is UNKNOWN: what is whose cannot be told")
            return False
        quotes = await self._quotes(held)
        worth = equity(balance, held, quotes)
        if worth is None:
            log.warning("no equity", why="a coin that the books hold has no fresh quote")
            return False
        if changes := context.risk.see_equity(worth):
            await context.fenced.write([*changes, *self._bids(held, balance, quotes)])
            for change in changes:
                if isinstance(change, EventRow):
                    log.warning("alarm", what=change.text)
                elif isinstance(change, LatchRow):
                    log.error("alarm", what=change.reason, latch=change.name)
        return not context.risk.doubtful

    def _held(self, balance: VenueBalance, at_work: AtWork) -> dict[str, Decimal] | None:
        """Returns what of the coins is the books'; None where it cannot be told."""
        doubted = {sym for sym, _ in at_work.unknown.values()} & balance.coins.keys()
        mine = mine_of(self._context.risk.limits, balance.coins)
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
        """Returns what the coins were valued at: the next run may find their market closed."""
        rows = [last_bid_row(sym, quotes[sym].bid) for sym in balance.coins if held.get(sym, _ZERO) > 0]
        limits = self._context.risk.limits
        new = [row for row in rows if limits.get(row.name) != row.value]
        limits |= {row.name: row.value for row in new}
        return new

    async def _quotes(self, held: Mapping[str, Decimal]) -> Mapping[str, VenueQuote]:
        """Returns what coins are worth; where a market is closed its last bid, which is alarmed and kept."""
        context, risk = self._context, self._context.risk
        quotes = fresh(risk.quotes, time.time_ns() // 1_000_000, self._context.config.quote_max_age_s)
        bids = last_bids(held, quotes, context.venue.untraded, risk.quotes, risk.limits, context.books.paid())
        changes = list[Change]()
        for sym, bid in bids.items():
            row = last_bid_row(sym, bid)
            if risk.limits.get(row.name) != row.value:
                risk.limits[row.name] = row.value
                changes.append(row)
            if sym not in self._told:
                text = f"{plain(held[sym])} of it count at {plain(bid)}, the last price: its market is closed, and "
                text += "nobody can say what they are worth now"
                log.error("alarm", sym=sym, what=text)
                changes.append(EventRow("ALARM", sym, "", text, now_ms()))
        self._told = set(bids)
        if changes:
            await context.fenced.write(changes)
        return with_last(quotes, bids)

    def _at_work(self) -> AtWork | None:
        """Returns None while an order is on its way, or its answer. One that is UNKNOWN, or rests, may stay so."""
        sent = [
            order for manager in self._managers.values() for order in manager.open_orders.values()
            if order.state.phase is not OrderPhase.INTENT
        ]  # fmt: skip
        if any(order.state.phase is not OrderPhase.UNKNOWN and not order.rests for order in sent):
            return None
        unknown = {order.row.client_order_id: (order.row.sym, order.state.asked_qty) for order in sent}
        return AtWork(self._context.books.held(), unknown)


BY = "gateway"
CONTRACT = "contract:"  # and the symbol: the row of what it was when last read


class MarketWatch:
    """The watch reads markets and modes, which a person or the exchange may change; it sets `risk.stopped` and latches.

    A market that is not traded, or is about to end, and modes that are not as configured stop adding in that symbol
    until it is otherwise. Another contract than before, of another size or step, stops it until a person has looked: a
    latch. What it was stands in the journal, so that one that changes between two runs is seen, too.
    """

    def __init__(self, syms: Sequence[str], context: SessionContext) -> None:
        self._syms = syms
        self._context = context

    async def run_markets(self) -> None:
        """Looks at the markets for ever: at once, since who stood by knows them as they were; when due; in doubt."""
        config, doubt = self._context.config, self._context.markets_in_doubt
        while True:
            doubt.clear()
            await self.markets()
            await asyncio.sleep(config.markets_pause_s)
            try:
                async with asyncio.timeout(max(config.markets_s - config.markets_pause_s, 0)):
                    await doubt.wait()
            except TimeoutError:
                continue

    async def run_modes(self) -> None:
        """Looks at the modes for ever."""
        while True:
            await asyncio.sleep(self._context.config.reconcile_s)
            await self.modes()

    async def markets(self) -> None:
        """Looks at the markets once; where the venue does not answer, all stays as it was."""
        try:
            news = await self._context.venue.read_markets(self._known())
        except VenueError as error:
            log.warning("cannot read the markets", why=str(error))
            return
        await self._see(news)

    async def as_opened(self) -> None:
        """Sees the markets as they were at the start: one that was closed then counts before any order is judged."""
        await self._see(self._context.venue.market_news(self._known()))

    def _known(self) -> dict[str, Contract]:
        limits = self._context.risk.limits
        return {sym: kept(Contract, limits[CONTRACT + sym]) for sym in self._syms if CONTRACT + sym in limits}

    async def _see(self, news: Sequence[MarketNews]) -> None:
        limits = self._context.risk.limits
        await self._stop(Reason.MARKET_CLOSED, {one.sym: one.closed for one in news if one.closed})
        changes = list[Change]()
        for one in news:
            now = Contract.of(self._context.venue.rules(one.sym))
            row = LimitRow(CONTRACT + one.sym, keep(now))
            if one.changed:
                await self._latch(one.sym, one.changed, row)
            elif not is_kept(now, limits.get(row.name)):
                limits[row.name] = row.value
                changes.append(row)
                if one.least:
                    log.warning("an order must be", sym=one.sym, what=one.least)
                    changes.append(EventRow("MARKET", one.sym, "", one.least, now_ms()))
        if changes:
            await self._context.fenced.write(changes)

    async def modes(self) -> None:
        """Looks at the modes once, likewise."""
        try:
            found = await self._context.venue.read_modes()
        except VenueError as error:
            log.warning("cannot read the account's modes", why=str(error))
            return
        await self._stop(Reason.ACCOUNT_MODES, found)

    async def _stop(self, reason: Reason, found: Mapping[str, str]) -> None:
        """Stops adding in these symbols, and in no other, for this reason; both are told once."""
        stopped, changes = self._context.risk.stopped, list[Change]()
        for sym, why in found.items():
            if stopped.get((sym, reason)) != why:
                log.error("alarm", sym=sym, what=f"nothing is added: {why}")
                changes.append(EventRow("ALARM", sym, "", f"{reason}: nothing is added: {why}", now_ms()))
            stopped[sym, reason] = why
        for sym in [sym for sym, other in stopped if other is reason and sym not in found]:
            log.info("adding goes on", sym=sym, after=stopped.pop((sym, reason)))
            changes.append(EventRow("MARKET", sym, "", f"{reason} is over", now_ms()))
        if changes:
            await self._context.fenced.write(changes)

    async def _latch(self, sym: str, why: str, row: LimitRow) -> None:
        """Sets the latch together with what the contract is now: seen once, and not lost.

        A person lifts it, by its name, when the strategy's own sizes have been looked at.
        """
        latch = LatchRow(symbol_latch(sym), why, BY, now_ms())
        log.error("alarm", sym=sym, what=f"nothing is added: {why}: `tickline resume {latch.name}` goes on")
        self._context.risk.set_latches([latch])
        self._context.risk.limits[row.name] = row.value
        await self._context.fenced.write([latch, row, EventRow("ALARM", sym, "", f"{latch.name}: {why}", now_ms())])
        self._context.risk.latches_written([latch])


LEAST_PAUSE_S = 0.1


class QuoteWatch:
    """The watch asks the venue for all symbols' quotes together, and hands them to `risk`."""

    def __init__(self, syms: Sequence[str], context: SessionContext) -> None:
        self._syms = syms
        self._context = context

    async def run(self) -> None:
        """Looks for ever, so many seconds between the beginnings of two looks, where the venue answers in time."""
        took_s = 0.0
        while True:
            await asyncio.sleep(max(self._context.config.quote_s - took_s, LEAST_PAUSE_S))
            begun_s = time.monotonic()
            await self.once()
            took_s = time.monotonic() - begun_s

    async def once(self) -> None:
        """Looks once. A quote that is too old counts as none, so a failed look needs no more than a line in the log."""
        try:
            found = await self._context.venue.quotes(self._syms)
        except VenueError as error:
            log.warning("no quotes", why=str(error))
            return
        self._context.risk.see_quotes(found)
        self._context.risk.heard_ms = now_ms()
        if missing := [sym for sym in self._syms if sym not in found]:
            log.warning("no quote", sym=", ".join(missing), why="the venue has none")
