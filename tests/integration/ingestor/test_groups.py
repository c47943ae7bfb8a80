"""Bars with their group over a wire that breaks: each is the venue's, heard or fetched, or it goes out without."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import Simulator, TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.exchanges.market_data.traded import silent_group
from shared.exchanges.registry import PROFILES
from shared.messages import Gap
from shared.messages.market import BarGroup, Group
from tests.integration.ingestor.line import (
    BTC,
    MARKETS,
    OPTIONS,
    S_NS,
    ingesting,
    ingesting_of,
    new_bus,
    ticks,
    told,
    until_ticks,
)
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=20, past_ms=60_000, past_rate=3)
BAR = frozenset({Group.BAR})
CANDLES: dict[str, Any] = {"stream": "candles", "groups": BAR}


def perfect(fake: Simulator, end_ns: int, of_trades: bool = False) -> BarGroup:
    """What the history's trades add up to; bars of trades do not tell who took them."""
    bar, *_ = fake.histories[BTC].bar(end_ns // 1_000_000 - 1000, 1000, fake.state.now_ms())
    return BarGroup(
        open=float(bar.open), high=float(bar.high), low=float(bar.low), volume=float(bar.volume),
        quote_volume=float(bar.turnover), trades=bar.trades, taker_volume=None if of_trades else float(bar.taken),
    )  # fmt: skip


def check_groups(bus: Any, fake: Simulator, of_trades: bool = False) -> None:
    found = ticks(bus)
    assert not [message for message in told(bus) if isinstance(message, Gap)]
    assert [tick.ts_event for tick in found] == [found[0].ts_event + i * S_NS for i in range(len(found))]
    assert [tick.bar for tick in found] == [perfect(fake, tick.ts_event, of_trades) for tick in found]


@virtually()
async def test_candles_that_a_lost_connection_hides_are_fetched() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, warm_bars=5, **CANDLES) as ingestor:
        await until_ticks(bus, 8)
        for _ in range(3):
            fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT, torn=True))
            await until_ticks(bus, len(ticks(bus)) + 4)
        check_groups(bus, fake)
        assert ingestor.feeder.feeds()[BTC].remade == 3


@virtually()
async def test_without_a_websocket_candles_are_asked_for() -> None:
    bus = new_bus()
    async with (
        wired("binance", plan=PLAN) as fake,
        ingesting(bus, fake.url, websocket=False, warm_bars=0, **CANDLES),
    ):
        await until_ticks(bus, 6)
        check_groups(bus, fake)
        assert not fake.websockets.subscribed


@virtually()
async def test_where_there_are_no_candles_trades_add_up_to_bars_and_so_does_history() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, warm_bars=5, groups=BAR) as ingestor:
        await until_ticks(bus, 9)
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT))
        await until_ticks(bus, 14)
        check_groups(bus, fake, of_trades=True)
        assert not fake.server.count("klines")
        assert ingestor.feeder.feeds()[BTC].counts["joined_bare"] == 0


@virtually()
async def test_a_quiet_market_has_bars_of_nothing() -> None:
    bus, quiet = new_bus(), TradePlan(rate=0.2, past_ms=60_000, past_rate=3)
    async with wired("binance", plan=quiet) as fake, ingesting(bus, fake.url, warm_bars=5, groups=BAR, silence_ns=S_NS):
        found = await until_ticks(bus, 25, within_s=200)
        check_groups(bus, fake, of_trades=True)
        silent = [tick for tick in found if tick.bar is not None and tick.bar.trades == 0]
        assert silent
        assert all(tick.bar == silent_group(tick.price) for tick in silent)


@virtually()
async def test_a_bar_whose_trades_are_lost_for_good_goes_out_with_its_close_alone() -> None:
    bus = new_bus()
    refused = Fault(FaultMode.STATUS, "aggTrades", status=500, times=10**6)
    async with wired("binance", refused, plan=PLAN) as fake:
        options = replace(OPTIONS, base_url=fake.url, groups=BAR, markets={BTC: MARKETS[BTC]}, attempts=1)
        async with ingesting_of(bus, options) as ingestor:
            await until_ticks(bus, 3)
            fake.websockets.message_faults.switched.append(MessageFault(Trouble.GAP))
            await until(lambda: ingestor.feeder.feeds()[BTC].counts["joined_bare"] > 0, within_s=200)
            await until_ticks(bus, len(ticks(bus)) + 3)
        assert not [message for message in told(bus) if isinstance(message, Gap)]
        bare = [tick for tick in ticks(bus) if tick.bar is None]
        whole = [tick for tick in ticks(bus) if tick.bar is not None]
        assert bare
        assert [tick.bar for tick in whole] == [perfect(fake, tick.ts_event, of_trades=True) for tick in whole]
        history = fake.histories[BTC]
        closes = [history.bar(tick.ts_event // 1_000_000 - 1000, 1000, fake.state.now_ms())[0].close for tick in bare]
        assert [tick.price for tick in bare] == closes


@virtually()
async def test_of_an_exchange_that_ends_no_bar_each_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """ccxt's six columns tell the volume."""
    profile = PROFILES["binance"]
    less = profile.market_data._replace(candles=None)
    monkeypatch.setitem(PROFILES, "binance", profile._replace(market_data=less))
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, warm_bars=5, **CANDLES) as ingestor:
        found = await until_ticks(bus, 10)
        assert not [message for message in told(bus) if isinstance(message, Gap)]
        wanted = [perfect(fake, tick.ts_event) for tick in found]
        assert [tick.bar for tick in found] == [
            BarGroup(open=bar.open, high=bar.high, low=bar.low, volume=bar.volume) for bar in wanted
        ]
        assert ingestor.feeder.feeds()[BTC].counts["joined_fetched"] >= len(found)


@virtually()
async def test_a_restart_misses_no_bar_and_gives_none_twice() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake:
        for _ in range(4):
            async with ingesting(bus, fake.url, warm_bars=5, **CANDLES):
                await until_ticks(bus, len(ticks(bus)) + 3)
            await asyncio.sleep(1.7)
        check_groups(bus, fake)
