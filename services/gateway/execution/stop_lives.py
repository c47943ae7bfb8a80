"""The stops of one symbol's book that are known, and what of them the journal has.

What was done or told of one is taken at once and written by `save`. One that has become an order is written together
with that order, which the symbol's manager follows from then on.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.stop_holding import StopHolding
from services.gateway.execution.stop_records import fired_row
from shared.journal.rows import Change
from shared.orders import Ambiguous, FiringStop
from shared.orders.stop_life import Placed, StopEvent, StopLife, Superseded, on_stop_event
from shared.orders.stops import StopPhase, StopReport

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.session_context import SessionContext

log = structlog.get_logger()

SEEN_AGAIN_MS = 600_000  # so often the journal learns that a stop still waits
NS_PER_MS = 1_000_000


class StopLives:
    """The stops of one book: those that may be at the exchange, those of its position, and those that ended of late.

    by_id: the stops, by our id.
    """

    def __init__(self, manager: "OrderManager", context: "SessionContext", holding: StopHolding) -> None:
        self.by_id: dict[str, StopLife] = {}
        self._manager, self._context, self._holding = manager, context, holding
        self._written: dict[str, StopLife] = {}

    def load(self, lives: Sequence[StopLife]) -> None:
        """Takes what the journal has. One whose answer was not written is UNKNOWN now."""
        self.by_id = {life.stop_id: life for life in lives}
        self._written = dict(self.by_id)
        for life in lives:
            if life.phase is StopPhase.SENT and not life.carried_by:
                self.apply(life.stop_id, Placed(Ambiguous("the gateway was stopped before the answer"), life.heard_ms))

    @property
    def live(self) -> list[StopLife]:
        """Returns those that may be at the exchange."""
        return [life for life in self.by_id.values() if life.live]

    def know(self, life: StopLife) -> None:
        """Takes one that only the journal has remembered."""
        self.by_id[life.stop_id] = self._written[life.stop_id] = life

    def add(self, lives: Sequence[StopLife]) -> None:
        """Takes new ones, which are about to be sent."""
        self.by_id |= {life.stop_id: life for life in lives}

    def apply(self, stop_id: str, event: StopEvent) -> StopLife:
        """Takes what was done or told; `save` writes it."""
        grace_ms = self._context.config.grace_ms
        life = on_stop_event(self.by_id[stop_id], event, grace_ms)
        if life.phase is StopPhase.TRIGGERED and life.order_id in self.orders_of_others(stop_id):
            life = on_stop_event(self.by_id[stop_id], Superseded(self._context.venue.now_ms()), grace_ms)
        self.by_id[stop_id] = life
        return life

    def orders_of_others(self, stop_id: str) -> frozenset[str]:
        """Returns the orders that other stops have become: no order comes of two."""
        fired = (life for life in self.by_id.values() if life.phase is StopPhase.TRIGGERED)
        return frozenset(life.order_id for life in fired if life.stop_id != stop_id)

    def whose(self, row: StopReport) -> StopLife | None:
        """Returns which of them a row of the exchange's list is; None: none of them."""
        known = list(self.by_id.values())[::-1]
        if row.stop_id:
            return self.by_id.get(row.stop_id)
        live = [life for life in known if life.live]
        of_kind = (life for life in live if not life.venue_id and life.kind is row.kind and row.whole)
        by_id = ([life for life in some if life.venue_id == row.venue_id] for some in (live, known))
        now, ever = (next(iter(found), None) for found in by_id)
        return now or next(of_kind, None) or ever

    def firing(self) -> list[FiringStop]:
        """Returns what the comparison with the venue is to expect of those that may be about to become an order."""
        return [self._firing(life) for life in self.live if life.seen_ms]

    def _firing(self, life: StopLife) -> FiringStop:
        if life.phase is not StopPhase.TRIGGERING:
            return FiringStop(life.seen_ms)
        return FiringStop(life.seen_ms, -self._holding.held() if life.whole else -life.held_qty)

    def changes(self) -> list[Change]:
        """Returns what the journal lacks, but for stops that have become an order; it counts as written from now on."""
        found = [life for life in self.by_id.values() if self._news(life) and life.phase is not StopPhase.TRIGGERED]
        return [self._stamped(life) for life in found]

    async def save(self) -> None:
        """Writes what has changed. A stop that has become an order goes into the journal together with that order."""
        if changes := self.changes():
            await self._context.fenced.write(changes)
        for life in [life for life in self.by_id.values() if life.phase is StopPhase.TRIGGERED and self._news(life)]:
            seen_ms, opener = max(life.at_ms, life.seen_ms), await self._holding.opener(life.opened_by)
            held = self._holding.held()
            row = fired_row(self._stamped(life), held, opener, seen_ms, time.time_ns() // NS_PER_MS)
            log.info("a stop has fired", sym=life.sym, stop=life.stop_id, order=life.order_id)
            await self._manager.take_fired(self.by_id[life.stop_id], row)

    def forget(self, opened_by: str) -> None:
        """Forgets what is over.

        - opened_by: whose stops stay: one that nothing but silence has ended may show up yet. So does the stop that has
          opened it: what that has opened is closed, however long it takes.
        """
        oldest_ms = self._context.venue.now_ms() - SEEN_AGAIN_MS
        for life in list(self.by_id.values()):
            of_position = opened_by in (life.opened_by, life.fired_name)
            if not life.live and not of_position and life.heard_ms < oldest_ms:
                del self.by_id[life.stop_id], self._written[life.stop_id]

    def _news(self, life: StopLife) -> bool:
        before = self._written.get(life.stop_id)
        if before is None or life.seen_ms - before.seen_ms >= SEEN_AGAIN_MS:
            return True
        return life.kept != before.kept

    def _stamped(self, life: StopLife) -> StopLife:
        life = life._replace(epoch=self._context.fenced.epoch, updated_ms=time.time_ns() // NS_PER_MS)
        self.by_id[life.stop_id] = self._written[life.stop_id] = life
        return life
