"""The protector sees to it that each position has the stops that it should have, for as long as a session lasts.

It looks at a symbol when something of it was written, when the list of stops was read (`stop_watch`), and when a
position was read. One symbol waits for no other.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from services.gateway.execution.protection import clearing
from services.gateway.execution.records import by_book
from services.gateway.execution.symbol_stops import SymbolStops
from shared.errors import ConfigError
from shared.exchanges.trading.stop_profile import unkept
from shared.exchanges.trading.venue import Venue
from shared.journal.rows import Change, OrderRow
from shared.orders import FiringStop
from shared.orders.answers import VenuePosition
from shared.orders.stop_life import StopLife

if TYPE_CHECKING:
    from services.gateway.execution.order_manager import OrderManager
    from services.gateway.execution.session_context import SessionContext
    from shared.config.protect import ProtectSettings

KNOWN_MS = 86_400_000  # how long one that has ended may still show up
MS = 1_000


class Protector:
    """The protector has the stops of all symbols; by symbol, once `begin` has loaded them."""

    def __init__(self) -> None:
        self.symbols: dict[str, SymbolStops] = {}

    async def begin(self, managers: "Mapping[str, OrderManager]", context: "SessionContext") -> None:
        """Loads what the journal has; ConfigError where the venue cannot keep the stops that the config wants."""
        check_protect(context.config.protect, context.venue, managers)
        now_ms = context.venue.now_ms()
        openers = [opener for sym in managers if (opener := context.books.opened_by(sym))]
        lives = by_book(await context.journal.stops(since_ms=now_ms - KNOWN_MS, openers=openers))
        naked = by_book(await context.journal.naked())
        for sym, manager in managers.items():
            self.symbols[sym] = stops = SymbolStops(manager, context)
            stops.load(lives[stops.book], naked[stops.book])
            await stops.known.save()

    async def run(self, sym: str) -> None:
        """Looks at a symbol for ever, whenever something may have changed."""
        stops = self.symbols[sym]
        while True:
            await stops.changed.wait()
            stops.changed.clear()
            if not stops.idle or stops.bare:
                await stops.look()

    def look(self, sym: str) -> None:
        """Has a symbol looked at."""
        if sym in self.symbols:
            self.symbols[sym].changed.set()

    def clearing(self, sym: str) -> bool:
        """Says whether a stop of an older position is still there, so that no entry may go; asked when flat."""
        stops = self.symbols.get(sym)
        return stops is not None and clearing(stops.known.by_id.values(), stops.holding.entries())

    def exposed(self, sym: str) -> bool:
        """Says whether no stop limits the loss of what a symbol holds, or one is just closing it: nothing joins it."""
        stops = self.symbols.get(sym)
        return stops is not None and stops.exposed

    def carried(self, row: OrderRow, qty: Decimal, at_ms: int) -> list[StopLife]:
        """Returns the stops that an entry carries; they are written and sent together with it."""
        stops = self.symbols.get(row.sym)
        return [] if stops is None else stops.carried(row, qty, at_ms)

    def ended(self, row: OrderRow) -> list[Change]:
        """Takes that an order is over; returns what is to be written with that."""
        stops = self.symbols.get(row.sym)
        return [] if stops is None else stops.order_ended(row)

    def known_ids(self) -> frozenset[str]:
        """Returns the ids, ours and the exchange's, of the stops that may be there."""
        lives = [life for stops in self.symbols.values() for life in stops.known.live]
        return frozenset(id_ for life in lives for id_ in (life.stop_id, life.venue_id) if id_)

    def firing(self) -> dict[str, list[FiringStop]]:
        """Returns the stops that may be about to become an order, by symbol."""
        return {sym: firing for sym, stops in self.symbols.items() if (firing := stops.known.firing())}

    def see(self, positions: Iterable[VenuePosition]) -> None:
        """Takes what the exchange says of the positions: where each would be liquidated."""
        for position in positions:
            stops = self.symbols.get(position.sym)
            if stops is None or position.row:
                continue
            if stops.holding.see(position):
                stops.changed.set()


def check_protect(protect: "ProtectSettings", venue: Venue, syms: Iterable[str]) -> None:
    """Raises ConfigError where a stop is wanted that the exchange does not have, in each case by name."""
    for sym in syms:
        if protect.terms is not None and (why := unkept(protect.terms, venue.stops.form, venue.rules(sym).kind)):
            raise ConfigError(f"{sym}: [strategy.protect] {why}: remove it, or trade where it can")
