"""One symbol's orders on the desk: one at a time, each sent once and followed until the venue has settled it.

Everything is written to the journal before it is done or told. Steps of one lane come one after the other; lanes run
side by side, and what they write at the same time shares one commit of the journal. When a write fails the desk drops
all of its memory, so what was changed here before a failed write is never acted upon.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from services.gateway.desk.reports import execution_row, report_of
from services.gateway.desk.rows import Ticket, content_of, following, row_of, ticket_of
from services.gateway.desk.tools import NS_PER_MS, Tools
from services.gateway.desk.turn import Decision, Turn, turn_of
from services.gateway.risk.verdict import Hold, Pass, Refusal
from services.gateway.venues.amounts import sized
from shared.errors import VenueError
from shared.journal import Change, EventRow, OrderRow
from shared.messages import Leg, OrderIntent
from shared.messages.reasons import OrderState, Reason
from shared.orders import Absent, Ambiguous, Answer, Event, Expire, OrderRequest, Refused, Send, Snapshot, VenueFill, on_event

log = structlog.get_logger()

Effects = list[Callable[[], None]]


class Lane:
    """seq: the number of its book's last report. tickets: open orders, in the order in which they came."""

    def __init__(self, sym: str, book: str, seq: int, tools: Tools) -> None:
        self.sym = sym
        self.book = book
        self.tickets: dict[str, Ticket] = {}
        self._seq = seq
        self._closed: dict[Decision, OrderState] = {}
        self._tools = tools
        self._step = asyncio.Lock()

    async def resume(self, rows: Sequence[OrderRow]) -> None:
        """Open orders of an earlier attach. What was SENT is UNKNOWN now, and what was not is judged anew."""
        changes: list[Change] = []
        for row in rows:
            ticket = self.tickets[row.client_order_id] = ticket_of(row)
            await self._recall(row)
            if row.state is OrderState.SENT:
                self._live(ticket, Ambiguous("the gateway was stopped before the answer"), changes)
            if ticket.on_the_way:
                self._tools.spawn(self._follow(ticket))
        if changes:
            await self._tools.pen.write(changes)

    async def take(self, intents: Sequence[OrderIntent]) -> None:
        """New orders, in their order; what the journal knows already is nothing new."""
        async with self._step:
            changes: list[Change] = []
            for intent in intents:
                known = self.tickets.get(intent.client_order_id)
                row = known.row if known is not None else await self._tools.journal.order(intent.client_order_id)
                if row is None:
                    row = row_of(intent, self.book, self._tools.pen.epoch, self._tools.now_ms())
                    self.tickets[row.client_order_id] = ticket_of(row)
                    await self._recall(row)
                    changes.append(row)
                elif row.content != content_of(intent):
                    self._alarm(row.client_order_id, "known with other content: not sent", changes)
            await self._advance(changes)

    async def go_on(self) -> None:
        """Look again whether something may go: time has passed, or something else has changed."""
        if self.tickets:
            async with self._step:
                await self._advance([])

    async def _recall(self, row: OrderRow) -> None:
        """How the close leg of this order's decision ended, if it is not open here."""
        decision = ticket_of(row).decision
        if row.leg is not Leg.OPEN or decision in self._closed:
            return
        if any(open_.decision == decision and open_.row.leg is Leg.CLOSE for open_ in self.tickets.values()):
            return
        for other in await self._tools.journal.decision(self.book, row.tick_n):
            if other.leg is Leg.CLOSE and other.ts_event == row.ts_event:
                self._closed[decision] = other.state

    async def _advance(self, changes: list[Change]) -> None:
        """Let the head of the lane go, or end, until one waits or is on its way."""
        effects: Effects = []
        while self._head(changes, effects):
            pass
        await self._write(changes, effects)

    def _head(self, changes: list[Change], effects: Effects) -> bool:
        """Whether there is more to do."""
        now_ns = self._tools.now_ms() * NS_PER_MS
        waiting = [ticket for ticket in self.tickets.values() if not ticket.on_the_way]
        for ticket in waiting:
            turn = turn_of(ticket, self.tickets.values(), self._closed, now_ns)
            if isinstance(turn, Reason):
                self._end(ticket, Expire(turn), changes, effects)
                return True
            if turn is Turn.GO:
                return self._judge(ticket, changes, effects)
        return False

    def _judge(self, ticket: Ticket, changes: list[Change], effects: Effects) -> bool:
        """Send the ticket, refuse it, or leave it waiting; whether the next one may be looked at."""
        row, tools = ticket.row, self._tools
        verdict = tools.clearance.judge(row, self.tickets.values())
        changes += verdict.changes
        tools.clearance.remember(verdict.changes)
        if isinstance(verdict, Hold):
            return False
        if isinstance(verdict, Refusal):
            self._end(ticket, Refused(verdict.reason, ""), changes, effects)
            return True
        qty = sized(tools.venue.rules(self.sym), verdict.signed_qty, row.price, verdict.reduce_only)
        if isinstance(qty, Reason):
            self._end(ticket, Refused(qty, ""), changes, effects)
            return True
        request = OrderRequest(
            self.sym, row.client_order_id, qty, verdict.reduce_only, tools.venue.now_ms(), tools.pace.validity_ms
        )
        if verdict.cut_by is not None:
            changes.append(self._event("CUT", row.client_order_id, f"only {qty} of {row.intended_qty}: {verdict.cut_by}"))
        self._live(ticket, Send(qty, request.at_ms, request.valid_until_ms), changes)
        effects.append(lambda: tools.spawn(self._send(ticket, request)))
        return False

    async def _send(self, ticket: Ticket, request: OrderRequest) -> None:
        """The only place from which an order goes out."""
        tools = self._tools
        if tools.leased() and tools.venue.now_ms() < request.valid_until_ms and not tools.pen.broken:
            answer = await tools.venue.place(request)
            await self._answered(ticket, Answer(request.at_ms, answer) if isinstance(answer, Snapshot) else answer)
        else:
            await self._answered(ticket, Ambiguous("not sent: the lease or the request's validity was over"))
        if ticket.on_the_way:
            await self._follow(ticket)

    async def _follow(self, ticket: Ticket) -> None:
        """Ask the venue until the order is settled."""
        tools, wait_s = self._tools, self._tools.pace.poll_s
        while self.tickets.get(ticket.row.client_order_id) is ticket:
            await asyncio.sleep(wait_s)  # a venue without a stream tells only when it is asked
            wait_s = min(2 * wait_s, tools.pace.poll_max_s)
            asked_ms = tools.venue.now_ms()
            found = await tools.venue.find(self.sym, ticket.row.client_order_id)
            await self._answered(ticket, Answer(asked_ms, found) if isinstance(found, Snapshot) else found)

    async def _answered(self, ticket: Ticket, event: Event) -> None:
        """What the venue said: written, then believed. A filled order ends when its fills are known too."""
        async with self._step:
            changes: list[Change] = []
            effects: Effects = []
            step = on_event(ticket.life, event, self._tools.pace.grace_ms)
            for note in step.notes:
                self._alarm(ticket.row.client_order_id, str(note), changes)
            if step.life.terminal:
                fills = await self._fills(ticket, step.life.filled_qty, step.life.venue_order_id)
                if fills is None:
                    return  # not all are told yet: the order is asked for again
                self._end(ticket, event, changes, effects, fills)
                await self._advance_with(changes, effects)
            elif step.life != ticket.life:
                self._live(ticket, event, changes)
                await self._write(changes, effects)
            elif changes:
                await self._write(changes, effects)
