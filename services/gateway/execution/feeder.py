"""Input of a live gateway: orders from the bus, and reports from the journal."""

from collections.abc import Sequence
from functools import partial

from services.gateway.execution.execution import Desk
from shared.bus.api import Session
from shared.messages import Stream
from shared.runner.backpressure import Backpressure
from shared.runner.bus_reader import BusReader
from shared.runner.partition import Partition


class LiveFeeder:
    """Reports first: they are what the strategy waits for."""

    def __init__(self, orders: BusReader, desk: Desk) -> None:
        self._orders = orders
        self._desk = desk
        self._stale: set[int] = set()

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Backpressure, wait_s: float) -> None:
        """What waits in the outbox, as far as there is room; then orders, waiting only if there was nothing."""
        for part in parts:
            p = part.lease.place.p
            if p in self._stale:
                self._stale.discard(p)
                await self._desk.reload(part)
            for report in self._desk.outbox.take(p, partial(_written, part), flow.room(part)):
                part.feed(report.sym, report)
                wait_s = 0.0
        await self._orders.gather(session, parts, flow, wait_s)

    def forget(self, p: int) -> None:
        """The partition was loaded anew: what was fed may not have been committed."""
        self._stale.add(p)


def _written(part: Partition, sym: str) -> int:
    return part.symbol(sym).sent.get(Stream.EXECUTIONS, 0)
