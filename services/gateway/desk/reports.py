"""The one terminal report of an order, as the bus and the journal keep it. Pure."""

from shared.journal import ExecutionRow, OrderRow
from shared.messages import ExecutionReport, OrderStatus, Reason
from shared.messages.base import trusted
from shared.messages.codec import encode
from shared.orders import Terminal

_report = trusted(ExecutionReport)
NS_PER_MS = 1_000_000


def report_of(row: OrderRow, seq: int, terminal: Terminal, now_ms: int) -> ExecutionReport:
    """The report with sequence number `seq` in its book. ts_event: when it was known."""
    return _report(
        n=seq, sym=row.sym, ts_event=now_ms * NS_PER_MS, tr=row.tr, tick_n=row.tick_n, order_n=row.order_n,
        client_order_id=row.client_order_id, leg=row.leg, status=OrderStatus(terminal.status),
        last_qty=terminal.last_qty, last_px=terminal.last_px, commission=terminal.commission, reason=terminal.reason,
    )  # fmt: skip


def execution_row(book: str, report: ExecutionReport, now_ms: int) -> ExecutionRow:
    """Its row in the journal."""
    return ExecutionRow(book, report.n, report.client_order_id, encode(report), now_ms)
