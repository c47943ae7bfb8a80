"""Halts of a gateway whose positions have stops: they stay, are placed and closed for under it, and go last."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.events import NewOrder
from services.simulator.engine.stops import EngineStop
from shared.control.latches import HALT
from shared.messages import Leg, OrderStatus, Reason
from tests.integration.gateway.test_halt import halt
from tests.integration.gateway.test_stops import AT, BELOW, LONG, PLACES, Protected, doom, protected, told
from tests.simulator_venues import Place, named
from tests.until import until

D = Decimal


def wait_for_a_price(trading: Protected) -> None:
    """Somebody's own conditional order."""
    listing = trading.fake.engine.listings[trading.place.id]
    new = NewOrder(listing.id, D("0.002"), "byhand000001", limit=D(39_000), trigger=D(39_100))
    trading.fake.engine.place(new, trading.fake.state.now_ms())


def foreign(trading: Protected) -> int:
    return len(trading.fake.engine.waiting_orders())


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_halt_leaves_our_stops_and_goes_on_with_them(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        wait_for_a_price(trading)
        await until(lambda: foreign(trading) == 1)
        shown = await halt(trading, "--cancel")
        assert shown.startswith("main is halted")
        assert (trading.triggers, foreign(trading)) == ([AT], 0), "ours stays, anybody else's goes"
        (there,) = trading.stops
        await until(lambda: HALT in trading.latches())
        trading.fake.engine.stops.cancel(there, trading.fake.state.now_ms())
        await until(lambda: trading.triggers == [AT])
        trading.price(BELOW)
        assert told((await trading.reported(2))[1]) == (Leg.STOP, OrderStatus.FILLED, Reason.STOPPED_OUT, -LONG)


async def test_what_fails_under_a_halt_is_closed_at_market_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with protected(tmp_path, PLACES[0]) as trading:
        doom(trading, monkeypatch, at_trigger="fails")
        await trading.enter()
        await halt(trading)
        await until(lambda: HALT in trading.latches())
        trading.price(BELOW)
        _, closed = await trading.reported(2)
        assert told(closed) == (Leg.STOP, OrderStatus.FILLED, Reason.STOP_FAILED, -LONG)
        await trading.write(trading.intent("0.010"))
        assert (await trading.reported(3))[2].reason is Reason.HALTED


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_a_flatten_removes_our_stops_last(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there is a position, its stop is there: also one that the exchange does not end with it."""
    async with protected(tmp_path, place, {"stop_bps": 250, "take_profit_bps": 300}, {"orphan": 1.0}) as trading:
        await trading.enter()
        await until(lambda: len(trading.stops) == 2)
        engine = trading.fake.engine
        held_then, cancel = list[Decimal](), engine.stops.cancel

        def noted(*given: object) -> EngineStop:
            held_then.append(trading.held)
            return cancel(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(engine.stops, "cancel", noted)
        await halt(trading, "--flatten")
        assert (trading.held, trading.stops) == (0, [])
        assert held_then == [0, 0]
        await trading.reported(2)
        await trading.cleared()
