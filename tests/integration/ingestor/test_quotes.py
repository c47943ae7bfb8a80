"""Data that are not there: quotes that stop alone are heard over another connection, a short warm-up is said."""

import asyncio
import re

import pytest

from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.messages.market import Group
from tests.integration.ingestor.line import BTC, S_NS, ingesting, new_bus, ticks, until_ticks
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
QUOTE = frozenset({Group.QUOTE})
BOOK = "btcusdt@bookTicker"


@pytest.mark.parametrize("stream", ["trades", "candles"])
@virtually()
async def test_quotes_that_stop_while_trades_go_on_are_heard_over_another_connection(stream: str) -> None:
    bus, plan = new_bus(), TradePlan(rate=20, past_ms=60_000, past_rate=3)
    groups = QUOTE if stream == "trades" else QUOTE | {Group.BAR}
    async with (
        wired("binance", plan=plan) as fake,
        ingesting(bus, fake.url, groups=groups, stream=stream, silence_ns=3 * S_NS) as ingestor,
    ):
        await until_ticks(bus, 5)
        stopped = MessageFault(Trouble.GAP, BOOK, size=10**9)
        fake.websockets.message_faults.switched.append(stopped)
        await until(lambda: fake.websockets.subscribed[BOOK] == 2)
        assert ingestor.venue.troubles.said == [
            "BTCUSDT connection: no best bid and ask came for 3 s, and trades did: it is made anew"
        ]
        await until_ticks(bus, len(ticks(bus)) + 10)
        assert ingestor.feeder.feeds()[BTC].remade == 1
        assert ticks(bus)[-1].quote is not None


@virtually()
async def test_quotes_of_a_quiet_market_have_not_stopped() -> None:
    bus, plan = new_bus(), TradePlan(rate=0.1, past_ms=60_000, past_rate=3)
    async with (
        wired("binance", plan=plan) as fake,
        ingesting(bus, fake.url, groups=QUOTE | {Group.BAR}, stream="candles", silence_ns=S_NS) as ingestor,
    ):
        await asyncio.sleep(60)
        assert ingestor.venue.troubles.said == []
        assert fake.websockets.subscribed[BOOK] == 1


@virtually()
async def test_a_warm_up_that_an_exchange_cannot_give_is_said() -> None:
    bus, plan = new_bus(), TradePlan(rate=20, past_ms=5_000, past_rate=3)
    async with wired("binance", plan=plan) as fake, ingesting(bus, fake.url, warm_bars=300) as ingestor:
        await until_ticks(bus, 3)
        (said,) = ingestor.venue.troubles.said
        line = r"BTCUSDT warm-up: only \d of 300 bars came at the start \(warm_bars\): features warm up as bars come"
        assert re.fullmatch(line, said)
