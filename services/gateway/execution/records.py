"""From an intent to its row in the journal, and how the row follows the order's life. Pure."""

from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256

from shared.journal.rows import ExternalRow, FillRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderIntent, OrderStatus
from shared.messages.codec import content
from shared.messages.reasons import OrderPhase, Reason
from shared.orders import Difference, FundingPayment, OrderState, VenueFill
from shared.orders.fees import fees_text
from shared.orders.outcome import OrderOutcome
from shared.record import unvalidated

_ZERO = Decimal(0)


@dataclass(slots=True)
class OpenOrder:
    """An order that has no terminal report yet: its row as the journal has it, its life, what a person was told.

    held: what let it wait when it was last judged; none where it waits for another order only.
    """

    row: OrderRow
    state: OrderState
    held: Reason | None = None
    alarmed: set[str] = field(default_factory=set)


def row_of(intent: OrderIntent, book: str, epoch: int, now_ms: int) -> OrderRow:
    """The row of an order that was read just now."""
    return OrderRow(
        client_order_id=intent.client_order_id, book=book, sym=intent.sym, tick_n=intent.tick_n, tr=intent.tr,
        ts_event=intent.ts_event, leg=intent.leg, intended_qty=intent.signed_qty, reduce_only=intent.reduce_only,
        price=intent.price, valid_until_ns=intent.valid_until, after=intent.after or "", content=content_of(intent),
        order_n=intent.n, state=OrderPhase.INTENT, signed_qty=_ZERO, at_ms=0, valid_until_ms=0, venue_order_id="",
        filled_qty=_ZERO, paid=_ZERO, commission=_ZERO, reason=None, epoch=epoch, updated_ms=now_ms,
    )  # fmt: skip


def content_of(intent: OrderIntent) -> str:
    """What makes two orders of one id the same order, at whatever wire: all that decides."""
    return sha256(content(intent)).hexdigest()


def open_order_of(row: OrderRow) -> OpenOrder:
    """What a row says of its order."""
    state = OrderState(
        asked_qty=row.signed_qty if row.at_ms else row.intended_qty, phase=row.state, filled_qty=row.filled_qty,
        paid=row.paid, at_ms=row.at_ms, valid_until_ms=row.valid_until_ms, venue_order_id=row.venue_order_id,
        reason=row.reason,
    )  # fmt: skip
    return OpenOrder(row, state)


def following(row: OrderRow, state: OrderState, epoch: int, now_ms: int, commission: Decimal = _ZERO) -> OrderRow:
    """The row after a step of the order's life."""
    return row._replace(
        state=state.phase, signed_qty=state.asked_qty if state.at_ms else _ZERO, filled_qty=state.filled_qty,
        paid=state.paid, at_ms=state.at_ms, valid_until_ms=state.valid_until_ms, venue_order_id=state.venue_order_id,
        reason=state.reason, commission=commission, epoch=epoch, updated_ms=now_ms,
    )  # fmt: skip


def fill_row(fill: VenueFill, client_order_id: str) -> FillRow:
    """A trade of our order as the journal keeps it."""
    return FillRow(
        fill.sym, fill.trade_id, fill.venue_order_id, client_order_id, fill.signed_qty, fill.price, fill.fee,
        fill.fee_currency, fill.at_ms, fees_text(fill.extra_fees),
    )  # fmt: skip


def external_row(found: Difference, now_ms: int) -> ExternalRow:
    """A difference as it waits for a person."""
    trade = found.trade
    fees = None if trade is None else fees_text(trade.fees)
    price = None if trade is None else trade.price
    return ExternalRow(
        found.kind, found.sym, found.key, found.text, now_ms, "", found.expected, found.found, price, fees
    )  # fmt: skip


# The one terminal report of an order, as the bus and the journal keep it. Pure.

NS_PER_MS = 1_000_000
_ZERO = Decimal(0)
_report = unvalidated(ExecutionReport)


def report_of(row: OrderRow, seq: int, booked: OrderOutcome, now_ms: int, dust: Decimal = _ZERO) -> ExecutionReport:
    """The report with number `seq` in its book. ts_event: when it was known. dust: see ExecutionReport."""
    return _report(
        n=seq, sym=row.sym, ts_event=now_ms * NS_PER_MS, tr=row.tr, tick_n=row.tick_n, order_n=row.order_n,
        client_order_id=row.client_order_id, leg=row.leg, status=booked.status, last_qty=booked.last_qty,
        last_px=booked.last_px, commission=booked.commission, reason=booked.reason, dust=dust, capital=None,
    )  # fmt: skip


def funding_report(payment: FundingPayment, seq: int) -> ExecutionReport:
    """A funding payment as its book sees it: a cost, negative when money was received."""
    trace = f"funding:{payment.sym}:{payment.payment_id}"[:160]
    name = sha256(f"funding {payment.sym} {payment.payment_id}".encode()).hexdigest()[:32]
    return _report(
        n=seq, sym=payment.sym, ts_event=payment.at_ms * NS_PER_MS, tr=trace,
        tick_n=0, order_n=0, client_order_id=name, leg=Leg.FUNDING, status=OrderStatus.FILLED, last_qty=_ZERO,
        last_px=None, commission=-payment.amount, reason=None, dust=_ZERO, capital=None,
    )  # fmt: skip
