"""Live market data through unmodified ccxt, from the simulator's history to ticks on the bus."""

import time

import pytest

from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.bus.names import PartitionId, partition_of
from shared.messages import Gap
from tests.integration.ingestor.line import (
    BTC,
    ETH,
    MARKETS,
    S_NS,
    P,
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


@virtually()
async def test_ticks_are_the_bars_of_the_tape() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=MARKETS):
        await until_ticks(bus, 4)
        await until_ticks(bus, 4, ETH)
        check(bus, fake, BTC)
        check(bus, fake, ETH)
        assert not any(tick.history for tick in ticks(bus))


@virtually()
async def test_the_bus_knows_when_the_exchange_was_heard_last() -> None:
    bus, p = new_bus(), PartitionId("ingestor", partition_of(BTC, P))
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url):
        await until_ticks(bus, 3)
        heard_ms = int(bus.partition(p).fields["heard:binance"])
        assert 0 <= time.time() * 1_000 - heard_ms < 2_000


@virtually()
async def test_history_comes_first_and_joins_live_without_a_seam() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, warm_bars=20, age_ns=5 * S_NS):
        found = await until_ticks(bus, 24)
        check(bus, fake)
        assert found[0].history
        assert not found[-1].history


@pytest.mark.parametrize("torn", [False, True])
@virtually()
async def test_a_lost_connection_loses_no_bar(torn: bool) -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url) as ingestor:
        await until_ticks(bus, 1)
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT, torn=torn))
        await until(lambda: fake.websockets.subscribed["btcusdt@aggTrade"] == 2)
        await until_ticks(bus, len(ticks(bus)) + 3)
        check(bus, fake)
        assert ingestor.feeder.feeds()[BTC].remade == 1
        assert len(ingestor.venue.troubles.said) == 1
        assert "BTCUSDT connection: NetworkError" in ingestor.venue.troubles.said[0]


@virtually()
async def test_a_silent_connection_is_found_and_made_anew() -> None:
    """Silence is believed for less than the grace, so it never makes a bar."""
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, silence_ns=S_NS // 5):
        await until_ticks(bus, 1)
        fake.websockets.message_faults.silence_ms = 0
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.SILENCE))
        await until(lambda: fake.websockets.subscribed["btcusdt@aggTrade"] == 2)
        await until_ticks(bus, len(ticks(bus)) + 3)
        check(bus, fake)


@virtually()
async def test_a_restart_across_the_end_of_a_bar_misses_none_and_gives_none_twice() -> None:
    bus = new_bus(lease_s=1.0)  # the killed one's are over when the next one comes
    async with wired("binance", plan=PLAN) as fake:
        for count in (1, 4, 6):
            async with ingesting(bus, fake.url):
                before = await until_ticks(bus, count)
            ended_ns = before[-1].ts_event + 2 * S_NS
            await until(lambda ended_ns=ended_ns: fake.state.now_ms() * 1_000_000 > ended_ns)  # type: ignore[misc]
        async with ingesting(bus, fake.url):
            await until_ticks(bus, 10)
        check(bus, fake)


@virtually()
async def test_what_no_one_traded_is_known_without_a_word() -> None:
    bus = new_bus()
    plan = TradePlan(rate=0.3, past_ms=60_000, past_rate=3)
    async with wired("binance", plan=plan) as fake, ingesting(bus, fake.url, warm_bars=3):
        await until_ticks(bus, 9)
        check(bus, fake)


@virtually()
async def test_troubles_of_all_kinds_leave_the_bars_as_they_were() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url) as ingestor:
        await until_ticks(bus, 1)
        chances = dict.fromkeys(("gap", "duplicate", "reorder", "wrong_type"), 0.02)
        fake.websockets.message_faults.change(chances=chances)
        await until_ticks(bus, 5)
        check(bus, fake)
        assert set(fake.websockets.message_faults.struck) == set(chances)
        assert ingestor.feeder.feeds()[BTC].remade == 0


@pytest.mark.parametrize("rate", [60.0, 0.3])
@virtually()
async def test_without_a_websocket_the_trades_are_asked_for(rate: float) -> None:
    bus = new_bus()
    plan = TradePlan(rate=rate, past_ms=60_000, past_rate=3)
    async with (
        wired("binance", plan=plan) as fake,
        ingesting(bus, fake.url, websocket=False, poll_s=0.3, warm_bars=2) as ingestor,
    ):
        await until_ticks(bus, 7)
        check(bus, fake)
        assert not fake.websockets.subscribed
        assert ingestor.venue.troubles.said == []


@virtually()
async def test_candles_of_the_venue_are_bars() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, stream="candles", warm_bars=5):
        await until_ticks(bus, 9)
        check(bus, fake)
        assert set(fake.websockets.subscribed) == {"btcusdt@kline_1s"}


@virtually()
async def test_mid_prices_of_the_book() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, price="mid"):
        await until_ticks(bus, 3)
        check(bus, fake)  # the simulator's best prices stand one tick around the last trade
        assert set(fake.websockets.subscribed) == {"btcusdt@bookTicker"}


@virtually()
async def test_each_trade_is_a_tick() -> None:
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, interval="trade"):
        found = await until_ticks(bus, 100)
        history = fake.histories[BTC]
        first = history.before(found[0].ts_event // 1_000_000, fake.state.now_ms())
        prices = [trade.price for trade in history.trades(first, first + len(found) + 10)]
        shift = next(at for at in range(10) if prices[at : at + len(found)] == [tick.price for tick in found])
        assert shift < 10
        assert not [message for message in told(bus) if isinstance(message, Gap)]


@virtually(seeds=10, busy_s=0.05)
async def test_replicas_share_the_symbols_and_take_over_from_each_other() -> None:
    bus = new_bus(lease_s=2.0)
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=MARKETS) as first:
        await until_ticks(bus, 1, ETH)
        async with ingesting(bus, fake.url, markets=MARKETS) as second:
            await until(lambda: bool(second.feeder.feeds()))
            await until(lambda: sorted([*first.feeder.feeds(), *second.feeder.feeds()]) == [BTC, ETH])
            await until_ticks(bus, len(ticks(bus)) + 2)
            await until_ticks(bus, len(ticks(bus, ETH)) + 2, ETH)
        await until(lambda: sorted(first.feeder.feeds()) == [BTC, ETH])
        await until_ticks(bus, len(ticks(bus)) + 2)
        await until_ticks(bus, len(ticks(bus, ETH)) + 2, ETH)
        check(bus, fake, BTC)
        check(bus, fake, ETH)
