"""What a look at a position's stops decides is done: one is placed, cancelled or given up, or all is closed at market.

Each stop is in the journal as SENT before its request goes out, under the session's epoch.
"""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from services.gateway.execution.protection import (
    Action,
    CancelStop,
    CloseAtMarket,
    GiveUp,
    Place,
    ProtectTimes,
    TakenPlace,
)
from services.gateway.execution.stop_holding import StopHolding
from services.gateway.execution.stop_lives import StopLives
from services.gateway.execution.stop_lookup import StopLookup
from services.gateway.execution.stop_records import closing_row, placed_life, request_of
from shared.exchanges.trading.client import NotCleared
from shared.journal.rows import EventRow
from shared.messages.reasons import Reason
from shared.orders import Absent, Ambiguous
from shared.orders.state import Cancel
from shared.orders.stop_life import Placed, StopLife, Superseded, Told
from shared.orders.stops import StopAnswer, StopPhase, StopReport

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.session_context import SessionContext

log = structlog.get_logger()

ALARM, STOP = "ALARM", "STOP"  # kinds of events
NS_PER_MS = 1_000_000


class StopRequests:
    """The requests of one book's stops.

    - lives, lookup, holding: what is known of them and of what they protect.
    - times: so long an answer is waited for at most.
    """

    def __init__(
        self,
        manager: "OrderManager",
        context: "SessionContext",
        lives: StopLives,
        lookup: StopLookup,
        holding: StopHolding,
        times: ProtectTimes,
    ) -> None:
        self._manager, self._context, self._times = manager, context, times
        self._lives, self._lookup, self._holding = lives, lookup, holding

    async def do(self, action: Action) -> None:
        """Does one of them."""
        if isinstance(action, Place):
            await self._place(action)
        elif isinstance(action, CancelStop):
            await self._cancel(action.life)
        elif isinstance(action, CloseAtMarket):
            await self._close(action)
        elif isinstance(action, TakenPlace):
            await self._take_place(action.life)
        else:
            assert isinstance(action, GiveUp)
            await self._give_up(action.life)

    async def _place(self, place: Place) -> None:
        """Sends one stop, once: it is in the journal as SENT then."""
        context, venue, manager = self._context, self._context.venue, self._manager
        life = placed_life(place, manager.book, manager.sym, venue.now_ms(), context.config.validity_ms)
        if life.stop_id in self._lives.by_id or await context.journal.stop(life.stop_id) is not None:
            raise AssertionError(f"stop {life.stop_id} of {manager.book} was placed before")
        self._lives.add([life])
        await self._lives.save()

        async def cleared() -> None:
            if not context.leased() or context.fenced.broken:
                raise NotCleared("the lease was over")

        answer: StopAnswer = Ambiguous("no answer in time")
        with suppress(TimeoutError):  # another one is placed while there is time; this one may show up later
            async with asyncio.timeout(self._times.naked_ms / 2_000):
                answer = await venue.stops.place(request_of(life), cleared)
        life = self._lives.apply(life.stop_id, Placed(answer, venue.now_ms()))
        log.info(
            "a stop was placed", sym=life.sym, stop=life.stop_id, price=str(life.price), now=life.phase, why=life.text
        )
        if not isinstance(answer, StopReport):
            text = f"{life.kind} at {life.price}: {life.phase} {life.text}"
            await context.fenced.write([EventRow(STOP, life.sym, life.stop_id, text[:300], _wall_ms())])
        await self._lives.save()
        if life.occupied:
            await self._look_for_the_other(life)

    async def _look_for_the_other(self, life: StopLife) -> None:
        """Looks up what may be the one that is said to be there already."""
        for other in [one for one in self._lives.by_id.values() if one.kind is life.kind]:
            if other.stop_id != life.stop_id and (other.live or other.revivable):
                await self._lookup.ask(other)

    async def _cancel(self, life: StopLife) -> None:
        """Asks for the cancel, which does no harm twice. Where there is none to cancel, it looks what became of it."""
        venue = self._context.venue
        life = self._lives.apply(life.stop_id, Cancel(venue.now_ms()))
        await self._lives.save()
        answer = await venue.stops.cancel(life.report)
        if isinstance(answer, StopReport):
            self._lives.apply(life.stop_id, Told(answer, venue.now_ms()))
            await self._lives.save()
        elif isinstance(answer, Absent):
            await self._lookup.ask(life)

    async def _take_place(self, life: StopLife) -> None:
        """Takes that a newer one lies in its place. It may have fired before: then its order is to be booked."""
        answered = await self._lookup.ask(life)
        if answered and self._lives.by_id[life.stop_id].phase is not StopPhase.TRIGGERING:
            self._lives.apply(life.stop_id, Superseded(self._context.venue.now_ms()))
            await self._lives.save()

    async def _give_up(self, life: StopLife) -> None:
        """Waits no more for the order of one that was triggered. Where it cannot be cancelled, a person is told."""
        venue = self._context.venue
        if life.venue_id or venue.stops.form.own_id:
            answer = await venue.stops.cancel(life.report)
            if isinstance(answer, StopReport):
                self._lives.apply(life.stop_id, Told(answer, venue.now_ms()))
                await self._lives.save()
                return
        text = f"{life.kind} at {life.price} ({life.venue_id or life.stop_id}) was triggered, and no order came of it"
        gone = life._replace(phase=StopPhase.FAILED, reason=Reason.NOT_ON_VENUE, text="no order came of it")
        self._lives.add([gone])
        text += ": it may yet act on the next position. Look at the exchange's page, and cancel it there if it is open"
        log.error("alarm", sym=life.sym, stop=life.stop_id, what=text, told=life.text)
        await self._context.fenced.write([EventRow(ALARM, life.sym, life.stop_id, text, _wall_ms())])
        await self._lives.save()

    async def _close(self, action: CloseAtMarket) -> None:
        life, now_ms = action.life, _wall_ms()
        self._holding.note_close(action)
        opener = await self._holding.opener(action.opened_by)
        row = closing_row(life, action.held_qty, opener, action.reason, now_ms)
        log.error("alarm", sym=life.sym, stop=life.stop_id, what=action.text, told=life.text)
        await self._manager.close_at_market(row, EventRow(ALARM, life.sym, row.client_order_id, action.text, now_ms))


def _wall_ms() -> int:
    return time.time_ns() // NS_PER_MS
