"""Differences that a person adopts: booked as they were, or no book's; afterwards nothing differs, nor the balance."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.execution.baseline import BALANCE_BESIDE
from services.simulator.engine.events import EngineFill, FillPlan, NewOrder
from shared.errors import ConfigError, SafetyRefusal
from shared.messages import Leg, OrderStatus
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.integration.gateway.test_dust import LOOSE, SPOT
from tests.until import until

POSITION = f"POSITION/{SYM}/{SYM}"


def by_hand(trading: Gateway, qty: str) -> EngineFill:
    """Somebody trades on the account, past the bot."""
    trading.fake.engine.place(NewOrder(SYM, Decimal(qty), "by-hand"), trading.fake.state.now_ms(), FillPlan())
    return trading.fake.engine.fills[-1]


def trade(fill: EngineFill) -> str:
    return f"EXTERNAL_FILL/{SYM}/{SYM}:{fill.id}"


async def flat_once(trading: Gateway) -> None:
    """The balance is measured."""
    await trading.write(trading.intent("0.010"), trading.intent("-0.010"))
    await trading.reported(2)
    await until(lambda: BALANCE_BESIDE in trading.limits(), every_s=0.05)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"qty": "-0.004", "price": "41999.9"},  # as in docs/going-live.md, without its fee
        {"ending": "external", "qty": "-0.004", "price": "41999.9", "fee": "0.08399980"},
    ],
)
async def test_a_trade_by_hand_is_booked_with_its_price_and_fee(trading: Gateway, said: dict[str, str]) -> None:
    await flat_once(trading)
    await trading.write(trading.intent("0.010"))
    await trading.reported(3)
    fill = by_hand(trading, "-0.004")
    await trading.waiting(POSITION, trade(fill))
    shown = await trading.resolve(POSITION, **said)
    assert shown[0] == f"the bot's: booked will be -0.004 {SYM} at 41999.9, fee 0.0839998"
    assert len(shown) == 2  # the trade that it was is adopted with it
    *_, booked = await trading.reported(4)
    assert (booked.last_qty, booked.last_px, booked.commission) == (fill.qty, fill.price, fill.fee)
    await trading.write(trading.intent("-0.006", Leg.CLOSE))
    *_, closed = await trading.reported(5)
    assert closed.status is OrderStatus.FILLED
    await trading.agreed()


@pytest.mark.parametrize("qty", ["0.004", "-0.005", "0"])
async def test_a_quantity_that_leads_away_from_the_venue_is_refused(trading: Gateway, qty: str) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    fill = by_hand(trading, "-0.004")
    await trading.waiting(POSITION, trade(fill))
    why = "leads away from the venue: BTCUSDT: the venue holds 0.006, the books 0.01: the difference is -0.004"
    with pytest.raises(SafetyRefusal, match=why):
        await trading.resolve(POSITION, qty=qty, price="42000")
    assert len(trading.reports()) == 1


async def test_several_at_once_and_two_trades_of_which_one_is_booked_first(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    first, second = by_hand(trading, "-0.004"), by_hand(trading, "-0.003")
    await trading.waiting(POSITION, trade(first), trade(second))
    with pytest.raises(ConfigError, match="--price"):
        await trading.resolve(POSITION, qty="-0.001")
    await trading.resolve(POSITION, trade(first), qty="-0.004")
    await trading.waiting(POSITION, trade(second))
    await trading.resolve(trade(second), POSITION)
    await trading.reported(3)
    await trading.agreed()
    assert (await trading.books()).position(SYM) == Decimal("0.003")


async def test_a_book_that_has_moved_since_is_not_booked_upon(trading: Gateway) -> None:
    """The gateway is gone, and what it wrote down is of before."""
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    fill = by_hand(trading, "-0.004")
    await trading.waiting(POSITION, trade(fill))
    await trading.kill()
    await trading.book("-0.001", "42000", adopt=False)
    with pytest.raises(SafetyRefusal, match=r"its book holds 0.009 by now, not 0.01"):
        await trading.resolve(POSITION)


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, fake_venue="binance-spot", risk=LOOSE, **SPOT) as made:
        yield made


async def test_coins_that_a_person_holds_are_theirs_and_the_bot_trades_beside_them(spot: Gateway) -> None:
    cash = spot.fake.engine.wallet.cash
    await spot.kill()
    by_hand(spot, "0.05000")
    held = cash["BTC"]
    spot.start()
    await spot.waiting(POSITION)
    shown = await spot.resolve(POSITION, ending="mine")
    theirs = f"yours from now on: {held.normalize():f} BTC; the bot neither counts nor sells them"
    assert shown[0].startswith(f"{theirs}; the account's BALANCE is measured anew when the books are flat")
    await spot.agreed()
    await spot.write(spot.intent("0.00100"))
    (bought,) = await spot.reported(1)
    await spot.agreed()
    await spot.write(spot.intent(f"-{bought.last_qty}", Leg.CLOSE))
    *_, sold = await spot.reported(2)
    assert cash["BTC"] == held + sold.dust
    await spot.agreed()
    sale = by_hand(spot, "-0.02000")  # of what is theirs
    await spot.waiting(POSITION, trade(sale))
    await spot.resolve(POSITION, ending="mine")
    await spot.agreed()  # nor the money that it brought
    assert len(spot.reports()) == 2


async def test_a_swap_is_nobodys_in_part(trading: Gateway) -> None:
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    fill = by_hand(trading, "0.010")
    await trading.waiting(POSITION, trade(fill))
    with pytest.raises(SafetyRefusal, match="a swap is one position of the account"):
        await trading.resolve(POSITION, ending="mine")


@pytest.mark.parametrize("venue", ["binance", "okx", "bybit"])
async def test_what_the_venue_did_by_itself_is_named_so(tmp_path: Path, venue: str) -> None:
    password = {"api_password": "fake-password"} if venue == "okx" else {}
    async with gateway(tmp_path, fake_venue=venue, exchange=venue, **password) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        trading.fake.state.close_out(next(iter(trading.fake.engine.listings)), "liquidation")

        async def told() -> bool:
            return {"EXTERNAL_FILL", "POSITION"} <= {row.kind for row in await trading.externals()}

        await until(told, every_s=0.1)
        (row,) = (row for row in await trading.externals() if row.kind == "EXTERNAL_FILL")
        assert "is the venue's own: liquidation (order" in row.text
        assert any("is the venue's own: liquidation" in event.text for event in await trading.events())
        await trading.resolve(POSITION)
        await trading.agreed()
        assert (await trading.books()).position(SYM) == 0
