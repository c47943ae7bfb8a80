"""Prices are those at which somebody could trade, in the order in which they happened; heard, fetched or polled."""

from typing import Any

import pytest

from services.simulator.bybit.websocket import BLOCKS
from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from tests.integration.ingestor.line import BTC, S_NS, ingesting, new_bus, ticks, until_ticks
from tests.memory_wire import wired
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=8, past_ms=60_000, past_rate=3)


@pytest.mark.parametrize(("venue", "market"), [("bybit", "BTC/USDT:USDT"), ("bybit-spot", "BTC/USDT")])
@pytest.mark.parametrize("way", ["heard", "fetched", "polled"])
@virtually(seeds=2)
async def test_block_trades_are_no_prices_and_one_millisecond_is_in_order(
    venue: str, market: str, way: str, seed: int
) -> None:
    """Every third trade happens in the same millisecond as the one before it, and the ids of a swap's are random."""
    changed: dict[str, Any] = {"websocket": way != "polled", "poll_s": 0.5, "silence_ns": 2 * S_NS}
    bus = new_bus()
    async with (
        wired(venue, plan=PLAN, seed=seed) as fake,
        ingesting(bus, fake.url, exchange="bybit", markets={BTC: market}, interval="trade", **changed),
    ):
        fake.engine.settings[BLOCKS] = "3"
        await until_ticks(bus, 10, every_s=0.1)
        if way == "fetched":
            fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT))
        found = await until_ticks(bus, 80, every_s=0.1)
        history, now_ms = fake.histories["BTCUSDT"], fake.state.now_ms()
        first = history.before(found[0].ts_event // 1_000_000, now_ms)
        prices = [trade.price for trade in history.trades(first, history.upto(now_ms))]
        at = prices.index(found[0].price)
        assert [tick.price for tick in ticks(bus)][: len(prices) - at] == prices[at : at + len(ticks(bus))]
