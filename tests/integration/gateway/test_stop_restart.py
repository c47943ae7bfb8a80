"""A gateway that is killed, and one that comes after it: each instant of a stop's life, and instants at random."""

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.events import NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.stop_faults import DEFAULTS, StopFate
from shared.messages import Leg, Reason
from shared.messages.reasons import OrderPhase
from shared.orders.stops import StopPhase
from tests.integration.gateway.test_stops import (
    AT,
    BELOW,
    LONG,
    PLACES,
    SENDS,
    STOPPED_OUT,
    Protected,
    protected,
    told,
)
from tests.simulator_venues import BINANCE, OKX, Place, named
from tests.until import until

D = Decimal


async def again(trading: Protected) -> None:
    """Killed, and started anew."""
    await trading.kill()
    trading.start()


@pytest.mark.parametrize("after", [False, True], ids=["before it is there", "when it is there"])
async def test_killed_while_a_stop_is_on_its_way(tmp_path: Path, after: bool) -> None:
    """The journal has it as SENT. It is not there: another comes. It is: that one is taken over, and none beside it."""
    async with protected(tmp_path, BINANCE) as trading:
        sends = SENDS["binance"]
        trading.fake.server.faults.append(Fault(FaultMode.DROP, sends, after=after, method="POST"))
        await trading.write(trading.intent("0.010"))
        await trading.fake.server.wait_for(sends, 1)
        await again(trading)
        await until(lambda: [life.phase for life in trading.known() if life.live] == [StopPhase.WAITING])
        assert trading.triggers == [AT]
        trading.price(BELOW)
        assert told((await trading.reported(2))[1]) == STOPPED_OUT
        await trading.agreed()


@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_what_has_fired_while_nobody_was_there_is_booked(tmp_path: Path, place: Place) -> None:
    async with protected(tmp_path, place) as trading:
        await trading.enter()
        await trading.kill()
        trading.price(BELOW)
        assert trading.held == 0
        trading.start()
        assert told((await trading.reported(2))[1]) == STOPPED_OUT
        await trading.agreed()


@pytest.mark.parametrize("dead", [True, False], ids=["while nobody was there", "at work"])
async def test_what_a_stop_has_opened_is_closed_at_market(
    tmp_path: Path, dead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OKX: what an entry has carried lies there beside the one that is to take its place, and is filled after that."""
    async with protected(tmp_path, OKX) as trading:
        fates = iter([StopFate(order_ms=300)])
        monkeypatch.setattr(trading.fake.state.stop_faults, "fate", lambda words: next(fates, StopFate()))
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "cancel-algos", times=1_000))
        await trading.write(trading.intent("0.010"))
        await until(lambda: len(trading.stops) == 2)
        if dead:
            await trading.kill()
        trading.price(BELOW)

        def turned() -> bool:
            trading.price(BELOW)
            return trading.held == -LONG

        await until(turned)
        trading.fake.server.faults.clear()
        if dead:
            trading.start()
        reports = await trading.reported(4)
        assert sum(report.last_qty for report in reports) == trading.held == 0
        assert (reports[3].leg, reports[3].reason, reports[3].last_qty) == (Leg.STOP, Reason.STOP_FAILED, LONG)
        assert any("has opened -0.01: closed at market" in text for text in await trading.alarms())
        await trading.cleared()
        await trading.agreed()


async def test_what_a_person_closes_while_nobody_is_there_leaves_no_stop(tmp_path: Path) -> None:
    """Binance ends no stop with its position; the person's trade is shown, as any of theirs."""
    async with protected(tmp_path, BINANCE) as trading:
        await trading.enter()
        await trading.kill()
        new = NewOrder(trading.place.id, -LONG, "byhand000001", reduce_only=True)
        trading.fake.engine.place(new, trading.fake.state.now_ms())
        trading.start()

        async def shown() -> bool:
            return {row.kind for row in await trading.externals()} == {"EXTERNAL_FILL", "POSITION"}

        await until(shown)
        await trading.book("-0.010", "42000.00", adopt=False)
        await trading.cleared()


async def test_killed_behind_a_cancel_whose_answer_is_lost(tmp_path: Path) -> None:
    async with protected(tmp_path, BINANCE) as trading:
        await trading.enter()
        trading.fake.server.faults.append(Fault(FaultMode.DROP, SENDS["binance"], after=True, method="DELETE"))
        await trading.write(trading.intent("-0.010", Leg.CLOSE))
        await until(lambda: trading.stops == [])
        await again(trading)
        await trading.cleared()
        await trading.enter()
        assert trading.triggers == [AT]


async def test_killed_before_a_close_at_market_was_sent_it_is_decided_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with protected(tmp_path, BINANCE, {"stop_bps": 10}) as trading:
        await trading.quoted(D(41_950))
        trading.fake.server.faults.append(Fault(FaultMode.DROP, "fapi/v1/order", skip=1, method="POST"))
        await trading.write(trading.intent("0.010"))
        await trading.fake.server.wait_for("fapi/v1/order", 2)
        await again(trading)
        await until(lambda: trading.held == 0)
        await until(lambda: sum(report.last_qty for report in trading.reports()) == 0)
        assert trading.reports()[-1].reason is Reason.STOP_BEYOND


async def test_the_order_of_a_stop_is_followed_on_by_the_next_session(tmp_path: Path) -> None:
    """Its order is known, and nobody has heard yet how it ended."""
    async with protected(tmp_path, BINANCE) as trading:
        await trading.enter()
        await until(lambda: all(life.venue_id for life in trading.known()))
        lost = Fault(FaultMode.DROP, "fapi/v1/order", times=1_000, method="GET")
        trading.fake.server.faults.append(lost)
        trading.price(BELOW)

        async def fired() -> bool:
            async with trading._opened() as journal:
                return [row.state for row in await journal.orders()] == [OrderPhase.TRIGGERED]

        await until(fired)
        await trading.kill()
        trading.fake.server.faults.remove(lost)
        trading.start()
        assert told((await trading.reported(2))[1]) == STOPPED_OUT


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", PLACES, ids=named)
async def test_killed_at_random_in_bad_weather_while_the_price_runs_away(
    tmp_path: Path, place: Place, seed: int
) -> None:
    """From the entry's send on, again and again; in the end it is flat there, and the books say the same."""
    dice = random.Random(f"{place.exchange} {seed}")
    protect = {"stop_bps": 250, "trigger_s": 1.0, "naked_s": 2.0}
    async with protected(tmp_path, place, protect, DEFAULTS) as trading:
        trading.fake.state.stop_faults.seed = seed
        await trading.write(trading.intent("0.010"))
        for _ in range(3):
            await asyncio.sleep(dice.uniform(0, 1.5))
            await trading.kill()
            if dice.random() < 0.5:
                trading.price(BELOW)
            trading.start()
        await until(lambda: trading.reports() != [])
        trading.price(BELOW)
        await until(lambda: trading.held == 0)
        await until(lambda: sum(report.last_qty for report in trading.reports()) == 0)
        await trading.cleared()
