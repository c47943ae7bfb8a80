"""A symbol of which nothing comes must not hold up the others: after a while the monitor goes on without its bars."""

import time
from collections.abc import Callable

from services.monitor.stage import MonitorStage
from shared.runner.partition import Partition

WAIT_S = 60.0  # for a symbol that stands still while another is a whole bar further
LOOKS_S = 5.0  # between two looks; after a longer pause what waits on the bus is read first
KNOWN_SINCE = 5  # the wire that brought LateBars


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
