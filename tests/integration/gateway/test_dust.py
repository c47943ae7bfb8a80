"""What is too small to be sold: it stops nothing, and goes with what is bought next."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from shared.messages import ExecutionReport, Leg, Message, OrderIntent, OrderStatus, Prediction, Reason
from shared.strategies import BasicTaker
from tests.integration.gateway.conftest import BY, PRICE, SYM, Gateway, gateway
from tests.until import until

SPOT = {"markets": {SYM: "BTC/USDT"}}
LOOSE = {"max_order_notional": "10000", "max_position_notional": "10000", "orders_per_minute": 1000,
         "daily_loss": "9000", "max_drawdown": "0.99", "max_leverage": "30"}  # fmt: skip
LOT = Decimal("0.00001")


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, fake_venue="binance-spot", risk=LOOSE, **SPOT) as made:
        yield made


class Line:
    """A strategy before the gateway, with a book of its own."""

    def __init__(self, trading: Gateway, leverage: str = "0.9") -> None:
        self.trading = trading
        rules = LiveRules(valid_ns=60_000_000_000, stale_ns=60_000_000_000, on_missing="flat")
        self.stage = LiveStrategyStage(SYM, BasicTaker(leverage=Decimal(leverage)), Decimal(1_000), "b", rules)
        self._n = 0

    async def predict(self, y_hat: float) -> list[ExecutionReport]:
        """One prediction, its orders and their reports."""
        self._n += 1
        like = self.trading.intent("1")
        told = Prediction(
            n=self._n, sym=SYM, ts_event=like.ts_event, tr=like.tr, tick_n=self._n, price=PRICE, y_hat=y_hat, model="m"
        )
        made: list[Message] = self.stage.on_tick(told) or []
        orders = [one.model_copy(update={"by": BY}) for one in made if isinstance(one, OrderIntent)]
        before = len(self.trading.reports())
        await self.trading.write(*orders)
        reports = (await self.trading.reported(before + len(orders)))[before:]
        for report in reports:
            self.stage.on_tick(report)
        return reports


@pytest.mark.parametrize("venue", ["binance-spot", "bybit-spot", "okx"])
async def test_round_trips_with_a_fee_in_the_coin_end_flat_for_ever(tmp_path: Path, venue: str) -> None:
    """Each buy's fee leaves a part of a lot; such parts are sold as soon as they make a lot."""
    exchange = venue.removesuffix("-spot")
    password = {"api_password": "fake-password"} if exchange == "okx" else {}
    async with gateway(tmp_path, fake_venue=venue, risk=LOOSE, exchange=exchange, **SPOT, **password) as trading:
        line = Line(trading)
        for _ in range(8):
            (bought,) = await line.predict(0.01)
            assert (bought.status, bought.leg, bought.reason) == (OrderStatus.FILLED, Leg.OPEN, None)
            sold, short = await line.predict(-0.01)
            assert (sold.status, sold.leg) == (OrderStatus.FILLED, Leg.CLOSE)
            assert 0 <= sold.dust < trading.rules().step
            assert (short.status, short.reason) == (OrderStatus.REJECTED, Reason.NO_SHORT_ON_SPOT)
            assert line.stage.account.position(SYM) is None
            held = line.stage.account.held(SYM)
            assert trading.fake.engine.wallet.cash["BTC"] == sold.dust == (held.signed_qty if held else 0)
        (short,) = await line.predict(-0.01)  # flat: there is no close any more
        assert (short.leg, short.reason) == (Leg.OPEN, Reason.NO_SHORT_ON_SPOT)
        assert len(trading.fake.engine.accepted) == 16


async def test_dust_keeps_no_balance_from_being_compared_and_what_it_cost_is_no_difference(spot: Gateway) -> None:
    line = Line(spot)
    await spot.agreed()
    await line.predict(0.01)
    sold, _ = await line.predict(-0.01)
    assert sold.dust
    await spot.agreed()
    spot.fake.engine.wallet.cash["USDT"] += 50

    async def shown() -> bool:
        return [row.kind for row in await spot.externals()] == ["BALANCE"]

    await until(shown, every_s=0.1)
    (row,) = await spot.externals()
    assert Decimal(row.found or 0) - Decimal(row.expected or 0) == 50


