"""`tickline run`: the whole line on this machine, from the bus to the summary."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping

from services.console.collector import OrderCollector
from services.console.history import one_history
from services.console.latency import latencies_us
from services.console.settings_env import as_environment, keys_environment
from services.console.summary import Summary
from services.console.supervisor import Supervisor
from services.console.watch import View, Watcher
from services.research.parity import compare
from services.research.plans import check_input
from shared.bus.api import BusLost
from shared.bus.embedded import EmbeddedBus
from shared.bus.redis_bus import RedisBus
from shared.bus.runs import register_run
from shared.config import Settings
from shared.runner.health import alive_file, touched_after
from shared.runner.service import check_bus, make_bus

RECORDER = "recorder"
SERVICES = ("gateway", "strategy", "signal", "ingestor")  # readers before writers, so that nothing piles up
POLL_S = 0.25
READY_S = 30.0
READY_POLL_S = 0.05

Report = Callable[[View, int], None]  # the view, and how many processes were restarted


async def run_line(settings: Settings, report: Report) -> Summary:
    """Run until the source is drained, or until SIGINT, SIGTERM or SIGHUP; returns what came of it."""
    expected = check_input(settings)
    if settings.bus.url:
        return await _Run(settings, None, expected, report).run()
    with EmbeddedBus(settings.bus.folder) as embedded:
        bus = settings.bus.model_copy(update={"url": embedded.url})
        return await _Run(settings.model_copy(update={"bus": bus}), embedded, expected, report).run()


class _Run:
    """One run, from a bus that is up to the summary."""

    def __init__(
        self,
        settings: Settings,
        embedded: EmbeddedBus | None,
        expected: Mapping[str, int] | None,
        report: Report,
    ) -> None:
        self._settings = settings
        self._embedded = embedded
        self._expected = expected
        self._report = report
        self._bus: RedisBus = make_bus(settings)
        self._watcher = Watcher(self._bus, settings)
        logs = settings.state_dir / "logs"
        beside = () if settings.recorder.folder is None else (RECORDER,)
        self._readers = (*beside, *SERVICES[:-1])
        self._supervisor = Supervisor(
            (*beside, *SERVICES), as_environment(settings), logs,
            own_env={"gateway": keys_environment(settings)}, ready=self._readers_ready, last=beside,
        )  # fmt: skip
        self._stop = asyncio.Event()
        self._bus_restarts = 0
        self._began_ns = time.time_ns()
        self._comparable = True

    async def run(self) -> Summary:
        """Start the services, watch them, stop them, sum up."""
        await check_bus(self._bus, self._settings)
        self._comparable = await one_history(self._bus, self._settings)
        if self._settings.ingestor.source == "replay":
            await self._register()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        collector = OrderCollector(self._bus, self._settings)
        collecting = asyncio.create_task(collector.run())
        keeping = asyncio.create_task(self._supervisor.run())
        try:
            finished = await self._watch(keeping)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self._supervisor.stop()
        await collector.finish(collecting)
        loop.remove_signal_handler(signal.SIGINT)  # from here on a second Ctrl-C ends a long comparison
        return await self._summary(collector, finished)

    async def _readers_ready(self, name: str) -> None:
        """The source starts when its readers are at work, within a bound: until then its ticks would only grow old."""
        if name != SERVICES[-1]:
            return
        files = [alive_file(self._settings.state_dir, reader) for reader in self._readers]
        until = time.monotonic() + READY_S
        # The time of a file gives nothing to wait on.
        while time.monotonic() < until and not all(touched_after(f, self._began_ns) for f in files):  # noqa: ASYNC110
            await asyncio.sleep(READY_POLL_S)

    async def _register(self) -> None:
        session = await self._bus.connect()
        try:
            own = self._settings.bus
            await register_run(session, own.namespace, self._settings.run_id, own.keep_runs)
        finally:
            await session.close()

    async def _watch(self, keeping: "asyncio.Task[None]") -> bool:
        """Report progress until the end; True when the source was drained."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                await asyncio.wait((keeping, stopping), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                if keeping.done():
                    keeping.result()
                if self._embedded is not None and not self._embedded.alive():
                    self._embedded.start()
                    self._bus_restarts += 1
                try:
                    view = await self._watcher.look()
                except BusLost:
                    continue  # the services wait for it too
                self._report(view, self._restarts)
                if self._expected is not None and view.complete(self._expected):
                    return True
            return False
        finally:
            stopping.cancel()

    async def _summary(self, collector: OrderCollector, finished: bool) -> Summary:
        view = await self._watcher.look()
        await self._watcher.close()
        return Summary(
            counts=view.progress.written,
            final_equity=view.equity,
            fees=view.fees,
            latency_us=await latencies_us(self._bus, self._settings, self._began_ns),
            parity=compare(self._settings, view.decided, collector.orders) if self._comparable else None,
            restarts=self._restarts,
            finished=finished,
        )

    @property
    def _restarts(self) -> int:
        return self._supervisor.restarted + self._bus_restarts
