"""The live gateway, whole but for its process: journal, risk, venue, bus."""

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.execution.baseline import BALANCE_BESIDE
from services.simulator.engine.events import FillPlan, NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import FEE_COIN, FEE_IN
from shared.errors import JournalUnwritable, SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import Change
from shared.messages import Leg, OrderStatus, Reason
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.integration.gateway.flattening import stranger
from tests.until import until


async def noted(trading: Gateway) -> list[str]:
    """What the journal keeps of orders that were refused."""
    return [event.text for event in await trading.events() if event.kind == "REFUSED"]


async def test_an_order_goes_all_the_way(trading: Gateway) -> None:
    intent = trading.intent("0.010")
    await trading.write(intent)
    (report,) = await trading.reported(1)
    assert (report.client_order_id, report.status, report.last_qty) == (
        intent.client_order_id, OrderStatus.FILLED, Decimal("0.010"),
    )  # fmt: skip
    (fill,) = trading.fake.engine.fills
    assert (report.last_px, report.commission) == (fill.price, fill.fee)
    assert trading.fake.server.count("/order", "POST") == 1


async def test_the_bus_knows_when_the_exchange_answered_last(trading: Gateway) -> None:
    """Anew each second, as the quotes are."""

    def told() -> bytes:
        return next((part.fields["heard"] for part in trading.bus.partitions.values() if "heard" in part.fields), b"0")

    await until(lambda: told() != b"0")
    first = told()
    assert abs(time.time() * 1_000 - int(first)) < 60_000
    await until(lambda: int(told()) > int(first))


async def test_the_open_leg_goes_when_the_close_leg_is_filled(trading: Gateway) -> None:
    first = trading.intent("0.010")
    await trading.write(first)
    await trading.reported(1)
    close = trading.intent("-0.010", Leg.CLOSE)
    await trading.write(close, trading.intent("-0.012", after=close))
    reports = await trading.reported(3)
    assert [report.last_qty for report in reports] == [Decimal("0.010"), Decimal("-0.010"), Decimal("-0.012")]
    assert trading.fake.engine.wallet.holding(SYM).qty == Decimal("-0.012")
    assert [order.reduce_only for order in trading.fake.engine.accepted] == [False, True, False]


async def test_an_open_leg_whose_close_leg_was_not_filled_is_expired(trading: Gateway) -> None:
    close = trading.intent("-0.010", Leg.CLOSE)  # nothing is held: it would add
    await trading.write(close, trading.intent("-0.012", after=close))
    reports = await trading.reported(2)
    assert [(report.status, report.reason) for report in reports] == [
        (OrderStatus.REJECTED, Reason.NOT_REDUCING), (OrderStatus.EXPIRED, Reason.CLOSE_NOT_FILLED),
    ]  # fmt: skip
    assert trading.fake.server.count("/order", "POST") == 0


