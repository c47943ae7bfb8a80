"""Websockets that are cut off together come back one after the other."""

from itertools import cycle, pairwise

import pytest

from services.simulator.simulator import TradePlan
from shared.exchanges import backoff
from tests import memory_wire
from tests.integration.ingestor.line import BTC, ETH, MARKETS, ingesting, new_bus, until_ticks
from tests.memory_wire import WiredSimulator, wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=8, past_ms=60_000, past_rate=3)
BOTH = {BTC: MARKETS[BTC], ETH: MARKETS[ETH]}


async def cut_off(fake: WiredSimulator, path: str) -> list[float]:
    """All websockets at once; when they are made again, in seconds."""
    before = len(fake.since_s(path))
    for socket in list(fake.sockets):
        socket.abort()
    await until(lambda: len(fake.since_s(path)) >= before + len(BOTH), every_s=0.1)
    return fake.since_s(path)[before:]


@virtually()
async def test_pauses_are_not_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = cycle([0.0, 1.0]).__next__
    monkeypatch.setattr(backoff.Backoff.__init__, "__defaults__", (backoff.FIRST_S, backoff.MOST_S, dice))
    monkeypatch.setattr(memory_wire, "REST_S", (0.01, 0.01))
    bus = new_bus()
    async with wired("binance", plan=PLAN) as fake, ingesting(bus, fake.url, markets=BOTH):
        await until_ticks(bus, 2)
        await until_ticks(bus, 2, ETH)
        one, other = await cut_off(fake, "/ws")
        assert other - one >= backoff.SPREAD * backoff.FIRST_S / 2


@virtually(seeds=4)
async def test_okx_lets_in_three_a_second() -> None:
    """P: https://www.okx.com/docs-v5/en/#overview-websocket-connect."""
    bus = new_bus()
    async with wired("okx", plan=PLAN) as fake, ingesting(bus, fake.url, exchange="okx", markets=BOTH):
        await until_ticks(bus, 2)
        await until_ticks(bus, 2, ETH)
        again = await cut_off(fake, "/ws/")
        first = fake.since_s("/ws/")[: -len(again)]
        assert all(later - one >= 1 / 3 for made in (first, again) for one, later in pairwise(made))
