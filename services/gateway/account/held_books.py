"""The books of an account on the way out: what each holds by the journal, and by what the venue tells of its orders.

An order that the journal has without an end may be filled by now: in full, in part or not at all. The venue is asked,
and what it says counts here at once. In the journal the order stays as it is: the gateway settles it when it is back.
Only those of books that no gateway trades are settled by whoever leads out (`settled`).
"""

import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from services.gateway.account.closing_orders import PositionSeen, last_valid_ms
from services.gateway.execution.account_reader import look_up, trades_of
from services.gateway.execution.baseline import elsewhere_row, mine_of
from services.gateway.execution.records import ending, open_order_of
from shared.config import Settings
from shared.control.books import NOTHING, Booked, book_of, booked
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages.reasons import OrderPhase
from shared.orders import Absent, Answer, OrderStatusReport
from shared.orders.state import ENDED
from shared.orders.stop_life import UNANSWERED
from shared.orders.transitions import on_event

_ZERO = Decimal(0)
MARGIN_MS = 500  # past the last validity, before the last look
NS_PER_MS = 1_000_000


class HeldBooks:
    """The books are those of these symbols, of whatever instance.

    - traded: symbols that a gateway trades when it is back; None: all of the settings.
    - booked: what was read of the books already.
    - others: orders, by id, of books that no gateway trades; the journal has no end of them yet.
    - quiet_ms: when the last order that was under way cannot arrive any more.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        venue: Venue,
        syms: Sequence[str],
        traded: Collection[str] | None,
        booked: Mapping[str, Booked],
    ) -> None:
        self.others: dict[str, OrderRow] = {}
        self.quiet_ms = 0
        self._settings = settings
        self._journal = journal
        self._venue = venue
        self._syms = tuple(syms)
        self._traded = frozenset(book_of(settings, sym) for sym in (settings.symbols if traded is None else traded))
        self._booked = dict(booked)  # as far as it was read: a long book is read once
        self._held: dict[str, dict[str, Decimal]] = {}  # by symbol, what each book holds, that of the config first
        self._mine: dict[str, Decimal] = {}  # what a person has called no book's
        self._open: dict[str, OrderRow] = {}  # by id, orders without an end, ours too

    async def load(self) -> None:
        """Reads what is new in the journal, and its open orders, among these what we have sent ourselves."""
        seqs = await self._journal.last_seqs()
        while True:
            rows = [row for row in await self._journal.orders() if row.state is not OrderPhase.INTENT]
            held: dict[str, dict[str, Decimal]] = {sym: {book_of(self._settings, sym): _ZERO} for sym in self._syms}
            for book, seq in sorted(seqs.items()):
                if (sym := book.partition(":")[2]) in held:
                    held[sym][book] = await self._read(book, seq)
            before, seqs = seqs, await self._journal.last_seqs()
            if seqs == before:  # else an order that has ended amid the reading would count twice
                break
        self._held = held
        self._open = {row.client_order_id: row for row in rows if row.sym in self._syms}
        self.others = {name: row for name, row in self._open.items() if row.book not in self._traded}
        self._mine = mine_of(await self._journal.limits(), self._syms)
        late = (row.valid_until_ms for row in rows if not row.venue_order_id)  # others have arrived
        stops = (life.valid_until_ms for life in await self._journal.stops() if life.phase in UNANSWERED)
        quiet_ms = last_valid_ms((*late, *stops))
        self.quiet_ms = max(self.quiet_ms, quiet_ms + MARGIN_MS if quiet_ms else 0)

    async def _read(self, book: str, seq: int) -> Decimal:
        """Returns what the book holds, up to number `seq` at least."""
        before = self._booked.get(book, NOTHING)
        if before.seq < seq:
            self._booked[book] = await booked(self._journal, book, before)
        return self._booked[book].qty

    def seen(self, sym: str, position: Decimal) -> PositionSeen:
        """Returns the symbol's position with what is known of whose it is."""
        books, mine = self._held[sym], self._mine.get(sym, _ZERO)
        unsettled = tuple(row.signed_qty for row in self._open.values() if row.sym == sym)
        return PositionSeen(position, sum(books.values(), _ZERO), unsettled, mine, books)

    def sent(self, row: OrderRow) -> None:
        """Takes an order that the journal has since just now."""
        self._open[row.client_order_id] = row
        if row.book not in self._traded:
            self.others[row.client_order_id] = row

    def ended(self, order_id: str, filled_qty: Decimal) -> None:
        """Adds what was filled to the order's book: once, however often it is told, and not where the journal has it.

        Orders that are no book's are not known here.
        """
        row = self._open.pop(order_id, None)
        if row is not None:
            held = self._held[row.sym]
            held[row.book] = held.get(row.book, _ZERO) + filled_qty  # it may be the first of its book

    async def ask(self, sym: str) -> bool:
        """Asks the venue about the symbol's open orders; returns whether one has ended.

        Then a position that was read before may be older than that end. VenueError where one may still be filled.
        """
        asked = [row for row in self._open.values() if row.sym == sym]
        found = [(row.client_order_id, await self._filled(row)) for row in asked]
        ends = [(order_id, filled_qty) for order_id, filled_qty in found if filled_qty is not None]
        for order_id, filled_qty in ends:
            self.ended(order_id, filled_qty)
        return bool(ends)

    async def _filled(self, row: OrderRow) -> Decimal | None:
        """Returns what was filled of an order that has ended; None where the venue has forgotten it."""
        asked_ms, order_id = self._venue.now_ms(), row.client_order_id
        event = await look_up(self._venue, row.sym, order_id, open_order_of(row).state, of_stop=bool(row.stop_id))
        if isinstance(event, Answer) and event.what.phase in ENDED:
            return event.what.filled_qty
        if isinstance(event, Absent) and asked_ms > row.valid_until_ms + self._settings.gateway.grace_ms:
            return None if row.venue_order_id and event.traded_qty is None else event.traded_qty or _ZERO
        raise VenueError(f"{row.sym}: order {order_id} of {row.book} has no end yet")


async def settled(journal: Journal, venue: Venue, row: OrderRow, grace_ms: int) -> list[Change]:
    """Returns what ends an order whose book no gateway trades, as a gateway would write it.

    It is empty while the venue does not tell how the order ended, or not all of its trades.
    """
    asked_ms = venue.now_ms()
    found = await venue.find(row.sym, row.client_order_id, row.at_ms)
    event = Answer(asked_ms, found, venue.now_ms()) if isinstance(found, OrderStatusReport) else found
    state = on_event(open_order_of(row).state, event, grace_ms).state
    if not state.ended:
        return []
    trades = await trades_of(venue, row.sym, state, last=True)
    seq, now_ms = await journal.last_seq(row.book) + 1, time.time_ns() // NS_PER_MS
    end = ending(row, state, trades, venue.rules(row.sym), seq=seq, epoch=row.epoch, now_ms=now_ms)
    if end is None:
        return []
    changes = list(end.changes)
    if elsewhere := trades.elsewhere():
        changes.append(elsewhere_row(await journal.limits(), elsewhere))
    return changes
