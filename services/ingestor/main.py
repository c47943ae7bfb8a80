"""The ingestor service: market data → stage → bus; what feeds the stages is a source, or live exchanges."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import cast

import structlog

from services.ingestor.feeds.feed import LiveFeed
from services.ingestor.feeds.feed_report import FeedReport
from services.ingestor.feeds.venues import Venues
from services.ingestor.live.stage import LiveStage
from services.ingestor.metrics import live_metrics
from services.ingestor.plan import live_options, live_spec, make_source, plan, require_live
from services.ingestor.source import Datum, Feed, Source
from services.ingestor.stage import IngestStage
from shared.bus.api import Session
from shared.bus.names import partition_of
from shared.config import Settings
from shared.exchanges.market_data.events import Candle, Clock, TopOfBook, Trade
from shared.exchanges.market_data.venue import LiveVenue
from shared.models.card import ModelRefused
from shared.needs import needed_groups
from shared.runner.backpressure import Backpressure
from shared.runner.last_words import feed_heard
from shared.runner.partition import Partition
from shared.runner.parts import ServiceParts
from shared.runner.service import serve
from shared.runner.spec import Limits

log = structlog.get_logger()


LOOK_S = 1.0  # no feed is left alone for longer: the clock that it goes by may be set


class FeedTurns:
    """The feeds of a partition take turns: those with something due now, in a queue; the others when it is time.

    So a round costs what is due, however many feeds there are.

    - feeds: by symbol. clock: seconds that never go back.
    """

    def __init__(self, feeds: Mapping[str, Feed], clock: Callable[[], float] = time.monotonic) -> None:
        self._feeds, self._clock = feeds, clock
        self._now = deque(feeds)
        self._later: list[tuple[float, str]] = []  # a heap: when to look again, and whom

    def take(self, most: int) -> Iterator[tuple[str, Sequence[Datum]]]:
        """Yields what is due, by symbol, at most `most` in all; whoever has more waits for the next turn, at the end.

        Each of the waiting ones has the same share.
        """
        now_s = self._clock()
        while self._later and self._later[0][0] <= now_s:
            self._now.append(heappop(self._later)[1])
        each = max(1, most // max(1, len(self._now)))
        for _ in range(min(len(self._now), most)):
            sym = self._now.popleft()
            feed = self._feeds[sym]
            taken = feed.take(each)
            due_in_s = feed.due_in_s()
            if due_in_s:
                heappush(self._later, (now_s + min(due_in_s, LOOK_S), sym))
            elif due_in_s is not None:
                self._now.append(sym)
            if taken:
                yield sym, taken

    def due_in_s(self, wait_s: float) -> float:
        """Returns the seconds until something may be due, at most `wait_s`."""
        if self._now:
            return 0.0
        return max(0.0, min(wait_s, self._later[0][0] - self._clock())) if self._later else wait_s


class SourceFeeder:
    """The feeder opens each symbol's feed where its last commit stood, and takes what is due, for a part of a lease.

    - partitions: how many there are; a symbol is fed only to the owner of its own.
    - clock: seconds that never go back.
    """

    def __init__(
        self, source: Source, partitions: int, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._limits = limits
        self._clock = clock
        self._turn = 0  # the partition that is fed first
        self._symbols: dict[int, list[str]] = {p: [] for p in range(partitions)}
        for sym in source.symbols:
            self._symbols[partition_of(sym, partitions)].append(sym)
        self._turns: dict[int, FeedTurns] = {}

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Feeds the partitions that have room with what is due; waits only when nothing was.

        Who got no turn begins next.
        """
        fed, until_s = False, self._clock() + self._limits.work_s
        for part in sorted(parts, key=lambda part: (part.lease.partition.p < self._turn, part.lease.partition.p)):
            if self._clock() >= until_s:
                self._turn, wait_s = part.lease.partition.p, 0.0
                break
            turns = self._open(part)
            room = min(pressure.room(part), self._limits.commit_entries)
            if room <= 0:
                wait_s = min(wait_s, self._limits.stall_s)
                continue
            for sym, quotes in turns.take(room):
                for quote in quotes:
                    part.feed(sym, quote)
                fed = True
                if self._clock() >= until_s:
                    break
            wait_s = turns.due_in_s(wait_s)
        if not fed:
            await asyncio.sleep(wait_s)  # until the next quote is due, or the consumers may have moved

    def _open(self, part: Partition) -> FeedTurns:
        p = part.lease.partition.p
        if p not in self._turns:
            self._turns[p] = FeedTurns({
                sym: self._source.open(sym, cast(IngestStage, part.symbol(sym).stage).position)
                for sym in self._symbols[p]
            })  # fmt: skip
        return self._turns[p]

    def forget(self, p: int) -> None:
        """Drops the partition's feeds: it was reloaded, and they start from the committed position again."""
        self._turns.pop(p, None)


HEARD = (Trade, TopOfBook, Candle)
CLOCK_S = 0.1  # between two Clocks of an exchange
BATCH_S = 0.02  # what comes meanwhile is one commit
CLOSE_S = 2.0
BATCH = 16_384  # events of one symbol; below, a busy loop would take less than it hears


