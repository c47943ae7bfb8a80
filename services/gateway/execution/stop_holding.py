"""What one symbol's book holds that its stops should protect, as far as it is known, or has to be supposed."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from services.gateway.execution.protection import LIMITS_LOSS, CloseAtMarket, Holding, ProtectTimes, WantedStop
from services.gateway.execution.stop_records import nearest_stop, wanted_stops
from shared.journal.rows import OrderRow
from shared.messages.reasons import OrderPhase, StopKind
from shared.orders.answers import VenuePosition
from shared.orders.state import ENDED
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.records import OpenOrder
    from services.gateway.execution.session_context import SessionContext

PART_OF_NAKED = 4  # of `naked_s`: so long an entry's answer is waited for before it is supposed to be filled
MOVED = Decimal("0.001")  # a liquidation price that has moved by less is the same


class StopHolding:
    """The holding of one book, made anew at each look, out of its orders and what is booked. Dust is not held."""

    def __init__(self, manager: "OrderManager", context: "SessionContext", times: ProtectTimes) -> None:
        self._liquidation: tuple[str, Decimal] | None = None  # whose, by its opener, and where, as last read
        self._manager, self._context, self._times = manager, context, times
        self._openers: dict[str, OrderRow | None] = {}
        self._filled: set[str] = set()  # stops whose order was filled whole, which the journal learns just now
        self._closed_ms = 0
        self._closed: tuple[str, Decimal, int] | None = None  # what was closed last, and how often in vain

    def orders(self) -> list["OpenOrder"]:
        """Returns the orders in flight."""
        return [order for order in self._manager.open_orders.values() if order.state.in_flight]

    def entries(self) -> frozenset[str]:
        """Returns the orders in flight that may add."""
        return frozenset(order.name for order in self.orders() if not order.only_reduces)

    def held(self) -> Decimal:
        """Returns what is booked and what is known to be filled of orders in flight, signed base units."""
        return self._context.books.tradable(self._manager.sym) + sum(map(_filled, self.orders()), Decimal(0))

    async def now(self, lives: Collection[StopLife]) -> tuple[Holding, bool]:
        """Returns it, and whether it is certain: what an entry may hold that nobody has answered is protected, too.

        An entry's own stop covers it meanwhile only where one that is filled in part leaves one, too.
        """
        found, sure = self._seen()  # of one moment: what follows asks the journal
        if found.held:
            wanted = self._wanted(found, await self.opener(found.opened_by))
            found = found._replace(wanted=wanted, done=await self._done(found.opened_by, lives))
        return found, sure

    def at_once(self) -> Holding:
        """Returns it, as far as it is known without asking the journal."""
        found, _ = self._seen()
        return found._replace(wanted=self._wanted(found, self._known_opener(found.opened_by))) if found.held else found

    def _seen(self) -> tuple[Holding, bool]:
        form, orders, held, sure = self._context.venue.stops.form, self.orders(), self.held(), True
        opened_by = self._opened_by(held, orders)
        unanswered = [order for order in orders if self._is_unanswered(order)]
        if unanswered and not held and not (form.attached_part and self._carried_limits_loss()):
            held, opened_by, sure = unanswered[0].state.asked_qty, unanswered[0].name, False
        unsure = frozenset(order.name for order in orders if order in unanswered or _has_ended_short(order))
        reducing = [order for order in orders if order.only_reduces]
        found = Holding(
            held=held,
            opened_by=opened_by if held else "",
            wanted={},
            entries=self.entries(),
            unsure=frozenset() if form.attached_part else unsure,
            fired=frozenset(order.row.stop_id for order in reducing if order.row.stop_id and order.ended_with is None),
            closing=not sure or any(_closes(order) for order in reducing),
            closed_ms=self._closed_ms,
            in_vain=self._in_vain(opened_by, held),
        )
        return found, sure

    def note_close(self, action: CloseAtMarket) -> None:
        """Takes that it is closed at market now."""
        opened_by, held = action.opened_by, action.held_qty
        self._closed = opened_by, held, self._in_vain(opened_by, held) + 1
        self._closed_ms = self._context.venue.now_ms()

    def note_end(self, row: OrderRow) -> None:
        """Takes that an order is over, or how it stands; it is booked before the journal has it."""
        if row.stop_id and row.state is OrderPhase.FILLED:
            self._filled.add(row.stop_id)

    def see(self, position: VenuePosition) -> bool:
        """Takes where the exchange would liquidate the position; returns whether that is news.

        It says nothing of another one, which may be on the other side by the time that this is read.
        """
        held, price, before = self.held(), position.liquidation, self._liquidation
        opened_by = self._opened_by(held, self.orders())
        now = (opened_by, price) if price and opened_by and position.signed_qty * held > 0 else None
        if before and now and before[0] == now[0] and abs(now[1] - before[1]) <= MOVED * before[1]:
            return False
        self._liquidation = now
        return now != before

    async def opener(self, name: str) -> OrderRow | None:
        """Returns the order that opened the position; None where that was no order, but e.g. a person's word."""
        if name not in self._manager.open_orders and name not in self._openers:
            self._openers[name] = await self._context.journal.order(name)
        return self._known_opener(name)

    def _known_opener(self, name: str) -> OrderRow | None:
        order = self._manager.open_orders.get(name)
        return self._openers.get(name) if order is None else order.row

    def _opened_by(self, held: Decimal, orders: Collection["OpenOrder"]) -> str:
        """Returns the order that opened what is held; one that is not booked yet may have turned the position."""
        books, sym = self._context.books, self._manager.sym
        booked, filled = books.opened_by(sym), _first_filled(orders, held)
        return filled or booked if books.tradable(sym) * held < 0 else booked or filled

    def _carried_limits_loss(self) -> bool:
        """Says whether an entry's own request brings a stop that limits the loss, of those that are wanted."""
        terms, attached = self._context.config.protect.terms, self._context.venue.stops.form.attached
        return terms is None or any(terms.distance(kind) is not None for kind in LIMITS_LOSS & attached)

    def _is_unanswered(self, order: "OpenOrder") -> bool:
        state, late_ms = order.state, self._context.venue.now_ms() - self._times.naked_ms // PART_OF_NAKED
        lost = state.phase is OrderPhase.UNKNOWN or state.at_ms < late_ms
        return state.unanswered and not order.only_reduces and lost

    async def _done(self, opened_by: str, lives: Collection[StopLife]) -> frozenset[str]:
        """Returns the position's stops whose order was filled whole."""
        fired = [life for life in lives if life.phase is StopPhase.TRIGGERED and life.opened_by == opened_by]
        for life in [one for one in fired if one.stop_id not in self._filled]:
            row = await self._context.journal.order(life.fired_name)
            if row is not None:
                self.note_end(row)
        self._filled.intersection_update(life.stop_id for life in lives)
        return frozenset(self._filled.intersection(life.stop_id for life in fired))

    def _in_vain(self, opened_by: str, held: Decimal) -> int:
        """Returns how often just this was closed at market, and is held all the same."""
        return self._closed[2] if self._closed is not None and self._closed[:2] == (opened_by, held) else 0

    def _wanted(self, holding: Holding, opener: OrderRow | None) -> Mapping[StopKind, WantedStop]:
        config, sym, held = self._context.config, self._manager.sym, holding.held
        terms = config.protect.terms
        hangs_on = opener.price if opener is not None else self._context.books.paid().get(sym)
        if terms is None or hangs_on is None:
            return {}
        read = self._liquidation
        liquidation = read[1] if read is not None and read[0] == holding.opened_by else None
        nearest = nearest_stop(liquidation, held, config.protect.margin_bps)
        return wanted_stops(terms, hangs_on, held, self._context.venue.rules(sym), nearest)


def _filled(order: "OpenOrder") -> Decimal:
    return max(order.state.filled_qty, order.ended_with or Decimal(0), key=abs)


def _first_filled(orders: Collection["OpenOrder"], held: Decimal) -> str:
    """Returns the first order that has been filled on the side that is held; of none that only reduces."""
    return next((order.name for order in orders if order.state.filled_qty * held > 0 and not order.only_reduces), "")


def _has_ended_short(order: "OpenOrder") -> bool:
    """Says whether the exchange has told that not all of it was filled, though not all of its trades are known."""
    told_short = order.state.told in ENDED and order.state.filled_qty != order.state.asked_qty
    return told_short or order.ended_with is not None


def _closes(order: "OpenOrder") -> bool:
    return not order.row.stop_id and order.state.phase is not OrderPhase.UNKNOWN
