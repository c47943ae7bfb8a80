"""Several orders of a symbol at once, what rests, and how an end short of its quantity ends."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from shared.journal.rows import DropLatch, LatchRow
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus, Reason
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

LONG: dict[str, Any] = {"request_validity_ms": 8_000, "grace_ms": 20_000}  # nothing is over by waiting for them


def ends(trading: Gateway) -> dict[str, ExecutionReport]:
    """The reports by client order id."""
    return {report.client_order_id: report for report in trading.reports()}


async def test_an_unknown_order_holds_what_adds_and_a_close_goes_out(tmp_path: Path) -> None:
    """It may be filled yet, or not: the exchange itself lets the close only reduce."""
    async with gateway(tmp_path, **LONG) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST"))
        lost, added, close = trading.intent("0.010"), trading.intent("0.010"), trading.intent("-0.010", Leg.CLOSE)
        await trading.write(lost, added, close)
        await trading.reported(2)
        assert ends(trading)[close.client_order_id].status is OrderStatus.FILLED
        assert trading.fake.engine.accepted[-1].reduce_only
        assert trading.fake.server.count("/order", "POST") == 3, "what adds was not sent"


async def test_on_spot_a_close_waits_for_an_unknown_order(tmp_path: Path) -> None:
    async with gateway(
        tmp_path, fake_venue="binance-spot", markets={SYM: "BTC/USDT"}, request_validity_ms=5_000, grace_ms=2_000
    ) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST"))
        lost = trading.intent("0.010")
        await trading.write(lost, trading.intent("-0.005", Leg.CLOSE))
        _, gone, closed = await trading.reported(3)
        assert (gone.client_order_id, gone.status) == (lost.client_order_id, OrderStatus.EXPIRED)
        assert closed.status is OrderStatus.FILLED


async def test_two_unknown_closes_close_once(tmp_path: Path) -> None:
    """The first reached the exchange, and its answer was lost; the second finds nothing to reduce."""
    async with gateway(tmp_path) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        trading.fake.server.faults += [
            Fault(FaultMode.DROP, "/order", method="POST", after=True),
            Fault(FaultMode.STATUS, "/order", method="GET", times=6),
        ]
        await trading.write(trading.intent("-0.010", Leg.CLOSE), trading.intent("-0.010", Leg.CLOSE))
        reports = await trading.reported(3)
        assert sorted(report.last_qty for report in reports[1:]) == [Decimal("-0.010"), Decimal(0)]
        assert trading.fake.engine.wallet.holding(SYM).qty == 0
        await trading.agreed()


def let_it_rest(trading: Gateway) -> None:
    """The next market orders are filled in part; the rest would come in an hour."""
    faults = trading.fake.state.random_faults
    faults.chances, faults.apart_ms = {"partial": 1.0}, 3_600_000


async def rests(trading: Gateway, orders: int = 1) -> None:
    session = await trading.session()
    manager = session.managers[SYM]
    await until(lambda: sum(order.rests for order in manager.open_orders.values()) == orders)


async def test_what_rests_is_watched_by_one_list(trading: Gateway) -> None:
    session = await trading.session()
    assert not session.context.open_orders
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    await trading.write(trading.intent("0.030"))
    await rests(trading, 2)
    assert [*session.context.open_orders] == [SYM]
    asked, listed = trading.fake.server.count("/order", "GET"), trading.fake.server.count("/openOrders")
    await until(lambda: trading.fake.server.count("/openOrders") >= listed + 12)  # comparisons read it, too
    assert trading.fake.server.count("/order", "GET") == asked
    for order in trading.fake.engine.open_orders():
        trading.fake.engine.cancel(order, trading.fake.state.now_ms())
    first, second = await trading.reported(2)
    assert {first.status, second.status} == {OrderStatus.CANCELED}
    assert not session.context.open_orders, "an order is judged beside those only that are open"
    await trading.agreed()


@pytest.mark.parametrize(
    ("cause", "why"), [("disarm", []), ("its end", [Reason.ARMING_EXPIRED]), ("latch", [Reason.DRIFT])]
)
async def test_what_rests_and_adds_is_cancelled_by_what_stops_adding(
    trading: Gateway, cause: str, why: list[Reason]
) -> None:
    """A disarm ends the session, which cancels without its journal."""
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    if cause == "disarm":
        await trading.disarm()
    elif cause == "its end":
        await trading.arm(hours=0)
    else:
        async with trading._opened() as journal:
            await journal.write_by_person([LatchRow("DRIFT", "the edge is gone", "test", 1)])
    (report,) = await trading.reported(1)
    (taken,) = trading.fake.engine.accepted
    filled = sum((fill.qty for fill in trading.fake.engine.fills), Decimal(0))
    assert (report.status, report.last_qty) == (OrderStatus.CANCELED, filled)
    assert 0 < filled < taken.signed_qty
    assert [event.text.partition(":")[0] for event in await trading.events() if event.kind == "CANCEL"] == why
    trading.fake.state.random_faults.chances = {}
    await trading.write(trading.intent(str(-filled), Leg.CLOSE))
    *_, closed = await trading.reported(2)
    assert closed.status is OrderStatus.FILLED
    await trading.agreed()


async def test_what_a_session_cancels_at_its_end_stands_in_the_journal(trading: Gateway) -> None:
    """So the next one knows that it was cancelled, also where the exchange has forgotten it by then."""
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    await trading.stop()
    (event,) = [event for event in await trading.events() if event.kind == "CANCEL"]
    assert event.text.startswith("the session ends")
    async with trading._opened() as journal:
        (row,) = await journal.orders()
    assert (row.state, row.canceled_ms > 0) == (OrderPhase.CANCELING, True)
    trading.start()
    (report,) = await trading.reported(1)
    assert report.status is OrderStatus.CANCELED


async def test_what_rests_and_reduces_stays(trading: Gateway) -> None:
    await trading.write(trading.intent("0.020"))
    await trading.reported(1)
    let_it_rest(trading)
    await trading.write(trading.intent("-0.020", Leg.CLOSE))
    await rests(trading)
    await trading.disarm()
    await until(lambda: trading.engine is not None and trading.engine._account is not None)
    await rests(trading)
    await trading.compared(3)
    assert trading.fake.server.count("/order", "DELETE") == 0
    assert len(trading.fake.engine.open_orders()) == 1


async def test_a_cancel_whose_answer_is_lost_is_asked_for_again(trading: Gateway) -> None:
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    trading.fake.server.faults.append(Fault(FaultMode.STATUS, "/order", method="DELETE", times=5))
    async with trading._opened() as journal:
        await journal.write_by_person([LatchRow("DRIFT", "the edge is gone", "test", 1)])
    (report,) = await trading.reported(1)
    assert report.status is OrderStatus.CANCELED
    assert trading.fake.server.count("/order", "DELETE") > 5


FOR_EVER = 10**6
UNKNOWN_ORDER, NONE_SUCH = '{"code": -2013, "msg": "Order does not exist."}', '{"code": -2011, "msg": "Unknown order."}'


def forget(trading: Gateway) -> None:
    """The exchange knows the order no more, whoever asks."""
    trading.fake.server.faults += [
        Fault(FaultMode.STATUS, "/order", method="GET", status=400, text=UNKNOWN_ORDER, times=FOR_EVER),
        Fault(FaultMode.STATUS, "/openOrders", method="GET", status=200, text="[]", times=FOR_EVER),
    ]


async def test_a_cancelled_order_that_the_exchange_has_forgotten_ends_though_no_cancel_was_answered(
    trading: Gateway,
) -> None:
    """Binance forgets it after days, OKX after hours; its trades tell with what it has ended."""
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    trading.fake.server.faults += [
        Fault(FaultMode.DROP, "/order", method="DELETE", after=True),
        Fault(FaultMode.STATUS, "/order", method="DELETE", status=400, text=NONE_SUCH, times=FOR_EVER),
    ]
    forget(trading)
    async with trading._opened() as journal:
        await journal.write_by_person([LatchRow("DRIFT", "the edge is gone", "test", 1)])
    (report,) = await trading.reported(1)
    filled = sum((fill.qty for fill in trading.fake.engine.fills), Decimal(0))
    assert (report.status, report.last_qty) == (OrderStatus.CANCELED, filled)
    assert filled > 0


async def test_an_order_that_the_exchange_has_forgotten_calls_for_a_person(tmp_path: Path) -> None:
    """Nobody here has cancelled it, so nobody knows how it ended."""
    async with gateway(tmp_path, unknown_alarm_s=0.5) as trading:
        await trading.session()
        let_it_rest(trading)
        intent = trading.intent("0.020")
        await trading.write(intent)
        await rests(trading)
        forget(trading)

        async def called() -> list[str]:
            alarms = [event.text for event in await trading.events() if event.kind == "ALARM"]
            return [text for text in alarms if f"tickline resolve {intent.client_order_id}" in text]

        await until(called)
        assert trading.reports() == []


async def test_what_rests_is_cancelled_when_the_line_ends_and_the_next_start_books_it(trading: Gateway) -> None:
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    await trading.stop()
    assert trading.fake.engine.open_orders() == []
    trading.start()
    (report,) = await trading.reported(1)
    filled = sum((fill.qty for fill in trading.fake.engine.fills), Decimal(0))
    assert (report.status, report.last_qty) == (OrderStatus.CANCELED, filled)
    await trading.agreed()


async def test_what_rests_blocks_nothing_and_counts(trading: Gateway) -> None:
    """9,999 of 10,000 may be held: half of it rests, so only the other half goes beside it."""
    await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.120"))
    await rests(trading)
    trading.fake.state.random_faults.chances = {}
    small, large = trading.intent("0.100"), trading.intent("0.120")
    await trading.write(small, large)
    await trading.reported(2)
    assert ends(trading)[small.client_order_id].status is OrderStatus.FILLED
    refused = ends(trading)[large.client_order_id]
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.POSITION_NOTIONAL)


async def test_a_restart_goes_on_with_what_rests(trading: Gateway) -> None:
    """Killed, nothing is cancelled; the next session watches both orders, and cancels them when it has to."""
    session = await trading.session()
    let_it_rest(trading)
    await trading.write(trading.intent("0.020"))
    await rests(trading)
    await trading.write(trading.intent("0.030"))
    await rests(trading, 2)
    session.managers.clear()  # a kill cancels nothing
    await trading.kill()
    assert len(trading.fake.engine.open_orders()) == 2
    trading.start()
    await rests(trading, 2)
    async with trading._opened() as journal:
        await journal.write_by_person([LatchRow("DRIFT", "", "test", 1)])
    await trading.reported(2)
    async with trading._opened() as journal:
        await journal.write_by_person([DropLatch("DRIFT")])
    await trading.agreed()
