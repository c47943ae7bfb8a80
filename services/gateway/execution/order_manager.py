"""One symbol's orders on the desk: one at a time, each sent once and followed until the venue has settled it.

Everything is written to the journal before it is done or told. Steps of one lane come one after the other; lanes run
side by side, and what they write at the same time shares one commit of the journal. When a write fails the desk drops
all of its memory, so what was changed here before a failed write is never acted upon."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from services.gateway.execution.account_reader import OrderTrades, base_held, trades_of
from services.gateway.execution.baseline import elsewhere_row
from services.gateway.execution.records import (
    NS_PER_MS,
    OpenOrder,
    content_of,
    fill_row,
    following,
    funding_report,
    open_order_of,
    report_of,
    row_of,
)
from services.gateway.execution.session_context import SessionContext, now_ms
from services.gateway.risk.check import Hold, Refusal
from shared.control.books import execution_row
from shared.exchanges.trading.amounts import dust, may_be_dust, most_at_once, sized
from shared.exchanges.trading.reply import NotCleared
from shared.exchanges.trading.venue import Cleared, MarketRules
from shared.journal.rows import Change, EventRow, FundingRow, OrderRow
from shared.messages import ExecutionReport, OrderIntent
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import (
    Absent,
    Ambiguous,
    Answer,
    Event,
    Expire,
    FundingPayment,
    NoteKind,
    OrderRequest,
    OrderState,
    OrderStatusReport,
    Refused,
    Send,
    on_event,
)
from shared.orders.outcome import OrderOutcome, outcome

log = structlog.get_logger()

MS = 1000
TURNS_TO_SOCKET = 3  # of the event loop: the held task, aiohttp's own for the writing, and what it wakes
NO_TRADES = OrderTrades()
OF_OTHER_RULES = frozenset({Reason.BELOW_MINIMUM, Reason.VENUE_REFUSED})  # precision, status and the like
_ZERO = Decimal(0)


# Whose turn it is: pure, over the open orders of one symbol.
#
# One order at a time in a symbol: the next waits until the one before is settled, so also behind an UNKNOWN one. An
# order that comes `after` another waits until that one is FILLED, or has left no more than dust. What has waited past
# its time expires.


class Readiness(StrEnum):
    """GO: it may be judged and sent. WAIT: something must end before."""

    GO = "GO"
    WAIT = "WAIT"


def turn_of(
    ticket: OpenOrder, lane: Iterable[OpenOrder], ended: Mapping[str, OrderPhase], now_ns: int, *, dust: bool = False
) -> Readiness | Reason:
    """GO, WAIT, or the reason why it expires.

    lane: the symbol's open orders, in the order in which they came. ended: how the orders ended that others come after.
    dust: what the book holds now cannot be sold, so there is nothing left to close.
    """
    row = ticket.row
    if row.valid_until_ns and now_ns > row.valid_until_ns:
        return Reason.PAST_VALID_UNTIL
    if row.after and not dust and ended.get(row.after, OrderPhase.FILLED) is not OrderPhase.FILLED:
        return Reason.CLOSE_NOT_FILLED
    return Readiness.GO if next(iter(lane), ticket) is ticket else Readiness.WAIT


# An order on its way out: its request is made while the journal writes, and goes when that has written.

Work = Coroutine[Any, Any, None]


class PreparedSend:
    """send: makes the request and awaits what it is given before it writes it. spawn: runs that beside all else.

    barred: asked at the last moment why it may not go after all; empty when it may.
    """

    def __init__(
        self, send: Callable[[Cleared], Work], spawn: Callable[[Work], None], barred: Callable[[], str]
    ) -> None:
        self._send: Callable[[Cleared], Work] | None = send
        self._spawn = spawn
        self._barred = barred
        self._journaled = asyncio.Event()

    def prepare(self) -> None:
        """Begin to make the request, unless it is begun."""
        send, self._send = self._send, None
        if send is not None:
            self._spawn(send(self._cleared))

    def go(self) -> None:
        """It is in the journal as SENT."""
        self._journaled.set()
        self.prepare()

    async def _cleared(self) -> None:
        await self._journaled.wait()
        if why := self._barred():
            raise NotCleared(why)


class Effects(list[Callable[[], None]]):
    """What is done when the changes are written. leaving: the order that goes out then, if one does."""

    leaving: PreparedSend | None = None


class OrderManager:
    """tickets: open orders, in the order in which they came. seq: the number of the book's last report."""

    def __init__(self, sym: str, book: str, seq: int, tools: SessionContext) -> None:
        self.sym = sym
        self.book = book
        self.tickets: dict[str, OpenOrder] = {}
        self._seq = seq
        self._ended: dict[str, OrderPhase] = {}  # of the orders that open ones come after
        self._tools = tools
        self._step = asyncio.Lock()

    async def resume(self, rows: Sequence[OrderRow]) -> None:
        """Open orders of an earlier attach. What was SENT is UNKNOWN now, and what was not is judged anew."""
        changes: list[Change] = []
        for row in rows:
            ticket = self.tickets[row.client_order_id] = open_order_of(row)
            if row.state is OrderPhase.SENT:
                self._live(ticket, Ambiguous("the gateway was stopped before the answer"), changes)
        for ticket in self.tickets.values():
            await self._recall(ticket.row)
            if ticket.state.in_flight:
                self._tools.spawn(self._follow(ticket))
        if changes:
            await self._tools.pen.write(changes)

    async def take(self, intents: Sequence[OrderIntent]) -> None:
        """New orders, in their order; what the journal knows already is nothing new."""
        tools = self._tools
        async with self._step:
            changes: list[Change] = []
            for intent in intents:
                known = self.tickets.get(intent.client_order_id)
                content = known.row.content if known else await tools.known.content(tools.journal, intent)
                if content is None:
                    row = row_of(intent, self.book, tools.pen.epoch, now_ms())
                    tools.known.add(row)
                    self.tickets[row.client_order_id] = open_order_of(row)
                    await self._recall(row)
                    changes.append(row)
                elif content != content_of(intent):
                    self._alarm(intent.client_order_id, "its id is known with other content: not sent", changes)
            await self._advance(changes)

    async def go_on(self) -> None:
        """Look again whether something may go: time has passed, or something else has changed."""
        if self.tickets:
            async with self._step:
                await self._advance([])

    async def fund(self, payment: FundingPayment) -> None:
        """Book a funding payment."""
        async with self._step:
            self._seq += 1
            report = funding_report(payment, self._seq)
            row = FundingRow(payment.sym, payment.payment_id, payment.amount, payment.at_ms)
            effects = Effects()
            self._book(report, effects)
            await self._write([row, execution_row(self.book, report, now_ms())], effects)

    async def _recall(self, row: OrderRow) -> None:
        """How the order ended that this one comes after, if it is not open here."""
        if row.after and row.after not in self.tickets:
            before = await self._tools.journal.order(row.after)
            self._ended[row.after] = OrderPhase.EXPIRED if before is None else self._ended_as(before)

    def _ended_as(self, row: OrderRow) -> OrderPhase:
        """How an order ended, for the one that comes after it. A close that was cut has not closed what is left."""
        cut = row.state is OrderPhase.FILLED and row.reduce_only and abs(row.signed_qty) < abs(row.intended_qty)
        books = self._tools.books
        left = cut and books.position(self.sym) and not books.dust(self.sym)
        return OrderPhase.CANCELED if left else row.state

    async def _advance(self, changes: list[Change], effects: Effects | None = None) -> None:
        """Let the head of the lane go, or end, until one waits or is on its way; then write, then do."""
        effects = Effects() if effects is None else effects
        while self._head(changes, effects):
            pass
        await self._write(changes, effects)

    def _head(self, changes: list[Change], effects: Effects) -> bool:
        """Whether there is more to do."""
        now_ns = now_ms() * NS_PER_MS
        for ticket in self.tickets.values():
            if ticket.state.in_flight:
                continue
            dusty = bool(self._tools.books.dust(self.sym))
            turn = turn_of(ticket, self.tickets.values(), self._ended, now_ns, dust=dusty)
            if isinstance(turn, Reason):
                if turn is Reason.PAST_VALID_UNTIL and ticket.held is not None:
                    turn = ticket.held  # what it waited for in vain says more than that it did
                self._end(ticket, on_event(ticket.state, Expire(turn), 0).state, NO_TRADES, changes, effects)
                return True
            if turn is Readiness.GO:
                return self._judge(ticket, changes, effects)
        return False

    def _judge(self, ticket: OpenOrder, changes: list[Change], effects: Effects) -> bool:
        """Send the ticket, refuse it, or leave it waiting; whether the next one may be looked at."""
        row, tools = ticket.row, self._tools
        verdict = tools.clearance.judge(row)
        changes += verdict.changes
        tools.clearance.remember(verdict.changes)
        ticket.held = verdict.reason if isinstance(verdict, Hold) else None
        if isinstance(verdict, Hold):
            return False
        if isinstance(verdict, Refusal):
            return self._refuse(ticket, verdict.reason, changes, effects)
        rules, wanted, cut_by = tools.venue.rules(self.sym), verdict.signed_qty, verdict.cut_by
        held = tools.books.position(self.sym)
        if rules.kind == "spot" and wanted < -held:
            wanted, cut_by = -held, Reason.NO_SHORT_ON_SPOT
            if not wanted:
                return self._refuse(ticket, cut_by, changes, effects)
        most = most_at_once(rules, row.price)
        if (verdict.reduce_only or row.reduce_only) and most is not None and abs(wanted) > most:
            wanted, cut_by = most.copy_sign(wanted), Reason.ABOVE_MAXIMUM  # the rest goes with the next one
        qty = sized(rules, wanted, row.price, verdict.reduce_only)
        if isinstance(qty, Reason):
            if qty is Reason.BELOW_MINIMUM and dust(rules, held, row.price):
                qty = Reason.DUST if row.reduce_only else cut_by or qty  # nothing else was there to be sold
            return self._refuse(ticket, qty, changes, effects)
        if cut_by is not None:
            text = f"only {qty} of {row.intended_qty} is sent: {cut_by}"
            changes.append(self._event("CUT", row.client_order_id, text))
        request = OrderRequest(
            self.sym, row.client_order_id, qty, verdict.reduce_only, tools.venue.now_ms(), tools.pace.validity_ms
        )
        ticket.state = replace(ticket.state, asked_qty=qty)
        self._live(ticket, Send(request.at_ms, request.validity_ms), changes)
        effects.leaving = PreparedSend(
            partial(self._send, ticket, request), tools.spawn, partial(self._barred, request)
        )
        effects.append(effects.leaving.go)
        return False

    def _refuse(self, ticket: OpenOrder, reason: Reason, changes: list[Change], effects: Effects) -> bool:
        """It is never sent; the next one may be looked at."""
        return self._end(ticket, on_event(ticket.state, Refused(reason, ""), 0).state, NO_TRADES, changes, effects)

    async def _send(self, ticket: OpenOrder, request: OrderRequest, cleared: Cleared) -> None:
        """The only place from which an order goes out. It is in the journal as SENT when it is cleared.

        The journal's epoch is not asked again here: that is one more way to a thread and back for each order, and a
        newer one could still come right after it. Whoever takes the account over, or flattens it, counts what is SENT
        as under way until its validity has passed.
        """
        answer = await self._tools.venue.place(request, cleared)
        if isinstance(answer, Refused) and answer.reason in OF_OTHER_RULES:
            self._tools.markets_in_doubt.set()
        await self._answered(ticket, self._event_of(answer, request.at_ms))
        await self._follow(ticket)

    def _barred(self, request: OrderRequest) -> str:
        """Why what is in the journal as SENT must not go; the venue is asked then, as if it had gone."""
        tools = self._tools
        if tools.leased() and not tools.pen.broken and tools.venue.now_ms() < request.valid_until_ms:
            return ""
        return "the lease or the request's validity was over"

    async def _follow(self, ticket: OpenOrder) -> None:
        """Ask the venue until the order is settled, however long it takes."""
        tools, wait_s = self._tools, self._tools.pace.poll_s
        while ticket.state.in_flight:
            await asyncio.sleep(wait_s)  # a venue tells only when it is asked
            wait_s = min(2 * wait_s, tools.pace.poll_max_s)
            asked_ms = tools.venue.now_ms()
            found = await tools.venue.find(self.sym, ticket.row.client_order_id, ticket.state.at_ms)
            await self._answered(ticket, self._event_of(found, asked_ms))
            await self._call_for_a_person(ticket)

    async def _call_for_a_person(self, ticket: OpenOrder) -> None:
        """When nobody has known for long what became of an order; its symbol stands still meanwhile."""
        tools, state = self._tools, ticket.state
        since_s = (tools.venue.now_ms() - state.at_ms) / MS
        if state.phase is OrderPhase.UNKNOWN and since_s > tools.pace.unknown_alarm_s:
            name = ticket.row.client_order_id
            text = (
                f"UNKNOWN for long: {self.sym} stands still until the venue tells, or a person: tickline resolve {name}"
            )
            async with self._step:
                await self._alarm_once(ticket, text)

    def _event_of(self, said: OrderStatusReport | Refused | Ambiguous | Absent, asked_ms: int) -> Event:
        if isinstance(said, OrderStatusReport):
            return Answer(asked_ms, said, self._tools.venue.now_ms())
        return said

    async def _answered(self, ticket: OpenOrder, event: Event) -> None:
        """What the venue said: written, then believed. An order ends when the trades of all its quantity are known.

        They are asked for before the step begins: a step never waits for the venue.
        """
        heard = on_event(ticket.state, event, self._tools.pace.grace_ms).state
        over = heard.ended and not ticket.state.ended
        waited_s = (self._tools.venue.now_ms() - heard.at_ms) / MS
        last = waited_s > self._tools.pace.unknown_alarm_s
        trades = await trades_of(self._tools.venue, self.sym, heard, last=last) if over else NO_TRADES
        async with self._step:
            if ticket.state.ended:
                return
            changes: list[Change] = []
            step = on_event(ticket.state, event, self._tools.pace.grace_ms)
            for note in step.notes:
                if note.kind is not NoteKind.STALE:
                    self._alarm(ticket.row.client_order_id, note.text, changes)
            if not step.state.ended:
                if step.state.phase is not ticket.state.phase or step.state.filled_qty != ticket.state.filled_qty:
                    self._live(ticket, event, changes)
                ticket.state = step.state
                await self._write(changes, Effects())
                return
            effects = Effects()
            if self._end(ticket, step.state, trades, changes, effects):
                await self._advance(changes, effects)
            elif trades.unpriced:
                await self._alarm_once(
                    ticket,
                    "a fee in {} has no price in {} now: the order is not over before it has, or {:.0f} s".format(
                        ", ".join(trades.unpriced),
                        self._tools.venue.rules(self.sym).quote,
                        self._tools.pace.unknown_alarm_s,
                    ),
                )

    def _live(self, ticket: OpenOrder, event: Event, changes: list[Change]) -> None:
        """A step that leaves the order open."""
        ticket.state = on_event(ticket.state, event, self._tools.pace.grace_ms).state
        ticket.row = following(ticket.row, ticket.state, self._tools.pen.epoch, now_ms())
        changes.append(ticket.row)

    def _end(
        self, ticket: OpenOrder, state: OrderState, trades: OrderTrades, changes: list[Change], effects: Effects
    ) -> bool:
        """The order's one terminal report; False, and nothing done, while a trade or a fee's price is missing."""
        rules = self._tools.venue.rules(self.sym)
        if trades.unpriced:
            return False
        booked = outcome(state, trades.fills, rules.quote, base_held(rules), trades.prices)
        if booked is None:
            return False
        now = now_ms()
        self._seq += 1
        ticket.state = state
        ticket.row = following(ticket.row, state, self._tools.pen.epoch, now, booked.commission)
        left = self._dust_after(ticket.row, booked, rules)
        report = report_of(ticket.row, self._seq, booked, now, left)
        for currency, paid in trades.worthless.items():
            text = f"{paid} {currency} was paid in fees and has no price in {rules.quote}: it stands with its "
            text += "trades in the journal, and is not in the books"
            self._alarm(ticket.row.client_order_id, text, changes)
        fills = (fill_row(fill, ticket.row.client_order_id) for fill in trades.fills)
        changes += (ticket.row, *fills, execution_row(self.book, report, now))
        if elsewhere := trades.elsewhere():
            changes.append(row := elsewhere_row(self._tools.clearance.limits, elsewhere))
            self._tools.clearance.remember((row,))
        del self.tickets[ticket.row.client_order_id]
        self._book(report, effects)
        self._ended[ticket.row.client_order_id] = self._ended_as(ticket.row)
        wanted = {other.row.after for other in self.tickets.values()}
        self._ended = {name: state for name, state in self._ended.items() if name in wanted}
        return True

    def _dust_after(self, row: OrderRow, booked: OrderOutcome, rules: MarketRules) -> Decimal:
        """What the book holds after this order, if the venue sells no quantity so small."""
        held = self._tools.books.position(self.sym) + booked.last_qty
        if booked.last_px is not None:
            return dust(rules, held, booked.last_px)
        by_venue = row.reason is Reason.BELOW_MINIMUM and row.reduce_only and held == -row.intended_qty
        by_venue = by_venue and may_be_dust(rules, held, row.price)
        return held if by_venue or row.reason is Reason.DUST else _ZERO

    def _book(self, report: ExecutionReport, effects: Effects) -> None:
        """The next order sees it at once; the bus gets it when it is in the journal."""
        self._tools.books.book(report)
        effects.append(lambda: self._tools.outbox.add(report))

    async def _write(self, changes: Sequence[Change], effects: Effects) -> None:
        if changes:
            leaving = effects.leaving
            await self._tools.pen.write(changes, None if leaving is None else leaving.prepare)
        for effect in effects:
            effect()
        if effects.leaving is not None:
            for _ in range(TURNS_TO_SOCKET):  # it goes now, before whatever else there is to do
                await asyncio.sleep(0)

    async def _alarm_once(self, ticket: OpenOrder, text: str) -> None:
        """Within a step; however often it is found while this ticket is open."""
        if text not in ticket.alarmed:
            ticket.alarmed.add(text)
            changes: list[Change] = []
            self._alarm(ticket.row.client_order_id, text, changes)
            await self._write(changes, Effects())

    def _alarm(self, client_order_id: str, text: str, changes: list[Change]) -> None:
        log.error("alarm", sym=self.sym, order=client_order_id, what=text)
        changes.append(self._event("ALARM", client_order_id, text))

    def _event(self, kind: str, client_order_id: str, text: str) -> EventRow:
        return EventRow(kind, self.sym, client_order_id, text, now_ms())