class ExchangeFeeder:
    """The feeder opens a symbol's feed when its partition is owned, and closes it when it is not any more.

    An exchange that ended is another object when it is tried again: the feeds of the old one are closed. A Clock comes
    behind everything that was heard before it, so the time is read before the wait. Raises what the exchanges cannot go
    on with.

    - batch: how many events of one symbol one round takes.
    - report: says from time to time what the feeds did.
    """

    def __init__(self, venues: Venues, partitions: int, batch: int = BATCH, report: FeedReport | None = None) -> None:
        self.venues, self._batch, self.report = venues, batch, report or FeedReport()
        self._symbols: dict[int, list[str]] = {p: [] for p in range(partitions)}
        for sym in venues.symbols:
            self._symbols[partition_of(sym, partitions)].append(sym)
        self._feeds: dict[int, dict[str, LiveFeed]] = {}
        self._came = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._clock_s = 0.0

    def feeds(self) -> dict[str, LiveFeed]:
        """Returns the feeds that are open, by symbol."""
        return {sym: feed for feeds in self._feeds.values() for sym, feed in feeds.items()}

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Feeds the stages with what has come; then lets each feed fetch what its stage asks for."""
        if self._running is None:
            self._running = asyncio.create_task(self.venues.run())
        if self._running.done():
            self._running.result()
        if self.report.due(asyncio.get_running_loop().time()):
            self.report.tell(self.venues.each, self.feeds())
        if not parts or not (self.venues.ready or self._feeds):
            await asyncio.wait({self._running}, timeout=min(wait_s, CLOCK_S))
            return
        clocks = await self._wait(wait_s)
        for part in parts:
            for sym, feed in self._open(part).items():
                stage, clock = cast(LiveStage, part.symbol(sym).stage), clocks.get(feed.venue)
                events = feed.take(self._batch)
                for event in events:
                    part.feed(sym, event)
                if events and (isinstance(events[-1], HEARD) or isinstance(events[0], HEARD)):
                    feed.venue.troubles.silence.heard()
                if clock is not None and not feed.waiting:
                    part.feed(sym, clock)
                if clock is not None:
                    part.tell(*feed_heard(feed.venue.options.venue, feed.venue.troubles.silence.heard_ms))
                if feed.waiting:
                    self._came.set()
                feed.follow(stage)

    async def _wait(self, wait_s: float) -> Mapping[LiveVenue, Clock]:
        """Waits until something came or a Clock is due; the Clocks that are due have the time before the wait."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        due_s = min(self._clock_s + CLOCK_S - now_s, wait_s)
        if due_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due_s):  # Python 3.11's wait_for can lose a cancel when data come with it
                    await self._came.wait()
        clocks: Mapping[LiveVenue, Clock] = {}
        if loop.time() >= self._clock_s + CLOCK_S:
            clocks, self._clock_s = self.venues.now(), loop.time()
        await asyncio.sleep(BATCH_S)
        self._came.clear()
        return clocks

    def _open(self, part: Partition) -> dict[str, LiveFeed]:
        p = part.lease.partition.p
        feeds = self._feeds.setdefault(p, {})
        for sym in self._symbols[p]:
            venue, feed = self.venues.of(sym), feeds.get(sym)
            if feed is not None and feed.venue is not venue:
                self._shut(sym, feeds.pop(sym))
            if sym not in feeds and venue.ready and sym in venue.markets:
                feeds[sym] = LiveFeed(venue, sym, cast(LiveStage, part.symbol(sym).stage), self._came)
                self.report.begin(sym, feeds[sym])
        return feeds

    def _shut(self, sym: str, feed: LiveFeed) -> None:
        self.report.see(sym, feed)
        for task in feed.close():
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def forget(self, p: int) -> None:
        """Closes the partition's feeds: it was reloaded or given up, and what was not committed is fetched again."""
        for sym, feed in self._feeds.pop(p, {}).items():
            self._shut(sym, feed)

    async def close(self) -> None:
        """Gives all connections back."""
        for p in list(self._feeds):
            self.forget(p)
        self.report.tell(self.venues.each, {})
        tasks = set(self._closing)
        if self._running is not None:
            self._running.cancel()
            tasks.add(self._running)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns what this process does, and what feeds it."""
    try:
        needed_groups(settings)
    except ModelRefused as refused:  # the signal service's trouble; ticks carry what the strategy needs
        log.info("what the model needs is not known here", why=str(refused))
    if settings.ingestor.source == "ccxt":
        options = require_live(settings, live_options(settings))
        live = ExchangeFeeder(Venues(options), settings.bus.partitions)
        spec = live_spec(options, settings.ingestor.instance)
        return ServiceParts(spec, live, close=live.close, metrics=live_metrics(live))
    source = make_source(settings)
    return ServiceParts(plan(settings, source.venue), SourceFeeder(source, settings.bus.partitions, limits))


def main() -> None:
    """Runs the service."""
    serve("ingestor", build, ahead=True)
