"""One symbol's open orders, and the steps that change them: each is written whole, and only then done and told."""

import asyncio

import structlog

from services.gateway.execution.baseline import elsewhere_row
from services.gateway.execution.records import (
    OpenOrder,
    OrderTrades,
    ending,
    following,
    funding_report,
    open_order_of,
)
from services.gateway.execution.session_context import SessionContext, SymbolStep, now_ms
from shared.control.books import execution_row
from shared.journal.rows import EventRow, FundingRow, OrderRow
from shared.messages import ExecutionReport
from shared.messages.reasons import OrderPhase
from shared.orders import Event, FundingPayment, OrderState, on_event

log = structlog.get_logger()

TURNS_TO_SOCKET = 3  # of the event loop: the held task, aiohttp's own for the writing, and what it wakes
NO_TRADES = OrderTrades()
REFUSED = "REFUSED"  # an event's kind: which number met which limit, or what the exchange said


class OrderSteps:
    """The steps of one symbol come one after the other, and end in the journal.

    - open_orders: by client order id, in the order in which they came.
    - seq: the number of the book's last report.
    """

    def __init__(self, sym: str, book: str, seq: int, context: SessionContext) -> None:
        self.sym = sym
        self.book = book
        self.open_orders: dict[str, OpenOrder] = {}
        self._seq = seq
        self._ended: dict[str, OrderPhase] = {}  # of the orders that open ones come after
        self._context = context
        self._lock = asyncio.Lock()  # one step at a time

    def _open(self, row: OrderRow) -> OpenOrder:
        """Counts an order among those that are open."""
        order = self.open_orders[row.client_order_id] = open_order_of(row)
        self._context.open_orders[self.sym] = self.open_orders
        return order

    async def fund(self, payment: FundingPayment) -> None:
        """Books a funding payment."""
        async with self._lock:
            self._seq += 1
            report = funding_report(payment, self._seq)
            row = FundingRow(payment.sym, payment.payment_id, payment.amount, payment.at_ms)
            step = SymbolStep([row, execution_row(self.book, report, now_ms())])
            self._book(report, step)
            await self._write(step)

    def _note_why(self, order: OpenOrder, why: str, step: SymbolStep) -> None:
        """Notes which number met which limit, for a person who asks later; nothing where that is not known."""
        if why:
            step.changes.append(self._event(REFUSED, order.name, why))

    def _move(self, order: OpenOrder, event: Event, step: SymbolStep) -> None:
        """Gives the order its next state, which leaves it open."""
        order.state = on_event(order.state, event, self._context.config.grace_ms).state
        order.row = following(order.row, order.state, self._context.fenced.epoch, now_ms())
        step.changes.append(order.row)

    def _end(self, order: OpenOrder, state: OrderState, trades: OrderTrades, step: SymbolStep) -> bool:
        """Gives the order its one terminal report; False, and nothing done, while a trade or a price is missing."""
        context, rules = self._context, self._context.venue.rules(self.sym)
        end = ending(
            order.row, state, trades, rules, seq=self._seq + 1, epoch=context.fenced.epoch, now_ms=now_ms(),
            held=context.books.position(self.sym),
        )  # fmt: skip
        if end is None:
            return False
        self._seq += 1
        order.state, order.row = state, end.row
        for currency, paid in trades.worthless.items():
            text = f"{paid} {currency} was paid in fees and has no price in {rules.quote}: it stands with its "
            self._alarm(order.name, f"{text}trades in the journal, and is not in the books", step)
        step.changes += end.changes
        if elsewhere := trades.elsewhere():
            step.changes.append(row := elsewhere_row(context.risk.limits, elsewhere))
            context.risk.remember((row,))
        del self.open_orders[order.name]
        if not self.open_orders:
            del self._context.open_orders[self.sym]
        context.resting.forget(order)
        self._book(end.report, step)
        step.changes += context.protector.ended(order.row)
        self._ended[order.name] = self._ended_as(order.row)
        awaited = {other.row.after for other in self.open_orders.values()}
        self._ended = {name: phase for name, phase in self._ended.items() if name in awaited}
        return True

    def _book(self, report: ExecutionReport, step: SymbolStep) -> None:
        """Books a report: the next order sees it at once, the bus gets it when it is in the journal."""
        self._context.books.book(report)
        step.reports.append(report)

    async def _write(self, step: SymbolStep) -> None:
        """Writes the step; then its reports go to the bus, its orders go out, and its cancels begin.

        While the disk is at work the requests are made, so that they only have to be sent then.
        """
        sends = step.sends
        if step.changes:
            await self._context.fenced.write(step.changes, step.prepare if sends else None)
        for report in step.reports:
            self._context.outbox.add(report)
        if step.changes:
            self._context.protector.look(self.sym)
        for send in sends:
            send.go()
        if sends:
            for _ in range(TURNS_TO_SOCKET):  # they go now, before whatever else there is to do
                await asyncio.sleep(0)
        for cancel in step.cancels:
            self._context.spawn(cancel())

    async def _alarm_once(self, order: OpenOrder, text: str) -> None:
        """Raises an alarm, in a step of its own, once for as long as the order is open."""
        if text not in order.alarmed:
            order.alarmed.add(text)
            step = SymbolStep()
            self._alarm(order.name, text, step)
            await self._write(step)

    def _alarm(self, client_order_id: str, text: str, step: SymbolStep) -> None:
        log.error("alarm", sym=self.sym, order=client_order_id, what=text)
        step.changes.append(self._event("ALARM", client_order_id, text))

    def _event(self, kind: str, client_order_id: str, text: str) -> EventRow:
        return EventRow(kind, self.sym, client_order_id, text, now_ms())

    def _ended_as(self, row: OrderRow) -> OrderPhase:
        """Returns how an order ended, for the one after it: a close that was cut has not closed what is left."""
        cut = row.state is OrderPhase.FILLED and row.reduce_only and abs(row.signed_qty) < abs(row.intended_qty)
        books = self._context.books
        left = cut and books.position(self.sym) and not books.dust(self.sym)
        return OrderPhase.CANCELED if left else row.state
