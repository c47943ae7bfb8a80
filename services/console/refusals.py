"""Counts, while a run goes on, how its orders ended that were not filled in full."""

import asyncio
import contextlib
from collections import Counter

from services.console.follow import follow
from shared.bus.api import Bus, BusLost
from shared.bus.names import Place
from shared.config import Settings
from shared.messages import DecodeError, ExecutionReport, Stream, decode


class RefusalCounter:
    """reasons: reason -> how many reports of this run had it. Reports before `since_ns` are an earlier run's."""

    def __init__(self, bus: Bus, settings: Settings, since_ns: int) -> None:
        self.reasons: Counter[str] = Counter()
        self._bus = bus
        self._since_ns = since_ns
        self._seen: dict[str, int] = {}
        self._sources: list[tuple[str, Place]] = [
            (Stream.EXECUTIONS, Place(settings.gateway.instance, p)) for p in range(settings.bus.partitions)
        ]

    async def run(self) -> None:
        """Count until cancelled."""
        await self._count(forever=True)

    async def finish(self, running: "asyncio.Task[None]") -> None:
        """End the running count, and take what it has not seen yet."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        with contextlib.suppress(BusLost):
            await self._count(forever=False)

    async def _count(self, forever: bool) -> None:
        async for entry in follow(self._bus, self._sources, forever=forever):
            if entry.w < self._since_ns or entry.n <= self._seen.get(entry.k, 0):
                continue
            self._seen[entry.k] = entry.n
            try:
                message = decode(entry.t, entry.d)
            except DecodeError:
                continue  # no report of ours
            if isinstance(message, ExecutionReport) and message.reason is not None:
                self.reasons[message.reason.value] += 1
