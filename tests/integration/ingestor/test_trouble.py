"""What a venue, or the config, does wrong: one clear line each, within bounds, and the other symbols go on."""

import asyncio
from dataclasses import replace

import pytest

from services.ingestor.feeds.feed import LiveFeed
from services.ingestor.plan import live_stage
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.errors import ConfigError, TicklineError, VenueError
from shared.exchanges.market_data.venue import LiveVenue
from shared.messages import Gap, GapCause
from tests.integration.ingestor.line import (
    BTC,
    ETH,
    MARKETS,
    OPTIONS,
    S_NS,
    check,
    ingesting,
    new_bus,
    ticks,
    told,
    until_ticks,
)
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=60, past_ms=60_000, past_rate=3)
AGG = "btcusdt@aggTrade"


async def ended(base_url: str, **changed: object) -> TicklineError:
    """What an ingestor ends with."""
    async with ingesting(new_bus(), base_url, **changed) as ingestor:
        await asyncio.wait({ingestor.task}, timeout=300)
        error = ingestor.task.exception()
        assert isinstance(error, TicklineError)
        return error


@virtually()
async def test_an_unknown_exchange_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"exchange 'binanse' is unknown to ccxt .*: did you mean binance"):
        async with ingesting(new_bus(), "http://nowhere", exchange="binanse"):
            pass


@virtually()
async def test_an_unknown_market_is_one_line_and_the_others_go_on() -> None:
    bus = new_bus()
    markets = {BTC: MARKETS[BTC], ETH: "ETHH/USDT:USDT"}
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=markets) as ingestor:
        await until_ticks(bus, 3)
        check(bus, fake)
        assert ingestor.venue.troubles.said == [
            "ETHUSDT: binance has no market ETHH/USDT:USDT: did you mean ETH/USDT:USDT, BTC/USDT:USDT, BNB/USDT:USDT?; "
            "ETHUSDT stays without data"
        ]


@virtually()
async def test_only_unknown_markets_end_it() -> None:
    async with wired("binance", plan=PLAN) as fake:
        error = await ended(fake.url, markets={ETH: "ETHH/USDT:USDT"})
        assert isinstance(error, ConfigError)
        assert "binance has none of the markets: ETHUSDT: binance has no market ETHH/USDT:USDT" in str(error)


@virtually()
async def test_a_market_of_another_kind_than_the_venue_has_is_said_to_be_one() -> None:
    async with wired("binance", plan=PLAN) as fake:
        error = await ended(fake.url, exchange="binanceusdm", markets={ETH: "ETH/USDT"})
        assert "has no market ETH/USDT and no other spot market: a swap is written ETH/USDT:USDT; " in str(error)


@virtually()
async def test_without_a_network_it_ends_after_some_attempts() -> None:
    error = await ended("http://nowhere")
    assert isinstance(error, VenueError)
    assert str(error).startswith("no market data: binance does not answer, 4 times asked: ExchangeNotAvailable")


@virtually()
async def test_a_long_ban_at_the_start_ends_it_at_once() -> None:
    ban = Fault(FaultMode.STATUS, "exchangeInfo", status=418, headers={"Retry-After": "3600"}, times=100)
    async with wired("binance", ban, plan=PLAN) as fake:
        error = await ended(fake.url)
        assert str(error) == (
            "no market data: binance answered 418 and wants 3600 s of silence: wait, and ask less often"
        )
        assert fake.server.count("exchangeInfo") == 1


@pytest.mark.parametrize("status", [418, 429])
@virtually(seeds=4, busy_s=0.05)
async def test_the_silence_that_a_venue_asks_for_is_kept_while_its_websockets_go_on(status: int) -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=MARKETS) as ingestor:
        await until_ticks(bus, 1)
        ban = Fault(FaultMode.STATUS, "aggTrades", status=status, headers={"Retry-After": "6"})
        fake.server.faults.append(ban)
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.GAP, AGG, size=5))
        await until(lambda: ban.struck == 1)
        banned_s, before = fake.since_s("aggTrades")[-1], len(ticks(bus, ETH))
        await until(lambda: fake.since_s("aggTrades")[-1] > banned_s)
        assert not [path for at_s, path in fake.asked_s if banned_s + 0.5 < at_s < banned_s + 6.0]
        assert len(ticks(bus, ETH)) >= before + 5
        await until_ticks(bus, 6)
        check(bus, fake, BTC)
        check(bus, fake, ETH)
        assert ingestor.venue.troubles.said == [
            f"silence: binance answered {status} and wants 6 s of silence: it is asked nothing until then"
        ]