async def test_an_order_past_its_time_is_not_sent(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010", valid_until=1))
    (report,) = await trading.reported(1)
    assert (report.status, report.reason) == (OrderStatus.EXPIRED, Reason.PAST_VALID_UNTIL)
    assert trading.fake.server.count("/order", "POST") == 0


class AtTheDisk(Journal):
    """Says that the disk is at work when it writes orders, and fails then while `full`."""

    full = True
    failed = 0

    async def write(self, changes: Sequence[Change], epoch: int, meanwhile: Callable[[], None] | None = None) -> None:
        if meanwhile is not None and AtTheDisk.full:
            meanwhile()
            for _ in range(100):  # ccxt makes the request meanwhile
                await asyncio.sleep(0)
            AtTheDisk.failed += 1
            raise JournalUnwritable("journal: the disk is full")
        await super().write(changes, epoch, meanwhile)


async def test_an_order_whose_write_fails_at_the_disk_is_sent_when_it_is_written(trading: Gateway) -> None:
    await trading.stop()
    trading.start()
    assert trading.engine is not None
    own = trading.settings
    trading.engine._open_journal = lambda: AtTheDisk.open(own.journal_url, own.gateway.account, durable=True)
    await trading.write(trading.intent("0.010"))
    await until(lambda: AtTheDisk.failed >= 3)
    assert trading.fake.server.count("/order", "POST") == 0
    AtTheDisk.full = False
    (report,) = await trading.reported(1)
    assert report.status is OrderStatus.FILLED
    assert trading.fake.server.count("/order", "POST") == 1


async def test_an_order_whose_answer_is_lost_is_found_and_not_sent_again(trading: Gateway) -> None:
    trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST", after=True))
    await trading.write(trading.intent("0.010"))
    (report,) = await trading.reported(1)
    assert (report.status, report.last_qty) == (OrderStatus.FILLED, Decimal("0.010"))
    assert trading.fake.server.count("/order", "POST") == 1


async def test_an_order_that_never_arrived_is_expired_and_not_sent_again(trading: Gateway) -> None:
    trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST"))
    await trading.write(trading.intent("0.010"), trading.intent("0.020"))
    reports = await trading.reported(2)
    assert [(report.status, report.reason) for report in reports] == [
        (OrderStatus.EXPIRED, Reason.NOT_ON_VENUE), (OrderStatus.FILLED, None),
    ]  # fmt: skip
    assert trading.fake.server.count("/order", "POST") == 2


async def test_a_kill_while_the_order_is_on_its_way(trading: Gateway) -> None:
    held = Fault(FaultMode.HOLD, "/order", method="POST", after=True)
    trading.fake.server.faults.append(held)
    await trading.write(trading.intent("0.010"))
    await trading.fake.server.wait_for("/order", 1)
    await trading.kill()
    held.release.set()
    trading.start()
    (report,) = await trading.reported(1)
    assert (report.status, report.last_qty) == (OrderStatus.FILLED, Decimal("0.010"))
    assert trading.fake.server.count("/order", "POST") == 1


async def test_reports_that_the_bus_has_lost_come_out_of_the_journal(trading: Gateway) -> None:
    for qty in ("0.010", "0.011", "-0.012"):
        await trading.write(trading.intent(qty))
    before = await trading.reported(3)
    await trading.stop()
    trading.forget()
    trading.start()
    assert await trading.reported(3) == before
    assert trading.fake.server.count("/order", "POST") == 3


async def test_a_fee_in_a_third_currency_is_booked_at_its_price(trading: Gateway) -> None:
    trading.fake.engine.set(FEE_IN, "BNBUSDT")
    await trading.write(trading.intent("0.010"))
    (report,) = await trading.reported(1)
    (fill,) = trading.fake.engine.fills
    assert (fill.fee_currency, fill.fee) == ("BNB", Decimal("0.00035000"))
    assert (report.status, report.commission) == (OrderStatus.FILLED, fill.fee * 600)


async def test_a_fee_in_a_third_currency_is_no_difference_of_the_balance(trading: Gateway) -> None:
    """Its worth is a loss of the book; the balance, in the quote currency, did not pay it."""
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(2)
    await until(lambda: BALANCE_BESIDE in trading.limits(), every_s=0.05)
    trading.fake.engine.set(FEE_IN, "BNBUSDT")
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(4)
    await trading.agreed()
    await trading.stop()
    trading.start()
    await trading.agreed()
    stranger(trading.fake, "0.005")
    position, trade = f"POSITION/{SYM}/{SYM}", f"EXTERNAL_FILL/{SYM}/{SYM}:1000010"
    await trading.waiting(position, trade)
    await trading.resolve(position, fee="0.105")
    await trading.write(trading.intent("-0.005", Leg.CLOSE))
    await trading.reported(6)
    await trading.agreed()


async def test_an_order_whose_fee_has_no_price_is_over_when_there_is_one(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    trading.fake.engine.set(FEE_IN, "BNBUSDT")
    trading.fake.server.faults.append(Fault(FaultMode.STATUS, "/ticker/bookTicker", status=400, times=1_000))
    await trading.write(trading.intent("0.010"))

    async def alarmed() -> bool:
        return any("a fee in BNB has no price in USDT" in event.text for event in await trading.events())

    await until(alarmed, every_s=0.1)
    assert len(trading.reports()) == 1
    trading.fake.server.faults.clear()
    *_, report = await trading.reported(2)
    assert (report.status, report.commission) == (OrderStatus.FILLED, Decimal("0.21"))


async def test_an_order_whose_fee_never_has_a_price_is_over_with_an_alarm(trading: Gateway) -> None:
    trading.fake.engine.set(FEE_COIN, "BNFCR")
    await trading.write(trading.intent("0.010"))
    (report,) = await trading.reported(1)
    assert (report.status, report.commission) == (OrderStatus.FILLED, Decimal(0))
    text = "0.21000050 BNFCR was paid in fees and has no price in USDT"
    assert any(event.kind == "ALARM" and text in event.text for event in await trading.events())
    (fill,) = await trading.fills()
    assert (fill.fee, fill.fee_currency) == (Decimal("0.21000050"), "BNFCR")


async def test_a_price_that_cannot_be_had_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with gateway(tmp_path, unknown_alarm_s=0.5) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        trading.fake.engine.set(FEE_IN, "BNBUSDT")
        trading.fake.server.faults.append(Fault(FaultMode.STATUS, "/ticker/bookTicker", status=400, times=1_000_000))
        await trading.write(trading.intent("0.010"))
        *_, report = await trading.reported(2)
        assert (report.status, report.commission) == (OrderStatus.FILLED, Decimal(0))


async def test_an_order_that_stays_unknown_calls_for_a_person_once(tmp_path: Path) -> None:
    async with gateway(tmp_path, unknown_alarm_s=0.5, grace_ms=25_000) as trading:
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "/order", method="POST"))
        lost = trading.intent("0.010")
        await trading.write(lost, trading.intent("0.020"))

        async def alarms() -> list[str]:
            return [event.text for event in await trading.events() if event.kind == "ALARM"]

        async def alarmed() -> bool:
            return bool(await alarms())

        await until(alarmed, every_s=0.1)
        asked = trading.fake.server.count("/order", "GET")
        await trading.fake.server.wait_for("/openOrders", trading.fake.server.count("/openOrders") + 3)
        (text,) = await alarms()
        assert text.endswith(f"tickline resolve {lost.client_order_id}")
        await until(lambda: trading.fake.server.count("/order", "GET") > asked)
        assert (trading.reports(), trading.fake.server.count("/order", "POST")) == ([], 1)


