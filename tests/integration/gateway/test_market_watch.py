"""Markets and modes that change while the gateway runs: nothing is added in that symbol, by name; closing goes on."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from shared.journal.rows import DropLatch
from shared.messages import Leg, OrderStatus, Reason
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

OFTEN = {"markets_s": 0.2, "markets_pause_s": 0.05, "reconcile_s": 0.2}


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, **OFTEN) as made:
        yield made


def stopped(trading: Gateway) -> dict[tuple[str, Reason], str]:
    assert trading.desk is not None
    attached = trading.desk._attached
    return {} if attached is None else attached.tools.clearance.stopped


async def bought(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    (report,) = await trading.reported(1)
    assert report.status is OrderStatus.FILLED


async def test_a_delisting_that_is_announced_stops_adding_until_it_is_taken_back(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.book.set(f"delivery:{SYM}", "1795000000000")
    await until(lambda: (SYM, Reason.MARKET_CLOSED) in stopped(watched))
    await watched.write(watched.intent("0.010"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.MARKET_CLOSED)
    assert closed.status is OrderStatus.FILLED
    watched.fake.book.set(f"delivery:{SYM}", "4133404800000")
    await until(lambda: not stopped(watched))
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(4))[3].status is OrderStatus.FILLED
    told = [event.text for event in await watched.events() if event.kind in ("ALARM", "MARKET")]
    assert told == [
        "nothing is added: binance BTC/USDT:USDT: trading in it ends on 2026-11-18 11:06 UTC",
        "MARKET_CLOSED is over",
    ]


async def test_a_maintenance_status_stops_adding(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.book.set(f"status:{SYM}", "PENDING_TRADING")
    await until(lambda: (SYM, Reason.MARKET_CLOSED) in stopped(watched))
    assert "does not trade it now (PENDING_TRADING)" in stopped(watched)[SYM, Reason.MARKET_CLOSED]
    await watched.write(watched.intent("0.010"))
    assert (await watched.reported(2))[1].reason is Reason.MARKET_CLOSED


async def test_another_step_stops_adding_until_a_person_lifts_it_and_closing_uses_it(watched: Gateway) -> None:
    await bought(watched)
    listing = watched.fake.book.listings[SYM]
    watched.fake.book.listings[SYM] = listing._replace(step=Decimal("0.010"), min_qty=Decimal("0.010"))
    await until(lambda: watched.latches() == [f"SYMBOL:{SYM}"])
    await watched.write(watched.intent("0.025"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.SYMBOL_STOPPED)
    assert closed.status is OrderStatus.FILLED
    async with watched._opened() as journal:
        (latch,) = (await journal.latches()).values()
        assert latch.reason == "binance BTC/USDT:USDT: the quantity's step was 0.001 and is 0.01"
        await journal.write_by_person([DropLatch(latch.name)])
    await until(lambda: not watched.latches())
    await watched.write(watched.intent("0.025"))
    assert (await watched.reported(4))[3].last_qty == Decimal("0.020"), "in the new step"


async def test_leverage_that_somebody_sets_by_hand_stops_adding(watched: Gateway) -> None:
    await bought(watched)
    watched.fake.book.set(f"leverage:{SYM}", "20")
    await until(lambda: (SYM, Reason.ACCOUNT_MODES) in stopped(watched))
    await watched.write(watched.intent("0.010"), watched.intent("-0.010", Leg.CLOSE))
    added, closed = (await watched.reported(3))[1:]
    assert (added.status, added.reason) == (OrderStatus.REJECTED, Reason.ACCOUNT_MODES)
    assert closed.status is OrderStatus.FILLED
    watched.fake.book.set(f"leverage:{SYM}", "1")
    await until(lambda: not stopped(watched))


async def test_a_refusal_for_the_step_makes_it_look_at_once(tmp_path: Path) -> None:
    async with gateway(tmp_path, markets_s=3_600.0, markets_pause_s=0.05) as trading:
        await bought(trading)
        listing = trading.fake.book.listings[SYM]
        trading.fake.book.listings[SYM] = listing._replace(step=Decimal("0.010"), min_qty=Decimal("0.010"))
        await trading.write(trading.intent("0.015"))
        assert (await trading.reported(2))[1].status is OrderStatus.REJECTED
        await until(lambda: trading.latches() == [f"SYMBOL:{SYM}"])
