"""Orders that rest or wait in an account's markets are looked at together on the way out, and cancelled.

A stop of a position is none: one that the exchange keeps with it, and one of ours. They stay until that is closed.

A question for all markets costs what one of a single market does, and exchanges bound how many are asked in a second.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

from services.gateway.account.waiting import VenueWait
from shared.control.accounts import Say
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.orders.answers import Ambiguous, VenueOrder
from shared.side_by_side import Beside, side_by_side

PATIENCE_S = 3.0  # a list that does not answer holds up no close for longer; the question goes on beside it


class Resting:
    """The orders, anybody's, that rest or wait in the markets of `syms`.

    - failed: symbols that could not be looked at or cancelled the last time.
    - keep: ids, ours and the exchange's, of our stops.
    """

    def __init__(self, venue: Venue, syms: Sequence[str], say: Say, keep: Collection[str] = ()) -> None:
        self.failed: set[str] = set()
        self.keep = frozenset(keep)
        self._venue = venue
        self._syms = tuple(syms)
        self._say = say
        self._cancelled: set[str] = set()
        self._beside = Beside[str]()
        self._with_stops: set[str] = set()  # symbols whose lists have shown a stop that is kept with its position

    async def cancel_all(self, until: float, waiting: VenueWait) -> None:
        """Cancels every open order; tried until `until` (monotonic; inf: without end), then VenueError."""
        while left := await self.cancel_unseen() or await self.cancel():
            await waiting.pause(until, f"not all is cancelled yet ({left})", trouble=bool(self.failed))

    async def cancel_unseen(self) -> str:
        """Cancels in all markets, whatever is shown: a list may be older than the newest order. Returns what failed."""
        return await self._each(self._syms, self._cancel)

    async def cancel(self, syms: Collection[str] = ()) -> str:
        """Looks at these markets, or at all, and cancels what is there; returns what failed or was there, or "".

        A symbol that cannot be asked holds up no other.
        """
        asked = tuple(syms or self._syms)
        try:
            shown = await self._shown(asked)
        except VenueError:
            return await self._each(asked, self._one)
        self.failed -= set(asked)
        there = [sym for sym in asked if shown[sym]]
        for sym in self._cancelled.intersection(asked).difference(there):
            self._cancelled.discard(sym)
            self._say(f"{sym}: cancelled what was open")
        trouble = await self._each(there, lambda sym: self._cancel(sym, shown[sym]))
        return trouble or ", ".join(there)

    async def cancel_beside(self, syms: Collection[str] = ()) -> None:
        """Cancels as `cancel` does, and waits for it PATIENCE_S at most: then it goes on beside what is done next.

        While it does it is not begun again. Whoever calls this calls `end`.
        """
        await self._beside.done({"": lambda: self.cancel(syms)}, PATIENCE_S)

    async def end(self) -> None:
        """Ends what goes on beside."""
        await self._beside.end()

    async def cancel_last(self) -> str:
        """Cancels our stops too, since all positions are closed; returns what failed or was there, or "".

        The lists of orders show every stop. Only where one is kept with a position the exchange is asked for stops.
        """
        await self.end()
        self.keep = frozenset()
        left = await self.cancel()
        return ", ".join(filter(None, (left, await self._cancel_stops() if self._with_stops else "")))

    async def _cancel_stops(self) -> str:
        stops = self._venue.stops
        try:
            shown = await stops.waiting(sorted(self._with_stops))
        except VenueError as error:
            return str(error)
        for stop in shown:
            answer = await stops.cancel(stop)
            self._say(f"{stop.sym}: {answer.cause if isinstance(answer, Ambiguous) else 'removed its stop'}")
        return ", ".join(sorted({stop.sym for stop in shown}))

    async def _one(self, sym: str) -> None:
        shown = (await self._shown([sym]))[sym]
        if shown:
            await self._cancel(sym, shown)
            raise VenueError(f"{sym}: looked at again")

    async def _shown(self, syms: Sequence[str]) -> dict[str, list[VenueOrder]]:
        found = [*await self._venue.all_open_orders(syms), *await self._venue.waiting_orders(syms)]
        self._with_stops -= set(syms)
        self._with_stops |= {order.sym for order in found if order.of_position}
        taken = [order for order in found if not order.of_position and not self.keep & _ids(order)]
        return {sym: [order for order in taken if order.sym == sym] for sym in syms}

    async def _cancel(self, sym: str, shown: Sequence[VenueOrder] | None = None) -> None:
        await self._venue.cancel_all(sym, shown, self.keep)
        self._cancelled.add(sym)

    async def _each(self, syms: Collection[str], step: Callable[[str], Awaitable[None]]) -> str:
        """Does this for these symbols side by side; returns what the venue said where it did not work."""

        async def tried(sym: str) -> str:
            try:
                await step(sym)
            except VenueError as error:
                self.failed.add(sym)
                return str(error)
            self.failed.discard(sym)
            return ""

        return ", ".join(filter(None, await side_by_side(map(tried, syms))))


async def stops_of(journal: Journal) -> frozenset[str]:
    """Returns the ids, ours and the exchange's, of the stops that the journal has at the exchange."""
    lives = await journal.stops()
    return frozenset(id_ for life in lives for id_ in (life.stop_id, life.venue_id) if id_)


def _ids(order: VenueOrder) -> set[str]:
    return {order.client_order_id, order.report.venue_order_id}
