"""Markets and modes that change while the gateway runs: nothing is added in that symbol, by name; closing goes on."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.events import NewOrder
from shared.journal.rows import DropLatch, LatchRow
from shared.messages import Leg, OrderStatus, Reason
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

OFTEN = {"markets_s": 0.2, "markets_pause_s": 0.05, "reconcile_s": 0.2}


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, **OFTEN) as made:
        yield made


def stopped(trading: Gateway) -> dict[tuple[str, Reason], str]:
    assert trading.engine is not None
    session = trading.engine._account
    return {} if session is None else session.context.risk.stopped


def quoted(trading: Gateway) -> bool:
    """Whether the newest quote is one of an open market."""
    assert trading.engine is not None
    session = trading.engine._account
    return session is not None and SYM in (quotes := session.context.risk.quotes) and quotes[SYM].trading


async def lift(trading: Gateway, name: str) -> LatchRow:
    """As a person does, who finds the latch in the journal; returns it when the gateway has seen that it is gone."""
    async with trading._opened() as journal:

        async def kept() -> bool:
            return name in await journal.latches()

        await until(kept)
        latch = (await journal.latches())[name]
        await journal.write_by_person([DropLatch(name)])
    await until(lambda: not trading.latches())
    return latch


async def bought(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    (report,) = await trading.reported(1)
    assert report.status is OrderStatus.FILLED


async def test_a_delisting_that_is_announced_stops_adding_until_it_is_taken_back(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.engine.set(f"delivery:{SYM}", "1795000000000")
    await until(lambda: (SYM, Reason.MARKET_CLOSED) in stopped(watched))
    await watched.write(watched.intent("0.010"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.MARKET_CLOSED)
    assert closed.status is OrderStatus.FILLED
    watched.fake.engine.set(f"delivery:{SYM}", "4133404800000")
    await until(lambda: not stopped(watched))
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(4))[3].status is OrderStatus.FILLED
    told = [event.text for event in await watched.events() if event.kind in ("ALARM", "MARKET")]
    assert told == [
        "MARKET_CLOSED: nothing is added: binance BTC/USDT:USDT: trading in it ends on 2026-11-18 11:06 UTC",
        "MARKET_CLOSED is over",
    ]


async def test_a_maintenance_status_stops_adding(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.engine.set(f"status:{SYM}", "PENDING_TRADING")
    await until(lambda: (SYM, Reason.MARKET_CLOSED) in stopped(watched))
    assert "does not trade it now (PENDING_TRADING)" in stopped(watched)[SYM, Reason.MARKET_CLOSED]
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(2))[1].reason is Reason.MARKET_CLOSED


async def test_a_market_in_maintenance_at_the_start_is_no_reason_not_to_start(watched: Gateway) -> None:
    await bought(watched)
    await watched.stop()
    watched.fake.engine.set(f"status:{SYM}", "PENDING_TRADING")
    await watched.write(watched.intent("0.010"))
    watched.start()
    assert (await watched.reported(2))[1].reason is Reason.MARKET_CLOSED, "the first thing that is judged"
    watched.fake.engine.set(f"status:{SYM}", "")
    await until(lambda: not stopped(watched) and quoted(watched))
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(3))[2].status is OrderStatus.FILLED


async def test_another_least_is_taken_over_and_told_also_between_two_runs(watched: Gateway) -> None:
    await bought(watched)
    await until(lambda: f"contract:{SYM}" in watched.limits())

    async def told() -> list[str]:
        return [event.text for event in await watched.events() if event.kind == "MARKET"]

    async def told_two() -> bool:
        return len(await told()) == 2

    watched.fake.engine.listings[SYM] = watched.fake.engine.listings[SYM]._replace(min_notional=Decimal(500))
    await until(lambda: watched.rules().min_notional == 500)
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(2))[1].reason is Reason.BELOW_MINIMUM
    await watched.stop()
    watched.fake.engine.listings[SYM] = watched.fake.engine.listings[SYM]._replace(min_qty=Decimal("0.005"))
    watched.start()
    await until(told_two)
    assert await told() == [
        "binance BTC/USDT:USDT: the least value of an order was 100 and is 500",
        "binance BTC/USDT:USDT: the least quantity was 0.001 and is 0.005",
    ]
    assert watched.latches() == []


async def test_another_step_stops_adding_until_a_person_lifts_it_and_closing_uses_it(watched: Gateway) -> None:
    await bought(watched)
    listing = watched.fake.engine.listings[SYM]
    watched.fake.engine.listings[SYM] = listing._replace(step=Decimal("0.010"), min_qty=Decimal("0.010"))
    await until(lambda: watched.latches() == [f"SYMBOL:{SYM}"])
    await watched.write(watched.intent("0.025"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.SYMBOL_STOPPED)
    assert closed.status is OrderStatus.FILLED
    latch = await lift(watched, f"SYMBOL:{SYM}")
    assert latch.reason == "binance BTC/USDT:USDT: the quantity's step was 0.001 and is 0.01"
    await watched.write(watched.intent("0.025"))
    assert (await watched.reported(4))[3].last_qty == Decimal("0.020"), "in the new step"


async def test_a_contract_that_changes_between_two_runs_is_seen_once(watched: Gateway) -> None:
    await bought(watched)
    await until(lambda: f"contract:{SYM}" in watched.limits())
    await watched.stop()
    listing = watched.fake.engine.listings[SYM]
    watched.fake.engine.listings[SYM] = listing._replace(step=Decimal("0.010"), min_qty=Decimal("0.010"))
    watched.start()
    await until(lambda: watched.latches() == [f"SYMBOL:{SYM}"])
    await lift(watched, f"SYMBOL:{SYM}")
    await watched.stop()
    watched.start()
    await watched.write(watched.intent("0.025"))
    assert (await watched.reported(2))[1].last_qty == Decimal("0.020")


async def test_leverage_that_somebody_sets_by_hand_stops_adding(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.engine.set(f"leverage:{SYM}", "20")
    await until(lambda: (SYM, Reason.ACCOUNT_MODES) in stopped(watched))
    await watched.write(watched.intent("0.010"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.ACCOUNT_MODES)
    assert closed.status is OrderStatus.FILLED
    watched.fake.engine.set(f"leverage:{SYM}", "1")
    await until(lambda: not stopped(watched))


async def test_a_refusal_for_the_step_makes_it_look_at_once(tmp_path: Path) -> None:
    async with gateway(tmp_path, markets_s=3_600.0, markets_pause_s=0.05) as trading:
        await bought(trading)
        listing = trading.fake.engine.listings[SYM]
        trading.fake.engine.listings[SYM] = listing._replace(step=Decimal("0.010"), min_qty=Decimal("0.010"))
        await trading.write(trading.intent("0.015"))
        assert (await trading.reported(2))[1].status is OrderStatus.REJECTED
        await until(lambda: trading.latches() == [f"SYMBOL:{SYM}"])


async def test_a_settlement_makes_it_look_at_once(tmp_path: Path) -> None:
    async with gateway(tmp_path, markets_s=3_600.0, markets_pause_s=0.05, reconcile_s=0.2) as trading:
        await bought(trading)
        trading.fake.engine.set(f"status:{SYM}", "SETTLING")
        trading.fake.state.close_out(SYM, "settlement")
        await until(lambda: (SYM, Reason.MARKET_CLOSED) in stopped(trading))


async def test_a_close_beyond_the_largest_market_order_is_cut_to_it(watched: Gateway) -> None:
    await watched.write(watched.intent("0.050"))
    await watched.reported(1)
    watched.fake.engine.listings[SYM] = watched.fake.engine.listings[SYM]._replace(most_market=Decimal("0.020"))
    await until(lambda: most(watched) == Decimal("0.020"))
    for count, size in enumerate(("-0.050", "-0.030", "-0.010"), 2):
        await watched.write(watched.intent(size, Leg.CLOSE))
        assert (await watched.reported(count))[-1].status is OrderStatus.FILLED
    sold = [report.last_qty for report in watched.reports()[1:]]
    assert sold == [Decimal("-0.020"), Decimal("-0.020"), Decimal("-0.010")]
    assert [event.text for event in await watched.events() if event.kind == "CUT"] == [
        "only -0.020 of -0.050 is sent: ABOVE_MAXIMUM", "only -0.020 of -0.030 is sent: ABOVE_MAXIMUM",
    ]  # fmt: skip


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
async def test_what_opens_after_a_close_that_was_cut_does_not_go(watched: Gateway, again: bool) -> None:
    """The position is still there: the two together would be more than the strategy has ever wanted."""
    await watched.write(watched.intent("0.050"))
    await watched.reported(1)
    watched.fake.engine.listings[SYM] = watched.fake.engine.listings[SYM]._replace(most_market=Decimal("0.020"))
    await until(lambda: most(watched) == Decimal("0.020"))
    close = watched.intent("-0.050", Leg.CLOSE)
    if again:
        await watched.write(close)
        await watched.reported(2)
        await watched.stop()
        watched.start()
    await watched.write(*([] if again else [close]), watched.intent("0.010", after=close))
    *_, closed, opened = await watched.reported(3)
    assert (closed.status, closed.last_qty) == (OrderStatus.FILLED, Decimal("-0.020"))
    assert (opened.last_qty, opened.reason) == (0, Reason.CLOSE_NOT_FILLED)


def most(trading: Gateway) -> Decimal | None:
    session = None if trading.engine is None else trading.engine._account
    return None if session is None else session.context.venue.rules(SYM).most_qty


async def test_an_order_that_waits_for_a_price_is_somebody_elses(watched: Gateway) -> None:
    await bought(watched)
    stop = NewOrder(SYM, Decimal("-0.010"), "bystander", reduce_only=True, trigger=Decimal(30_000))
    watched.fake.engine.place(stop, watched.fake.state.now_ms())

    async def named() -> bool:
        return [(row.kind, row.key) for row in await watched.externals()] == [("EXTERNAL_ORDER", "bystander")]

    await until(named)
    await watched.write(watched.intent("0.010").model_copy(update={"valid_until": time.time_ns() + 500_000_000}))
    assert (await watched.reported(2))[1].status is OrderStatus.EXPIRED, "it waits until exchange and journal agree"


async def test_a_hedge_beside_the_position_is_never_traded_on(watched: Gateway) -> None:
    await bought(watched)
    for leg, size in (("LONG", "0.030"), ("SHORT", "-0.030")):
        watched.fake.engine.place(NewOrder(SYM, Decimal(size), leg=leg), watched.fake.state.now_ms())

    async def named() -> bool:
        return ("POSITION_ROWS", SYM) in {(row.kind, row.key) for row in await watched.externals()}

    await until(named)
    (row,) = [row for row in await watched.externals() if row.kind == "POSITION_ROWS"]
    assert "0.03 in LONG, -0.03 in SHORT" in row.text
