"""Two venues in one ingestor: each by its own rules and clock, and the trouble of one is not the other's."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import Simulator, TradePlan
from shared.bus.memory_bus import MemoryBus
from shared.errors import ConfigError, VenueError
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import LiveVenue
from tests.integration.ingestor.line import (
    BTC,
    ETH,
    MARKETS,
    OPTIONS,
    Ingestor,
    check,
    ingesting_of,
    new_bus,
    ticks,
    until_ticks,
)
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=60, past_ms=60_000, past_rate=3)
NOWHERE = "http://nowhere-{}"


def perp(url: str) -> LiveOptions:
    return replace(OPTIONS, name="perp", exchange="binanceusdm", markets={BTC: MARKETS[BTC]}, base_url=url)


def spot(url: str) -> LiveOptions:
    return replace(OPTIONS, name="spot", markets={ETH: "ETH/USDT"}, base_url=url)


async def goes_on(bus: MemoryBus, fake: Simulator, sym: str, count: int = 3) -> None:
    """So many more bars come, and none of them all is wrong or missing."""
    await until_ticks(bus, len(ticks(bus, sym)) + count, sym)
    check(bus, fake, sym)


def said(ingestor: Ingestor, sym: str) -> list[str]:
    """All lines of trouble of a symbol's venue."""
    return ingestor.venues.of(sym).troubles.said


@virtually()
async def test_each_symbol_is_of_its_venue_and_by_its_rules() -> None:
    bus = new_bus()
    async with (
        wired("binance", plan=PLAN) as futures,
        wired("binance-spot", plan=PLAN, seed=2) as coins,
        ingesting_of(bus, perp(futures.url), replace(spot(coins.url), stream="candles", age_ns=10**18)),
    ):
        coins.state.skew_ms = 5_000
        await goes_on(bus, futures, BTC)
        await goes_on(bus, coins, ETH)
        assert {(tick.venue, tick.tr.split(":")[0], tick.history) for tick in ticks(bus)} == {("perp", "perp", False)}
        assert {(tick.venue, tick.tr.split(":")[0], tick.history) for tick in ticks(bus, ETH)} == {
            ("spot", "spot", True)
        }
        assert set(futures.websockets.subscribed) == {"btcusdt@aggTrade"}
        assert set(coins.websockets.subscribed) == {"ethusdt@kline_1s"}


@virtually()
async def test_one_that_dies_does_not_disturb_the_other() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as futures, AsyncExitStack() as stack:
        async with wired("binance-spot", plan=PLAN, seed=2) as coins:
            ingestor = await stack.enter_async_context(ingesting_of(bus, perp(futures.url), spot(coins.url)))
            await goes_on(bus, coins, ETH)
        await until(lambda: bool(said(ingestor, ETH)))
        await goes_on(bus, futures, BTC, 5)
        assert said(ingestor, BTC) == []
        assert futures.websockets.subscribed["btcusdt@aggTrade"] == 1


@virtually()
async def test_one_that_is_not_there_at_the_start_comes_later() -> None:
    bus = new_bus()
    async with (
        wired("binance", plan=PLAN) as futures,
        ingesting_of(bus, perp(futures.url), spot(NOWHERE.format(1))) as ingestor,
    ):
        await until(lambda: bool(said(ingestor, ETH)))
        assert "venue: no market data: binance does not answer, 4 times asked: " in said(ingestor, ETH)[0]
        assert said(ingestor, ETH)[0].endswith("it is tried again, and the other venues go on")
        await goes_on(bus, futures, BTC)
        async with wired("binance-spot", plan=PLAN, seed=2, host="nowhere-1") as coins:
            await goes_on(bus, coins, ETH)
            await goes_on(bus, futures, BTC)
            assert len(said(ingestor, ETH)) == 1
            assert said(ingestor, BTC) == []


