"""The ends of orders tell what a person should look at: one was refused, or cut short, beside a position; or all miss.

An entry may miss its limit, now and then: then the strategy decides anew. A close should not, and where each entry of a
symbol misses there is another cause, e.g. a feed whose prices are not the exchange's.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from services.monitor.alerts.conditions import AlertKind, Condition
from shared.control.books import NOTHING, Booked, booked
from shared.exchanges.trading.amounts import plain
from shared.explain.reasons import REASONS
from shared.journal.journal import Journal
from shared.journal.rows import OrderRow
from shared.messages.reasons import Leg, OrderPhase, Reason

BACK_MS = 86_400_000  # how far a first look goes back
OVERLAP_MS = 120_000  # what is that much older than the newest may come yet: a write takes a while, clocks differ
NEWEST = 100  # orders of each symbol that it takes, however old they are
MISSES = 5  # entries of a symbol, one after the other, that the exchange took and of which it filled nothing
REFUSED = "REFUSED"  # the kind of the gateway's events
MISSED = frozenset({Reason.BEYOND_LIMIT, Reason.ENDED_BY_VENUE})
ENDED = frozenset({OrderPhase.CANCELED, OrderPhase.REJECTED, OrderPhase.EXPIRED})
# An order that ended so had nothing to do; nobody has to look.
NOTHING_TO_DO = frozenset(
    {Reason.DUST, Reason.NOTHING_TO_REDUCE, Reason.NO_SHORT_ON_SPOT, Reason.BELOW_MINIMUM, Reason.CLOSE_NOT_FILLED}
)


class OrderEnds:
    """OrderEnds looks at the orders of an account's journal that have ended since its last look.

    - symbols: those that the line trades. A first look takes their newest orders, too.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols
        self._upto_ms = 0
        self._taken: set[OrderRow] = set()  # of OVERLAP_MS before it, as they were
        self._refused: dict[tuple[str, bool], OrderRow] = {}  # the newest of each symbol; True: it was to reduce
        self._missed: dict[str, list[OrderRow]] = {}  # the entries of each symbol since the last that was filled
        self._booked: dict[str, Booked] = {}

    async def look(self, journal: Journal, now_ms: int) -> list[Condition]:
        """Returns what stands; raises JournalUnwritable."""
        for row in await self._changed(journal, now_ms):
            if row.state in ENDED or row.state is OrderPhase.FILLED:
                self._take(row)
        return [*await self._refusals(journal), *self._misses()]

    async def _changed(self, journal: Journal, now_ms: int) -> list[OrderRow]:
        """Returns the orders that have changed since the last look, in this order."""
        since_ms, found = self._upto_ms - OVERLAP_MS, dict[str, OrderRow]()
        if not self._upto_ms:
            since_ms = now_ms - BACK_MS
            for sym in self._symbols:
                found |= {row.client_order_id: row for row in await journal.newest_orders(sym, NEWEST)}
        rows = await journal.orders(open_only=False, since_ms=since_ms)
        found |= {row.client_order_id: row for row in rows if row not in self._taken}
        self._upto_ms = max([self._upto_ms or now_ms - BACK_MS, *(row.updated_ms for row in rows)])
        self._taken = {row for row in rows if row.updated_ms >= self._upto_ms - OVERLAP_MS}
        return sorted(found.values(), key=lambda row: row.updated_ms)

    def _take(self, row: OrderRow) -> None:
        sym, reduces = row.sym, _reduces(row)
        if row.state in ENDED and _calls(row):
            self._refused[sym, reduces] = row
        elif row.filled_qty:
            for before in (False, True) if reduces else (False,):
                self._refused.pop((sym, before), None)
        if reduces:
            return
        if row.filled_qty:
            self._missed.pop(sym, None)
        elif row.reason in MISSED:
            self._missed[sym] = [*self._missed.get(sym, ()), row][-MISSES:]

    def _misses(self) -> Iterator[Condition]:
        """Yields the symbols of which the exchange fills no entry, until it fills one, in part or whole."""
        for sym, rows in self._missed.items():
            if len(rows) == MISSES:
                last = rows[-1]
                limit = "" if last.limit_price is None else f", limit {plain(last.limit_price)}"
                text = f"{sym}: each of its last {MISSES} entries was canceled with nothing filled, the newest one of "
                text += f"{plain(last.intended_qty)} decided at {plain(last.price)}{limit}"
                yield Condition(AlertKind.MISSES, sym, text, f"tickline why {sym}", sym)

    async def _refusals(self, journal: Journal) -> list[Condition]:
        """Returns refusals of orders in symbols that hold something, until one is filled or nothing is held.

        A fill of an entry ends no refusal of a close, and whoever was told of an entry's knows of no close's.
        """
        found = list[Condition]()
        for (sym, reduces), row in sorted(self._refused.items()):
            self._booked[sym] = held = await booked(journal, row.book, self._booked.get(sym, NOTHING))
            if held.qty:
                found.append(await _refusal(journal, row, held.qty))
            else:
                del self._refused[sym, reduces]
        return found


async def _refusal(journal: Journal, row: OrderRow, qty: Decimal) -> Condition:
    told = [event.text for event in await journal.events_of(row.client_order_id) if event.kind == REFUSED]
    why = told[-1] if told else REASONS[row.reason] if row.reason else ""
    filled = f" with {plain(row.filled_qty)} filled" if row.filled_qty else ""
    text = f"{row.sym}: its order of {plain(row.intended_qty)} ({row.leg}) ended {row.state}{filled}, {row.reason}: "
    text += f"{why}; the book holds {plain(qty)}"
    about = f"{row.sym} close" if _reduces(row) else row.sym
    return Condition(AlertKind.REFUSED, about, text, f"tickline why {row.sym}", row.sym)


def _reduces(row: OrderRow) -> bool:
    return row.reduce_only or row.leg is Leg.CLOSE


def _calls(row: OrderRow) -> bool:
    """Says whether a person has to look at an order that ended so. An entry may miss its limit; a close should not."""
    if row.reason is Reason.BEYOND_LIMIT:
        return _reduces(row)
    return row.reason is not None and row.reason not in NOTHING_TO_DO
