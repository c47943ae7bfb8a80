"""The monitor service: predictions and decisions in, readings out; what it finds goes into the journal.

Its worker runs the joint stage over the bus, and beside it, while the stage is ours, what acts on it: the latch and the
alerts. It stands behind the line, and nobody waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from services.monitor.comparisons import Comparisons
from services.monitor.looks import DriftLatch, LateSymbols
from services.monitor.metrics import METRICS
from services.monitor.stage import MonitorStage, plan
from shared.bus.api import Bus, Session
from shared.config import Settings
from shared.drift.stage import DriftStage
from shared.errors import ConfigError
from shared.extras import missing_extras, to_install
from shared.messages import Message
from shared.runner.backpressure import Backpressure, BusReader
from shared.runner.partition import Partition
from shared.runner.service import limits_of, serve_work
from shared.runner.spec import Limits
from shared.runner.worker import Worker

if TYPE_CHECKING:
    from services.monitor.alerts.watch import AlertWatch

NICE = 5  # behind the line, but an alarm must not wait for ever where others take all of the machine
LAST_READS_S = 5.0  # after `stop`, for what is there by then
PAGE_AGAIN_S = 5.0  # after it failed

Look = Callable[[Partition], None]

log = structlog.get_logger()


def main() -> None:
    """Runs the service, behind the line: no order waits for it."""
    serve_work("monitor", partial(MonitorWorker, with_page=True), ahead=True, nice=NICE)


class MonitorWorker(Worker):
    """The worker of the monitor's process owns one partition, into which it reads all partitions of the line.

    After `stop` it takes what is on the bus by then. Raises ConfigError where the config wants no monitor.

    - with_page: serve the page, if the config wants one.
    """

    def __init__(self, settings: Settings, bus: Bus, *, with_page: bool = False) -> None:
        if not settings.monitor.on:
            raise ConfigError("config: monitor.on is false: there is nothing to run")
        limits = limits_of(settings)
        latch = DriftLatch.of(settings) if settings.journal_url else None
        alerts = _alerts(settings, bus)
        spec = plan(settings) if alerts is None else plan(settings, _overheard_by(alerts))
        looks = [LateSymbols().look] if settings.bars_by_clock else []
        looks += [] if latch is None else [latch.look]
        self._reader = PacedReader(limits, settings.monitor.pace_s, looks)
        tasks = SideTasks(latch, alerts)
        self._page = _page(settings, bus) if with_page and settings.monitor.page.on else None
        super().__init__(spec, bus, self._reader, partitions=1, limits=limits, store=tasks, metrics=METRICS)

    async def run(self) -> None:
        """Works until stopped, and serves the page meanwhile."""
        serving = None if self._page is None else asyncio.create_task(_kept(self._page))
        try:
            await super().run()
        finally:
            if serving is not None:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    def stop(self) -> None:
        """Lets `run` return when what is on the bus was read, or a few seconds are over."""
        self._reader.drain(super().stop)
        asyncio.get_running_loop().call_later(LAST_READS_S, super().stop)


class SideTasks:
    """What works beside the stage begins when the stage is ours and ends when it is not.

    It is an ExternalStore that keeps nothing: what it writes tightens only, whoever writes it. The alerts go on while
    the bus is lost, since they tell of that; they see for themselves when another replica has taken over.
    """

    def __init__(self, latch: DriftLatch | None, alerts: "AlertWatch | None" = None) -> None:
        self._latch, self._alerts = latch, alerts
        self._tasks: list[asyncio.Task[None]] = []
        self._alerting: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Does nothing: the monitor is always ready."""

    async def attach(self, session: Session, parts: Sequence[Partition]) -> None:
        """Begins."""
        if self._latch is not None and not self._tasks:
            self._tasks = [asyncio.create_task(self._latch.run())]
        if self._alerts is not None:
            self._alerts.begin()
            if self._alerting is None:
                self._alerting = asyncio.create_task(self._alerts.run())

    def renewed(self, until_s: float) -> None:
        """Does nothing."""

    async def keep(self, taken: Sequence[Message]) -> None:
        """Does nothing."""

    async def detach(self) -> None:
        """Ends."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Ends for good."""
        await self.detach()
        if self._alerting is not None:
            self._alerting.cancel()
            await asyncio.gather(self._alerting, return_exceptions=True)


class PacedReader:
    """The reader waits between two looks at the bus, unless the last one left something to read.

    So many messages share a commit.

    - pace_s: the least time between two looks.
    - looks: each is called with the partition before each look, and may feed it.
    """

    def __init__(self, limits: Limits, pace_s: float, looks: Sequence[Look] = ()) -> None:
        self._reader = BusReader(limits)
        self._count = limits.read_count
        self._pace_s = pace_s
        self._looks = looks
        self._next_s = 0.0
        self._drained: Callable[[], None] | None = None

    def drain(self, drained: Callable[[], None]) -> None:
        """Reads without a pause from now on; calls `drained` when nothing is left to read."""
        self._drained = drained

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Reads all streams once it is time."""
        for part in parts:
            for look in self._looks:
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


async def _kept(serve: Callable[[], Coroutine[None, None, None]]) -> None:
    """Serves the page, again where it fails: what nobody has foreseen neither takes it away nor ends the monitor."""
    while True:
        try:
            await serve()
        except Exception as error:  # whatever it is
            log.error("the page has failed", why=f"{type(error).__name__}: {error}", exc_info=error)
        await asyncio.sleep(PAGE_AGAIN_S)


def _page(settings: Settings, bus: Bus) -> Callable[[], Coroutine[None, None, None]] | None:
    """Returns what serves the page; where what it needs is not installed that is said, and the monitor does without."""
    if missing := missing_extras("page"):
        log.warning("no page", why=f"{missing} is missing: {to_install('page')}")
        return None
    from services.monitor.page.server import serve_page

    return partial(serve_page, settings, bus)


def _alerts(settings: Settings, bus: Bus) -> "AlertWatch | None":
    """Returns the config's alerts; where it wants none, what they need is not loaded."""
    if not settings.alerts.on:
        return None
    from services.monitor.alerts.watch import AlertWatch

    return AlertWatch.of(settings, bus)


def _overheard_by(alerts: "AlertWatch") -> Callable[[DriftStage, Comparisons], MonitorStage]:
    """Returns what makes a stage whose messages the alerts see, too."""
    from services.monitor.alerts.bus_watch import OverheardStage

    return partial(OverheardStage, alerts.see)
