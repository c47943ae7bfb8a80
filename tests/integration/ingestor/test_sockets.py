"""The same over real sockets: how connections begin and end there. Conditions are waited for, as long as it takes."""

import pytest

from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import TradePlan, serving
from services.simulator.websocket.faults import MessageFault, Trouble
from tests.integration.ingestor.line import BTC, ingesting, new_bus, ticks, told, until_ticks
from tests.until import until

PLAN = TradePlan(rate=60, past_ms=60_000, past_rate=3)
AGG = "btcusdt@aggTrade"


@pytest.mark.parametrize("torn", [False, True])
async def test_a_lost_connection_is_made_anew(torn: bool) -> None:
    bus = new_bus()
    async with serving("binance", plan=PLAN) as fake, ingesting(bus, fake.url) as ingestor:
        await until_ticks(bus, 1)
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT, torn=torn))
        await until(lambda: fake.websockets.subscribed[AGG] >= 2)
        await until_ticks(bus, len(ticks(bus)) + 1)
        assert "BTCUSDT connection: NetworkError" in ingestor.venue.troubles.said[0]


async def test_a_refused_handshake_is_tried_again() -> None:
    """Its headers are read: nothing is asked for in their silence."""
    bus = new_bus()
    limit = Fault(FaultMode.STATUS, "/ws/", status=429, headers={"Retry-After": "1"})
    async with serving("binance", limit, plan=PLAN) as fake, ingesting(bus, fake.url) as ingestor:
        await until(lambda: limit.struck == 1)
        await until(lambda: fake.websockets.subscribed[AGG] == 1)
        assert (ingestor.venue.limit.status, ingestor.venue.limit.wanted_s) == (429, 1.0)
        await until_ticks(bus, 1)


async def test_without_a_websocket_the_trades_are_asked_for() -> None:
    bus = new_bus()
    async with serving("binance", plan=PLAN) as fake, ingesting(bus, fake.url, websocket=False, poll_s=0.3):
        await until_ticks(bus, 2)
        assert not fake.websockets.subscribed
        assert [message.sym for message in told(bus)] == [BTC] * len(told(bus))
