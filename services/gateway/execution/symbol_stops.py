"""The stops of one symbol's book: what is known of them, and what is done so that they are as `protection` wants them.

Each stop is in the journal as SENT before its request goes out, under the session's epoch. What a stop has become, and
what closes at market, are orders of the symbol's manager.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.account_reader import CLOCK_ERROR_MS
from services.gateway.execution.naked_time import NakedTime
from services.gateway.execution.protection import (
    Action,
    CancelStop,
    CloseAtMarket,
    GiveUp,
    Holding,
    Place,
    ProtectTimes,
    TakenPlace,
    WantedStop,
    plan,
)
from services.gateway.execution.stop_records import (
    closing_row,
    fired_name,
    fired_row,
    nearest_stop,
    placed_life,
    request_of,
    wanted_stops,
)
from shared.errors import VenueError
from shared.exchanges.trading.client import NotCleared
from shared.journal.rows import Change, EventRow, NakedRow, OrderRow
from shared.messages.reasons import OrderPhase, Reason, StopKind
from shared.orders import Absent, Ambiguous, FiringStop
from shared.orders.state import Cancel
from shared.orders.stop_life import EntryEnded, Placed, StopEvent, StopLife, Superseded, Told, on_stop_event
from shared.orders.stops import StopAnswer, StopPhase, StopReport

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.records import OpenOrder
    from services.gateway.execution.session_context import SessionContext
    from shared.exchanges.trading.stop_profile import StopForm

log = structlog.get_logger()

MOST_ASKED = 5  # orders that may be a stop's, by their trades
MOST_STEPS = 8  # of one look; the next one goes on
SEEN_AGAIN_MS = 600_000  # so often the journal learns that a stop still waits
ALARM, STOP = "ALARM", "STOP"  # kinds of events
NS_PER_MS = 1_000_000


class SymbolStops:
    """The stops of one book.

    - lives: by stop id, those that may be at the exchange, those of this position, and those that ended of late.
    - liquidation: the exchange's price for the position, as last read.
    - changed: something may have to be done.
    """

    def __init__(self, manager: "OrderManager", context: "SessionContext") -> None:
        self.sym, self.book = manager.sym, manager.book
        self.lives: dict[str, StopLife] = {}
        self.liquidation: Decimal | None = None
        self.changed = asyncio.Event()
        self.lock = asyncio.Lock()
        self._manager, self._context = manager, context
        self._written: dict[str, StopLife] = {}
        self._openers: dict[str, OrderRow | None] = {}
        self._closed_ms = 0
        self._closed: tuple[str, Decimal, int] | None = None  # what was closed last, and how often in vain
        own = context.config.protect
        self._times = ProtectTimes(round(own.naked_s * 1000), round(own.trigger_s * 1000))
        self._naked = NakedTime(self.sym, self.book, context, self._times)

    # What is known.

    def load(self, lives: Sequence[StopLife], naked: Sequence[NakedRow]) -> None:
        """Takes what the journal has. One whose answer was not written is UNKNOWN now."""
        self.lives = {life.stop_id: life for life in lives}
        self._written = dict(self.lives)
        self._naked.load(naked)
        for life in lives:
            if life.phase is StopPhase.SENT and not life.carried_by:
                self.apply(life.stop_id, Placed(Ambiguous("the gateway was stopped before the answer"), life.heard_ms))

    @property
    def live(self) -> list[StopLife]:
        """Returns those that may be at the exchange."""
        return [life for life in self.lives.values() if life.live]

    @property
    def idle(self) -> bool:
        """Says whether there is nothing to look at: no stop, and no position, or entry, that should have one."""
        terms = self._context.config.protect.terms
        return not self.live and (terms is None or not (self._orders_and_held()[1] or self.entries()))

    @property
    def bare(self) -> bool:
        """Says whether the journal has a time without a stop that has no end yet."""
        return self._naked.row is not None

    def know(self, life: StopLife) -> None:
        """Takes one that only the journal has remembered."""
        self.lives[life.stop_id] = self._written[life.stop_id] = life

    def entries(self) -> frozenset[str]:
        """Returns the orders in flight that may add."""
        orders = self._manager.open_orders.values()
        return frozenset(order.name for order in orders if order.state.in_flight and not order.only_reduces)

    def firing(self, life: StopLife) -> FiringStop:
        """Returns what the comparison with the venue is to expect of a stop."""
        if life.phase is not StopPhase.TRIGGERING:
            return FiringStop(life.seen_ms)
        held = self._orders_and_held()[1]
        return FiringStop(life.seen_ms, -held if life.whole else -life.held_qty)

    def apply(self, stop_id: str, event: StopEvent) -> StopLife:
        """Takes what was done or told; `save` writes it."""
        grace_ms = self._context.config.grace_ms
        life = on_stop_event(self.lives[stop_id], event, grace_ms)
        if life.phase is StopPhase.TRIGGERED and life.order_id in self._orders_of_others(stop_id):
            life = on_stop_event(self.lives[stop_id], Superseded(self._now_ms()), grace_ms)
        self.lives[stop_id] = life
        return life

    def _orders_of_others(self, stop_id: str) -> frozenset[str]:
        """Returns the orders that other stops have become: no order comes of two."""
        return frozenset(
            life.order_id
            for life in self.lives.values()
            if life.phase is StopPhase.TRIGGERED and life.stop_id != stop_id
        )

    def carried(self, row: OrderRow, qty: Decimal, at_ms: int) -> list[StopLife]:
        """Returns the stops that an entry carries which opens a position, as far as the exchange takes them with it.

        What only adds to a position carries none: the stops that are there are sized by it, or are made to fit.
        """
        context, form = self._context, self._form()
        terms = context.config.protect.terms
        orders, held, _ = self._orders_and_held()
        others = [order for order in orders if order.name != row.client_order_id and not order.only_reduces]
        if terms is None or held or others:
            return []
        wanted = wanted_stops(terms, row.price, qty, context.venue.rules(self.sym))
        places = [
            Place(kind, one, qty, row.client_order_id, 0, form.replaced == "in_place")
            for kind, one in wanted.items()
            if kind in form.attached
        ]
        validity_ms, name = context.config.validity_ms, row.client_order_id
        lives = [placed_life(place, self.book, self.sym, at_ms, validity_ms, name) for place in places]
        self.lives |= {life.stop_id: life for life in lives}
        return lives

    def entry_ended(self, row: OrderRow) -> None:
        """Takes that an order of the symbol is over."""
        left = bool(row.filled_qty) if self._form().attached_part else row.filled_qty == row.signed_qty
        for life in [life for life in self.live if life.carried_by == row.client_order_id]:
            self.apply(life.stop_id, EntryEnded(left, self._now_ms()))

    def changes(self) -> list[Change]:
        """Returns what the journal lacks, but for stops that have become an order; it counts as written from now on."""
        found = [life for life in self.lives.values() if self._news(life) and life.phase is not StopPhase.TRIGGERED]
        return [self._stamped(life) for life in found]

    async def save(self) -> None:
        """Writes what has changed. A stop that has become an order goes into the journal together with that order."""
        if changes := self.changes():
            await self._context.fenced.write(changes)
        for life in [life for life in self.lives.values() if life.phase is StopPhase.TRIGGERED and self._news(life)]:
            _, held, _ = self._orders_and_held()
            seen_ms, opener = max(life.at_ms, life.seen_ms), await self._opener(life.opened_by)
            row = fired_row(self._stamped(life), held, opener, seen_ms, self._wall_ms())
            log.info("a stop has fired", sym=self.sym, stop=life.stop_id, order=life.order_id)
            await self._manager.take_fired(self.lives[life.stop_id], row)

    def _news(self, life: StopLife) -> bool:
        before = self._written.get(life.stop_id)
        if before is None or life.seen_ms - before.seen_ms >= SEEN_AGAIN_MS:
            return True
        return life.kept != before.kept

    def _stamped(self, life: StopLife) -> StopLife:
        life = life._replace(epoch=self._context.fenced.epoch, updated_ms=self._wall_ms())
        self.lives[life.stop_id] = self._written[life.stop_id] = life
        return life

    # What is to be done.

    async def look(self) -> None:
        """Does what is to be done now."""
        async with self.lock:
            for _ in range(MOST_STEPS):
                holding, sure = await self._holding()
                await self._naked.note(holding, self.lives.values(), sure=sure)
                actions = plan(self._form(), self._now_ms(), holding, self.lives.values(), self._times)
                if not actions:
                    self._forget(holding)
                    return
                for action in actions:
                    await self._do(action)

    async def _holding(self) -> tuple[Holding, bool]:
        """Returns it, and whether it is certain: what an entry may hold that nobody has answered is protected, too."""
        orders, held, opened_by = self._orders_and_held()
        sure, form = True, self._form()
        if not held and StopKind.STOP not in form.attached:
            late_ms = self._now_ms() - self._times.naked_ms // 4
            unknown = [o for o in orders if o.state.unanswered and not o.only_reduces]
            unknown = [o for o in unknown if o.state.phase is OrderPhase.UNKNOWN or o.state.at_ms < late_ms]
            if unknown:
                held, opened_by, sure = unknown[0].state.asked_qty, unknown[0].name, False
        reducing = [order for order in orders if order.only_reduces]
        return Holding(
            held=held,
            opened_by=opened_by if held else "",
            wanted=await self._wanted(held, opened_by) if held else {},
            entries=self.entries(),
            fired=frozenset(order.row.stop_id for order in reducing if order.row.stop_id),
            done=await self._done(opened_by) if held else frozenset(),
            closing=not sure or any(self._closes(order) for order in reducing),
            closed_ms=self._closed_ms,
            in_vain=self._in_vain(opened_by, held),
        ), sure

    async def _done(self, opened_by: str) -> frozenset[str]:
        """Returns the position's stops whose order was filled whole."""
        fired = [life for life in self.lives.values() if life.phase is StopPhase.TRIGGERED]
        found = set[str]()
        for life in [one for one in fired if one.opened_by == opened_by]:
            row = await self._context.journal.order(fired_name(life))
            if row is not None and row.state is OrderPhase.FILLED:
                found.add(life.stop_id)
        return frozenset(found)

    def _orders_and_held(self) -> tuple[list["OpenOrder"], Decimal, str]:
        orders = [order for order in self._manager.open_orders.values() if order.state.in_flight]
        held = self._context.books.position(self.sym) + sum((order.state.filled_qty for order in orders), Decimal(0))
        first = next((order.name for order in orders if order.state.filled_qty and not order.only_reduces), "")
        return orders, held, self._context.books.opened_by(self.sym) or first

    def _in_vain(self, opened_by: str, held: Decimal) -> int:
        """Returns how often just this was closed at market, and is held all the same."""
        return self._closed[2] if self._closed is not None and self._closed[:2] == (opened_by, held) else 0

    def _closes(self, order: "OpenOrder") -> bool:
        return not order.row.stop_id and order.state.phase is not OrderPhase.UNKNOWN

    async def _wanted(self, held: Decimal, opened_by: str) -> Mapping[StopKind, WantedStop]:
        config, rules = self._context.config, self._context.venue.rules(self.sym)
        terms, opener = config.protect.terms, await self._opener(opened_by)
        hangs_on = opener.price if opener is not None else self._context.books.paid().get(self.sym)
        if terms is None or hangs_on is None:
            return {}
        return wanted_stops(
            terms, hangs_on, held, rules, nearest_stop(self.liquidation, held, config.protect.margin_bps)
        )

    async def _opener(self, name: str) -> OrderRow | None:
        """Returns the order that opened the position; None where that was no order, but e.g. a person's word."""
        if name in self._manager.open_orders:
            return self._manager.open_orders[name].row
        if name not in self._openers:
            self._openers[name] = await self._context.journal.order(name)
        return self._openers[name]

    async def _do(self, action: Action) -> None:
        if isinstance(action, Place):
            await self._place(action)
        elif isinstance(action, CancelStop):
            await self._cancel(action.life)
        elif isinstance(action, CloseAtMarket):
            await self._close(action)
        elif isinstance(action, TakenPlace):
            answered = await self.ask(action.life)  # it may have fired before: its order is to be booked then
            if answered and self.lives[action.life.stop_id].phase is not StopPhase.TRIGGERING:
                self.apply(action.life.stop_id, Superseded(self._now_ms()))
                await self.save()
        else:
            assert isinstance(action, GiveUp)
            gone = action.life._replace(phase=StopPhase.FAILED, reason=Reason.NOT_ON_VENUE, text="no order came of it")
            self.lives[gone.stop_id] = gone
            await self.save()

    async def _place(self, place: Place) -> None:
        """Sends one stop, once: it is in the journal as SENT then."""
        context, venue = self._context, self._context.venue
        life = placed_life(place, self.book, self.sym, self._now_ms(), context.config.validity_ms)
        if life.stop_id in self.lives or await context.journal.stop(life.stop_id) is not None:
            raise AssertionError(f"stop {life.stop_id} of {self.book} was placed before")
        self.lives[life.stop_id] = life
        await self.save()

        async def cleared() -> None:
            if not context.leased() or context.fenced.broken:
                raise NotCleared("the lease was over")

        answer: StopAnswer = Ambiguous("no answer in time")
        with suppress(TimeoutError):  # another one is placed while there is time; this one may show up later
            async with asyncio.timeout(self._times.naked_ms / 2_000):
                answer = await venue.stops.place(request_of(life), cleared)
        life = self.apply(life.stop_id, Placed(answer, self._now_ms()))
        log.info(
            "a stop was placed", sym=self.sym, stop=life.stop_id, price=str(life.price), now=life.phase, why=life.text
        )
        if not isinstance(answer, StopReport):
            text = f"{life.kind} at {life.price}: {life.phase} {life.text}"
            await context.fenced.write([EventRow(STOP, self.sym, life.stop_id, text[:300], self._wall_ms())])
        await self.save()
        if life.occupied:
            for other in [one for one in self.lives.values() if one.kind is life.kind and one.stop_id != life.stop_id]:
                if other.live or other.revivable:
                    await self.ask(other)
        holding, sure = await self._holding()
        await self._naked.note(holding, self.lives.values(), sure=sure)

    async def _cancel(self, life: StopLife) -> None:
        """Asks for the cancel, which does no harm twice. Where there is none to cancel, it looks what became of it."""
        life = self.apply(life.stop_id, Cancel(self._now_ms()))
        await self.save()
        answer = await self._context.venue.stops.cancel(life.report)
        if isinstance(answer, StopReport):
            self.apply(life.stop_id, Told(answer, self._now_ms()))
            await self.save()
        elif isinstance(answer, Absent):
            await self.ask(life)

    async def ask(self, life: StopLife) -> bool:
        """Looks one up: by its ids, or among what was traded where it has none yet; returns whether it was answered."""
        venue, at_ms = self._context.venue, self._now_ms()
        answer: StopReport | Absent | Ambiguous
        if life.venue_id or venue.stops.form.own_id:
            answer = await venue.stops.find(self.sym, life.kind, life.stop_id, life.venue_id)
        else:
            answer = await self._by_its_trades(life) or Absent(at_ms)
        if isinstance(answer, StopReport):
            self.apply(life.stop_id, Told(answer, self._now_ms()))
        elif isinstance(answer, Absent):
            self.apply(life.stop_id, answer)
        await self.save()
        return not isinstance(answer, Ambiguous)

    async def _by_its_trades(self, life: StopLife) -> StopReport | Ambiguous | None:
        """Looks for one that has fired before the exchange had told its id: its order's trades name that.

        The oldest order that no other has become is its: an earlier revision fires first, or not at all.
        """
        venue = self._context.venue
        try:
            fills = await venue.fills(self.sym, life.at_ms - CLOCK_ERROR_MS)
        except VenueError as error:
            return Ambiguous(str(error))
        ids = dict.fromkeys(
            fill.venue_order_id for fill in fills
            if fill.signed_qty * life.held_qty < 0 and not fill.client_order_id and fill.at_ms >= life.at_ms
        )  # fmt: skip
        others = self._orders_of_others(life.stop_id)
        for id_ in [one for one in ids if one not in others][:MOST_ASKED]:
            found = await venue.stops.find(self.sym, life.kind, "", id_)
            if isinstance(found, StopReport) and found.kind is life.kind:
                return found
        return None

    async def _close(self, action: CloseAtMarket) -> None:
        life, now_ms = action.life, self._wall_ms()
        times = self._in_vain(life.opened_by, action.held_qty) + 1
        self._closed, self._closed_ms = (life.opened_by, action.held_qty, times), self._now_ms()
        row = closing_row(life, action.held_qty, await self._opener(life.opened_by), action.reason, now_ms)
        text = f"{action.reason}: {life.kind} at {life.price} did not close {action.held_qty}: closed at market"
        log.error("alarm", sym=self.sym, stop=life.stop_id, what=text, told=life.text)
        await self._manager.close_at_market(row, EventRow(ALARM, self.sym, row.client_order_id, text, now_ms))

    def _forget(self, holding: Holding) -> None:
        """Forgets what is over; one that nothing but silence has ended may show up yet."""
        oldest_ms = self._now_ms() - SEEN_AGAIN_MS
        for life in list(self.lives.values()):
            if not life.live and life.opened_by != holding.opened_by and life.heard_ms < oldest_ms:
                del self.lives[life.stop_id], self._written[life.stop_id]

    def _form(self) -> "StopForm":
        return self._context.venue.stops.form

    def _now_ms(self) -> int:
        return self._context.venue.now_ms()

    def _wall_ms(self) -> int:
        return time.time_ns() // NS_PER_MS
