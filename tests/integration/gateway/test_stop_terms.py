"""What the config wants of stops: trailing ones, other distances after a restart, none beyond the liquidation.

And that nothing joins a position without one.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from shared.messages import Leg, OrderStatus, Reason
from shared.messages.reasons import StopKind
from shared.orders.answers import VenuePosition
from tests.integration.gateway.conftest import SYM
from tests.integration.gateway.test_stops import AT, LONG, PLACES, SENDS, Protected, protected, told
from tests.simulator_venues import BINANCE, HYPERLIQUID, OKX, Place, named
from tests.until import until

D = Decimal


@pytest.mark.parametrize("place", [place for place in PLACES if place is not HYPERLIQUID], ids=named)
async def test_a_trailing_stop_is_the_exchanges_own_and_follows_the_best_price(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place, {"trail_bps": 100}) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        await until(lambda: len(trading.stops) == 1 and trading.settled())
        trading.price(D(43_000))
        trading.price(D(42_700))
        assert trading.held == LONG, "less than it may come back"
        trading.price(D(42_500))
        assert trading.held == 0
        _, closed = await trading.reported(2)
        assert told(closed) == (Leg.STOP, OrderStatus.FILLED, Reason.TRAILED_OUT, -LONG)
        await trading.cleared()


def configured_anew(trading: Protected, **protect: object) -> None:
    """As by another config; the gateway is stopped."""
    own = type(trading.settings.strategy.protect)(**protect)
    strategy = trading.settings.strategy.model_copy(update={"protect": own})
    trading.settings = trading.settings.model_copy(update={"strategy": strategy})


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_another_distance_moves_the_stop_and_none_takes_it_away(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        await trading.stop()
        configured_anew(trading, stop_bps=200)
        trading.start()
        await until(lambda: trading.triggers == [D(41_160)] and trading.settled())
        await trading.stop()
        configured_anew(trading)
        trading.start()
        await trading.cleared()
        assert trading.held == LONG


@pytest.mark.parametrize("place", [BINANCE, OKX], ids=named)
async def test_no_stop_stays_beyond_the_liquidation(tmp_path: Path, place: Place) -> None:
    """The exchange tells a price of liquidation: the stop lies a margin before it."""
    async with protected(tmp_path, place, {"stop_bps": 250, "margin_bps": 100}) as trading:
        await trading.enter()
        assert trading.triggers == [AT]
        protector = (await trading.session()).context.protector
        seen = VenuePosition(SYM, LONG, D(42_000), liquidation=D(41_000))
        protector.see = lambda positions: None  # type: ignore[method-assign]
        type(protector).see(protector, [seen])
        await until(lambda: trading.triggers == [D(41_410)] and trading.settled())
        (life,) = [life for life in trading.known() if life.live]
        assert (life.kind, life.price) == (StopKind.STOP, D(41_410))


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_the_liquidation_of_an_older_position_is_none_of_the_next_ones(tmp_path: Path, place: Place) -> None:
    """A position is turned between two comparisons: what was read of the long one says nothing of the short one."""
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        protector = (await trading.session()).context.protector
        protector.see = lambda positions: None  # type: ignore[method-assign]
        type(protector).see(protector, [VenuePosition(SYM, LONG, D(42_000), liquidation=D(31_500))])
        await trading.write(trading.intent("-0.010", Leg.CLOSE))
        await trading.reported(2)
        await trading.cleared()
        await trading.enter("-0.010")
        assert (trading.triggers, trading.held) == ([D(43_050)], -LONG)
        assert await trading.alarms() == []


async def test_somebodys_stop_of_the_whole_position_leaves_room_for_ours(tmp_path: Path) -> None:
    """Binance has one such stop in a direction: ours has a size then; it closes the same."""
    async with protected(tmp_path, BINANCE, {"take_profit_bps": 300}) as trading:
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        await until(lambda: len(trading.stops) == 1 and trading.settled())
        engine, now_ms = trading.fake.engine, trading.fake.state.now_ms()
        (there,) = trading.stops
        engine.stops.cancel(there, now_ms)
        engine.note(there._replace(id=engine.next_id(), client_id="byhand000001", trigger=D(45_000)))
        await until(lambda: D(43_260) in trading.triggers)
        assert {(stop.trigger, stop.qty) for stop in trading.stops} == {(D(45_000), 0), (D(43_260), LONG)}
        assert trading.held == LONG, "it is protected, so nothing is closed"
        trading.price(D(43_300))
        assert told((await trading.reported(2))[1])[2] is Reason.PROFIT_TAKEN


@pytest.mark.parametrize("closed", [False, True])
async def test_nothing_joins_a_position_before_its_stop_is_there(tmp_path: Path, closed: bool) -> None:
    """Binance takes it behind the fill, and here its answer is late. What has gone meanwhile is not opened again."""
    async with protected(tmp_path, BINANCE) as trading:
        late = Fault(FaultMode.HOLD, SENDS["binance"], after=True, method="POST")
        trading.fake.server.faults.append(late)
        await trading.write(trading.intent("0.010"))
        await trading.reported(1)
        await trading.write(trading.intent("0.005"))
        orders = (await trading.session()).context.open_orders
        await until(lambda: [order.held for order in orders.get(SYM, {}).values()] == [Reason.NO_STOP])
        assert trading.held == LONG
        if closed:
            await trading.write(trading.intent("-0.010", reduce_only=True))
            reports = await trading.reported(3)
            assert {(report.last_qty, report.reason) for report in reports[1:]} == {(-LONG, None), (0, Reason.NO_STOP)}
        late.release.set()
        await trading.reported(3 if closed else 2)
        assert trading.held == (0 if closed else D("0.015"))
        await trading.agreed()
