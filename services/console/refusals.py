"""Counts, while a run goes on, how its orders ended that were not filled in full."""

from collections import Counter

from services.console.stream_taker import StreamTaker
from shared.bus.api import Bus
from shared.bus.entry import Entry
from shared.config import Settings
from shared.messages import DecodeError, ExecutionReport, Stream, decode
from shared.record import NewerWire


class RefusalCounter(StreamTaker):
    """reasons: reason -> how many reports of this run had it. Reports before `since_ns` are an earlier run's."""

    def __init__(self, bus: Bus, settings: Settings, since_ns: int) -> None:
        super().__init__(bus, Stream.EXECUTIONS, settings.gateway.instance, settings.bus.partitions)
        self.reasons: Counter[str] = Counter()
        self._since_ns = since_ns
        self._seen: dict[str, int] = {}

    def take(self, entry: Entry) -> None:
        """Count the report, once; what cannot be read is none of ours."""
        if entry.w < self._since_ns or entry.n <= self._seen.get(entry.k, 0):
            return
        self._seen[entry.k] = entry.n
        try:
            message = decode(entry.t, entry.d)
        except (DecodeError, NewerWire):
            return
        if isinstance(message, ExecutionReport) and message.reason is not None:
            self.reasons[message.reason.value] += 1
