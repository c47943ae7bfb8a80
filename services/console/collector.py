"""Collects the orders of a run while it goes on, for the comparison at its end."""

from services.console.stream_taker import StreamTaker
from services.research.parity.orders import OrderKey
from shared.bus.api import Bus
from shared.bus.entry import Entry
from shared.config import Settings
from shared.messages import DecodeError, OrderIntent, Stream, decode
from shared.record import NewerWire

MAX_PER_SYMBOL = 500_000


class OrderCollector(StreamTaker):
    """orders: symbol -> n -> order; the oldest of a symbol go when there are too many.

    newer: why these are not all, where a newer Tickline wrote some: then nothing can be compared.
    """

    def __init__(self, bus: Bus, settings: Settings) -> None:
        super().__init__(bus, Stream.ORDERS, settings.strategy.instance, settings.bus.partitions)
        self.orders: dict[str, dict[int, OrderKey]] = {}
        self.newer = ""

    def take(self, entry: Entry) -> None:
        """Keep the order; to the comparison, one that cannot be read is missing."""
        try:
            message = decode(entry.t, entry.d)
        except NewerWire as newer:
            self.newer = str(newer)
            return
        except DecodeError:
            return
        if isinstance(message, OrderIntent):
            known = self.orders.setdefault(message.sym, {})
            known[message.n] = OrderKey.of(message)
            if len(known) > MAX_PER_SYMBOL:
                del known[next(iter(known))]
