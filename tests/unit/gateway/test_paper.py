"""PaperStage: price, slippage against the order, fee, one report for each order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from shared.messages import (
    ExecutionReport,
    Leg,
    OrderIntent,
    OrderStatus,
    OrderType,
    Reason,
    TimeInForce,
    decode,
    encode,
)
from shared.messages.codec import pack, unpack
from shared.record import WIRE
from shared.tick import State

QTY = st.decimals(-1000, 1000, places=8).filter(bool)
PRICE = st.decimals("0.01", 100_000, places=2)


def order(
    n: int = 1, qty: str | Decimal = "2", price: str | Decimal = "50", leg: Leg = Leg.OPEN, limit: str = "",
    after: int = 0,
) -> OrderIntent:  # fmt: skip
    bound = {"type": OrderType.LIMIT, "limit_price": Decimal(limit), "time_in_force": TimeInForce.IOC} if limit else {}
    return OrderIntent(
        n=n, sym="BTCUSDT", ts_event=7, tr="v:BTCUSDT:7:4", tick_n=4, client_order_id=f"{n:032x}", leg=leg,
        signed_qty=Decimal(qty), reduce_only=leg is Leg.CLOSE, price=Decimal(price), valid_until=0,
        after=f"{after:032x}" if after else None, **bound,
    )  # type: ignore[arg-type]  # fmt: skip


def filled(stage: PaperStage, intent: OrderIntent) -> ExecutionReport:
    reports = stage.on_tick(intent)
    assert reports is not None
    (report,) = reports
    assert isinstance(report, ExecutionReport)
    return report


def paper(fee: str = "0", slippage_bps: str = "0") -> PaperStage:
    return PaperStage(Decimal(fee), Decimal(slippage_bps))


def test_an_order_is_filled_whole_at_its_decision_price() -> None:
    assert filled(paper(fee="0.0003"), order(leg=Leg.CLOSE)) == ExecutionReport(
        n=1, sym="BTCUSDT", ts_event=7, tr="v:BTCUSDT:7:4", tick_n=4, order_n=1, client_order_id=f"{1:032x}",
        leg=Leg.CLOSE, status=OrderStatus.FILLED, last_qty=Decimal(2), last_px=Decimal(50),
        commission=Decimal("0.03"), reason=None,
    )  # fmt: skip


@pytest.mark.parametrize(("qty", "price"), [("2", "50.05"), ("-2", "49.95")])
def test_slippage_goes_against_the_order(qty: str, price: str) -> None:
    """10 basis points: who buys pays more, who sells gets less; the fee is on what was paid."""
    report = filled(paper(fee="0.001", slippage_bps="10"), order(qty=qty))
    assert report.last_px == Decimal(price)
    assert report.commission == Decimal("0.001") * 2 * Decimal(price)


def test_without_slippage_the_price_stays_to_the_last_digit() -> None:
    assert str(filled(paper(), order(price="50.10")).last_px) == "50.10"


@given(QTY, PRICE, st.decimals(0, "0.01", places=5), st.decimals(0, 100, places=2))
def test_a_fill_never_favours_the_order(qty: Decimal, price: Decimal, fee: Decimal, slippage_bps: Decimal) -> None:
    intent = order(qty=qty, price=price)
    report = filled(PaperStage(fee, slippage_bps), intent)
    assert report.last_px is not None
    assert (report.last_px - price) * (1 if qty > 0 else -1) >= 0
    assert report.commission == fee * abs(qty) * report.last_px
    assert report.commission >= 0
    assert report.last_qty == qty
    assert decode(report.TAG, encode(report)) == report


@pytest.mark.parametrize(("qty", "limit"), [("2", "50.05"), ("2", "50.06"), ("-2", "49.95"), ("-2", "49")])
def test_a_limit_order_is_filled_whole_up_to_its_limit(qty: str, limit: str) -> None:
    """10 basis points of slippage lead to 50.05, or to 49.95."""
    bound, free = paper(slippage_bps="10"), paper(slippage_bps="10")
    assert filled(bound, order(qty=qty, limit=limit)) == filled(free, order(qty=qty))


@pytest.mark.parametrize(("qty", "limit"), [("2", "50.04"), ("-2", "49.96")])
def test_beyond_its_limit_an_order_misses(qty: str, limit: str) -> None:
    report = filled(paper(fee="0.001", slippage_bps="10"), order(qty=qty, limit=limit))
    assert (report.status, report.reason) == (OrderStatus.CANCELED, Reason.BEYOND_LIMIT)
    assert (report.last_qty, report.last_px, report.commission) == (0, None, 0)


@pytest.mark.parametrize("stopped", [False, True])
def test_what_comes_after_a_missed_order_expires_and_the_next_does_not(stopped: bool) -> None:
    """As at an exchange, where it never goes out; also where the gateway was stopped in between."""
    stage = paper(slippage_bps="10")
    assert filled(stage, order(1, limit="50", leg=Leg.CLOSE)).status is OrderStatus.CANCELED
    if stopped:
        saved, stage = pack(stage.state()), paper(slippage_bps="10")
        stage.restore(unpack(saved))
    opened = filled(stage, order(2, after=1, limit="60"))
    assert (opened.status, opened.reason, opened.last_qty) == (OrderStatus.EXPIRED, Reason.CLOSE_NOT_FILLED, 0)
    assert filled(stage, order(3, limit="60")).status is OrderStatus.FILLED
    assert filled(stage, order(4, after=1, limit="60")).status is OrderStatus.FILLED


def test_of_several_orders_after_a_missed_close_none_is_filled() -> None:
    """So none adds to what was to be closed; a missed one that opens lets nothing wait for it."""
    stage = paper(slippage_bps="10")
    assert filled(stage, order(1, limit="50", leg=Leg.CLOSE)).status is OrderStatus.CANCELED
    assert [filled(stage, order(n, after=1)).status for n in (2, 3)] == [OrderStatus.EXPIRED] * 2
    assert filled(stage, order(4, after=1, leg=Leg.CLOSE)).status is OrderStatus.EXPIRED
    assert filled(stage, order(5, after=4)).status is OrderStatus.EXPIRED
    assert filled(stage, order(6, limit="50")).status is OrderStatus.CANCELED
    assert filled(stage, order(7)).status is OrderStatus.FILLED


def test_reports_are_numbered_and_restored_is_never_stopped() -> None:
    whole, first, second = paper(), paper(), paper()
    expected = [filled(whole, order(n)) for n in range(1, 6)]
    before = [filled(first, order(n)) for n in range(1, 4)]
    second.restore(unpack(pack(first.state())))
    assert before + [filled(second, order(n)) for n in range(4, 6)] == expected
    assert [report.n for report in expected] == [report.order_n for report in expected] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "state",
    [None, 1, {"numbers": {}}, {"v": WIRE, "numbers": {"?": 1}}, {"v": WIRE, "numbers": {"orders": "1"}}],
)
def test_a_state_that_does_not_fit_is_refused(state: State) -> None:
    with pytest.raises(ValueError):
        paper().restore(state)
