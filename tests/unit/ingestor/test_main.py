"""The wait for live data can be ended at any moment."""

import asyncio

import pytest

from services.ingestor.feeds.venues import Venues
from services.ingestor.main import ExchangeFeeder
from shared.exchanges.market_data.options import LiveOptions

OPTIONS = LiveOptions(exchange="binance", markets={"BTCUSDT": "BTC/USDT:USDT"}, interval="1s")


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancel_is_obeyed_also_when_data_come_at_that_moment(turns: int) -> None:
    """turns: of the loop, between the two."""
    feeder = ExchangeFeeder(Venues([OPTIONS]), 1)
    await feeder._wait(1.0)  # the time is told, and the next wait is a whole one
    waiting = asyncio.create_task(feeder._wait(1.0))
    for _ in range(3):
        await asyncio.sleep(0)
    feeder._came.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
