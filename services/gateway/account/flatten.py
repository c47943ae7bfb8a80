"""A flatten closes positions through the venue itself, each order in the journal before it is sent, until all is flat.

    load ─▶ cancel what rests ─▶ look: close what is held, and again, until nothing is ─▶ once nothing can arrive any
    more: cancel the stops too, and look until no order and no position is shown ─▶ end the orders of other books

What the fenced gateway had sent may arrive until its validity is over: until then, and once more after it, the flatten
looks again. The stops of a position stay until it is closed, and go last. What closes our own position is an order of
its book: it stays SENT in the journal, and the gateway settles it, like any other, when it is back. All books of the
account are closed, those of this gateway and those of another instance: no gateway comes back for the latter, so their
orders are settled here. What closes the rest is noted, and stays a difference that a person may adopt.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from decimal import Decimal
from hashlib import blake2b

from services.gateway.account.closing_orders import (
    ClosingOrder,
    PositionSeen,
    closing_orders,
    closing_orders_of_row,
    last_valid_ms,
)
from services.gateway.account.resting import Resting, stops_of
from services.gateway.account.waiting import POLL_S, Overtaken, VenueWait
from services.gateway.execution.account_reader import trades_of
from services.gateway.execution.baseline import elsewhere_row, mine_of
from services.gateway.execution.records import ending, open_order_of
from shared.config import Settings
from shared.control.accounts import Say
from shared.control.books import book_of, booked_qty
from shared.control.latches import AT_WORK
from shared.errors import VenueError
from shared.exchanges.trading.amounts import truncated
from shared.exchanges.trading.venue import MarketRules, Venue
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow, OrderRow
from shared.messages import Leg
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import Absent, Ambiguous, Answer, OrderRequest, OrderStatusReport, Refused
from shared.orders.answers import VenuePosition
from shared.orders.state import ENDED
from shared.orders.stop_life import UNANSWERED
from shared.orders.transitions import on_event

SURE_S = 1.0  # how long it has to look flat: a read may be older than an answer
MARGIN_MS = 500  # past the last validity, before the last look
FENCED_TIMES = TOLD_TIMES = 20
REFUSED_TIMES = 12  # in a row, at full pace: halved so often, a close is small enough for any venue
NS_PER_MS = 1_000_000


class Flatten:
    """A flatten closes all positions of an account.

    - epoch: the journal's, raised by the halt; raised again where a gateway took it meanwhile.
    - by: the person.
    - unplaced: symbols that may hold something, of which nobody knows the market; they are never called flat.
    - traded: symbols that a gateway trades when it is back; None: all of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        venue: Venue,
        epoch: int,
        by: str,
        say: Say,
        unplaced: Sequence[str] = (),
        traded: Collection[str] | None = None,
        waiting: VenueWait | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._venue = venue
        self._epoch = epoch
        self._by = by
        self._say = say
        self._waiting = waiting or VenueWait(settings.gateway.account, say)
        self._trouble = False  # whether the venue has not answered since the last pause
        self._syms = tuple(sym for sym in settings.gateway.markets if sym not in venue.out_of_reach)
        self._not_seen = (*unplaced, *(sym for sym in settings.gateway.markets if sym in venue.out_of_reach))
        # By symbol: closing orders without an end; quantities of orders that the journal has not settled; what each
        # book holds, that of the config first; and what a person has called no book's.
        self._on_its_way: dict[str, list[tuple[OrderRequest, ClosingOrder]]] = {}
        self._unsettled: dict[str, tuple[Decimal, ...]] = {}
        self._booked: dict[str, dict[str, Decimal]] = {}
        self._mine: dict[str, Decimal] = {}
        self._of_others: dict[str, OrderRow] = {}  # orders, by id, of books that no gateway trades
        self._traded_books = frozenset(
            book_of(settings, sym) for sym in (settings.symbols if traded is None else traded)
        )
        self._told: set[str] = set()
        self._resting = Resting(venue, self._syms, say)
        self._refused: set[str] = set()  # since the last look
        self._in_row: dict[str, int] = {}  # refusals since something was taken, by symbol
        self._most: dict[str, Decimal] = {}  # that the venue takes at once, as its refusals tell
        self._quiet_ms = 0  # when the last order that was under way cannot arrive any more
        self._retaking = asyncio.Lock()

    async def flatten(self, until: float) -> None:
        """Cancels, and closes until the venue shows no position and nothing can arrive any more.

        VenueError after `until` (monotonic), Overtaken where another halt is at work since. A symbol that cannot be
        asked holds up no other.
        """
        await self._load()
        await self._resting.cancel()
        flat_since: float | None = None  # since when every look has shown no position
        nothing_rests = False  # since it is flat, and nothing can arrive any more
        while True:
            can_arrive = self._venue.now_ms() <= self._quiet_ms
            cancels_stops = flat_since is not None and not (can_arrive or nothing_rests)
            rests = await self._resting.cancel_last() if cancels_stops else ""
            left, seen_s = await self._look(), time.monotonic()  # behind the orders: what rested may have been filled
            if cancels_stops:
                nothing_rests = not (left or rests)
            elif again := self._resting.failed | self._refused:  # what no list showed may be in a close's way
                await self._resting.cancel(again)
            self._refused.clear()
            if left:
                flat_since, nothing_rests = None, False
            elif flat_since is None:
                flat_since = seen_s
                but = f", but for {', '.join(self._not_seen)}: not looked at" if self._not_seen else ""
                still = ": what was on its way can still arrive, looking again" if can_arrive else ""
                self._say(f"flat{but}{still}")
            elif rests:
                flat_since = seen_s
            if nothing_rests and flat_since is not None and time.monotonic() - flat_since > SURE_S:
                await self._settle_others(until)
                return
            await self._pause(until, f"not flat yet ({left or rests or 'orders can still arrive'})")

    async def _pause(self, until: float, on: str) -> None:
        trouble, self._trouble = self._trouble or bool(self._resting.failed), False
        await self._waiting.pause(until, on, trouble=trouble)

    async def _each(self, step: Callable[[str], Awaitable[bool]]) -> str:
        """Does this for all symbols side by side; returns those that are not done, and what the venue said."""

        async def tried(sym: str) -> str:
            try:
                return "" if await step(sym) else sym
            except VenueError as error:
                self._trouble = True
                return str(error)

        return ", ".join(filter(None, await asyncio.gather(*map(tried, self._syms))))

    async def _load(self) -> None:
        """Reads books and unsettled orders of the journal, among these what we have sent ourselves."""
        rows = [row for row in await self._journal.orders() if row.state is not OrderPhase.INTENT]
        for row in rows:
            if row.sym in self._syms:
                self._note_other(row)
        self._on_its_way = {
            sym: [(request, order._replace(book="")) for request, order in sent]  # the journal has what was filled
            for sym, sent in self._on_its_way.items()
        }
        self._mine = mine_of(await self._journal.limits(), self._syms)
        known = sorted(await self._journal.last_seqs())
        for sym in self._syms:
            books = [book_of(self._settings, sym), *(book for book in known if book.partition(":")[2] == sym)]
            self._booked[sym] = {book: await booked_qty(self._journal, book) for book in dict.fromkeys(books)}
            self._unsettled[sym] = tuple(row.signed_qty for row in rows if row.sym == sym)
        self._resting.keep = await stops_of(self._journal)
        late = (row.valid_until_ms for row in rows if not row.venue_order_id)  # others have arrived
        stops = (life.valid_until_ms for life in await self._journal.stops() if life.phase in UNANSWERED)
        quiet_ms = last_valid_ms((*late, *stops))
        self._quiet_ms = max(self._quiet_ms, quiet_ms + MARGIN_MS if quiet_ms else 0)

    async def _look(self) -> str:
        """Looks at the positions, and sends what is needed; returns what is not flat yet."""
        try:
            held = [position for position in await self._venue.positions() if position.signed_qty]
        except VenueError as error:
            self._trouble = True
            return str(error)

        async def is_flat(sym: str) -> bool:
            if self._on_its_way.get(sym):
                await self._settle(sym)
                return False  # the position that was read may be older than the order's end
            closing = [await self._close(position) for position in held if position.sym == sym]
            return not any(closing)

        return await self._each(is_flat)

    async def _settle(self, sym: str) -> None:
        """Strikes off the closing orders that have ended.

        One that the venue does not know counts as on its way until its validity is over.
        """
        still = []
        for request, order in self._on_its_way.get(sym, []):
            asked_ms = self._venue.now_ms()
            found = await self._venue.find(sym, request.client_order_id)
            if isinstance(found, OrderStatusReport) and found.phase in ENDED:
                self._ended(sym, order, found)
            elif not isinstance(found, Absent) or asked_ms <= request.valid_until_ms + self._settings.gateway.grace_ms:
                still.append((request, order))
        self._on_its_way[sym] = still

    def _ended(self, sym: str, order: ClosingOrder, snapshot: OrderStatusReport) -> None:
        """Adds what was filled to the book that the order closes."""
        if order.book:
            self._booked[sym][order.book] += snapshot.filled_qty

    async def _close(self, position: VenuePosition) -> bool:
        """Sends what closes a position; returns False when what is left of it cannot be traded.

        One of several in its market is closed as what it is. None of them is ours: those are not traded.
        """
        sym, qty, row, rules = position.sym, position.signed_qty, position.row, self._rules(position.sym)
        quote = await self._venue.quote(sym)
        price = quote.bid if qty > 0 else quote.ask
        if row:
            wanted = closing_orders_of_row(row, qty, rules, price)
        else:
            books, mine = self._booked[sym], self._mine.get(sym, Decimal(0))
            booked = sum(books.values(), Decimal(0))
            wanted = closing_orders(PositionSeen(qty, booked, self._unsettled[sym], mine, books), rules, price)
        if not wanted and f"{sym} {row}" not in self._told:
            self._told.add(f"{sym} {row}")
            self._say(f"{sym}: {qty} stays{f' in {row}' if row else ''}: below the venue's minimum, or not ours")
        for number, order in enumerate(wanted):
            if not await self._send(sym, order, number, price):
                break
        return bool(wanted)

    def _rules(self, sym: str) -> MarketRules:
        """Returns the market's rules, with the most that the venue has been seen to take at once."""
        rules = self._venue.rules(sym)
        if sym not in self._most:
            return rules
        least = max(rules.min_qty, rules.step)
        most = max(truncated(self._most[sym], rules.step), least)
        return rules._replace(most_qty=most if rules.most_qty is None else min(most, rules.most_qty))

    async def _send(self, sym: str, order: ClosingOrder, number: int, price: Decimal) -> bool:
        """Sends an order; returns False where the position is to be looked at anew before the next one goes."""
        own = self._settings.gateway
        at_ms = self._venue.now_ms()
        name = f"halt|{own.mode}|{own.venue}|{own.account}|{sym}|{order.row}|{at_ms}|{number}"
        order_id = blake2b(name.encode(), digest_size=16).hexdigest()
        request = OrderRequest(sym, order_id, order.signed_qty, True, at_ms, own.request_validity_ms, order.row)
        row = self._row(request, order.book, price) if order.book else None
        await self._write([row or _note(request)], seen=True)
        if row is not None:
            self._note_other(row)
        side = "BUY" if order.signed_qty > 0 else "SELL"
        whose = f"{order.row}, " * bool(order.row) + (f"ours: {order.book}" if order.book else "not ours")
        self._say(f"{side} {abs(order.signed_qty)} {sym} ({whose}), order {order_id}")
        answer = await self._placed(request)
        if isinstance(answer, Refused):
            self._on_refusal(sym, order, answer)
            return False
        size_mattered = self._after_refusals(sym, order)
        if isinstance(answer, OrderStatusReport) and answer.phase in ENDED:
            self._ended(sym, order, answer)
        else:
            self._on_its_way.setdefault(sym, []).append((request, order))
        return size_mattered

    def _on_refusal(self, sym: str, order: ClosingOrder, refused: Refused) -> None:
        """Counts a refusal; the next order is half as large where the venue did not say what is wrong."""
        self._say(f"{sym}: refused: {refused.reason} {refused.text}")
        self._refused.add(sym)
        self._in_row[sym] = self._in_row.get(sym, 0) + 1
        self._trouble = self._trouble or self._in_row[sym] > REFUSED_TIMES
        if refused.reason is Reason.VENUE_REFUSED:  # it may be too large, whatever the market's rules say
            self._most[sym] = abs(order.signed_qty) / 2

    def _after_refusals(self, sym: str, order: ClosingOrder) -> bool:
        """Lets the next order be larger, since this one was not refused; False where its size was not what mattered."""
        size_mattered = self._in_row.pop(sym, 0) <= REFUSED_TIMES
        if not size_mattered:
            self._most.pop(sym, None)  # the smallest was refused, too
        elif sym in self._most:  # or it had another cause, which may be over
            self._most[sym] = max(self._most[sym], abs(order.signed_qty) * 2)
        return size_mattered

    async def _placed(self, request: OrderRequest) -> OrderStatusReport | Refused | Ambiguous:
        """Places an order. It waits for an answer while the request is good; after that the order is looked up."""
        try:
            async with asyncio.timeout(self._settings.gateway.request_validity_ms / 1_000):
                return await self._venue.place(request)
        except TimeoutError:
            return Ambiguous("no answer while the request was good")

    def _row(self, request: OrderRequest, book: str, price: Decimal) -> OrderRow:
        """Returns the journal's row of a closing order of a book, as SENT."""
        zero, now_ms = Decimal(0), time.time_ns() // NS_PER_MS
        return OrderRow(
            client_order_id=request.client_order_id, book=book, sym=request.sym, tick_n=0,
            tr=f"halt:{request.sym}:{request.at_ms}"[:160], ts_event=now_ms * NS_PER_MS, leg=Leg.CLOSE,
            intended_qty=request.signed_qty, reduce_only=True, price=price,
            valid_until_ns=request.valid_until_ms * NS_PER_MS, after="", content=request.client_order_id, order_n=0,
            state=OrderPhase.SENT, signed_qty=request.signed_qty, at_ms=request.at_ms,
            valid_until_ms=request.valid_until_ms, venue_order_id="", filled_qty=zero, paid=zero, commission=zero,
            reason=None, epoch=self._epoch, updated_ms=now_ms,
        )  # fmt: skip

    def _note_other(self, row: OrderRow) -> None:
        if row.book not in self._traded_books:
            self._of_others[row.client_order_id] = row

    async def _settle_others(self, until: float) -> None:
        """Ends the orders of books that no gateway trades; one whose end the venue does not tell is for a person."""
        for row in self._of_others.values():
            changes: list[Change] = []
            self._waiting.on = f"it is flat; what became of order {row.client_order_id} of {row.book} is asked"
            with suppress(VenueError):
                for _ in range(TOLD_TIMES):  # trades may be told later than the order
                    changes = await settled(self._journal, self._venue, row, self._settings.gateway.grace_ms)
                    if changes or time.monotonic() > until:
                        break
                    await asyncio.sleep(POLL_S)
            if changes:
                await self._write(changes)
            else:
                self._say(f"{row.book}: order {row.client_order_id} is not told yet: `tickline resolve` lists it")

    async def _write(self, changes: Sequence[Change], *, seen: bool = False) -> None:
        """Writes under the newest epoch: the latch stops a gateway from sending, whatever epoch it takes meanwhile.

        Another halt stops us, since it closes what it has seen: the newest one goes on alone.

        - seen: the changes follow from what was seen. Where somebody has acted on the account since, that may be done
          already: nothing is written then, and all is read and looked at again (VenueError).
        """
        for _ in range(FENCED_TIMES):
            epoch = self._epoch
            try:
                await self._journal.write(changes, epoch)
                return
            except Fenced:
                async with self._retaking:
                    if self._epoch == epoch:  # else another symbol's order has taken it back meanwhile
                        await self._retake()
                if seen:
                    raise VenueError("somebody else has acted on the account: looking again") from None
        raise VenueError("another process keeps taking the journal's epoch: stop the gateway")

    async def _retake(self) -> None:
        holder = await self._journal.epoch()
        if holder.owner.startswith(AT_WORK):
            raise Overtaken(f"another {holder.owner} is at work on the account since: this one leaves it alone")
        note = EventRow("HALT", "", "", f"took the epoch back, by {self._by}", time.time_ns() // NS_PER_MS)
        with suppress(Fenced):  # taken meanwhile, perhaps by another halt: it is looked at again
            self._epoch = await self._journal.raise_epoch(f"{AT_WORK} by {self._by}", [note], after=holder.epoch)
            await self._load()


def _note(request: OrderRequest) -> EventRow:
    """Returns the journal's note of a closing order that is no book's."""
    text = f"closes {-request.signed_qty}{f' in {request.row}' if request.row else ''} that is not ours"
    return EventRow("FLATTEN", request.sym, request.client_order_id, text, request.at_ms)


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
