"""Input from a market data source: for every owned partition the feeds of its symbols."""

import asyncio
from collections.abc import Sequence
from typing import cast

from services.ingestor.source import Feed, Source
from services.ingestor.stage import IngestStage
from shared.bus.api import Session
from shared.bus.names import partition_of
from shared.runner.backpressure import Backpressure
from shared.runner.partition import Partition
from shared.runner.plan import Limits


class SourceFeeder:
    """Opens each symbol's feed where its last commit stood, and takes what is due."""

    def __init__(self, source: Source, partitions: int, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._symbols: dict[int, list[str]] = {p: [] for p in range(partitions)}
        for sym in source.symbols:
            self._symbols[partition_of(sym, partitions)].append(sym)
        self._feeds: dict[int, dict[str, Feed]] = {}

    async def gather(self, session: Session, parts: Sequence[Partition], flow: Backpressure, wait_s: float) -> None:
        """Feed every partition that has room with what is due; wait only when nothing was."""
        fed = False
        for part in parts:
            feeds = self._open(part)
            room = min(flow.room(part), self._limits.commit_entries)
            if room <= 0:
                wait_s = min(wait_s, self._limits.stall_s)
                continue
            each = max(1, room // max(1, len(feeds)))
            for sym, feed in feeds.items():
                for quote in feed.take(each):
                    part.feed(sym, quote)
                    fed = True
                due_in_s = feed.due_in_s()
                if due_in_s is not None:
                    wait_s = min(wait_s, due_in_s)
        if not fed:
            await asyncio.sleep(wait_s)  # until the next quote is due, or the consumers may have moved

    def _open(self, part: Partition) -> dict[str, Feed]:
        p = part.lease.place.p
        if p not in self._feeds:
            self._feeds[p] = {
                sym: self._source.open(sym, cast(IngestStage, part.symbol(sym).stage).position)
                for sym in self._symbols[p]
            }
        return self._feeds[p]

    def forget(self, p: int) -> None:
        """The partition was reloaded: its feeds must start from the committed position again."""
        self._feeds.pop(p, None)
