"""A flatten closes positions through the venue itself, each order in the journal before it is sent, until all is flat.

    cancel what rests ─▶ load ─▶ look: close what is held, and again, until nothing is ─▶ once nothing can arrive any
    more: cancel the stops too, and look until no order and no position is shown ─▶ end the orders of other books

What the fenced gateway had sent may arrive until its validity is over: until then, and once more after it, the flatten
looks again. The stops of a position stay until it is closed, and go last. What closes our own position is an order of
its book: it stays SENT in the journal, and the gateway settles it, like any other, when it is back. All books of the
account are closed, those of this gateway and those of another instance: no gateway comes back for the latter, so their
orders are settled here. What closes the rest is noted, and stays a difference that a person may adopt.

What is sent follows from a look, and is written under the epoch that stood when the look began: where anybody has acted
on the account since, that write is Fenced, nothing is sent, and all is read and looked at again.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, TypeAlias

from services.gateway.account.closing_orders import (
    ClosingOrder,
    closing_note,
    closing_orders,
    closing_orders_of_row,
    closing_row,
)
from services.gateway.account.held_books import ASKED_S, HeldBooks, settled
from services.gateway.account.resting import Resting, stops_of
from services.gateway.account.waiting import POLL_S, Overtaken, VenueWait
from services.gateway.execution.records import NS_PER_MS, REST_MS
from shared.config import Settings
from shared.control.accounts import Say
from shared.control.books import Booked
from shared.control.latches import AtWork, closes, is_at_work
from shared.errors import VenueError
from shared.exchanges.trading.amounts import truncated
from shared.exchanges.trading.venue import MarketRules, Venue
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow
from shared.messages.reasons import Reason
from shared.orders import Absent, Ambiguous, OrderRequest, OrderStatusReport, Refused
from shared.orders.answers import VenuePosition
from shared.orders.state import ENDED
from shared.side_by_side import Beside, side_by_side

SURE_S = 1.0  # how long it has to look flat: a read may be older than an answer
TOLD_TIMES = 20
UNTOLD_S = 60.0  # how long an order is asked for, at least; where it is all that is left then it is for a person
REFUSED_TIMES = 12  # in a row, at full pace: halved so often, a close is small enough for any venue


_Found: TypeAlias = tuple[int, OrderStatusReport | Absent | Ambiguous]  # when it was asked, and what was said


class Flatten:
    """A flatten closes all positions of an account.

    - own: the epoch that the halt has raised; raised again where a gateway took it meanwhile.
    - unplaced: symbols that may hold something, of which nobody knows the market; they are never called flat.
    - traded, booked: see `HeldBooks`.
    - resting: of these markets, where a first round of cancels is begun already.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        venue: Venue,
        own: AtWork,
        say: Say,
        unplaced: Sequence[str] = (),
        traded: Collection[str] | None = None,
        booked: Mapping[str, Booked] = MappingProxyType({}),
        waiting: VenueWait | None = None,
        resting: Resting | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._venue = venue
        self._own = own
        self._say = say
        self._waiting = waiting or VenueWait(settings.gateway.account, say)
        self._trouble = False  # whether the venue has not answered since the last pause
        self._syms = tuple(sym for sym in settings.gateway.markets if sym not in venue.out_of_reach)
        self._not_seen = (*unplaced, *(sym for sym in settings.gateway.markets if sym in venue.out_of_reach))
        self._books = HeldBooks(settings, journal, venue, self._syms, traded, booked)
        self._on_its_way: dict[str, dict[str, OrderRequest]] = {}  # by symbol and id, closing orders without an end
        self._told: set[str] = set()
        self._asking = Beside[dict[str, _Found]]()
        self._for_a_person: dict[str, str] = {}  # by symbol, orders that nobody tells
        self._begun = resting is not None
        self._resting = resting or Resting(venue, self._syms, say)
        self._refused: set[str] = set()  # since the last look, or a close of theirs rests
        self._in_row: dict[str, int] = {}  # refusals since something was taken, by symbol
        self._most: dict[str, Decimal] = {}  # that the venue takes at once, as its refusals tell
        self._retaking = asyncio.Lock()

    async def flatten(self, until: float) -> None:
        """Cancels, and closes until the venue shows no position and nothing can arrive any more.

        VenueError after `until` (monotonic), or where an order is left that the venue does not tell; Overtaken where
        another halt is at work since. A symbol that cannot be asked holds up no other.
        """
        try:
            await self._flatten(until)
        finally:
            await side_by_side([self._asking.end(), self._books.end(), self._resting.end()])

    async def _flatten(self, until: float) -> None:
        if not self._begun:
            self._resting.keep = await stops_of(self._journal)
            await self._resting.cancel_beside()
        await self._load()
        flat_since: float | None = None  # since when every look has shown no position
        nothing_rests = False  # since it is flat, and nothing can arrive any more
        while True:
            can_arrive = self._venue.now_ms() <= self._books.quiet_ms
            cancels_stops = flat_since is not None and not (can_arrive or nothing_rests)
            rests = await self._resting.cancel_last() if cancels_stops else ""
            left, seen_s = await self._look(), time.monotonic()  # behind the orders: what rested may have been filled
            if cancels_stops:
                nothing_rests = not (left or rests)
            elif again := self._resting.failed | self._refused:  # what no list showed may be in a close's way
                await self._resting.cancel_beside(again)
            self._refused.clear()
            if left:
                flat_since, nothing_rests = None, False
            elif flat_since is None:
                flat_since = seen_s
                but = f", but for {', '.join(self._not_seen)}: not looked at" if self._not_seen else ""
                still = ": what was on its way can still arrive, looking again" if can_arrive else ""
                self._say(f"{'closed is all that is surely ours' if self._for_a_person else 'flat'}{but}{still}")
            elif rests:
                flat_since = seen_s
            if nothing_rests and flat_since is not None and time.monotonic() - flat_since > SURE_S:
                await self._settle_others(until)
                if self._for_a_person:
                    raise VenueError("; ".join(self._for_a_person.values()))
                return
            if can_arrive and not left and self._venue.now_ms() > self._books.quiet_ms:
                continue  # since this look began: the last one waits for nothing
            await self._pause(until, f"not flat yet ({left or rests or 'orders can still arrive'})")

    async def _pause(self, until: float, on: str) -> None:
        trouble, self._trouble = self._trouble or bool(self._resting.failed), False
        await self._waiting.pause(until, on, trouble=trouble)
        await self._own.renew()

    async def _each(self, step: Callable[[str], Coroutine[Any, Any, bool]]) -> str:
        """Does this for all symbols side by side; returns those that are not done, and what the venue said."""

        async def tried(sym: str) -> str:
            try:
                return "" if await step(sym) else sym
            except VenueError as error:
                self._trouble = True
                return str(error)

        return ", ".join(filter(None, await side_by_side(map(tried, self._syms))))

    async def _load(self) -> None:
        """Reads what the journal has of books, orders and stops that is new."""
        async with self._own.renewed():
            await self._books.load()
            self._resting.keep = await stops_of(self._journal)

    async def _look(self) -> str:
        """Looks at the positions, and sends what is needed; returns what is not flat yet."""
        epoch = self._own.epoch
        try:
            held = [position for position in await self._venue.positions() if position.signed_qty]
        except VenueError as error:
            self._trouble = True
            return str(error)

        async def is_flat(sym: str) -> bool:
            if self._on_its_way.get(sym):
                await self._settle(sym)
                return False  # the position that was read may be older than the order's end
            here = [position for position in held if position.sym == sym]
            self._for_a_person.pop(sym, None)
            # On spot the other orders say what is ours, and what is somebody's savings. Of a swap all is closed.
            asks = bool(here) and self._venue.rules(sym).kind == "spot"
            if asks and await self._books.ask(sym):
                return False
            closing = [await self._close(position, epoch) for position in here]
            if asks and (untold := self._books.untold(sym)):
                self._on_untold(sym, untold, closed=not any(closing))
            return not any(closing)

        return await self._each(is_flat)

    def _on_untold(self, sym: str, untold: Mapping[str, float], *, closed: bool) -> None:
        """Notes the orders for a person where they are all that is left, for long; VenueError: they are asked again."""
        on = f"{sym}: the exchange does not tell how order {', '.join(untold)} ended: `tickline resolve` lists it"
        if not closed or time.monotonic() - max(untold.values()) <= UNTOLD_S:
            self._refused.add(sym)  # it may rest
            raise VenueError(on)
        self._for_a_person[sym] = on

    async def _settle(self, sym: str) -> None:
        """Strikes off the closing orders that have ended.

        One that the venue does not know counts as on its way until its validity is over, and so does one of which it
        says nothing: after that the position is looked at, and what is ours of it is another question (`HeldBooks`).
        """
        on_its_way = self._on_its_way[sym]
        asked = partial(self._found, list(on_its_way.values()))
        told = (await self._asking.done({sym: asked}, ASKED_S)).get(sym, {})
        for order_id, request in list(on_its_way.items()):
            asked_ms, found = told.get(order_id, (self._venue.now_ms(), Ambiguous("not answered yet")))
            if isinstance(found, OrderStatusReport):
                if found.phase not in ENDED:
                    if asked_ms - request.at_ms > max(REST_MS, self._settings.gateway.grace_ms):
                        self._refused.add(sym)  # it rests, and is cancelled as all that does
                    continue
                self._books.ended(order_id, found.filled_qty)
            elif isinstance(found, Absent):
                if not self._books.never_came(order_id, asked_ms, request.valid_until_ms):
                    continue
                self._books.ended(order_id, Decimal(0))
            elif asked_ms <= request.valid_until_ms + self._settings.gateway.grace_ms:
                continue
            del on_its_way[order_id]

    async def _found(self, requests: Sequence[OrderRequest]) -> dict[str, _Found]:
        """Returns what the venue says of these orders, by their ids, asked one by one."""
        found: dict[str, _Found] = {}
        for request in requests:
            asked_ms = self._venue.now_ms()
            try:
                what = await self._venue.find(request.sym, request.client_order_id)
            except VenueError as error:
                self._trouble, what = True, Ambiguous(str(error))
            found[request.client_order_id] = asked_ms, what
        return found

    async def _close(self, position: VenuePosition, epoch: int) -> bool:
        """Sends what closes a position; returns False when what is left of it cannot be traded.

        One of several in its market is closed as what it is. None of them is ours: those are not traded.
        """
        sym, qty, row, rules = position.sym, position.signed_qty, position.row, self._rules(position.sym)
        price = (await self._venue.quote(sym)).leaving(qty)
        if price <= 0:  # at nothing all would be below the least value, and stay
            raise VenueError(f"{sym}: nobody bids or asks: what it is worth cannot be told")
        if row:
            wanted = closing_orders_of_row(row, qty, rules, price)
        else:
            wanted = closing_orders(self._books.seen(sym, qty), rules, price)
        if not wanted and f"{sym} {row}" not in self._told and not self._books.untold(sym):
            self._told.add(f"{sym} {row}")
            self._say(f"{sym}: {qty} stays{f' in {row}' if row else ''}: below the venue's minimum, or not ours")
        first = self._in_row.get(sym, 0) % max(len(wanted), 1)  # one that is refused again and again holds up no other
        for number, order in enumerate([*wanted[first:], *wanted[:first]]):
            if not await self._send(sym, order, number, price, epoch):
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

    async def _send(self, sym: str, order: ClosingOrder, number: int, price: Decimal, epoch: int) -> bool:
        """Sends an order; returns False where the position is to be looked at anew before the next one goes."""
        own = self._settings.gateway
        at_ms = self._venue.now_ms()
        name = f"halt|{own.mode}|{own.venue}|{own.account}|{sym}|{order.row}|{at_ms}|{number}"
        order_id = blake2b(name.encode(), digest_size=16).hexdigest()
        request = OrderRequest(sym, order_id, order.signed_qty, True, at_ms, own.request_validity_ms, order.row)
        now_ms = time.time_ns() // NS_PER_MS
        row = closing_row(request, order.book, price, epoch, now_ms) if order.book else None
        await self._write([row or closing_note(request)], epoch)
        if row is not None:
            self._books.sent(row)
        side = "BUY" if order.signed_qty > 0 else "SELL"
        whose = f"{order.row}, " * bool(order.row) + (f"ours: {order.book}" if order.book else "not ours")
        self._say(f"{side} {abs(order.signed_qty)} {sym} ({whose}), order {order_id}")
        answer = await self._placed(request)
        if isinstance(answer, Refused):
            self._books.ended(order_id, Decimal(0))
            self._on_refusal(sym, order, answer)
            return False
        size_mattered = self._after_refusals(sym, order)
        if isinstance(answer, OrderStatusReport) and answer.phase in ENDED:
            self._books.ended(order_id, answer.filled_qty)
        else:
            self._on_its_way.setdefault(sym, {})[order_id] = request
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

    async def _settle_others(self, until: float) -> None:
        """Ends the orders of books that no gateway trades; one whose end the venue does not tell is for a person."""
        asked: set[str] = set()
        while left := [row for row in self._books.others.values() if row.client_order_id not in asked]:
            row = left[0]  # a retake may find more of them, and others settled
            asked.add(row.client_order_id)
            self._waiting.on = f"it is flat; what became of order {row.client_order_id} of {row.book} is asked"
            if not await self._settled(row.client_order_id, until):
                self._say(f"{row.book}: order {row.client_order_id} is not told yet: `tickline resolve` lists it")

    async def _settled(self, order_id: str, until: float) -> bool:
        known, state, left = None, None, TOLD_TIMES  # trades may be told later than the order
        grace_ms = self._settings.gateway.grace_ms
        while left:
            epoch, row = self._own.epoch, self._books.others.get(order_id)
            if row is None:
                return True
            if row != known:
                known, state = row, None
            left -= self._venue.now_ms() > row.valid_until_ms + grace_ms  # until then it may still come
            with suppress(VenueError):
                state, changes = await settled(self._journal, self._venue, row, state, grace_ms)
                if changes:
                    await self._write(changes, epoch)
                    del self._books.others[order_id]
                    return True
            if time.monotonic() > until:
                break
            await asyncio.sleep(POLL_S)
        return False

    async def _write(self, changes: Sequence[Change], epoch: int) -> None:
        """Writes what follows from what was seen since the epoch was this.

        Where somebody has acted on the account since, that may be done already: nothing is written then, all is read
        again, and VenueError says that it is to be looked at again. The latch stops a gateway from sending, whatever
        epoch it takes. Another flatten stops us, since it closes what it has seen: the newest one goes on alone. A halt
        that only cancels is waited for.
        """
        try:
            await self._journal.write(changes, epoch)
        except Fenced:
            async with self._retaking:
                if self._own.epoch == epoch:  # else another symbol's order has taken it back meanwhile
                    await self._retake()
            raise VenueError("somebody else has acted on the account: looking again") from None

    async def _retake(self) -> None:
        holder, now_ms = await self._journal.epoch(), time.time_ns() // NS_PER_MS
        if is_at_work(holder, now_ms):  # one that was killed is at work no more
            if not closes(holder):
                raise VenueError(f"{holder.owner} is at work on the account: it is waited for")
            raise Overtaken(f"another {holder.owner} is at work on the account since: this one leaves it alone")
        note = EventRow("HALT", "", "", f"took the epoch back, by {self._own.by}", now_ms)
        with suppress(Fenced):  # taken meanwhile, perhaps by another halt: it is looked at again
            await self._own.raise_epoch([note], after=holder.epoch)
            await self._load()
