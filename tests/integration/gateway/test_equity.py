"""The account's equity in a gateway at work: what is a loss, and what only looks like one."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.fake_exchange.faults import Fault, Mode
from services.gateway.risk.latches import DRAWDOWN
from services.gateway.risk.marks import marks_in
from shared.messages import OrderStatus
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

ACCOUNT = "/api/v3/account"
RISK = {"max_order_notional": "10000", "max_position_notional": "10000", "orders_per_minute": 1000,
        "daily_loss": "5000", "max_leverage": "1", "max_drawdown": "0.1"}  # fmt: skip


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Gateway]:
    own = {"markets": {SYM: "BTC/USDT"}, "risk": RISK, "reconcile_s": 0.1}
    async with gateway(tmp_path, fake_venue="binance-spot", **own) as made:
        yield made


async def observed(trading: Gateway, times: int = 3) -> None:
    """Until the balance was asked for so many times more."""
    await trading.fake.server.wait_for(ACCOUNT, trading.fake.server.count(ACCOUNT) + times)


def last_equity(trading: Gateway) -> Decimal:
    """The newest that was observed; Infinity before the first."""
    assert trading.desk is not None
    attached = trading.desk._attached
    marks = None if attached is None else marks_in(attached.tools.clearance.limits)
    return Decimal("Infinity") if marks is None else marks.last


async def test_a_coin_that_was_bought_is_no_loss(spot: Gateway) -> None:
    await spot.write(spot.intent("0.10000"))
    (bought,) = await spot.reported(1)
    await until(lambda: last_equity(spot) < 10_000)  # the fee and the spread
    assert (bought.status, last_equity(spot) > Decimal(9_990)) == (OrderStatus.FILLED, True)
    await observed(spot)
    await spot.write(spot.intent("0.05000"))  # 6300 of 10,000: refused for its leverage if cash were all
    *_, more = await spot.reported(2)
    assert (more.status, more.reason, spot.latches()) == (OrderStatus.FILLED, None, [])


async def test_a_coin_that_falls_is_a_loss(spot: Gateway) -> None:
    await spot.write(spot.intent("0.10000"))
    await spot.reported(1)
    spot.fake.book.prices.set(SYM, Decimal("30000.00"))
    await until(lambda: spot.latches() == [DRAWDOWN])
    assert last_equity(spot) < Decimal(9_000)


async def test_coins_that_no_book_holds_do_not_count(spot: Gateway) -> None:
    await until(lambda: last_equity(spot) == 10_000)
    spot.fake.book.wallet.cash["BTC"] = Decimal(7)
    await observed(spot)
    assert last_equity(spot) == 10_000


async def test_a_balance_that_was_read_while_an_order_was_out_is_no_observation(spot: Gateway) -> None:
    await until(lambda: last_equity(spot) == 10_000)
    held = Fault(Mode.HOLD, "/order", method="POST", after=True)
    spot.fake.server.faults.append(held)
    await spot.write(spot.intent("0.10000"))
    await spot.fake.server.wait_for("/order", 1)
    await until(lambda: spot.fake.book.wallet.cash["BTC"] > 0)
    await observed(spot, 4)
    assert last_equity(spot) == 10_000
    held.release.set()
    await spot.reported(1)
    await until(lambda: last_equity(spot) < 10_000)
    assert (last_equity(spot) > 9_990, spot.latches()) == (True, [])
