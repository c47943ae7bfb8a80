"""Collects the orders of a run while it goes on, for the comparison at its end."""

import asyncio
import contextlib

from services.console.follow import follow
from services.research.parity import OrderKey
from shared.bus.api import Bus, BusLost
from shared.bus.names import Place
from shared.config import Settings
from shared.messages import DecodeError, OrderIntent, Stream, decode

MAX_PER_SYMBOL = 500_000


class OrderCollector:
    """orders: symbol -> n -> order; the oldest of a symbol go when there are too many."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self.orders: dict[str, dict[int, OrderKey]] = {}
        self._bus = bus
        self._sources: list[tuple[str, Place]] = [
            (Stream.ORDERS, Place(settings.strategy.instance, p)) for p in range(settings.bus.partitions)
        ]

    async def run(self) -> None:
        """Collect until cancelled."""
        await self._collect(forever=True)

    async def finish(self, running: "asyncio.Task[None]") -> None:
        """End the running collection, and take what it has not seen yet."""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        with contextlib.suppress(BusLost):
            await self._collect(forever=False)

    async def _collect(self, forever: bool) -> None:
        async for entry in follow(self._bus, self._sources, forever=forever):
            try:
                message = decode(entry.t, entry.d)
            except DecodeError:
                continue  # to the comparison it is an order that is missing
            if isinstance(message, OrderIntent):
                known = self.orders.setdefault(message.sym, {})
                known[message.n] = OrderKey.of(message)
                if len(known) > MAX_PER_SYMBOL:
                    del known[next(iter(known))]
