"""The reconciler compares journal and books with the venue: it shows differences, and never trades them away."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import structlog

from services.gateway.execution.account_reader import AccountReader
from services.gateway.execution.baseline import TOLERANCE, beside, mine_of, paid_elsewhere
from services.gateway.execution.order_manager import OrderManager
from services.gateway.execution.records import OpenOrder, external_row, open_order_of
from services.gateway.execution.session_context import SessionContext, now_ms
from services.gateway.execution.stop_watch import StopWatch
from services.gateway.risk.marks import FUNDING_MARKS, counted_from_ms
from shared.errors import VenueError
from shared.journal.rows import DropExternal, EventRow, ExternalRow, FillRow, LatchRow
from shared.messages import Reason
from shared.messages.codec import is_kept
from shared.orders import FundingPayment, VenueFill
from shared.orders.fees import fees_in
from shared.orders.reconcile import (
    Difference,
    DifferenceKind,
    OwnOrder,
    OwnView,
    VenueView,
    external_text,
    persistent,
    reconcile,
)

log = structlog.get_logger()

WINDOW_MS = 23 * 3_600_000  # how far back trades and funding payments are compared; a day would be two questions
PASSING = (DifferenceKind.POSITION, DifferenceKind.POSITION_ROWS, DifferenceKind.ORDER_NOT_OPEN)
LAG_MS = 3_000  # how long the venue's lists may take to show what is settled


class Reconciler:
    """The reconciler compares, shows what differs, and sets `risk.reconciled`.

    - since_ms: nothing before it is compared, e.g. what the account did before us.
    - stops: looks at the stops before each comparison: one that has fired is an order then.
    """

    def __init__(
        self, managers: Mapping[str, OrderManager], context: SessionContext, since_ms: int, stops: StopWatch
    ) -> None:
        self._managers = managers
        self._stops = stops
        self._context = context
        self._since_ms = since_ms
        self._reader = AccountReader(context.venue, list(managers))
        self._before: list[Difference] | None = None
        self._alarmed: dict[tuple[DifferenceKind, str], tuple[str, str]] = {}  # with the amounts that were told

    async def run(self) -> None:
        """Compares for ever; twice in a row where something is found, before it counts."""
        every_s, agreed = self._context.config.reconcile_s, not self._before
        while True:
            await asyncio.sleep(every_s if agreed else min(every_s, LAG_MS / 1000))
            agreed = await self.once()

    async def once(self) -> bool:
        """Compares once; True where all agreed."""
        context = self._context
        try:
            found = await self._compared()
        except VenueError as error:
            log.warning("cannot compare with the venue", why=str(error))
            context.risk.reconciled = False
            return False
        certain = persistent(self._before, found) if self._before is not None else []
        if self._before is not None:
            await self._strike({(one.kind, one.key) for one in (*self._before, *found)})
        self._before = found
        await self._show(certain)
        if not found:
            if not context.risk.reconciled:
                log.info("journal and venue agree")
            context.risk.reconciled = True
        elif certain:
            context.risk.reconciled = False
        return not found

    async def _compared(self) -> list[Difference]:
        context, since_ms = self._context, max(self._since_ms, now_ms() - WINDOW_MS)
        at_ms = await context.venue.server_time_ms()  # which also sets our idea of its clock
        await self._look_at_skew(at_ms - now_ms())
        await self._stops.once()
        before = context.books.positions()
        shown, traded = await self._reader.read(at_ms, since_ms, self._urgent())
        context.protector.see(shown.positions)
        known = (await self._known(since_ms, traded))._replace(before=before)
        if self._flat(shown, known):
            balance = (await context.venue.balance()).cash
            known = (await self._known(since_ms, traded))._replace(before=before)  # an order may have been sent
            if self._flat(shown, known):
                shown = shown._replace(balance=balance)
                known = known._replace(balance=await self._expected_balance(balance))
        made = reconcile(shown, known, LAG_MS, TOLERANCE)
        for payment in made.bookings:
            await self._managers[payment.sym].fund(payment)
        await self._look_at_funding()
        for one in made.differences:
            if one.kind is DifferenceKind.ORDER_NOT_OPEN and (
                order := self._managers[one.sym].open_orders.get(one.key)
            ):
                context.resting.look(order)
        return made.differences

    def _flat(self, shown: VenueView, known: OwnView) -> bool:
        """Returns whether nothing is held but coins that cannot be sold, and nothing is on its way."""
        books, mine, spot = self._context.books, known.mine, self._spot()
        if books.others() and not spot:
            return False  # a position that is traded no more is worth what the venue says
        found = {one.sym: one.signed_qty - mine.get(one.sym, Decimal(0)) for one in shown.positions}
        held = any(  # a swap's profit is in the balance, however little is held
            qty != (books.dust(sym) if spot else 0) for sym, qty in (*known.positions.items(), *found.items())
        )
        return not held and not any(own.state.in_flight for own in known.orders.values())

    async def _expected_balance(self, balance: Decimal) -> Decimal:
        context, books = self._context, self._context.books
        made = books.profit() + paid_elsewhere(context.risk.limits)
        made -= books.cost_of_rest() if self._spot() else Decimal(0)
        adopted = await context.journal.externals(adopted=True)
        found = beside(context.risk.limits, adopted, balance, made, now_ms())
        row = found.row()
        if not is_kept(found, context.risk.limits.get(row.name)):
            await context.fenced.write([row])
            context.risk.limits[row.name] = row.value
        return found.amount + made

    async def _look_at_skew(self, skew_ms: int) -> None:
        """Blocks what adds while the two clocks are far apart: ages are taken between them."""
        risk = self._context.risk
        before, apart = bool(risk.blocked), abs(skew_ms) > self._context.config.max_clock_skew_ms
        risk.blocked = (Reason.CLOCK_SKEW,) if apart else ()
        limit = self._context.config.max_clock_skew_ms
        risk.why_blocked = f"the exchange's clock is {skew_ms} ms ahead of ours, max_clock_skew_ms is {limit}"
        if apart and not before:
            text = f"the venue's clock is {skew_ms} ms ahead of ours: nothing is added until it is within "
            text += f"{limit} ms; set this host's clock (NTP)"
            log.error("alarm", what=text)
            await self._context.fenced.write([EventRow("ALARM", "", "", f"{Reason.CLOCK_SKEW}: {text}", now_ms())])
        elif before and not apart:
            log.info("the venue's clock and ours agree", apart_ms=skew_ms)
            await self._context.fenced.write([EventRow("MARKET", "", "", f"{Reason.CLOCK_SKEW} is over", now_ms())])

    async def _look_at_funding(self) -> None:
        """Looks at what was paid today; nothing is remembered of an account that was never asked for any."""
        context = self._context
        payments = await context.journal.funding(since_ms=counted_from_ms(time.time_ns()))
        if not payments and FUNDING_MARKS not in context.risk.limits:
            return
        changes = context.risk.see_funding(payments)
        if changes:
            await context.fenced.write(changes)
        latches = [row for row in changes if isinstance(row, LatchRow)]
        context.risk.latches_written(latches)
        for latch in latches:
            log.error("alarm", what=latch.reason, latch=latch.name)

    def _urgent(self) -> set[str]:
        """Returns the symbols whose trades tell something now: what differed, and what was just traded."""
        traded = {sym for sym, manager in self._managers.items() if manager.open_orders}
        return traded | {difference.sym for difference in self._before or ()}

    async def _known(self, since_ms: int, traded: Collection[str]) -> OwnView:
        journal = self._context.journal
        rows = [*await journal.orders(), *await journal.orders(open_only=False, since_ms=since_ms - WINDOW_MS)]
        orders = {row.client_order_id: _own(open_order_of(row)) for row in rows}
        for manager in self._managers.values():
            orders |= {name: _own(order) for name, order in manager.open_orders.items()}
        adopted = frozenset((DifferenceKind(row.kind), row.key) for row in await journal.externals(adopted=True))
        return OwnView(
            orders=orders,
            positions=self._context.books.positions(),
            fills=[_fill(row) for row in await journal.fills(since_ms=since_ms) if row.sym in traded],
            funding={
                row.payment_id: FundingPayment(row.payment_id, row.sym, row.amount, row.at_ms)
                for row in await journal.funding(since_ms=since_ms)
            },
            adopted=adopted,
            mine=self._of_no_book_here(),
            stops=self._context.protector.known_ids(),
            firing=self._context.protector.firing(),
        )

    def _of_no_book_here(self) -> dict[str, Decimal]:
        """Returns of each coin what is no book's, as a person has said, and what books hold that are traded no more."""
        mine = mine_of(self._context.risk.limits, self._managers)
        others = self._context.books.others() if self._spot() else {}
        return mine | {sym: mine.get(sym, Decimal(0)) + qty for sym, qty in others.items() if sym in self._managers}

    def _spot(self) -> bool:
        return any(self._context.venue.rules(sym).kind == "spot" for sym in self._managers)

    async def _show(self, certain: Sequence[Difference]) -> None:
        """Alarms each difference once, and tags it EXTERNAL in the journal until a person adopts it."""
        now = {(one.kind, one.key): (one.expected, one.found) for one in certain}
        new = [
            await self._named(one) for one in certain
            if self._alarmed.get((one.kind, one.key)) != (one.expected, one.found)
        ]  # fmt: skip
        self._alarmed = now
        self._context.risk.differences = len(now)
        changes: list[ExternalRow | EventRow] = []
        for one in new:
            log.error("alarm", what=one.text, kind=one.kind, sym=one.sym)
            changes.append(external_row(one, now_ms()))
            changes.append(EventRow("EXTERNAL", one.sym, "", one.text, now_ms()))
        if any(one.kind is DifferenceKind.EXTERNAL_FILL for one in new):
            self._context.markets_in_doubt.set()  # a settlement, perhaps
        if changes:
            await self._context.fenced.write(changes)

    async def _named(self, one: Difference) -> Difference:
        """Returns a trade of which only the venue's own order id is known, with whose order it was."""
        trade = one.trade
        if one.kind is not DifferenceKind.EXTERNAL_FILL or trade is None or trade.client_order_id or trade.forced:
            return one
        try:
            maker = await self._context.venue.maker(trade.sym, trade.venue_order_id)
        except VenueError as error:
            log.warning("whose order it was is not told", sym=trade.sym, why=str(error))
            return one
        trade = trade._replace(client_order_id=maker.client_order_id, forced=maker.forced)
        return one._replace(trade=trade, text=external_text(trade))

    async def _strike(self, there: Collection[tuple[str, str]]) -> None:
        """Strikes differences that are no more and were never booked: they wait for nobody.

        A position that agrees again would be booked wrongly. An order that the list lacked has ended here since.
        """
        changes: list[DropExternal | EventRow] = []
        for row in await self._context.journal.externals(adopted=False):
            if row.kind in PASSING and (row.kind, row.key) not in there:
                text = f"is no more: {row.text}"
                log.info("a difference is no more", what=row.text, kind=row.kind, sym=row.sym)
                changes += (DropExternal(row.kind, row.sym, row.key), EventRow("EXTERNAL", row.sym, "", text, now_ms()))
        if changes:
            await self._context.fenced.write(changes)


def _own(order: OpenOrder) -> OwnOrder:
    return OwnOrder(order.row.sym, order.state, bool(order.row.stop_id))


def _fill(row: FillRow) -> VenueFill:
    return VenueFill(
        row.trade_id, row.venue_order_id, row.client_order_id, row.sym, row.signed_qty, row.price, row.fee,
        row.fee_currency, row.at_ms, tuple(fees_in(row.extra_fees or "")),
    )  # fmt: skip
