"""Input from a live venue: for every owned partition the feeds of its symbols, and the venue's time."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import cast

from services.ingestor.live.events import Clock
from services.ingestor.live.stage import LiveStage
from services.ingestor.venue.feed import LiveFeed
from services.ingestor.venue.venue import LiveVenue
from shared.bus.api import Session
from shared.bus.names import partition_of
from shared.runner.flow import Flow
from shared.runner.partition import Partition

CLOCK_S = 0.1
BATCH_S = 0.02  # what comes meanwhile is one commit
CLOSE_S = 2.0
BATCH = 4_096  # events of one symbol


class LiveFeeder:
    """Opens a symbol's feed when its partition is owned, and closes it when it is not any more.

    Raises what the venue cannot go on with. A Clock follows what was heard before it: it is read before the wait.
    """

    def __init__(self, venue: LiveVenue, partitions: int, batch: int = BATCH) -> None:
        self._venue, self._batch = venue, batch
        self._symbols: dict[int, list[str]] = {p: [] for p in range(partitions)}
        for sym in sorted(venue.options.markets):
            self._symbols[partition_of(sym, partitions)].append(sym)
        self._feeds: dict[int, dict[str, LiveFeed]] = {}
        self._came = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._clock_s = 0.0

    def feeds(self) -> dict[str, LiveFeed]:
        """Those that are open, by symbol."""
        return {sym: feed for feeds in self._feeds.values() for sym, feed in feeds.items()}

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Flow, wait_s: float) -> None:
        """Feed the stages with what has come; then do what they ask for."""
        if self._running is None:
            self._running = asyncio.create_task(self._venue.run())
        if self._running.done():
            self._running.result()
        if not self._venue.ready or not parts:
            await asyncio.wait({self._running}, timeout=min(wait_s, CLOCK_S))
            return
        clock = await self._wait(wait_s)
        for part in parts:
            for sym, feed in self._open(part).items():
                stage = cast(LiveStage, part.symbol(sym).stage)
                for event in feed.take(self._batch):
                    part.feed(sym, event)
                if clock is not None and not feed.waiting:
                    part.feed(sym, clock)
                if feed.waiting:
                    self._came.set()
                feed.follow(stage)

    async def _wait(self, wait_s: float) -> Clock | None:
        """Until something came or the time is to be told; the time, as it was before."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        due_s = min(self._clock_s + CLOCK_S - now_s, wait_s)
        if due_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), due_s)
        clock = None
        if loop.time() >= self._clock_s + CLOCK_S:
            clock, self._clock_s = self._venue.now(), loop.time()
        await asyncio.sleep(BATCH_S)
        self._came.clear()
        return clock

    def _open(self, part: Partition) -> dict[str, LiveFeed]:
        p = part.lease.place.p
        if p not in self._feeds:
            self._feeds[p] = {
                sym: LiveFeed(self._venue, sym, cast(LiveStage, part.symbol(sym).stage), self._came)
                for sym in self._symbols[p]
                if sym in self._venue.markets
            }
        return self._feeds[p]

    def forget(self, p: int) -> None:
        """The partition was reloaded or given up: what was heard and not committed is asked for again."""
        for feed in self._feeds.pop(p, {}).values():
            for task in feed.close():
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Give all connections back."""
        for p in list(self._feeds):
            self.forget(p)
        tasks = set(self._closing)
        if self._running is not None:
            self._running.cancel()
            tasks.add(self._running)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
