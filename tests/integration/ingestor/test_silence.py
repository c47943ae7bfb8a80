"""A silent exchange is said within ten seconds, with how long, and that it is back; a quiet market is none."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import TradePlan
from tests.integration.ingestor.line import S_NS, ingesting, new_bus, ticks, until_ticks
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=20, past_ms=60_000, past_rate=3)
SAID = ("exchange silent", "exchange is back")


def said(logs: list[Any]) -> list[dict[str, Any]]:
    return [line for line in logs if line["event"] in SAID]


@pytest.mark.parametrize("websocket", [True, False])
@virtually(seeds=3)
async def test_nothing_comes_and_nothing_is_answered(websocket: bool) -> None:
    bus = new_bus()
    with capture_logs() as logs:
        async with (
            wired("binance", plan=PLAN) as fake,
            ingesting(bus, fake.url, websocket=websocket, timeout_s=10.0, silence_ns=10 * S_NS),
        ):
            await until_ticks(bus, 3)
            fake.passes.clear()
            await until(lambda: bool(said(logs)), within_s=10.0)
            fake.passes.set()
            await until_ticks(bus, len(ticks(bus)) + 3)
    silent, back = said(logs)
    assert (silent["event"], silent["venue"], silent["log_level"]) == ("exchange silent", "binance", "warning")
    assert 8 <= silent["since_s"] <= 10
    assert (back["event"], back["venue"]) == ("exchange is back", "binance")
    assert back["after_s"] >= silent["since_s"]


@pytest.mark.parametrize("banned", [True, False])
@virtually()
async def test_a_quiet_market_and_an_exchange_that_wants_silence_are_none(banned: bool) -> None:
    bus = new_bus()
    plan = TradePlan(rate=0.05, past_ms=60_000, past_rate=3)
    with capture_logs() as logs:
        async with wired("binance", plan=plan) as fake, ingesting(bus, fake.url, silence_ns=10 * S_NS):
            await until(lambda: fake.websockets.subscribed["btcusdt@aggTrade"] == 1)
            if banned:
                fake.server.faults.append(Fault(FaultMode.STATUS, "time", status=429, headers={"Retry-After": "30"}))
            await until(lambda: bool(fake.since_s("/time")) and fake.since_s("/time")[-1] > 60.0, every_s=0.5)
    assert said(logs) == []
