"""What the feed did can be read in its log: one line for each venue, at a pace, and at the end."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.ingestor.feeds.feed_report import FeedReport
from services.ingestor.metrics import live_metrics
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.errors import VenueError
from shared.messages import Gap
from tests.integration.ingestor.line import BTC, OPTIONS, ingesting_of, new_bus, ticks, told, until_ticks
from tests.memory_wire import wired
from tests.until import until
from tests.virtual_time import virtually

pytestmark = pytest.mark.usefixtures("wires")
PLAN = TradePlan(rate=60, past_ms=60_000, past_rate=3)
AGG = "btcusdt@aggTrade"
# A field of another type is one that nobody reads, now and then.
TROUBLES = {Trouble.DUPLICATE: 1, Trouble.GAP: 1, Trouble.WRONG_TYPE: 9, Trouble.DISCONNECT: 1}


def lines(logs: list[Any]) -> list[dict[str, Any]]:
    """Those of the report, in order."""
    return [line for line in logs if line["event"] == "feed"]


@virtually()
async def test_each_trouble_is_counted() -> None:
    bus = new_bus()
    with capture_logs() as logs:
        async with wired("binance", plan=PLAN) as fake:
            fake.state.skew_ms = 400
            options = replace(OPTIONS, base_url=fake.url, warm_bars=5, age_ns=3_000_000_000)
            async with ingesting_of(bus, options, report=FeedReport(0.5)) as ingestor:
                await until_ticks(bus, 7)
                struck = fake.websockets.message_faults.struck
                for trouble, times in TROUBLES.items():  # each behind the one before
                    fake.websockets.message_faults.switched.append(
                        MessageFault(trouble, AGG, skip=5, times=times, size=3)
                    )
                    await until(lambda trouble=trouble, times=times: struck[trouble] == times)  # type: ignore[misc]
                await until(lambda: fake.websockets.subscribed[AGG] == 2)
                await until_ticks(bus, len(ticks(bus)) + 2)
                came = ticks(bus)
                await until(lambda: bool(lines(logs)) and lines(logs)[-1].get("ticks", 0) >= 3)
                during = lines(logs)[-1]
                feed = ingestor.feeder.feeds()[BTC]
                heard, events = (dict(one.of(())) for one in live_metrics(ingestor.feeder).gauges)
            last = lines(logs)[-1]
    assert (during["venue"], during["open"]) == ("binance", 1)
    assert not ingestor.feeder.feeds()
    assert last["remade"] == feed.remade == 1
    assert last["unfit"] == feed.unfit > 0
    assert last["heard_old"] >= 3
    assert last["heard_fetched"] >= 3
    assert last["joined_fetched"] >= 5
    assert 200 < last["clock_ms"] < 600
    assert heard["binance",] > 1.7e9
    assert events["binance", "remade"] == 1
    assert events["binance", "heard_old"] >= 3
    assert last["history"] >= sum(tick.history for tick in came) > 0
    assert last["ticks"] >= sum(not tick.history for tick in came) > 0
    assert not {name for name in last if name.startswith("gaps_")}
    assert ingestor.task.cancelled()


@virtually()
async def test_gaps_are_counted_by_their_cause() -> None:
    bus = new_bus()
    with capture_logs() as logs:
        async with wired("binance", plan=PLAN) as fake:
            options = replace(OPTIONS, base_url=fake.url, attempts=1)
            async with ingesting_of(bus, options) as ingestor:
                await until_ticks(bus, 2)
                for path in ("aggTrades", "klines"):
                    fake.server.faults.append(Fault(FaultMode.STATUS, path, status=503, times=1000))
                fake.websockets.message_faults.switched.append(MessageFault(Trouble.GAP, AGG, size=90))
                await until(lambda: any(isinstance(message, Gap) for message in told(bus)))
                ingestor.task.cancel()
                await asyncio.wait({ingestor.task})
                causes = Counter(f"gaps_{message.cause.lower()}" for message in told(bus) if isinstance(message, Gap))
    (last,) = lines(logs)
    assert {name: count for name, count in last.items() if name.startswith("gaps_")} == causes


@virtually()
async def test_nothing_is_said_of_a_venue_that_did_nothing() -> None:
    """Its trouble has lines of its own."""
    with capture_logs() as logs:
        nowhere = replace(OPTIONS, base_url="http://nowhere")
        async with ingesting_of(new_bus(), nowhere, report=FeedReport(0.2)) as ingestor:
            await asyncio.wait({ingestor.task}, timeout=300)
    assert isinstance(ingestor.task.exception(), VenueError)
    assert lines(logs) == []
