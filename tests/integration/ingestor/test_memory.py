"""What ccxt would keep does not grow: neither with the trades nor with the connections."""

import gc
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from services.simulator.simulator import TradePlan, serving
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.exchanges.binance.profile import BINANCE, MARKET_DATA
from shared.exchanges.market_data import venue
from shared.exchanges.registry import PROFILES
from tests.integration.ingestor.line import BTC, ingesting, new_bus, ticks, until_ticks
from tests.until import until

RATE = 60
PLAN = TradePlan(rate=RATE, past_ms=60_000, past_rate=3)


@pytest.fixture
def no_automatic_collection() -> Iterator[None]:
    """A live ingestor has it rarely."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living(module: str, name: str) -> list[Any]:
    """All objects of a class, also those that only hold themselves."""
    return [it for it in gc.get_objects() if (type(it).__module__, type(it).__name__) == (module, name)]


async def test_trades_that_ccxt_has_read_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    by_ccxt = BINANCE._replace(market_data=MARKET_DATA._replace(trade=None))
    monkeypatch.setitem(PROFILES, "binance", by_ccxt)
    gc.collect()
    bus = new_bus()
    async with serving("binance", plan=PLAN) as fake, ingesting(bus, fake.url):
        await until_ticks(bus, 5)
        kept = [len(cache) for cache in living("ccxt.async_support.base.ws.cache", "ArrayCache")]
        assert kept
        assert max(kept) < RATE


@pytest.mark.usefixtures("no_automatic_collection")
async def test_lost_connections_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue, "SWEEP_S", 0.0)
    bus = new_bus()
    async with serving("binance", plan=PLAN) as fake, ingesting(bus, fake.url) as ingestor:
        faults = fake.websockets.message_faults.switched

        def remade(times: int) -> bool:
            if all(fault.struck for fault in faults):  # it may strike a connection that is being given up already
                faults.append(MessageFault(Trouble.DISCONNECT))
            return ingestor.feeder.feeds()[BTC].remade >= times

        for lost in (1, 2, 3, 4):
            await until_ticks(bus, len(ticks(bus)) + 1)
            await until(partial(remade, lost), every_s=0.2)
        await until_ticks(bus, len(ticks(bus)) + 1)
        assert len(living("ccxt.async_support.base.ws.client", "Client")) <= 2  # the last is freed with the next
