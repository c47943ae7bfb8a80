"""Live market data through unmodified ccxt, from the fake's tape to ticks on the bus."""

import pytest

from services.fake_exchange.feed_plan import FeedPlan
from services.fake_exchange.feed_weather import FeedFault, Trouble
from services.fake_exchange.serve import serving
from shared.messages import Gap
from tests.integration.ingestor.line import BTC, ETH, MARKETS, S_NS, check, ingesting, new_bus, ticks, told, until_ticks
from tests.until import until

PLAN = FeedPlan(rate=60, past_ms=60_000, past_rate=3)


async def test_ticks_are_the_bars_of_the_tape() -> None:
    bus = new_bus()
    async with serving("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=MARKETS):
        await until_ticks(bus, 4)
        await until_ticks(bus, 4, ETH)
        check(bus, fake, BTC)
        check(bus, fake, ETH)
        assert not any(tick.history for tick in ticks(bus))