async def test_a_clock_too_far_apart_stops_what_adds_until_it_is_right(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)

    async def alarmed() -> bool:
        return any("clock" in event.text for event in await trading.events())

    trading.fake.state.skew_ms = 2_900
    await until(alarmed, every_s=0.1)
    await trading.write(trading.intent("0.010"))
    *_, refused = await trading.reported(2)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.CLOCK_SKEW)
    (text,) = await noted(trading)
    assert text.startswith("the exchange's clock is ") and text.endswith(" ms ahead of ours, max_clock_skew_ms is 2000")
    await trading.write(trading.intent("-0.005", Leg.CLOSE))
    *_, closed = await trading.reported(3)
    assert closed.status is OrderStatus.FILLED
    trading.fake.state.skew_ms = 0
    asked = trading.fake.server.count("/income")
    await trading.fake.server.wait_for("/income", asked + 3)
    await trading.write(trading.intent("0.010"))
    *_, added = await trading.reported(4)
    assert added.status is OrderStatus.FILLED


@pytest.mark.parametrize("later_ns", [0, 1_000_000_000])
async def test_a_known_id_with_other_content_is_not_sent(trading: Gateway, later_ns: int) -> None:
    first = trading.intent("0.010")
    await trading.write(first)
    await trading.reported(1)
    other = trading.intent("0.020", client_order_id=first.client_order_id, ts_event=first.ts_event + later_ns)
    await trading.write(other, trading.intent("0.030"))
    *_, third = await trading.reported(2)
    assert third.last_qty == Decimal("0.030")
    assert trading.fake.server.count("/order", "POST") == 2
    assert [event.client_order_id for event in await trading.events() if event.kind == "ALARM"] == [
        first.client_order_id
    ]


async def test_an_old_id_with_a_later_tick_is_not_sent_after_a_restart(trading: Gateway) -> None:
    first = trading.intent("0.010")
    await trading.write(first)
    await trading.reported(1)
    await trading.stop()
    trading.start()
    other = trading.intent("0.020", client_order_id=first.client_order_id)
    await trading.write(other, trading.intent("0.030"))
    *_, third = await trading.reported(2)
    assert third.last_qty == Decimal("0.030")
    assert trading.fake.server.count("/order", "POST") == 2


async def test_without_arming_nothing_that_adds_is_sent_and_a_close_is(tmp_path: Path) -> None:
    async with gateway(tmp_path) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        await trading.disarm()
        await trading.write(trading.intent("0.010"))
        *_, refused = await trading.reported(2)
        assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.NOT_ARMED)
        assert await noted(trading) == ["0 is armed, it would add 420"], "which number met which limit"
        await trading.write(trading.intent("-0.010", Leg.CLOSE))
        *_, closed = await trading.reported(3)
        assert (closed.status, closed.last_qty) == (OrderStatus.FILLED, Decimal("-0.010"))


