"""The books of an account on the way out: what each holds by the journal, and by what the venue tells of its orders.

An order that the journal has without an end may be filled by now: in full, in part or not at all. The venue is asked,
and what it says counts here at once. Until it says so the order holds up its own quantity only: what is ours however
it ends can be sold. In the journal the order stays as it is: the gateway settles it when it is back. Only those of
books that no gateway trades are settled by whoever leads out (`settled`).
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum, auto
from functools import partial

from services.gateway.account.closing_orders import PositionSeen, last_valid_ms
from services.gateway.execution.account_reader import look_up, trades_of
from services.gateway.execution.baseline import elsewhere_row, mine_of
from services.gateway.execution.records import NS_PER_MS, base_held, ending, open_order_of
from shared.config import Settings
from shared.control.books import NOTHING, Booked, book_of, booked
from shared.errors import VenueError
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages.reasons import OrderPhase
from shared.orders import Absent, Ambiguous, Answer, OrderState, OrderStatusReport
from shared.orders.outcome import outcome
from shared.orders.state import ENDED
from shared.orders.stop_life import UNANSWERED
from shared.orders.transitions import on_event
from shared.side_by_side import Beside

_ZERO = Decimal(0)
MARGIN_MS = 500  # past the last validity, before the last look
ASKED_S = 2.0  # so long a look waits for what became of an order; the next one takes what comes later


class _NoEnd(Enum):
    """An order has no end: it is shown as open, or nobody tells; the venue has forgotten it, which is for a person."""

    SHOWN = auto()
    UNTOLD = auto()
    FORGOTTEN = auto()


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
        self._untold: dict[str, float] = {}  # of these, since when (monotonic) the venue does not tell what they are
        self._absent: dict[str, int] = {}  # and when it was asked first of those that it did not know any more
        self._forgotten: set[str] = set()  # that it had shown, and does not know for good
        self._asking = Beside[Decimal | _NoEnd]()

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
        """Returns the symbol's position with what is known of whose it is.

        Where an order is not told, that is what its books hold however the orders end.
        """
        books, mine = self._held[sym], self._mine.get(sym, _ZERO)
        rows = [row for row in self._open.values() if row.sym == sym]
        unsettled = tuple(map(self._may_be_filled, rows))
        if self.untold(sym):
            books, unsettled = dict(books), ()
            for row in rows:
                books[row.book] = books.get(row.book, _ZERO) + min(row.signed_qty, _ZERO)
        return PositionSeen(position, sum(books.values(), _ZERO), unsettled, mine, books)

    def _may_be_filled(self, row: OrderRow) -> Decimal:
        """Returns the quantity of an open order; of a buy that is forgotten what was filled of it in the journal.

        Exchanges forget what came to nothing, and coins are no proof of a buy: they may be somebody's savings.
        """
        forgotten = row.signed_qty > 0 and row.client_order_id in self._forgotten
        return row.filled_qty if forgotten else row.signed_qty

    def untold(self, sym: str) -> dict[str, float]:
        """Returns the symbol's orders, by id, of which it was not told how they ended, and since when (monotonic)."""
        return {name: at_s for name, at_s in self._untold.items() if name in self._open and self._open[name].sym == sym}

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

        Then a position that was read before may be older than that end. What is not told is `untold`.
        """
        asked = {row.client_order_id: partial(self._filled, row) for row in self._open.values() if row.sym == sym}
        told, ended, now_s = await self._asking.done(asked, ASKED_S), False, time.monotonic()
        for order_id in asked:
            end = told.get(order_id, _NoEnd.UNTOLD)
            if isinstance(end, Decimal):
                self.ended(order_id, end)
                ended = True
            elif end is _NoEnd.UNTOLD:
                self._untold.setdefault(order_id, now_s)
            elif end is _NoEnd.SHOWN:
                self._untold[order_id] = now_s
            else:
                self._untold.pop(order_id, None)
                self._forgotten.add(order_id)
        return ended

    def never_came(self, order_id: str, asked_ms: int, valid_until_ms: int) -> bool:
        """Says whether an order is not there for good: the venue, asked at `asked_ms`, has just not known it.

        It has to say so twice, as in `shared/orders/transitions.py`, since nothing can arrive any more.
        """
        if asked_ms <= valid_until_ms + self._settings.gateway.grace_ms:
            return False
        return self._absent.setdefault(order_id, asked_ms) < asked_ms

    async def end(self) -> None:
        """Asks nothing any more."""
        await self._asking.end()

    async def _filled(self, row: OrderRow) -> Decimal | _NoEnd:
        """Returns what the book has of an order that has ended."""
        asked_ms, order_id = self._venue.now_ms(), row.client_order_id
        try:
            event = await look_up(self._venue, row.sym, order_id, open_order_of(row).state, of_stop=bool(row.stop_id))
            if isinstance(event, Answer):
                self._absent.pop(order_id, None)
                return await self._net(row, event.what) if event.what.phase in ENDED else _NoEnd.SHOWN
            if not isinstance(event, Absent) or not self.never_came(order_id, asked_ms, row.valid_until_ms):
                return _NoEnd.UNTOLD
            if event.traded_qty is None:
                return _NoEnd.FORGOTTEN if row.venue_order_id else _ZERO
            told = OrderStatusReport(OrderPhase.CANCELED, event.traded_qty, event.paid, row.venue_order_id)
            return await self._net(row, told)
        except VenueError:
            return _NoEnd.UNTOLD

    async def _net(self, row: OrderRow, told: OrderStatusReport) -> Decimal | _NoEnd:
        """Returns what the book gets: of a buy it is less by a fee in coins, which its trades alone tell."""
        if told.filled_qty <= 0:
            return told.filled_qty
        state = replace(
            open_order_of(row).state, phase=told.phase, filled_qty=told.filled_qty, paid=told.paid,
            venue_order_id=told.venue_order_id or row.venue_order_id,
        )  # fmt: skip
        trades, rules = await trades_of(self._venue, row.sym, state, last=True), self._venue.rules(row.sym)
        booked = outcome(state, trades.fills, rules.quote, base_held(rules), trades.prices)
        return _NoEnd.UNTOLD if booked is None else booked.last_qty


async def settled(
    journal: Journal, venue: Venue, row: OrderRow, before: OrderState | None, grace_ms: int
) -> tuple[OrderState, list[Change]]:
    """Returns an order's state, whose book no gateway trades, and what ends it, as a gateway would write that.

    Nothing ends it while the venue does not tell how it ended, or not all of its trades.

    - before: the state that was returned for this row last, since some answers count the second time; None at first.
    """
    if before is None:
        before = on_event(open_order_of(row).state, Ambiguous("nobody waits for its answer any more"), grace_ms).state
    event = await look_up(venue, row.sym, row.client_order_id, before, of_stop=bool(row.stop_id))
    state = on_event(before, event, grace_ms).state
    if not state.ended:
        return state, []
    trades = await trades_of(venue, row.sym, state, last=True)
    seq, now_ms = await journal.last_seq(row.book) + 1, time.time_ns() // NS_PER_MS
    end = ending(row, state, trades, venue.rules(row.sym), seq=seq, epoch=row.epoch, now_ms=now_ms)
    if end is None:
        return state, []
    changes = list(end.changes)
    if elsewhere := trades.elsewhere():
        changes.append(elsewhere_row(await journal.limits(), elsewhere))
    return state, changes
