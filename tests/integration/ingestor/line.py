"""An ingestor on live data of a simulator, on a bus in memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from services.ingestor.feeds.feed_report import FeedReport
from services.ingestor.feeds.venues import Venues
from services.ingestor.main import ExchangeFeeder
from services.ingestor.plan import live_spec
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.simulator import Simulator
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import LiveVenue
from shared.messages import Gap, MarketTick, Message, Stream, decode
from shared.runner.spec import Limits
from shared.runner.worker import Worker
from tests.until import until

P = 4
BTC, ETH = "BTCUSDT", "ETHUSDT"
MARKETS = {BTC: "BTC/USDT:USDT", ETH: "ETH/USDT:USDT"}
S_NS = 1_000_000_000
LIMITS = Limits(round_s=0.05, stall_s=0.002, backoff_s=0.005, backoff_max_s=0.02)
OPTIONS = LiveOptions(
    exchange="binance", markets={BTC: MARKETS[BTC]}, interval="1s", grace_ns=300_000_000, silence_ns=S_NS,
    timeout_s=2.0, attempts=3,
)  # fmt: skip


def new_bus(lease_s: float = 5.0) -> MemoryBus:
    """Its leases outlast a ccxt that loads."""
    return MemoryBus(lease_s=lease_s, maxlens={Stream.TICKS: 100_000, Stream.DEAD: 100}, clock=time.monotonic)


class Ingestor:
    """A running one. task: the worker, done when it could not go on."""

    def __init__(self, feeder: ExchangeFeeder, venues: Venues, task: "asyncio.Task[None]") -> None:
        self.feeder, self.venues, self.task = feeder, venues, task

    @property
    def venue(self) -> LiveVenue:
        """Of the first symbol."""
        return self.venues.of(self.venues.symbols[0])


@asynccontextmanager
async def ingesting(bus: MemoryBus, base_url: str, **changed: Any) -> AsyncIterator[Ingestor]:
    """On one venue, until the context ends: then it is killed, whatever it is at."""
    async with ingesting_of(bus, replace(OPTIONS, base_url=base_url, **changed)) as ingestor:
        yield ingestor


@asynccontextmanager
async def ingesting_of(
    bus: MemoryBus, *options: LiveOptions, report: FeedReport | None = None
) -> AsyncIterator[Ingestor]:
    """As `ingesting`, on several venues."""
    venues = Venues(options)
    feeder = ExchangeFeeder(venues, P, report=report)
    worker = Worker(live_spec(options, "ingestor"), bus, feeder, partitions=P, limits=LIMITS)
    task = asyncio.create_task(worker.run())
    try:
        yield Ingestor(feeder, venues, task)
    finally:
        task.cancel()
        await asyncio.wait({task})
        await feeder.close()


def told(bus: MemoryBus, sym: str = BTC) -> list[Message]:
    """What was written of a symbol."""
    entries = bus.streams.get((Stream.TICKS, PartitionId("ingestor", partition_of(sym, P))), [])
    return [decode(entry.t, entry.d) for entry in entries if entry.k == sym]


def ticks(bus: MemoryBus, sym: str = BTC) -> list[MarketTick]:
    """The ticks of a symbol."""
    return [message for message in told(bus, sym) if isinstance(message, MarketTick)]


async def until_ticks(
    bus: MemoryBus, count: int, sym: str = BTC, within_s: float = 100.0, every_s: float = 0.02
) -> list[MarketTick]:
    """Wait for so many."""
    await until(lambda: len(ticks(bus, sym)) >= count, within_s=within_s, every_s=every_s)
    return ticks(bus, sym)


def check(bus: MemoryBus, fake: Simulator, sym: str = BTC, interval_s: int = 1) -> None:
    """Each tick is the history's bar, none is missing or twice, and there is no Gap."""
    found = ticks(bus, sym)
    assert [message for message in told(bus, sym) if isinstance(message, Gap)] == []
    ends = [tick.ts_event for tick in found]
    assert ends == list(range(ends[0], ends[0] + len(ends) * interval_s * S_NS, interval_s * S_NS))
    assert [message.n for message in told(bus, sym)] == list(range(1, len(found) + 1))
    assert [tick.price for tick in found] == [perfect(fake.histories[sym], end, interval_s, fake) for end in ends]


def perfect(history: TradeHistory, end_ns: int, interval_s: int, fake: Simulator) -> Any:
    """The close of the history's bar that ends there."""
    length_ms = interval_s * 1000
    bar, *_ = history.bar(end_ns // 1_000_000 - length_ms, length_ms, fake.state.now_ms())
    return bar.close
