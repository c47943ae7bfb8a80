"""The monitor's worker: its joint stage over the bus, and beside it, while the stage is ours, what acts on it."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from services.monitor.latch import DriftLatch
from services.monitor.reader import LateSymbols, PacedReader
from services.monitor.stage import NOTHING, Comparisons, GivenUp, MonitorStage, Resumed, plan
from shared.bus.api import Bus, Session
from shared.config import Settings
from shared.drift.stage import DriftStage
from shared.errors import ConfigError
from shared.messages import Message
from shared.runner.partition import Partition
from shared.runner.service import limits_of
from shared.runner.worker import Worker

if TYPE_CHECKING:
    from services.monitor.alerts.watch import AlertWatch

LAST_READS_S = 5.0  # after `stop`, for what is there by then


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


class OverheardStage(MonitorStage):
    """An overheard stage is the monitor's, to the last bit; `see` gets what it takes and gives.

    So the alerts need not read the streams once more. They mind no message that comes twice, after a reload.
    """

    def __init__(self, see: Callable[[Message], None], drift: DriftStage, compared: Comparisons = NOTHING) -> None:
        super().__init__(drift, compared)
        self._overhear = see

    def on_tick(self, val: Message | Resumed | GivenUp) -> list[Message] | None:
        """Takes what the stage takes."""
        given = super().on_tick(val)
        for message in (val, *(given or ())):
            if isinstance(message, Message):
                self._overhear(message)
        return given


class MonitorWorker(Worker):
    """The worker of the monitor's process owns one partition, into which it reads all partitions of the line.

    After `stop` it takes what is on the bus by then. Raises ConfigError where the config wants no monitor.
    """

    def __init__(self, settings: Settings, bus: Bus) -> None:
        if not settings.monitor.on:
            raise ConfigError("config: monitor.on is false: there is nothing to run")
        limits = limits_of(settings)
        latch = DriftLatch.of(settings) if settings.journal_url else None
        alerts = _alerts(settings, bus)
        spec = plan(settings) if alerts is None else plan(settings, partial(OverheardStage, alerts.see))
        before = [LateSymbols().look, *(() if latch is None else (latch.look,))]
        self._reader = PacedReader(limits, settings.monitor.pace_s, before)
        super().__init__(spec, bus, self._reader, partitions=1, limits=limits, store=SideTasks(latch, alerts))

    def stop(self) -> None:
        """Lets `run` return when what is on the bus was read, or a few seconds are over."""
        self._reader.drain(super().stop)
        asyncio.get_running_loop().call_later(LAST_READS_S, super().stop)


def _alerts(settings: Settings, bus: Bus) -> "AlertWatch | None":
    """Returns the config's alerts; where it wants none, what they need is not loaded."""
    if not settings.alerts.on:
        return None
    from services.monitor.alerts.watch import AlertWatch

    return AlertWatch.of(settings, bus)