@virtually()
async def test_one_that_has_banned_us_is_left_in_peace() -> None:
    bus = new_bus()
    ban = Fault(FaultMode.STATUS, "exchangeInfo", status=418, headers={"Retry-After": "3600"}, times=100)
    async with (
        wired("binance", plan=PLAN) as futures,
        wired("binance-spot", ban, plan=PLAN) as coins,
        ingesting_of(bus, perp(futures.url), spot(coins.url)) as ingestor,
    ):
        await until(lambda: bool(said(ingestor, ETH)))
        await goes_on(bus, futures, BTC, 5)
        assert coins.server.count("exchangeInfo") == 1
        assert said(ingestor, ETH) == [
            "venue: no market data: binance answered 418 and wants 3600 s of silence: wait, and ask less often: "
            "it is tried again, and the other venues go on"
        ]


@virtually()
async def test_one_that_ends_in_the_middle_is_made_anew_without_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an error of ccxt that is none of ccxt's."""
    bus = new_bus()

    async def broken(*given: object) -> int:
        raise RuntimeError("of a kind that nobody knows")

    async with (
        wired("binance", plan=PLAN) as futures,
        wired("binance-spot", plan=PLAN, seed=2) as coins,
        ingesting_of(bus, perp(futures.url), spot(coins.url)) as ingestor,
    ):
        first: LiveVenue = ingestor.venues.of(ETH)
        await until(lambda: first.ready)
        monkeypatch.setattr(vars(first)["_timer"], "fetch_time", broken)
        await until(lambda: ingestor.venues.of(ETH) is not first)
        assert said(ingestor, ETH) == [
            "venue: RuntimeError of a kind that nobody knows: it is tried again, and the other venues go on"
        ]
        await goes_on(bus, coins, ETH)
        assert ingestor.feeder.feeds()[ETH].venue is ingestor.venues.of(ETH)
        await goes_on(bus, futures, BTC)
        assert futures.websockets.subscribed["btcusdt@aggTrade"] == 1


@pytest.mark.parametrize(("market", "kind"), [("ETHH/USDT", ConfigError), ("ETH/USDT", VenueError)])
@virtually()
async def test_without_any_it_ends_with_the_errors_of_all(market: str, kind: type[Exception]) -> None:
    """Of the kind that may be over at the next start, if one of them is."""
    async with wired("binance-spot", plan=PLAN) as coins:
        nowhere = NOWHERE.format(1)
        one = replace(perp(coins.url), exchange="binance", markets={BTC: "BTCC/USDT"})
        other = replace(spot(nowhere if kind is VenueError else coins.url), markets={ETH: market})
        async with ingesting_of(new_bus(), one, other) as ingestor:
            await asyncio.wait({ingestor.task}, timeout=300)
            error = ingestor.task.exception()
    assert type(error) is kind
    assert str(error).startswith("perp: [ingestor.venues.perp] binance has none of the markets: ")
    assert ("; spot: no market data: " if kind is VenueError else "; spot: [ingestor.venues.spot] ") in str(error)


@virtually()
async def test_an_unknown_exchange_is_refused_whatever_the_others_are() -> None:
    with pytest.raises(ConfigError, match=r"\[ingestor.venues.spot\] exchange 'binanse' is unknown to ccxt"):
        async with ingesting_of(
            new_bus(), perp(NOWHERE.format(1)), replace(spot(NOWHERE.format(1)), exchange="binanse")
        ):
            pass


@virtually(seeds=4)
async def test_replicas_share_the_symbols_of_both() -> None:
    bus = new_bus()
    bnb = "BNBUSDT"
    async with (
        wired("binance", plan=PLAN) as futures,
        wired("binance-spot", plan=PLAN, seed=2) as coins,
    ):
        venues = (replace(perp(futures.url), markets={BTC: MARKETS[BTC], bnb: "BNB/USDT:USDT"}), spot(coins.url))
        async with ingesting_of(bus, *venues) as first:
            await until_ticks(bus, 1, ETH)
            async with ingesting_of(bus, *venues) as second:
                await until(lambda: bool(second.feeder.feeds()))
                await until(lambda: sorted([*first.feeder.feeds(), *second.feeder.feeds()]) == sorted([bnb, BTC, ETH]))
                for fake, sym in ((futures, BTC), (futures, bnb), (coins, ETH)):
                    await goes_on(bus, fake, sym, 2)
            await until(lambda: len(first.feeder.feeds()) == 3)
            for fake, sym in ((futures, BTC), (futures, bnb), (coins, ETH)):
                await goes_on(bus, fake, sym, 2)