async def test_what_somebody_else_traded_is_shown_and_stops_what_adds(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    trading.fake.engine.place(NewOrder(SYM, Decimal("0.005"), "by-hand"), trading.fake.state.now_ms(), FillPlan())

    async def shown() -> bool:
        return bool(await trading.externals())

    await until(shown, every_s=0.1)
    await trading.write(trading.intent("0.010", valid_until=time.time_ns() + 3_000_000_000))
    *_, held = await trading.reported(2)
    assert (held.status, held.reason) == (OrderStatus.EXPIRED, Reason.NOT_RECONCILED), "what it waited for"
    assert [text.partition(" since")[0] for text in await noted(trading)] == ["journal and exchange have not agreed"]
    await trading.write(trading.intent("-0.010", Leg.CLOSE))
    *_, closed = await trading.reported(3)
    assert closed.status is OrderStatus.FILLED


async def test_a_position_that_agrees_again_waits_for_nobody(trading: Gateway) -> None:
    async def differs() -> bool:
        return "POSITION" in {row.kind for row in await trading.externals()}

    async def agrees() -> bool:
        return not await differs()

    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    trading.fake.engine.place(NewOrder(SYM, Decimal("0.005"), "by-hand"), trading.fake.state.now_ms(), FillPlan())
    await until(differs, every_s=0.1)
    trading.fake.engine.place(NewOrder(SYM, Decimal("-0.005"), "back"), trading.fake.state.now_ms(), FillPlan())
    await until(agrees, every_s=0.1)


async def test_a_journal_that_knows_less_than_the_bus_is_refused(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await trading.stop()
    await trading.lose_journal()
    trading.start()
    assert trading.task is not None
    with pytest.raises(
        SafetyRefusal, match=r"BTCUSDT: this bus has 1 execution, the account's journal 0.*`namespace` in \[bus\]"
    ):
        await trading.task


async def test_on_another_bus_nothing_is_added_until_a_person_adopts_it(trading: Gateway) -> None:
    for qty in ("0.010", "0.011"):
        await trading.write(trading.intent(qty))
    before = await trading.reported(2)
    await trading.stop()
    trading.new_bus()
    trading.start()
    assert await trading.reported(2) == before  # the books come out of the journal
    await trading.write(trading.intent("0.010"))
    *_, refused = await trading.reported(3)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.OTHER_BUS)
    await trading.write(trading.intent("-0.005", Leg.CLOSE))
    *_, closed = await trading.reported(4)
    assert closed.status is OrderStatus.FILLED
    await trading.adopt()
    await trading.write(trading.intent("0.010"))
    *_, filled = await trading.reported(5)
    assert filled.status is OrderStatus.FILLED


async def test_on_spot_a_short_means_flat(tmp_path: Path) -> None:
    spot = {"markets": {SYM: "BTC/USDT"}}
    async with gateway(tmp_path, fake_venue="binance-spot", **spot) as trading:
        await trading.write(trading.intent("0.010"))
        (bought,) = await trading.reported(1)
        assert bought.status is OrderStatus.FILLED
        await trading.write(trading.intent("-0.030", Leg.NET))
        *_, sold = await trading.reported(2)
        assert sold.status is OrderStatus.FILLED
        assert Decimal("-0.010") <= sold.last_qty < Decimal("-0.0099")
        await trading.write(trading.intent("-0.030", Leg.NET))
        *_, refused = await trading.reported(3)
        assert (refused.status, refused.reason) in [
            (OrderStatus.REJECTED, Reason.NO_SHORT_ON_SPOT), (OrderStatus.REJECTED, Reason.BELOW_MINIMUM),  # dust
        ]  # fmt: skip


async def test_funding_is_booked_once(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    now = trading.fake.state.now_ms()
    trading.fake.engine.pay("FUNDING_FEE", SYM, "USDT", Decimal("-0.25"), now)
    *_, report = await trading.reported(2)
    assert (report.leg, report.commission, report.last_qty) == (Leg.FUNDING, Decimal("0.25"), Decimal(0))
    await trading.stop()
    trading.start()
    await trading.write(trading.intent("-0.010", Leg.CLOSE))
    *_, closed = await trading.reported(3)
    assert closed.leg is Leg.CLOSE


async def test_money_that_nobody_booked_is_a_difference_until_a_person_adopts_it(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(2)
    await until(lambda: BALANCE_BESIDE in trading.limits(), every_s=0.05)
    trading.fake.engine.pay("TRANSFER", SYM, "USDT", Decimal(50), trading.fake.state.now_ms())

    async def shown() -> bool:
        return [row.kind for row in await trading.externals()] == ["BALANCE"]

    await until(shown, every_s=0.1)
    await trading.adopt_difference()
    await trading.write(trading.intent("0.010"))
    *_, report = await trading.reported(3)
    assert report.status is OrderStatus.FILLED
