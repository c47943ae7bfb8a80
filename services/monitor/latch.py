"""It brings stage and journal together: an alarm latches DRIFT once, and a resume ends the alarm.

The stage knows which alarm stands, the journal whether it was latched and whether the latch still stands. Each of the
two survives a kill, and this has no memory: it looks at both, again and again, and does what is missing.

    an alarm stands, and was never latched       it is latched, also where an earlier one's latch stands: one resume
                                                 ends both
    an alarm stands, was latched, and still is   nothing
    an alarm stands, was latched, and is not     a person has resumed: the stage is told
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
