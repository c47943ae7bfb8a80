"""The looks tell the stage, before each reading, what no message says: who has resumed, and whose bars are overdue.

The latch brings stage and journal together: an alarm latches DRIFT once, and a resume ends the alarm. The stage knows
which alarm stands, the journal whether it was latched and whether the latch still stands. Each of the two survives a
kill, and the latch has no memory: it looks at both, again and again, and does what is missing.

    an alarm stands, and was never latched       it is latched, also where an earlier one's latch stands: one resume
                                                 ends both
    an alarm stands, was latched, and still is   nothing
    an alarm stands, was latched, and is not     a person has resumed: the stage is told

A symbol of which nothing comes must not hold up the others: after a while the monitor goes on without its bars.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from services.monitor.stage import DriftAlarm, MonitorStage, Resumed
from shared.config import Settings
from shared.control.latches import DRIFT, drift_was_latched, latch_drift
from shared.errors import TicklineError
from shared.extras import need_extras
from shared.messages.monitor import POOLED
from shared.runner.partition import Partition

if TYPE_CHECKING:
    from shared.journal.journal import Journal

LOOK_S = 0.5
AGAIN_S = 5.0  # where the journal cannot be read or written

WAIT_S = 60.0  # for a symbol that stands still while another is a whole bar further
REST_S = 5.0  # at most, between two looks; after a longer one what waits on the bus is read first
KNOWN_SINCE = 5  # the wire that brought LateBars

log = structlog.get_logger()


class DriftLatch:
    """The latch looks at the journal in a task of its own, and at the stage when the worker reads.

    - open_journal: opens the account's journal, which the gateway has made.
    """

    def __init__(
        self, open_journal: "Callable[[], Awaitable[Journal]]", *, look_s: float = LOOK_S, again_s: float = AGAIN_S
    ) -> None:
        self._open = open_journal
        self._look_s, self._again_s = look_s, again_s
        self._alarm: DriftAlarm | None = None
        self._resumed = ""  # the name of the alarm that a person has ended
        self._failed = ""

    @classmethod
    def of(cls, settings: Settings) -> "DriftLatch":
        """Returns the latch of the account that the config names."""
        need_extras("journal")
        from shared.journal.journal import Journal  # on paper there is none, nor what it needs

        url, account = settings.journal_url, settings.gateway.account
        return cls(lambda: Journal.open(url, account, durable=True, create=False))

    def look(self, part: Partition) -> None:
        """Takes the stage's alarm, and tells the stage that a person has resumed."""
        stage = part.joint
        assert isinstance(stage, MonitorStage)
        if stage.alarm is not None and stage.alarm.name == self._resumed:
            part.feed(POOLED, Resumed(stage.alarm.ts_event))
        self._alarm = stage.alarm

    async def run(self) -> None:
        """Looks at the journal for ever, while an alarm stands. One that cannot be used is tried again, said once."""
        while True:
            pause_s = self._look_s
            try:
                if self._alarm is not None:
                    async with await self._open() as journal:
                        await self._follow(journal)
            except TicklineError as error:
                pause_s = self._again_s
                self._say(str(error))
            except Exception as error:  # noqa: BLE001  (nobody waits for this task: it must not end while an alarm stands)
                pause_s = self._again_s
                self._say(f"{type(error).__name__}: {error}")
            await asyncio.sleep(pause_s)

    def _say(self, why: str) -> None:
        """Says once why the alarm cannot be latched."""
        if why != self._failed:
            log.error("no journal to latch in", why=why)
        self._failed = why

    async def _follow(self, journal: "Journal") -> None:
        """Looks until no alarm stands."""
        while self._alarm is not None:
            await self.once(journal)
            self._failed = ""
            await asyncio.sleep(self._look_s)

    async def once(self, journal: "Journal") -> None:
        """Looks once."""
        alarm = self._alarm
        if alarm is None or alarm.name == self._resumed:
            return
        if await drift_was_latched(journal, alarm.name):
            if DRIFT not in await journal.latches():
                self._resumed = alarm.name
                log.warning("resumed", alarm=alarm.name)
        elif await latch_drift(journal, alarm.name, alarm.why, time.time_ns() // 1_000_000):
            log.error("alarm", what=f"nothing is added: {alarm.why}: `tickline resume {DRIFT}` goes on", tr=alarm.name)


class LateSymbols:
    """LateSymbols looks, before each reading, who holds up what is joined, and tells the stage whom not to wait for.

    It is for bars that come when the clock says so: a replay's may be as late as they like, and one that is quiet among
    single trades is not late. What it says is the wall clock's word, so the stage writes it, and parity takes it from
    there.

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
        if now_s - self._looked_s > REST_S:
            self._stood.clear()
        self._looked_s = now_s
        if part.wire < KNOWN_SINCE:
            return
        stood, self._stood = self._stood, {}
        for late in list(stage.late()):
            key = late.book, late.sym
            reached, since_s = stood.get(key, (late.since, now_s))
            if reached != late.since:
                since_s = now_s
            if now_s - since_s >= self._wait_s:
                part.feed(late.sym, late)
            else:
                self._stood[key] = late.since, since_s
