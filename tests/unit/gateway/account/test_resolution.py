"""What a person's word makes of an order."""

from decimal import Decimal

import pytest

from services.gateway.account.resolution import ResolveRequest, resolution
from shared.config.gateway import GatewaySettings
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.rows import FillRow, OrderRow
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.codec import kept
from shared.messages.reasons import OrderPhase

D = Decimal
GATEWAY = GatewaySettings(markets={"BTCUSDT": "BTC/USDT:USDT"}, grace_ms=1_000)
ROW = OrderRow(
    client_order_id="a" * 32,
    book="strategy:BTCUSDT",
    sym="BTCUSDT",
    tick_n=7,
    tr="t",
    ts_event=1,
    leg=Leg.OPEN,
    intended_qty=D("-0.0105"),
    reduce_only=False,
    price=D(42_000),
    valid_until_ns=0,
    after="",
    content="c",
    order_n=3,
    state=OrderPhase.UNKNOWN,
    signed_qty=D("-0.010"),
    at_ms=1_000,
    valid_until_ms=6_000,
    venue_order_id="",
    filled_qty=D(0),
    paid=D(0),
    commission=D(0),
    reason=None,
    epoch=4,
    updated_ms=1_000,
)
LATER = 7_001


def resolved(
    state: OrderPhase, qty: str | None = None, price: str | None = None, row: OrderRow = ROW, at_ms: int = LATER
) -> tuple[OrderRow, ExecutionReport]:
    said = ResolveRequest(state, None if qty is None else D(qty), None if price is None else D(price), "ada", at_ms)
    fee = FillRow("BTCUSDT", "1", "v", "a" * 32, D("-0.004"), D(41_000), D("0.05"), "USDT", 2_000)
    made = resolution(row, [fee] if row.filled_qty else [], said, 9, GATEWAY)
    report = kept(ExecutionReport, made.execution.report)
    assert isinstance(report, ExecutionReport)
    assert (made.execution.seq, report.n, report.order_n, report.tick_n) == (9, 9, 3, 7)
    return made.row, report


def test_filled() -> None:
    row, report = resolved(OrderPhase.FILLED, price="41000")
    assert (row.state, row.filled_qty, row.paid, row.reason) == (
        OrderPhase.FILLED,
        D("-0.010"),
        D("410"),
        Reason.RESOLVED,
    )
    assert (report.status, report.last_qty, report.last_px) == (OrderStatus.FILLED, D("-0.010"), D(41_000))


@pytest.mark.parametrize("state", [OrderPhase.EXPIRED, OrderPhase.REJECTED, OrderPhase.CANCELED])
def test_nothing_came_of_it(state: OrderPhase) -> None:
    row, report = resolved(state)
    assert (row.state, row.filled_qty) == (state, 0)
    assert (report.status, report.last_qty, report.last_px, report.commission) == (state.value, 0, None, 0)


def test_a_quantity_has_the_orders_side() -> None:
    assert resolved(OrderPhase.CANCELED, "0.004", "41000")[1].last_qty == D("-0.004")


def test_what_is_known_to_be_filled_stays_with_its_fee() -> None:
    known = ROW._replace(filled_qty=D("-0.004"), paid=D(164), venue_order_id="v", state=OrderPhase.PARTIALLY_FILLED)
    _, report = resolved(OrderPhase.CANCELED, row=known)
    assert (report.last_qty, report.last_px, report.commission) == (D("-0.004"), D(41_000), D("0.05"))
    with pytest.raises(SafetyRefusal, match="was filled"):
        resolved(OrderPhase.CANCELED, "0.001", "41000", row=known)


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        ({"state": OrderPhase.FILLED}, ConfigError, "--price"),
        ({"state": OrderPhase.FILLED, "price": "-1"}, ConfigError, "--price"),
        ({"state": OrderPhase.FILLED, "qty": "0.02", "price": "1"}, ConfigError, "--qty"),
        ({"state": OrderPhase.EXPIRED, "at_ms": 7_000}, SafetyRefusal, "may still reach the venue"),
        (
            {"state": OrderPhase.EXPIRED, "row": ROW._replace(state=OrderPhase.EXPIRED)},
            ConfigError,
            "nothing to resolve",
        ),
        (
            {"state": OrderPhase.EXPIRED, "row": ROW._replace(state=OrderPhase.INTENT)},
            ConfigError,
            "nothing to resolve",
        ),
    ],
)
def test_what_cannot_be(said: dict[str, object], error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        resolved(**said)  # type: ignore[arg-type]
