"""Counts, while a run goes on, how its orders ended: how many were filled, and why the others were not."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from services.console.stream_taker import StreamTaker
from shared.bus.api import Bus
from shared.bus.entry import Entry
from shared.config import Settings
from shared.messages import DecodeError, ExecutionReport, Leg, Stream, decode
from shared.record import NewerWire

ASKED_FOR = (Leg.OPEN, Leg.CLOSE, Leg.NET)  # other reports end no order of this line


class Ended(NamedTuple):
    """filled: orders of which something was filled. reasons: reason -> orders that were not filled, or not in full."""

    filled: int = 0
    reasons: Mapping[str, int] = MappingProxyType({})


class RefusalCounter(StreamTaker):
    """Counts the reports of this run, each once. Reports before `since_ns` are an earlier run's."""

    def __init__(self, bus: Bus, settings: Settings, since_ns: int) -> None:
        super().__init__(bus, Stream.EXECUTIONS, settings.gateway.instance, settings.bus.partitions)
        self._filled = 0
        self._reasons: Counter[str] = Counter()
        self._since_ns = since_ns
        self._seen: dict[str, int] = {}

    @property
    def ended(self) -> Ended:
        """The counts as they stand."""
        return Ended(self._filled, dict(self._reasons))

    def take(self, entry: Entry) -> None:
        """Count the report, once; what cannot be read is none of ours."""
        if entry.w < self._since_ns or entry.n <= self._seen.get(entry.k, 0):
            return
        self._seen[entry.k] = entry.n
        try:
            message = decode(entry.t, entry.d)
        except (DecodeError, NewerWire):
            return
        if not isinstance(message, ExecutionReport):
            return
        if message.leg in ASKED_FOR and message.last_qty:
            self._filled += 1
        if message.reason is not None:
            self._reasons[message.reason.value] += 1
