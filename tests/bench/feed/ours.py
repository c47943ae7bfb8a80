"""The ingestor as `tickline run` makes it, but for the clock: the simulator's time runs as it is read."""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.ingestor.feeds.venues import Venues
from services.ingestor.live.stage import LiveStage
from services.ingestor.live.trade_order import OrderById
from services.ingestor.main import ExchangeFeeder
from services.ingestor.plan import live_options, live_spec
from services.simulator.engine.trade_history import BEHIND, FIRST_ID, TradeHistory
from shared.bus.api import Bus
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.exchanges.binance.profile import BINANCE, MARKET_DATA
from shared.exchanges.clock import ExchangeClock
from shared.exchanges.market_data.events import Clock, Event
from shared.exchanges.registry import PROFILES
from shared.messages import MarketTick, Message, Stream
from shared.messages.codec import decode
from shared.runner.process import GC_ALLOCATIONS
from shared.runner.service import limits_of, make_bus
from shared.runner.spec import ServiceSpec
from shared.runner.worker import Worker
from shared.tick import Tick
from tests.bench.feed.reader_task import RATE, START_MS, ReaderTask
from tests.bench.feed.span import spanned

MS, S_MS = 1_000_000, 1_000
FIRST = FIRST_ID - BEHIND
OPEN_BARS = 4  # at most, when the last trade has come: the first, the last, the grace, and what is not whole


class Stages:
    """Those that the plan made, by symbol."""

    def __init__(self, plan: ServiceSpec) -> None:
        self._make = plan.make_stage
        self.made: dict[str, LiveStage] = {}
        self.plan = replace(plan, make_stage=self._kept)

    def _kept(self, sym: str) -> Tick[Event, list[Message]]:
        made = self._make(sym)
        assert isinstance(made, LiveStage)
        self.made[sym] = made
        return made

    def taken(self) -> int:
        """How many trades went through all of them without a hole."""
        return sum((order.next_id or FIRST) - FIRST for order in self._orders())

    def heard_ns(self) -> int:
        """Until then all of them have heard everything; 0 while one of them has heard nothing."""
        return min((order.last_ns for order in self._orders()), default=0)

    def _orders(self) -> list[OrderById]:
        return [stage._pipeline.heard._order for stage in self.made.values()]  # type: ignore[union-attr,misc]


class TakenClock(ExchangeClock):
    """The time of the trades that were taken: the simulator sends ahead as far as sockets hold."""

    stages: Stages

    def read(self) -> Clock:
        return Clock(max(self.stages.heard_ns(), START_MS * MS - MS), sure=True)


async def ingestor(given: ReaderTask) -> dict[str, Any]:
    """Trades taken by the stages, ticks on the bus. Raises AssertionError where a tick is not the history's."""
    settings = settings_of(given)
    options = live_options(settings)
    stages = Stages(live_spec(options, settings.ingestor.instance))

    def clock(bound_ns: int) -> TakenClock:
        made = TakenClock(bound_ns)
        made.stages = stages
        return made

    feeder = ExchangeFeeder(Venues(options, clock), settings.bus.partitions)
    bus: Bus = make_bus(settings) if given.bus else MemoryBus(lease_s=settings.bus.lease_s, maxlens=MAXLENS)
    worker = Worker(
        stages.plan, bus, feeder, partitions=settings.bus.partitions, limits=limits_of(settings), close=feeder.close
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS)  # as a service does
    running = asyncio.create_task(worker.run())
    found = await spanned(given, stages.taken)
    worker.stop()
    await running
    counts = {sym: stage.counts for sym, stage in stages.made.items()}
    trouble = {sym: {name: number for name, number in found.items() if number} for sym, found in counts.items()}
    assert not any(trouble.values()), trouble
    return {**found, "ticks": check_ticks(given, await ticks(bus, settings))}


async def ingestor_by_ccxt(given: ReaderTask) -> dict[str, Any]:
    """As `ingestor`, of a venue whose trades only ccxt can read."""
    PROFILES["binance"] = BINANCE._replace(market_data=MARKET_DATA._replace(trade=None))
    return await ingestor(given)


MAXLENS: dict[str, int] = {Stream.TICKS: 100_000}


def settings_of(given: ReaderTask) -> Settings:
    """The defaults, and bars of a second."""
    symbols = [listing.id for listing in given.listings]
    return load_settings(
        symbols=symbols, interval="1s", bus={"url": given.bus},
        ingestor={
            "source": "ccxt", "exchange": "binance", "base_url": given.url, "warm_bars": 0,
            "markets": {listing.id: f"{listing.base}/USDT:USDT" for listing in given.listings},
        },
    )  # fmt: skip


async def ticks(bus: Bus, settings: Settings) -> dict[str, list[Message]]:
    """What stands on the bus, by symbol."""
    session = await bus.connect()
    places = [(Stream.TICKS, PartitionId(settings.ingestor.instance, p)) for p in range(settings.bus.partitions)]
    found: dict[str, list[Message]] = {}
    for _, entries in await session.read(dict.fromkeys(places, b"0-0"), 100_000, 0):
        for entry in entries:
            found.setdefault(entry.k, []).append(decode(entry.t, entry.d))
    await session.close()
    return found


def check_ticks(given: ReaderTask, found: Mapping[str, Sequence[Message]]) -> int:
    """How many there are; each must be the next close of its history, and at most the last bars may still be open."""
    for listing in given.listings:
        history = TradeHistory(listing, start_ms=START_MS, rate=RATE, count=given.trades)
        last_ms = history.last_ms
        bars = history.bars(S_MS, START_MS, last_ms, last_ms)
        closes = [((bar.at_ms + S_MS) * MS, bar.close) for bar in bars]
        made = [(tick.ts_event, tick.price) for tick in found[listing.id] if isinstance(tick, MarketTick)]
        assert len(made) == len(found[listing.id]) >= len(closes) - OPEN_BARS, (listing.id, len(made), len(closes))
        at = closes.index(made[0])
        assert made == closes[at : at + len(made)], listing.id
    return sum(map(len, found.values()))
