"""Input of the strategy: the bus, with the books taken back before anything is read from it."""

from collections.abc import Sequence

from shared.bus.api import Session
from shared.bus.names import partition_of
from shared.runner.bus_feeder import BusFeeder
from shared.runner.flow import Flow
from shared.runner.partition import Partition


class StrategyFeeder:
    """A book that does not fit the config (SafetyRefusal) is so refused at the start, not at its next prediction."""

    def __init__(self, bus: BusFeeder, symbols: Sequence[str], partitions: int) -> None:
        self._bus = bus
        self._symbols = {p: [sym for sym in symbols if partition_of(sym, partitions) == p] for p in range(partitions)}
        self._restored: set[int] = set()

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Flow, wait_s: float) -> None:
        """As BusFeeder does."""
        for part in parts:
            p = part.lease.place.p
            if p not in self._restored:
                for sym in self._symbols[p]:
                    part.symbol(sym)
                self._restored.add(p)
        await self._bus.gather(session, parts, flow, wait_s)

    def forget(self, p: int) -> None:
        """The partition is loaded anew, or given up."""
        self._restored.discard(p)
        self._bus.forget(p)
