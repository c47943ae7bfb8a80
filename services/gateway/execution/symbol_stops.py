"""The stops of one symbol's book are looked at, and made to be as `protection` wants them.

What is known of them is in `stop_lives`, what they protect in `stop_holding`; `stop_requests` does what a look decides,
and `stop_lookup` asks what became of one. What a stop has become, and what closes at market, are orders of the symbol's
manager.
"""

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.naked_time import NakedTime
from services.gateway.execution.protection import Place, ProtectTimes, exposed, plan
from services.gateway.execution.stop_holding import StopHolding
from services.gateway.execution.stop_lives import StopLives
from services.gateway.execution.stop_lookup import StopLookup
from services.gateway.execution.stop_records import placed_life, wanted_stops
from services.gateway.execution.stop_requests import StopRequests
from shared.exchanges.trading.amounts import plain
from shared.journal.rows import Change, EventRow, NakedRow, OrderRow
from shared.orders.stop_life import EntryEnded, StopLife

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.session_context import SessionContext

log = structlog.get_logger()

MOST_STEPS = 8  # of one look; the next one goes on
ALARM = "ALARM"  # an event's kind


class SymbolStops:
    """The stops of one book.

    - known: those of which something is known. holding: what they protect. lookup: asks what became of one.
    - changed: something may have to be done.
    - lock: held while something is done or taken.
    """

    def __init__(self, manager: "OrderManager", context: "SessionContext") -> None:
        own = context.config.protect
        times = ProtectTimes(round(own.naked_s * 1000), round(own.trigger_s * 1000))
        self.sym, self.book = manager.sym, manager.book
        self.changed = asyncio.Event()
        self.lock = asyncio.Lock()
        self.holding = StopHolding(manager, context, times)
        self.known = StopLives(manager, context, self.holding)
        self.lookup = StopLookup(self.known, context)
        self._context, self._times = context, times
        self._requests = StopRequests(manager, context, self.known, self.lookup, self.holding, times)
        self._naked = NakedTime(self.sym, self.book, context, times)
        self._dust = Decimal(0)  # what a person was told of

    def load(self, lives: Sequence[StopLife], naked: Sequence[NakedRow]) -> None:
        """Takes what the journal has."""
        self.known.load(lives)
        self._naked.load(naked)
        self._dust = self._context.books.dust(self.sym)

    @property
    def idle(self) -> bool:
        """Says whether there is nothing to look at: no stop, and no position, or entry, that should have one."""
        terms = self._context.config.protect.terms
        return not self.known.live and (terms is None or not (self.holding.held() or self.holding.entries()))

    @property
    def bare(self) -> bool:
        """Says whether the journal has a time without a stop that has no end yet."""
        return self.naked is not None

    @property
    def naked(self) -> NakedRow | None:
        """Returns that time, which goes on; None where there is none."""
        return self._naked.row

    @property
    def exposed(self) -> bool:
        """Says whether no stop limits the loss of what is held, or one is just closing it."""
        lives = self.known.by_id.values()
        if self._context.config.protect.terms is None:
            return False
        return exposed(self.holding.at_once(), lives, self._context.venue.now_ms(), self._times)

    def carried(self, row: OrderRow, qty: Decimal, at_ms: int) -> list[StopLife]:
        """Returns the stops that an entry carries which opens a position, as far as the exchange takes them with it.

        What only adds to a position carries none: the stops that are there are sized by it, or are made to fit.
        """
        context, form, name = self._context, self._context.venue.stops.form, row.client_order_id
        terms = context.config.protect.terms
        if terms is None or self.holding.held() or self.holding.entries() - {name}:
            return []
        wanted = wanted_stops(terms, row.price, qty, context.venue.rules(self.sym))
        places = [
            Place(kind, one, qty, name, 0, form.replaced == "in_place")
            for kind, one in wanted.items()
            if kind in form.attached
        ]
        lives = [placed_life(place, self.book, self.sym, at_ms, context.config.validity_ms, name) for place in places]
        self.known.add(lives)
        return lives

    def order_ended(self, row: OrderRow) -> list[Change]:
        """Takes that an order of the symbol is over; returns what is to be written with that."""
        self.holding.note_end(row)
        part_too = self._context.venue.stops.form.attached_part
        left = bool(row.filled_qty) if part_too else row.filled_qty == row.signed_qty
        for life in [life for life in self.known.live if life.carried_by == row.client_order_id]:
            self.known.apply(life.stop_id, EntryEnded(left, self._context.venue.now_ms()))
        return [*self.known.changes(), *self._dust_told(row)]

    def _dust_told(self, row: OrderRow) -> list[EventRow]:
        """Tells a person, once, that what is left is too small to be closed, and has no stop."""
        before, self._dust = self._dust, self._context.books.dust(self.sym)
        if not self._dust or self._dust == before or self._context.config.protect.terms is None:
            return []
        text = f"{plain(self._dust)} is left, which the exchange lets nobody close: it is dust, and has no stop"
        log.error("alarm", sym=self.sym, order=row.client_order_id, what=text)
        return [EventRow(ALARM, self.sym, row.client_order_id, text, time.time_ns() // 1_000_000)]

    async def look(self) -> None:
        """Does what is to be done now."""
        form, venue = self._context.venue.stops.form, self._context.venue
        async with self.lock:
            for _ in range(MOST_STEPS):
                lives = self.known.by_id.values()
                holding, sure = await self.holding.now(lives)
                await self._naked.note(holding, lives, sure=sure)
                actions = plan(form, venue.now_ms(), holding, lives, self._times)
                if not actions:
                    self.known.forget(holding.opened_by)
                    return
                for action in actions:
                    await self._requests.do(action)
                    if isinstance(action, Place):  # when it began to be covered is told at once
                        now, sure = await self.holding.now(lives)
                        await self._naked.note(now, lives, sure=sure)