async def test_what_is_worth_less_than_a_sale_must_be_goes_with_what_is_bought_next(spot: Gateway) -> None:
    """0.00012 BTC are worth 5.04; less the fee only 0.00011 could be sold, for less than 5."""
    line = Line(spot, "0.0051")
    (first,) = await line.predict(0.01)
    assert (first.status, first.dust) == (OrderStatus.FILLED, Decimal("0.00011994"))
    (more,) = await line.predict(0.01)
    assert (more.leg, more.status, more.dust) == (Leg.OPEN, OrderStatus.FILLED, Decimal(0))
    sold, _ = await line.predict(-0.01)
    assert (sold.status, sold.last_qty, sold.dust) == (OrderStatus.FILLED, Decimal("-0.00023"), Decimal("0.00000988"))


async def test_a_close_that_finds_too_little_is_done_and_its_open_leg_goes(spot: Gateway) -> None:
    """At the price of the first close the position is worth less than a sale must be."""
    await spot.write(spot.intent("0.00013"))
    (bought,) = await spot.reported(1)
    assert bought.dust == 0
    close = spot.intent(f"-{bought.last_qty}", Leg.CLOSE, price=Decimal(41_000))
    await spot.write(close, spot.intent("0.00020", after=close))
    *_, nothing, more = await spot.reported(3)
    assert (nothing.status, nothing.reason, nothing.dust) == (OrderStatus.REJECTED, Reason.DUST, bought.last_qty)
    assert (more.status, more.dust) == (OrderStatus.FILLED, Decimal(0))
    await spot.stop()
    spot.start()  # what was dust is so out of the journal, too
    whole = bought.last_qty + more.last_qty
    await spot.write(spot.intent(f"-{whole}", Leg.CLOSE))
    *_, sold = await spot.reported(4)
    assert (sold.last_qty, sold.dust) == (-(whole // LOT) * LOT, whole % LOT)


async def test_an_open_leg_waits_for_no_dust_after_a_restart(spot: Gateway) -> None:
    """The gateway ends between the close and its open leg."""
    await spot.write(spot.intent("0.00013"))
    (bought,) = await spot.reported(1)
    await spot.write(close := spot.intent(f"-{bought.last_qty}", Leg.CLOSE, price=Decimal(41_000)))
    await spot.reported(2)
    await spot.stop()
    spot.start()
    await spot.write(spot.intent("0.00020", after=close))
    *_, more = await spot.reported(3)
    assert more.status is OrderStatus.FILLED


@pytest.mark.parametrize(("qty", "is_dust"), [("0.10000", False), ("0.00020", True)])
async def test_a_venue_that_calls_a_sale_too_small_is_believed_of_small_ones(
    spot: Gateway, qty: str, is_dust: bool
) -> None:
    """Binance's `Filter failure: NOTIONAL` is also that of a sale that is too large."""
    await spot.write(spot.intent(qty))
    (bought,) = await spot.reported(1)
    refusal = '{"code": -1013, "msg": "Filter failure: NOTIONAL"}'
    spot.fake.server.faults.append(Fault(FaultMode.STATUS, "/order", method="POST", status=400, text=refusal))
    await spot.write(spot.intent(f"-{bought.last_qty}", Leg.CLOSE))
    *_, refused = await spot.reported(2)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.BELOW_MINIMUM)
    assert refused.dust == (bought.last_qty if is_dust else 0)


async def test_a_short_from_dust_is_none_on_spot(spot: Gateway) -> None:
    await spot.write(spot.intent("0.00100"), spot.intent("-0.00100", Leg.NET), spot.intent("-0.00100", Leg.NET))
    *_, sold, short = await spot.reported(3)
    assert (sold.status, bool(sold.dust)) == (OrderStatus.FILLED, True)
    assert (short.status, short.reason) == (OrderStatus.REJECTED, Reason.NO_SHORT_ON_SPOT)


async def test_a_swap_has_dust_too(trading: Gateway) -> None:
    """Somebody closed a part by hand, in smaller steps than the market has now; a person has booked it."""
    await trading.write(trading.intent("0.003"))
    await trading.reported(1)
    await trading.stop()
    await trading.book("-0.0025", "42000")
    trading.start()
    await trading.write(trading.intent("-0.0005", Leg.CLOSE))
    *_, nothing = await trading.reported(3)
    assert (nothing.status, nothing.reason, nothing.dust) == (OrderStatus.REJECTED, Reason.DUST, Decimal("0.0005"))
