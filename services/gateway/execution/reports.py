"""The one terminal report of an order, as the bus and the journal keep it. Pure."""

from decimal import Decimal
from hashlib import sha256

from shared.journal.rows import OrderRow
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.orders import FundingPayment
from shared.orders.outcome import OrderOutcome
from shared.record import unvalidated

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
