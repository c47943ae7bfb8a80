"""Rows of a journal for tests: an order, its execution and fill, a funding payment."""

from decimal import Decimal
from typing import Any

from shared.journal.rows import ExecutionRow, FillRow, FundingRow, OrderRow
from shared.messages import Leg, OrderPhase

BOOK, SYM = "strategy:BTCUSDT", "BTCUSDT"


def order(number: int = 1, **changed: Any) -> OrderRow:
    """Returns the row of an order that was sent."""
    row = OrderRow(
        client_order_id=f"order{number:06d}",
        book=BOOK,
        sym=SYM,
        tick_n=number,
        tr=f"replay:{SYM}:{number}:{number}",
        ts_event=1_730_203_200_000_000_000 + number,
        leg=Leg.OPEN,
        intended_qty=Decimal("0.0013997"),
        reduce_only=False,
        price=Decimal("71440.10"),
        valid_until_ns=0,
        after="",
        content="c" * 64,
        order_n=number,
        state=OrderPhase.SENT,
        signed_qty=Decimal("0.001"),
        at_ms=1_730_203_200_001,
        valid_until_ms=1_730_203_205_001,
        venue_order_id="",
        filled_qty=Decimal(0),
        paid=Decimal(0),
        commission=Decimal(0),
        reason=None,
        epoch=1,
        updated_ms=1_730_203_200_001 + number,
    )
    return row._replace(**changed)


def execution(seq: int = 1, number: int | None = None, book: str = BOOK) -> ExecutionRow:
    """Returns the row of the report of order `number`, which is `seq` unless given."""
    return ExecutionRow(book, seq, f"order{seq if number is None else number:06d}", b"\x00report\xff", 5)


def fill(trade_id: str = "7", **changed: Any) -> FillRow:
    """Returns the row of a trade of order 1."""
    row = FillRow(
        sym=SYM,
        trade_id=trade_id,
        venue_order_id="99",
        client_order_id="order000001",
        signed_qty=Decimal("0.001"),
        price=Decimal("71440.10"),
        fee=Decimal("0.0000071"),
        fee_currency="BNB",
        at_ms=5,
        extra_fees="0.00001 BTC",
    )
    return row._replace(**changed)


def funding(payment_id: str = "3", **changed: Any) -> FundingRow:
    """Returns the row of a payment that we made."""
    return FundingRow(SYM, payment_id, Decimal("-0.0071"), 5)._replace(**changed)
