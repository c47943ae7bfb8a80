"""What a person or the exchange changes while the gateway runs: markets and modes, read again and again.

A market that is not traded, or is about to end, and modes that are not as configured stop adding in that symbol until
it is otherwise. Another contract than before, of another size or step, stops it until a person has looked: a latch.
What it was stands in the journal, so that one that changes between two runs is seen, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from services.gateway.execution.session_context import SessionContext, now_ms
from shared.control.latches import symbol_latch
from shared.errors import VenueError
from shared.exchanges.trading.venue import Contract, MarketNews
from shared.journal.rows import Change, EventRow, LatchRow, LimitRow
from shared.messages import Reason
from shared.messages.codec import is_kept, keep, kept

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
