"""The exchange is asked what became of one stop: by its ids, or by what was traded where it has none yet."""

from typing import TYPE_CHECKING

from services.gateway.execution.account_reader import CLOCK_ERROR_MS
from services.gateway.execution.stop_lives import StopLives
from shared.errors import VenueError
from shared.orders import Absent, Ambiguous
from shared.orders.stop_life import StopLife, Told
from shared.orders.stops import StopReport

if TYPE_CHECKING:
    from services.gateway.execution.session_context import SessionContext

MOST_ASKED = 5  # orders that may be a stop's, by their trades


class StopLookup:
    """The lookup asks about the stops of one book, and takes and writes what is told."""

    def __init__(self, lives: StopLives, context: "SessionContext") -> None:
        self._lives, self._context = lives, context

    async def ask(self, life: StopLife) -> bool:
        """Looks one up; returns whether it was answered. An order that another stop has become is none of this one."""
        venue, at_ms, taken = self._context.venue, self._context.venue.now_ms(), self._taken(life)
        answer: StopReport | Absent | Ambiguous
        if life.venue_id or venue.stops.form.own_id:
            answer = await venue.stops.find(life.sym, life.kind, life.stop_id, life.venue_id, taken)
        else:
            answer = await self._by_its_trades(life) or Absent(at_ms)
        if isinstance(answer, StopReport):
            self._lives.apply(life.stop_id, Told(answer, venue.now_ms()))
        elif isinstance(answer, Absent):
            self._lives.apply(life.stop_id, answer)
        await self._lives.save()
        return not isinstance(answer, Ambiguous)

    async def _by_its_trades(self, life: StopLife) -> StopReport | Ambiguous | None:
        """Looks for one that has fired before the exchange had told its id: its order's trades name that.

        The oldest order that no other has become is its: an earlier revision fires first, or not at all.
        """
        venue, since_ms = self._context.venue, life.at_ms - self._context.config.grace_ms  # its clock's error is less
        try:
            fills = await venue.fills(life.sym, life.at_ms - CLOCK_ERROR_MS)
        except VenueError as error:
            return Ambiguous(str(error))
        ids = dict.fromkeys(
            fill.venue_order_id for fill in fills
            if fill.signed_qty * life.held_qty < 0 and not fill.client_order_id and fill.at_ms >= since_ms
        )  # fmt: skip
        taken = self._taken(life)
        for id_ in [one for one in ids if one not in taken][:MOST_ASKED]:
            found = await venue.stops.find(life.sym, life.kind, "", id_)
            if isinstance(found, StopReport) and found.kind is life.kind:
                return found
        return None

    def _taken(self, life: StopLife) -> frozenset[str]:
        return self._lives.orders_of_others(life.stop_id)