@virtually(seeds=10, busy_s=0.05)
async def test_a_refused_handshake_is_tried_again_when_its_silence_is_over() -> None:
    bus = new_bus()
    limit = Fault(FaultMode.STATUS, "/ws/", status=429, headers={"Retry-After": "2"})
    async with wired("binance", limit, plan=PLAN) as fake, ingesting(bus, fake.url):
        await until_ticks(bus, 3)
        check(bus, fake)
        refused_s, again_s = fake.since_s("/ws/")
        assert 2.0 <= again_s - refused_s < 3.0
        assert not [path for at_s, path in fake.asked_s if refused_s + 0.2 < at_s < refused_s + 2.0]


@virtually(seeds=10, busy_s=0.05)
async def test_what_cannot_be_filled_is_a_gap_and_the_other_symbol_has_none(seed: int) -> None:
    """However the hole lies to the ends of bars, and whether silence had closed one of them: then a LATE comes too."""
    bus, changed = new_bus(), {"markets": MARKETS, "attempts": 1, "grace_ns": 6 * S_NS // 5}
    async with wired("binance", plan=PLAN, seed=seed) as fake, ingesting(bus, fake.url, **changed):
        await until_ticks(bus, 2)
        for path in ("aggTrades", "klines"):
            fake.server.faults.append(Fault(FaultMode.STATUS, path, status=503, times=1000))
        await asyncio.sleep(seed / 10)
        fake.websockets.message_faults.switched.append(
            MessageFault(Trouble.GAP, AGG, size=90)
        )  # more than a bar of trades
        await until(lambda: any(isinstance(x, Gap) and x.cause is GapCause.UNFILLED for x in told(bus)))
        await until_ticks(bus, len(ticks(bus)) + 2)
        await until_ticks(bus, 4, ETH)
        check(bus, fake, ETH)


@virtually()
async def test_while_the_clocks_are_far_apart_ticks_are_history() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, age_ns=10**18) as ingestor:
        fake.state.skew_ms = 5_000
        found = await until_ticks(bus, 3)
        check(bus, fake)
        assert all(tick.history for tick in found)
        assert len(ingestor.venue.troubles.said) == 1
        assert "the venue's clock is far from ours, more than 1000 ms" in ingestor.venue.troubles.said[0]


@virtually()
async def test_a_connection_that_is_never_acknowledged_is_made_anew() -> None:
    bus = new_bus()
    hold = Fault(FaultMode.SLOW, "/ws/", delay_ms=5_000)
    async with wired("binance", hold, plan=PLAN) as fake, ingesting(bus, fake.url, timeout_s=0.5) as ingestor:
        await until_ticks(bus, 2)
        check(bus, fake)
        assert ingestor.feeder.feeds()[BTC].remade >= 1


@virtually()
async def test_more_than_is_taken_ends_the_connection_and_it_is_made_anew() -> None:
    async with wired("binance", plan=PLAN) as fake, asyncio.TaskGroup() as group:
        options = replace(OPTIONS, base_url=fake.url)
        venue = LiveVenue(options)
        running = group.create_task(venue.run())
        await until(lambda: venue.ready)
        feed = LiveFeed(venue, BTC, live_stage(options, BTC), asyncio.Event(), most=20)
        await until(lambda: feed.remade >= 1)
        assert 20 < feed.waiting < 30  # nobody took any
        assert f"{BTC} connection: Overflow more than 20 events wait: it is made anew" in venue.troubles.said
        await asyncio.wait(feed.close())
        running.cancel()
