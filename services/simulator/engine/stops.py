"""Stops as exchanges keep them: instructions that wait for a price, and become orders of the engine when it is there.

    DORMANT -> WAITING -> TRIGGERING -> TRIGGERED, with the order that it became
          `-> DISCARDED, where its entry ended without a fill, or not filled in full
    WAITING -> CANCELED;  DORMANT, TRIGGERING -> FAILED

One that an entry carries is DORMANT until that entry is filled. All versions stay, in the engine's file as its own
events; nothing happens by itself, `advance` does what is due. The price is the mark price, which is the mid here.

A stop with a quantity that is more than the position fails when it is triggered: no page says that all exchanges cut
it, and OKX says of orders that it does not (#order-book-trading-trade-post-place-order, P).
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from services.simulator.engine.events import (
    OPEN,
    Declined,
    DeclineReason,
    EngineOrder,
    FillPlan,
    NewOrder,
)
from services.simulator.engine.stop_faults import StopFate

if TYPE_CHECKING:
    from services.simulator.engine.matching_engine import MatchingEngine

ZERO = Decimal(0)
HALF = Decimal("0.5")
NEVER_MS = 1 << 60  # shown to no read: it never was there


class StopState(StrEnum):
    """A state says where a stop is in its life; it is no word of any exchange."""

    DORMANT = "DORMANT"
    WAITING = "WAITING"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    DISCARDED = "DISCARDED"


LIVE_STOPS = frozenset({StopState.DORMANT, StopState.WAITING, StopState.TRIGGERING})
HIDDEN = frozenset({StopState.DORMANT, StopState.DISCARDED})


class EngineStop(NamedTuple):
    """A version of a stop holds from one event to the next.

    - kind: the exchange's word for it.
    - side: +1 buys, -1 sells.
    - qty: base units; 0: it closes whatever is held then.
    - trigger, rises: it waits until the price is there, from below or from above.
    - trail, distance: how far the price comes back from its `best`, a share or a price; the trigger follows.
    - with_position: the exchange cancels it when the position is closed.
    - reduce_only: its order can only reduce; without, it trades its quantity whatever is held, and may open the
      reverse.
    - limit: the worst price that its order takes; None: any.
    - parent: the entry that carried it, 0: none.
    - at_first_fill: it wakes then, else when the entry has ended.
    - if_all: it wakes only where all of that entry was filled.
    - order_id: of the order that it became.
    - why: it failed or ended, a word of this module.
    """

    id: int
    client_id: str
    sym: str
    kind: str
    side: int
    qty: Decimal
    trigger: Decimal | None
    rises: bool
    created_ms: int
    updated_ms: int
    state: str = StopState.WAITING
    leg: str = ""
    trail: Decimal | None = None
    distance: Decimal | None = None
    best: Decimal | None = None
    with_position: bool = False
    reduce_only: bool = True
    parent: int = 0
    at_first_fill: bool = False
    if_all: bool = False
    limit: Decimal | None = None
    order_id: int = 0
    why: str = ""
    fired_ms: int = 0
    at_trigger: str = ""
    shown_ms: int = 0
    order_ms: int = 0
    told_ms: int = 0
    orphan: bool = False
    unattached: bool = False

    @property
    def whole(self) -> bool:
        """Says whether it closes whatever is held."""
        return not self.qty

    def reached(self, price: Decimal) -> bool:
        """Returns whether this price triggers it."""
        return self.trigger is not None and (price >= self.trigger if self.rises else price <= self.trigger)

    def followed(self, price: Decimal) -> "EngineStop":
        """Returns it with its trigger moved, where it trails."""
        if self.trail is None and self.distance is None:
            return self
        ahead = max if self.side < 0 else min
        best = price if self.best is None else ahead(self.best, price)
        back = self.distance if self.distance is not None else best * (self.trail or ZERO)
        return self._replace(best=best, trigger=best + self.side * back)


class StopBook:
    """Keeps the stops of one account, for the engine that it belongs to.

    - keeps_id: the order that one becomes has the stop's own id.
    - order_client_id: what client id that order has.
    - is_too_small: the exchange takes no order of this quantity of one that is triggered.
    """

    def __init__(self, engine: "MatchingEngine") -> None:
        self.keeps_id = False
        self.order_client_id: Callable[[EngineStop], str] = lambda stop: ""
        self.is_too_small: Callable[[EngineStop, Decimal], bool] = lambda stop, qty: False
        self._engine = engine
        self._newest: dict[int, EngineStop] = {}
        self._live: dict[int, None] = {}
        self._of_order: dict[int, int] = {}
        self._busy = False

    def take(self, stop: EngineStop) -> None:
        """Takes a version in, also from the file."""
        self._newest[stop.id] = stop
        if stop.order_id:
            self._of_order[stop.order_id] = stop.id
        if stop.state in LIVE_STOPS:
            self._live[stop.id] = None
        else:
            self._live.pop(stop.id, None)

    def place(self, stop: EngineStop, fate: StopFate, now_ms: int) -> EngineStop:
        """Takes a stop, or raises Declined. Its id is given here."""
        engine = self._engine
        engine.advance(now_ms)
        if engine.status(stop.sym):
            raise Declined(DeclineReason.NOT_TRADING)
        if stop.client_id and any(one.client_id == stop.client_id for one in self._each()):
            raise Declined(DeclineReason.DUPLICATE)
        followed = stop.followed(self._price(stop, now_ms))
        if followed.reached(self._price(stop, now_ms)):
            raise Declined(DeclineReason.WOULD_TRIGGER)
        made = followed._replace(
            id=engine.next_id(),
            created_ms=now_ms,
            updated_ms=now_ms,
            state=StopState.DORMANT if stop.parent else StopState.WAITING,
            at_trigger=fate.at_trigger,
            shown_ms=now_ms + fate.shown_ms,
            order_ms=fate.order_ms,
            told_ms=fate.told_ms,
            orphan=fate.orphan,
            unattached=fate.unattached,
        )
        engine.note(made)
        self.advance(now_ms)
        return self._newest[made.id]

    def change(self, stop: EngineStop, trigger: Decimal, now_ms: int) -> EngineStop:
        """Gives one that waits another price, or raises Declined."""
        changed = stop._replace(trigger=trigger, updated_ms=now_ms)
        if changed.reached(self._price(stop, now_ms)):
            raise Declined(DeclineReason.WOULD_TRIGGER)
        self._engine.note(changed)
        return changed

    def cancel(self, stop: EngineStop, now_ms: int, why: str = "user") -> EngineStop:
        """Cancels one that waits."""
        gone = stop._replace(state=StopState.CANCELED, updated_ms=now_ms, why=why)
        self._engine.note(gone)
        return gone

    def waiting(self, sym: str | None = None, seen_ms: int | None = None) -> list[EngineStop]:
        """Returns those that wait for a price, as a read at that time sees them; None: all."""
        return [
            one
            for one in self._each(sym)
            if one.state == StopState.WAITING and (seen_ms is None or one.shown_ms <= seen_ms)
        ]

    def all(self, seen_ms: int | None = None) -> list[EngineStop]:
        """Returns all there were, but for those that never were placed."""
        return [
            one
            for one in self._newest.values()
            if one.state not in HIDDEN and (seen_ms is None or one.shown_ms <= seen_ms)
        ]

    def by_id(self, id_: int) -> EngineStop | None:
        """Returns the one of this id."""
        return self._newest.get(id_)

    def of_order(self, order_id: int) -> EngineStop | None:
        """Returns the one that became this order."""
        return self._newest.get(self._of_order.get(order_id, 0))

    def carried_by(self, order_id: int) -> list[EngineStop]:
        """Returns those that this entry carries."""
        return [one for one in self._newest.values() if one.parent == order_id]

    def told_order(self, stop: EngineStop, seen_ms: int) -> EngineOrder | None:
        """Returns the order that it became, once a read is told of it."""
        told = stop.order_id and stop.updated_ms + stop.told_ms <= seen_ms
        return self._engine.by_id(stop.order_id) if told else None

    def advance(self, now_ms: int) -> None:
        """Does what is due: a stop's order is an order of the engine, whose own advance comes here again."""
        if self._busy:
            return
        self._busy = True
        try:
            for id_ in list(self._live):
                self._work(self._newest[id_], now_ms)
        finally:
            self._busy = False

    def _work(self, stop: EngineStop, now_ms: int) -> None:
        if stop.state == StopState.DORMANT:
            stop = self._woken(stop, now_ms)
        if stop.state == StopState.WAITING:
            stop = self._watched(stop, now_ms)
        due = stop.at_trigger != "sticks" and now_ms >= stop.fired_ms + stop.order_ms
        if stop.state == StopState.TRIGGERING and due:
            self._fire(stop, now_ms)

    def _woken(self, stop: EngineStop, now_ms: int) -> EngineStop:
        parent = self._engine.by_id(stop.parent)
        assert parent is not None
        if parent.state in OPEN and not (stop.at_first_fill and parent.filled):
            return stop
        changes: dict[str, object] = {"state": StopState.WAITING, "qty": stop.qty and abs(parent.filled)}
        if not parent.filled or (stop.if_all and parent.filled != parent.signed_qty):
            changes = {"state": StopState.DISCARDED}
        elif stop.unattached:
            changes = {"state": StopState.FAILED, "why": "unattached", "shown_ms": NEVER_MS}
        elif stop.whole and self._replaces(stop, now_ms):
            changes = {"state": StopState.DISCARDED}
        woken = stop._replace(updated_ms=now_ms, **changes)  # type: ignore[arg-type]
        self._engine.note(woken)
        return woken

    def _replaces(self, stop: EngineStop, now_ms: int) -> bool:
        """Gives its price to the one there is, of those that close whatever is held."""
        there = next((one for one in self.waiting(stop.sym) if (one.kind, one.leg) == (stop.kind, stop.leg)), None)
        if there is None or not there.whole:
            return False
        self._engine.note(there._replace(trigger=stop.trigger, rises=stop.rises, side=stop.side, updated_ms=now_ms))
        return True

    def _watched(self, stop: EngineStop, now_ms: int) -> EngineStop:
        """Follows the price, ends with the position, or is triggered."""
        held = self._engine.wallet.holding(stop.sym, leg=stop.leg).qty
        if stop.with_position and not stop.orphan and held * stop.side >= 0:
            return self.cancel(stop, now_ms, "position")
        price = self._price(stop, now_ms)
        watched = stop.followed(price)
        if watched.reached(price):
            watched = watched._replace(state=StopState.TRIGGERING, fired_ms=now_ms, updated_ms=now_ms)
        if watched != stop:
            self._engine.note(watched)
        return watched

    def _fire(self, stop: EngineStop, now_ms: int) -> None:
        """Makes its order, or none."""
        engine = self._engine
        held = engine.wallet.holding(stop.sym, leg=stop.leg).qty
        qty = stop.side * stop.qty or -held
        too_much = held * stop.side >= 0 or abs(qty) > abs(held)
        if stop.at_trigger == "fails" or qty * stop.side <= 0 or (stop.reduce_only and too_much):
            why = "margin" if stop.at_trigger == "fails" else "reduce_only"
            engine.note(stop._replace(state=StopState.FAILED, updated_ms=now_ms, why=why))
            return
        if self.is_too_small(stop, qty):
            engine.note(stop._replace(state=StopState.FAILED, updated_ms=now_ms, why="least"))
            return
        share = {"expires": ZERO, "short": HALF}.get(stop.at_trigger, Decimal(1))
        new = NewOrder(
            stop.sym, qty, self.order_client_id(stop), reduce_only=stop.reduce_only, leg=stop.leg, limit=stop.limit,
            ioc=stop.limit is not None,
        )  # fmt: skip
        try:
            order = engine.place(new, now_ms, FillPlan(share=share), id_=stop.id if self.keeps_id else 0)
        except Declined as declined:
            engine.note(stop._replace(state=StopState.FAILED, updated_ms=now_ms, why=declined.why.name.lower()))
            return
        engine.note(stop._replace(state=StopState.TRIGGERED, updated_ms=now_ms, order_id=order.id))

    def _each(self, sym: str | None = None) -> Iterator[EngineStop]:
        live = (self._newest[id_] for id_ in self._live)
        return (one for one in live if sym in (None, one.sym))

    def _price(self, stop: EngineStop, now_ms: int) -> Decimal:
        return self._engine.prices.quote(stop.sym, now_ms).mid
