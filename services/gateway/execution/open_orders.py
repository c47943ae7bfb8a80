"""One list shows what rests in the account, for all orders of ours that rest: none is asked for by itself meanwhile."""

import asyncio

import structlog

from services.gateway.execution.records import OpenOrder
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.orders.answers import VenueOrder

log = structlog.get_logger()


MOST_FAILURES = 3  # of the list in a row: then what rests is looked up order by order


class OpenOrdersWatch:
    """The watch reads the account's open orders every `every_s`, while an order of ours rests.

    A list says nothing final: an order that it lacks, or shows filled otherwise, is looked up by its own id. So are all
    after MOST_FAILURES lists that were not answered.
    """

    def __init__(self, venue: Venue, every_s: float) -> None:
        self._venue = venue
        self._every_s = every_s
        self._waiting: dict[str, tuple[OpenOrder, asyncio.Event]] = {}
        self._wanted: set[str] = set()  # orders to look up, of those that are being looked up just now
        self._failures = 0

    async def changed(self, order: OpenOrder) -> None:
        """Waits until the list shows the order no more, or otherwise than it is known, or somebody says `look`."""
        if order.name in self._wanted:
            self._wanted.remove(order.name)
            return
        event = asyncio.Event()
        self._waiting[order.name] = order, event
        try:
            await event.wait()
        finally:
            del self._waiting[order.name]

    def look(self, order: OpenOrder) -> None:
        """Has an order that is not over looked up now, e.g. since its cancel was answered."""
        if order.name in self._waiting:
            self._waiting[order.name][1].set()
        elif order.rests:
            self._wanted.add(order.name)

    def forget(self, order: OpenOrder) -> None:
        """Forgets an order that is over."""
        self._wanted.discard(order.name)

    async def run(self) -> None:
        """Reads for ever, as long as something rests."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.once()

    async def once(self) -> None:
        """Reads once, if something rests. Where the venue does not answer, nothing is known that was not before."""
        waiting = list(self._waiting.values())
        if not waiting:
            return
        try:
            rows = await self._venue.all_open_orders(sorted({order.row.sym for order, _ in waiting}))
        except VenueError as error:
            log.warning("cannot list what rests", why=str(error))
            self._failures += 1
            if self._failures % MOST_FAILURES == 0:
                for _, event in waiting:
                    event.set()
            return
        self._failures = 0
        for order, event in waiting:
            row = next((row for row in rows if _is(row, order)), None)
            if row is None or row.report.filled_qty != order.state.filled_qty:
                event.set()


def _is(row: VenueOrder, order: OpenOrder) -> bool:
    """Says whether the row is the order's; not every list has client ids."""
    state = order.state
    own = row.report.venue_order_id in {state.venue_order_id, state.became} - {""}
    return row.sym == order.row.sym and (own or row.client_order_id == order.name)
