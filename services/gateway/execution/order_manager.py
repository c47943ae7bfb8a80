"""A manager works on one symbol's orders, each sent once and followed until the venue has settled it.

    take ─▶ _advance ─ ready? ─▶ _judge ─ risk check ─▶ _prepare_send ─ SENT in the journal ─▶ _send, at the venue
            then it is followed, until it has ended: _follow ─ asks the venue ─▶ _on_answer ─ writes what is new

Several may be in flight: the risk check says which may go beside which. Everything is written to the journal before it
is done or told. Steps of one symbol come one after the other; symbols work side by side, and what they write at the
same time shares one commit of the journal. When a write fails the session drops all of its memory, so what was changed
here before a failed write is never acted upon.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from services.gateway.execution.account_reader import ask_cancel, event_of, look_up, trades_of
from services.gateway.execution.order_steps import NO_TRADES, OrderSteps
from services.gateway.execution.records import (
    NS_PER_MS,
    OpenOrder,
    Readiness,
    content_of,
    readiness,
    rests,
    row_of,
    to_send,
    unsent,
)
from services.gateway.execution.session_context import PreparedSend, SymbolStep, now_ms
from services.gateway.execution.stop_records import of_protector, request_of
from services.gateway.risk.check import Hold, Pass, Refusal
from shared.exchanges.trading.amounts import limit_at
from shared.exchanges.trading.venue import Cleared
from shared.journal.rows import EventRow, OrderRow
from shared.messages import OrderIntent
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    Cancel,
    Event,
    Expire,
    NoteKind,
    OrderRequest,
    Refused,
    Send,
    on_event,
)
from shared.orders.state import ENDED
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopRequest

log = structlog.get_logger()

MS = 1000
CANCEL = "CANCEL"  # an event's kind: why a cancel was sent
CANCEL_AGAIN_MS = 2_000
OF_OTHER_RULES = frozenset({Reason.BELOW_MINIMUM, Reason.VENUE_REFUSED})  # precision, status and the like


class OrderManager(OrderSteps):
    """The manager takes one symbol's orders from the bus to their one terminal report."""

    async def resume(self, rows: Sequence[OrderRow]) -> None:
        """Goes on with open orders of an earlier session: what was SENT is UNKNOWN now, all else is judged anew."""
        step = SymbolStep()
        for row in rows:
            order = self._open(row)
            if row.state is OrderPhase.SENT:
                self._move(order, Ambiguous("the gateway was stopped before the answer"), step)
        for order in self.open_orders.values():
            await self._recall_ended(order.row)
        if step.changes:
            await self._context.fenced.write(step.changes)
        for order in self.open_orders.values():  # not before: one that is followed may end, and is open no more
            if order.state.in_flight:
                self._context.spawn(self._follow(order))

    async def take(self, intents: Sequence[OrderIntent]) -> None:
        """Takes orders from the bus, in their order; what the journal knows already is nothing new."""
        context, step = self._context, SymbolStep()
        async with self._lock:
            for intent in intents:
                known = self.open_orders.get(intent.client_order_id)
                content = known.row.content if known else await context.recent.content(context.journal, intent)
                if content is None:
                    row = row_of(intent, self.book, context.fenced.epoch, now_ms())
                    context.recent.add(row)
                    self._open(row)
                    await self._recall_ended(row)
                    step.changes.append(row)
                elif content != content_of(intent):
                    self._alarm(intent.client_order_id, "its id is known with other content: not sent", step)
            await self._advance(step)

    async def go_on(self) -> None:
        """Looks again whether something may go, or must not rest: time has passed, or something else has changed."""
        if self.open_orders:
            async with self._lock:
                step = SymbolStep()
                self._cancel_what_adds(step)
                await self._advance(step)

    def resting(self) -> list[OpenOrder]:
        """Returns the orders that rest at the venue and may add exposure."""
        risk = self._context.risk
        return [order for order in self.open_orders.values() if order.rests and risk.adds(order)]

    async def take_fired(self, stop: StopLife, row: OrderRow) -> None:
        """Takes the order that a stop has become, and follows it; both are written together."""
        async with self._lock:
            step, name = SymbolStep([stop]), row.client_order_id
            known = name in self.open_orders or await self._context.journal.order(name) is not None
            if not known:
                self._open(row)
                step.changes.append(row)
            await self._write(step)
        if not known:
            self._context.spawn(self._follow(self.open_orders[name]))

    async def close_at_market(self, row: OrderRow, alarm: EventRow) -> None:
        """Takes an order of the gateway's own that closes the position, since a stop has not."""
        async with self._lock:
            self._open(row)
            await self._advance(SymbolStep([row, alarm]))

    # From the journal to the venue.

    async def _recall_ended(self, row: OrderRow) -> None:
        """Reads from the journal how the order ended that this one comes after, if that is not open here."""
        if row.after and row.after not in self.open_orders:
            before = await self._context.journal.order(row.after)
            self._ended[row.after] = OrderPhase.EXPIRED if before is None else self._ended_as(before)

    async def _advance(self, step: SymbolStep) -> None:
        """Judges the orders that were not sent yet, in their order, and ends what has expired; then writes."""
        now_ns, books = now_ms() * NS_PER_MS, self._context.books
        for order in list(self.open_orders.values()):
            if order.state.in_flight:
                continue
            dusty = bool(books.dust(self.sym))
            ready = readiness(order, self.open_orders.values(), self._ended, now_ns, dust=dusty)
            if ready is Readiness.GO:
                self._judge(order, step)
            elif isinstance(ready, Reason):
                reason = ready
                if reason is Reason.PAST_VALID_UNTIL and order.held is not None:
                    reason = order.held  # what it waited for in vain says more than that it did
                    self._note_why(order, order.why, step)
                self._end(order, on_event(order.state, Expire(reason), 0).state, NO_TRADES, step)
        await self._write(step)

    def _judge(self, order: OpenOrder, step: SymbolStep) -> None:
        """Has the risk check decide: the order is sent, perhaps cut, or refused, or goes on waiting."""
        context, row, rules = self._context, order.row, self._context.venue.rules(self.sym)
        verdict = Pass(row.intended_qty, True, None, ()) if of_protector(row) else context.risk.judge(row)
        step.changes += verdict.changes
        context.risk.remember(verdict.changes)
        order.held, order.why = (verdict.reason, verdict.why) if isinstance(verdict, Hold) else (None, "")
        if isinstance(verdict, Hold):
            order.was_to_join = order.was_to_join or context.risk.joins_exposed(row)
            return
        if order.was_to_join and not context.risk.joins(row):
            self._note_why(order, "the position that it was to join is gone", step)
            self._refuse(order, Reason.NO_STOP, step)
            return
        if isinstance(verdict, Refusal):
            self._note_why(order, verdict.why, step)
            self._refuse(order, verdict.reason, step)
            return
        held = context.books.position(self.sym)
        free = context.risk.free(row) if rules.kind == "spot" else held
        qty, cut_by = to_send(row, verdict, rules, held, free)
        if isinstance(qty, Reason):
            self._note_why(order, unsent(row, qty, rules, free), step)
            self._refuse(order, qty, step)
            return
        if cut_by is not None:
            text = f"only {qty} of {row.intended_qty} is sent: {cut_by}"
            why = f": {verdict.why}" if cut_by is verdict.cut_by and verdict.why else ""
            step.changes.append(self._event("CUT", order.name, text + why))
        self._prepare_send(order, qty, verdict.reduce_only, step)

    def _prepare_send(self, order: OpenOrder, qty: Decimal, reduce_only: bool, step: SymbolStep) -> None:
        """Moves the order to SENT, and adds its request to the step, which lets it go once that is written.

        The journal and the request have the very same timestamp and validity. An entry carries the stops of its
        position with it, where the venue can.
        """
        context, row = self._context, order.row
        limit = None if row.limit_price is None else limit_at(context.venue.rules(self.sym), row.limit_price, qty)
        request = OrderRequest(
            self.sym, order.name, qty, reduce_only, context.venue.now_ms(), context.config.validity_ms,
            type=row.type, limit_price=limit, time_in_force=row.time_in_force, trigger_price=row.trigger_price,
        )  # fmt: skip
        order.state, order.row = replace(order.state, asked_qty=qty), row._replace(sent_price=limit)
        order.only_reduces = reduce_only
        self._move(order, Send(request.at_ms, request.validity_ms), step)
        stops = [] if reduce_only else context.protector.carried(row, qty, request.at_ms)
        step.changes += stops
        sending = partial(self._send, order, request, [request_of(stop) for stop in stops])
        send = PreparedSend(sending, context.spawn, partial(self._barred, request))
        step.sends.append(send)

    def _refuse(self, order: OpenOrder, reason: Reason, step: SymbolStep) -> None:
        """Ends the order unsent."""
        self._end(order, on_event(order.state, Refused(reason, ""), 0).state, NO_TRADES, step)

    async def _send(
        self, order: OpenOrder, request: OrderRequest, stops: Sequence[StopRequest], cleared: Cleared
    ) -> None:
        """Sends the order: the only place from which one goes out. It is in the journal as SENT when it is cleared.

        The journal's epoch is not asked again here: that is one more way to a thread and back for each order, and a
        newer one could still come right after it. Whoever takes the account over, or flattens it, counts what is SENT
        as under way until its validity has passed.
        """
        answer = await self._context.venue.place(request, cleared, stops)
        if isinstance(answer, Refused) and answer.reason in OF_OTHER_RULES:
            self._context.markets_in_doubt.set()
        await self._on_answer(order, event_of(self._context.venue, answer, request.at_ms))
        await self._follow(order)

    def _barred(self, request: OrderRequest) -> str:
        """Returns why an order that is in the journal as SENT must not go after all; empty where it may.

        The venue is asked about it all the same, as if it had gone.
        """
        context = self._context
        if context.leased() and not context.fenced.broken and context.venue.now_ms() < request.valid_until_ms:
            return ""
        return "the lease or the request's validity was over"

    # From the venue to the journal.

    async def _follow(self, order: OpenOrder) -> None:
        """Asks the venue until the order is settled, however long it takes; at once where it is said to be over."""
        context, config = self._context, self._context.config
        wait_s = 0.0 if order.state.told in ENDED else config.poll_s
        while order.state.in_flight:
            if order.rests:
                await context.resting.changed(order)
            else:
                await asyncio.sleep(wait_s)  # a venue tells only when it is asked
            wait_s = min(max(2 * wait_s, config.poll_s), config.poll_max_s)
            of_stop = bool(order.row.stop_id)
            event = await look_up(context.venue, self.sym, order.name, order.state, of_stop=of_stop)
            if isinstance(event, Absent):
                order.absent_ms = order.absent_ms or event.at_ms
            elif isinstance(event, Answer):
                order.absent_ms = 0
            elif isinstance(event, Ambiguous) and event.ended_with not in (None, order.ended_with):
                order.ended_with = event.ended_with
                context.protector.look(self.sym)
            await self._on_answer(order, _of_its_size(order, event))
            await self._call_for_a_person(order)

    def _cancel_what_adds(self, step: SymbolStep) -> None:
        """Cancels what rests and adds while something stops adding; it is asked for again until the venue took it."""
        context, at_ms = self._context, self._context.venue.now_ms()
        for order in self.open_orders.values():
            just_asked = at_ms - order.cancel_sent_ms < CANCEL_AGAIN_MS
            if not order.rests or order.state.canceled_ms or just_asked:
                continue
            stops = context.risk.stops(order)
            if stops is None:
                continue
            if not order.cancel_sent_ms:
                log.warning("cancelled", sym=self.sym, order=order.name, why=stops[1])
                step.changes.append(self._event(CANCEL, order.name, f"{stops[0]}: {stops[1]}"))
            order.cancel_sent_ms = at_ms
            self._move(order, Cancel(at_ms), step)
            step.cancels.append(partial(self._cancel, order))

    async def _cancel(self, order: OpenOrder) -> None:
        """Asks for the cancel, which does no harm twice; then the venue is asked how the order has ended."""
        taken = await ask_cancel(self._context.venue, self.sym, order.name, order.state)
        if taken is not None:
            await self._on_answer(order, taken)
        if order.state.in_flight:
            self._context.resting.look(order)

    async def let_nothing_rest(self) -> None:
        """Cancels what rests and adds, since nobody will look after it: asked once, and written where we still may."""
        await asyncio.gather(*(self._cancel_for_good(order) for order in self.resting()), return_exceptions=True)

    async def _cancel_for_good(self, order: OpenOrder) -> None:
        at_ms = self._context.venue.now_ms()
        taken = await ask_cancel(self._context.venue, self.sym, order.name, order.state)
        async with self._lock:
            step = SymbolStep([self._event(CANCEL, order.name, "the session ends: nobody would look after it")])
            self._move(order, Cancel(at_ms), step)
            if taken is not None:
                self._move(order, taken, step)
            await self._write(step)

    async def _call_for_a_person(self, order: OpenOrder) -> None:
        """Alarms when nobody has known for long what became of an order; its symbol may stand still meanwhile."""
        state, text = order.state, ""
        if state.phase is OrderPhase.UNKNOWN and self._waited_long(state.at_ms):
            text = f"UNKNOWN for long: {self.sym} stands still until the venue tells, or a person: "
        elif state.in_flight and order.absent_ms and self._waited_long(order.absent_ms):
            text = f"{state.phase} here, and for long the venue does not know it: it is open until a person says: "
        elif state.in_flight and order.row.stop_id and self._waited_long(order.row.ts_event // NS_PER_MS):
            text = "a stop has become it, and for long it does not end: nothing is added until it does, or a person: "
        if text:
            async with self._lock:
                await self._alarm_once(order, f"{text}tickline resolve {order.name}")

    def _waited_long(self, since_ms: int) -> bool:
        return (self._context.venue.now_ms() - since_ms) / MS > self._context.config.unknown_alarm_s

    async def _on_answer(self, order: OpenOrder, event: Event) -> None:
        """Writes what the venue said, then believes it. An order ends when the trades of all its quantity are known.

        They are asked for before the step begins: a step never waits for the venue.
        """
        context, grace_ms = self._context, self._context.config.grace_ms
        heard, trades = on_event(order.state, event, grace_ms).state, NO_TRADES
        if heard.ended and not order.state.ended:
            trades = await trades_of(context.venue, self.sym, heard, last=self._waited_long(heard.at_ms))
        async with self._lock:
            if order.state.ended:
                return
            step, moved = SymbolStep(), on_event(order.state, event, grace_ms)
            for note in moved.notes:
                if note.kind is not NoteKind.STALE:
                    self._alarm(order.name, note.text, step)
            if not moved.state.ended:
                if moved.state.kept != order.state.kept:
                    self._move(order, event, step)
                order.state = moved.state
                order.rests = rests(order, event, grace_ms)
                await self._write(step)
            elif self._end(order, moved.state, trades, step):
                self._note_why(order, event.text if isinstance(event, Refused) else moved.state.cause, step)
                await self._advance(step)
            elif trades.unpriced:
                coins, quote = ", ".join(trades.unpriced), context.venue.rules(self.sym).quote
                text = f"a fee in {coins} has no price in {quote} now: the order is not over before it has, or "
                await self._alarm_once(order, f"{text}{context.config.unknown_alarm_s:.0f} s")


def _of_its_size(order: OpenOrder, heard: Event) -> Event:
    """Returns what was heard. The order of a stop that is sized by the position asks for all that it has filled."""
    if order.row.stop_id and isinstance(heard, Answer) and heard.what.phase is OrderPhase.FILLED:
        order.state = replace(order.state, asked_qty=heard.what.filled_qty)
    return heard
