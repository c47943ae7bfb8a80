"""The monitor's reader reads the bus at a pace of its own, since nobody waits for it: many messages share a commit.

Nor does it wait for ever itself: a symbol of which nothing comes must not hold up the others.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from services.monitor.stage import MonitorStage
from shared.bus.api import Session
from shared.runner.backpressure import Backpressure, BusReader
from shared.runner.partition import Partition
from shared.runner.spec import Limits

Before = Callable[[Partition], None]
WAIT_S = 60.0  # for a symbol that stands still while another is a whole bar further
LOOKS_S = 5.0  # between two looks; after a longer pause what waits on the bus is read first
KNOWN_SINCE = 5  # the wire that brought LateBars


class PacedReader:
    """The reader waits between two looks, unless the last one left something to read.

    - pace_s: the least time between two looks.
    - before: each is called with the partition before each look, and may feed it.
    """

    def __init__(self, limits: Limits, pace_s: float, before: Sequence[Before] = ()) -> None:
        self._reader = BusReader(limits)
        self._count = limits.read_count
        self._pace_s = pace_s
        self._before = before
        self._next_s = 0.0
        self._drained: Callable[[], None] | None = None

    def drain(self, drained: Callable[[], None]) -> None:
        """Reads without a pause from now on; calls `drained` when nothing is left to read."""
        self._drained = drained

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Reads all streams once it is time."""
        for part in parts:
            for look in self._before:
                look(part)
        rest_s = self._next_s - time.monotonic()
        if rest_s > 0 and self._drained is None:
            await asyncio.sleep(min(rest_s, wait_s))
            if rest_s > wait_s:
                return
        waiting = [len(cursor.unsettled) for part in parts for cursor in part.cursors.values()]
        await self._reader.gather(session, parts, pressure, wait_s if self._drained is None else 0.0)
        read = [len(cursor.unsettled) for part in parts for cursor in part.cursors.values()]
        came = [now - before for now, before in zip(read, waiting, strict=True)]
        if self._drained is not None and not any(came):
            self._drained()
        full = max(came, default=0) >= self._count
        self._next_s = 0.0 if full else time.monotonic() + self._pace_s

    def forget(self, p: int) -> None:
        """Does nothing: the reader keeps nothing of a partition."""


class LateSymbols:
    """LateSymbols looks, before each reading, who holds up what is joined, and tells the stage whom not to wait for.

    What it says is the wall clock's word, so the stage writes it, and a replay takes it from there.

    - wait_s: for a symbol that stands still. clock: seconds that never go back.
    """

    def __init__(self, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s, self._clock = wait_s, clock
        self._stood: dict[tuple[bool, str], tuple[int, float]] = {}  # -> the end of its last bar, and since when
        self._looked_s = float("-inf")

    def look(self, part: Partition) -> None:
        """Gives up the bars of those that stand still for too long; no wire before KNOWN_SINCE has a word for it."""
        stage, now_s = part.joint, self._clock()
        assert isinstance(stage, MonitorStage)
        if now_s - self._looked_s > LOOKS_S:
            self._stood.clear()
        self._looked_s = now_s
        if part.wire < KNOWN_SINCE:
            return
        for late in list(stage.late()):
            key = late.book, late.sym
            reached, since_s = self._stood.get(key, (late.since, now_s))
            if reached != late.since:
                since_s = now_s
            self._stood[key] = late.since, since_s
            if now_s - since_s >= self._wait_s:
                part.feed(late.sym, late)
