"""From an intent to its row in the journal, and how the row follows the order's life. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from shared.journal import OrderRow
from shared.messages import OrderIntent
from shared.messages.codec import pack
from shared.messages.reasons import OrderState, OrderStatus
from shared.orders import Life

TERMINAL = frozenset(OrderState(status) for status in OrderStatus)
_NOT_SENT = frozenset({OrderState.INTENT, *TERMINAL})


@dataclass(slots=True)
class Ticket:
    """An order that has no terminal report yet: its row as it stands in the journal, and its life."""

    row: OrderRow
    life: Life

    @property
    def on_the_way(self) -> bool:
        """Whether the venue has it, or may have it."""
        return self.row.state not in _NOT_SENT

    @property
    def decision(self) -> tuple[str, int, int]:
        """What the legs of one decision have in common."""
        return self.row.book, self.row.tick_n, self.row.ts_event


def row_of(intent: OrderIntent, book: str, epoch: int, now_ms: int) -> OrderRow:
    """The row of an order that was read just now."""
    return OrderRow(
        client_order_id=intent.client_order_id, book=book, sym=intent.sym, tick_n=intent.tick_n, tr=intent.tr,
        ts_event=intent.ts_event, leg=intent.leg, intended_qty=intent.signed_qty, reduce_only=intent.reduce_only,
        price=intent.price, valid_until_ns=intent.valid_until, content=content_of(intent), order_n=intent.n,
        state=OrderState.INTENT, signed_qty=Decimal(0), at_ms=0, valid_until_ms=0, venue_order_id="",
        filled_qty=Decimal(0), paid=Decimal(0), commission=Decimal(0), reason=None, epoch=epoch, updated_ms=now_ms,
    )  # fmt: skip


def content_of(intent: OrderIntent) -> str:
    """What makes two orders with one id the same order; the stream's n is not part of it."""
    fields = {name: value for name, value in intent.content().items() if name != "n"}
    return sha256(pack(fields)).hexdigest()


def ticket_of(row: OrderRow) -> Ticket:
    """A row that was read from the journal."""
    return Ticket(row, Life(
        state=row.state, asked_qty=row.signed_qty, filled_qty=row.filled_qty, paid=row.paid, at_ms=row.at_ms,
        valid_until_ms=row.valid_until_ms, venue_order_id=row.venue_order_id, reason=row.reason, agreeing=0,
    ))  # fmt: skip


def following(row: OrderRow, life: Life, epoch: int, now_ms: int) -> OrderRow:
    """The row after a step of the order's life."""
    return row._replace(
        state=life.state, signed_qty=life.asked_qty, filled_qty=life.filled_qty, paid=life.paid, at_ms=life.at_ms,
        valid_until_ms=life.valid_until_ms, venue_order_id=life.venue_order_id, reason=life.reason, epoch=epoch,
        updated_ms=now_ms,
    )  # fmt: skip
