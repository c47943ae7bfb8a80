"""Takes a stream while a run goes on, and to its end."""

import asyncio
import contextlib
from abc import ABC, abstractmethod

from services.console.follow import Source, follow
from shared.bus.api import Bus
from shared.bus.entry import Entry
from shared.bus.names import PartitionId
from shared.messages import Stream


class StreamTaker(ABC):
    """Gives `take` each entry of one stream of one instance, in all partitions; after a restart of the bus again."""

    def __init__(self, bus: Bus, stream: Stream, instance: str, partitions: int) -> None:
        self._bus = bus
        self._sources: list[Source] = [(stream, PartitionId(instance, p)) for p in range(partitions)]

    @abstractmethod
    def take(self, entry: Entry) -> None:
        """One entry."""

    async def run(self) -> None:
        """Take until cancelled."""
        await self._follow(forever=True)

    async def finish(self, running: "asyncio.Task[None]") -> None:
        """End the running one, and take what it has not seen yet; raises BusLost, and may be called again."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await self._follow(forever=False)

    async def _follow(self, forever: bool) -> None:
        async for entry in follow(self._bus, self._sources, forever=forever):
            self.take(entry)
