"""`tickline run`: the whole line on this machine, from the bus to the summary.

    servers up ─▶ look at the bus ─▶ services up ─▶ watch: say what is new ─▶ services down ─▶ compare, sum up

`run_line` starts the servers that the run has to bring along: the embedded bus, and the fake exchange of a try-out.
Then a _Run does the rest. The services work without it: it only starts them again when they die, and looks on.
"""

import asyncio
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from services.console.run.display import Shown, Summary
from services.console.run.processes import (
    Server,
    Servers,
    Supervisor,
    as_environment,
    keys_environment,
    recordable,
)
from services.console.run.status import AccountLine, LiveStatus, PageLine, View, Watcher, one_history
from services.console.run.streams import Ended, OrderCollector, RefusalCounter, latencies_us
from services.console.run.troubles import FolderWatch, SilenceLines, Troubles
from services.console.run.try_out import SimulatorProcess, write_config
from services.research.in_process_line import check_input
from services.research.parity.orders import compare
from shared.bus.api import BusLost
from shared.bus.embedded import EmbeddedBus
from shared.bus.redis_bus import RedisBus, register_run
from shared.config import Mode, Settings
from shared.config.settings import CONFIG_VARIABLE
from shared.errors import BusUnreachable, UserCodeFailed
from shared.explain.orders import open_line
from shared.extras import need_extras
from shared.plural import plural
from shared.recording.checkpoint import identity_differences
from shared.recording.layout import is_recording
from shared.runner.health import alive_file, touched_after
from shared.runner.service import check_bus, make_bus
from shared.strategies.identity import Identity
from shared.user_code import blaming

MONITOR, RECORDER = "monitor", "recorder"
LEFT = {  # what becomes of the work that a service leaves undone when it is killed at the end
    MONITOR: "what it had not read is on the bus, and the next run's monitor goes on there",
    RECORDER: "what the bus still holds is recorded by the next run on the same bus",
}
SERVICES = ("gateway", "strategy", "signal", "ingestor")  # readers before writers, so that nothing piles up
POLL_S = 0.25
READY_S = 30.0
READY_POLL_S = 0.05
NO_SUMMARY = "there is no summary"

T = TypeVar("T")


async def run_line(settings: Settings, shown: Shown, *, with_fake: bool = False) -> Summary:
    """Runs the line until the source is drained, or until SIGINT, SIGTERM or SIGHUP; returns its summary.

    - with_fake: the fake exchange runs beside the line, and the config is written for the verbs on its account.
    """
    if settings.gateway.mode is not Mode.PAPER:
        need_extras("ccxt", "journal")
    with blaming(", ".join(settings.symbols)):
        expected, own_bus = check_input(settings), settings.bus
    settings = _with_a_port(recordable(settings, shown.say))
    servers: list[Server] = []
    how = _command()
    with ExitStack() as stack:
        if not settings.bus.url:
            embedded = stack.enter_context(EmbeddedBus(settings.bus.folder))
            servers.append(embedded)
            bus = settings.bus.model_copy(update={"url": embedded.url})
            settings = settings.model_copy(update={"bus": bus})
        if with_fake:
            fake = stack.enter_context(SimulatorProcess(settings))
            servers.append(fake)
            gateway = settings.gateway.model_copy(update={"fake_url": fake.url})
            settings = settings.model_copy(update={"gateway": gateway})
            written = write_config(settings.model_copy(update={"bus": own_bus}))  # where `tail` finds a bus that rests
            how = f"{CONFIG_VARIABLE}={shlex.quote(str(written))} {how}"
        if settings.metrics.on and not settings.metrics.port:
            from shared.runner.metrics import no_targets_left  # a run without metrics does without

            shown.say(f"metrics: {stack.enter_context(no_targets_left(settings.state_dir))} says where, for file_sd")
        return await _Run(settings, servers, expected, shown, how).run()


def _with_a_port(settings: Settings) -> Settings:
    """Returns the settings, the page on any free port where nobody chose one: another run may be at work beside it."""
    own = settings.monitor
    if "port" in own.page.model_fields_set:
        return settings
    page = own.page.model_copy(update={"port": 0})
    return settings.model_copy(update={"monitor": own.model_copy(update={"page": page})})


def _ended(collector: OrderCollector | RefusalCounter) -> Ended | None:
    return collector.ended if isinstance(collector, RefusalCounter) else None


def _command() -> str:
    """Returns how this command is typed: its name, or where it is when the shell does not find it."""
    return "tickline" if shutil.which("tickline") else shlex.quote(str(Path(sys.argv[0]).absolute()))


class _Run:
    """A run lasts from a bus that is up to the summary."""

    def __init__(
        self,
        settings: Settings,
        servers: Sequence[Server],
        expected: Mapping[str, int] | None,
        shown: Shown,
        how: str,
    ) -> None:
        self._settings = settings
        self._expected = expected
        self._report, self._say, self._live = shown.report, shown.say, shown.live
        self._servers = Servers(servers, shown.say)
        self._bus: RedisBus = make_bus(settings)
        self._watcher = Watcher(self._bus, settings)
        logs = settings.state_dir / "logs"
        recorder = (RECORDER,) if settings.recorder.on else ()
        asked_for = settings.recorder.folder is not None  # a person asked: the run ends where nothing can be recorded
        beside = (*((MONITOR,) if settings.monitor.on else ()), *recorder)
        self._readers = (*beside, *SERVICES[:-1])
        self._real = settings.gateway.mode is not Mode.PAPER
        self._supervisor = Supervisor(
            (*beside, *SERVICES),
            as_environment(settings),
            logs,
            ready=self._readers_ready,
            last={name: LEFT[name] for name in beside},
            spare={} if asked_for else dict.fromkeys(recorder, self._say),
            own_env={"gateway": keys_environment(settings)},
            lasting=self._keeps_dying if self._real else None,
        )
        self._troubles = Troubles(logs, (*beside, *SERVICES))
        self._stop = asyncio.Event()
        self._began_ns = time.time_ns()
        self._comparable = True  # whether a backtest can have the same ticks as this run
        self._account = AccountLine(settings, how, shown.wall) if self._real else None
        self._status = LiveStatus(self._bus, settings, shown.wall, how)
        self._identity = Identity.of(settings)
        self._flatten = f"{how} halt --flatten"
        self._silence = SilenceLines("the bus does not answer", "the bus is back")
        self._page = PageLine(settings)
        self._first: list[str] = []  # what is said when the services are up
        self._seen: View | None = None  # what was on the bus when it was last looked at
        self._ended = False

    async def run(self) -> Summary:
        """Starts the services, watches them, stops them, sums up."""
        try:
            return await self._run()
        finally:
            await self._watcher.close()

    async def _look_first(self) -> None:
        """Looks at what is on the bus before anything is started; raises BusLost."""
        self._seen = await self._watcher.look()  # also what an earlier run left open, should this one end at once
        self._first += [str(self._identity), *self._recorded(), *await self._limited()]
        one = await one_history(self._bus, self._settings)
        self._comparable = one and self._settings.ingestor.source != "ccxt"  # that cannot be had once more
        if self._settings.ingestor.source == "replay":
            await self._register()

    async def _run(self) -> Summary:
        cautions = await check_bus(self._bus, self._settings)
        await self._once_the_bus_answers(self._look_first, "nothing was started")
        self._first = [*cautions, *dict.fromkeys(self._first)]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        collector = self._collector()
        collecting = asyncio.create_task(collector.run())
        supervising = asyncio.create_task(self._supervisor.run())
        try:
            finished = await self._watch(supervising, collector)
        finally:
            self._ended = True
            self._say_open()
            supervising.cancel()
            await asyncio.gather(supervising, return_exceptions=True)
            await self._supervisor.stop()
            if self._account is not None:
                await self._account.close()
        await self._once_the_bus_answers(lambda: collector.finish(collecting), NO_SUMMARY)
        loop.remove_signal_handler(signal.SIGINT)  # from here on a second Ctrl-C ends a long comparison
        return await self._once_the_bus_answers(lambda: self._summary(collector, finished), NO_SUMMARY)

    def _recorded(self) -> Iterator[str]:
        """Yields in what a replay differs from the recording that it is of."""
        own = self._settings.ingestor
        files = own.files.values() if own.source == "replay" else ()
        for recording in dict.fromkeys(path for path in files if is_recording(path)):
            yield from identity_differences(recording, self._identity)

    async def _limited(self) -> list[str]:
        """Returns a warning where earlier runs' ticks are on the bus: `limit` counts them, too."""
        limit = self._settings.ingestor.limit
        if limit is None or self._settings.ingestor.source == "replay":
            return []
        before = max((await self._watcher.look()).taken.values(), default=0)
        if not before:
            return []
        left = f"so {limit - before} more come" if limit > before else "so no more come"
        return [
            f"--limit {limit}: this bus holds up to {plural(before, 'tick')} a symbol of earlier runs, which "
            f"count: {left}; "
            "another TICKLINE_BUS__FOLDER begins anew"
        ]

    async def _readers_ready(self, name: str) -> None:
        """Waits before the source starts until its readers are at work, but not for ever: ticks would only grow old.

        Nobody waits for one that was refused and that the others go on without.
        """
        if name != SERVICES[-1]:
            return
        until = time.monotonic() + READY_S
        # The time of a file gives nothing to wait on.
        while time.monotonic() < until and not self._at_work(self._readers):  # noqa: ASYNC110
            await asyncio.sleep(READY_POLL_S)

    def _at_work(self, names: Sequence[str]) -> bool:
        folder, gone = self._settings.state_dir, self._supervisor.given_up
        return all(touched_after(alive_file(folder, name), self._began_ns) for name in names if name not in gone)

    async def _register(self) -> None:
        session = await self._bus.connect()
        try:
            own = self._settings.bus
            await register_run(session, own.namespace, self._settings.run_id, own.keep_runs)
        finally:
            await session.close()

    async def _watch(self, supervising: "asyncio.Task[None]", collector: OrderCollector | RefusalCounter) -> bool:
        """Reports progress until the end; returns whether the source was drained."""
        stopping = asyncio.create_task(self._stop.wait())
        reading = asyncio.create_task(self._status.run()) if self._live else None
        folders = FolderWatch(self._folders())
        try:
            while not self._stop.is_set():
                await asyncio.wait((supervising, stopping), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                if supervising.done():
                    supervising.result()  # raises ServiceFailed
                first, self._first = self._first, []
                for line in (*first, *self._troubles.new(), *folders.news(), *self._page.news()):
                    self._say(line)
                if self._troubles.code and self._settings.ingestor.source == "replay":
                    return False  # what comes after it is no replay any more
                self._servers.revive(last=not self._real)
                began_s = time.monotonic()
                try:
                    self._seen = view = await self._watcher.look()
                except BusLost as lost:  # the services wait for it too
                    self._silence.begins(began_s)
                    self._say_if(self._silence.goes_on(time.monotonic(), str(lost)))
                    continue
                self._say_if(self._silence.over(time.monotonic()))
                account = await self._account.look() if self._account else ""
                self._report(view, self._restarts, account, _ended(collector), self._status.seen)
                if self._expected is not None and view.complete(self._expected):
                    return True
            return False
        finally:
            stopping.cancel()
            folders.close()
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    def _folders(self) -> dict[str, Path]:
        """Returns the folders of this machine that are written to, each by what is written there."""
        own = self._settings
        kept = "logs, the journal" if self._real else "logs"
        folders = {kept: own.state_dir} if own.state_dir.is_dir() else {}
        if self._servers and own.bus.folder.is_dir():
            folders["the bus's data"] = own.bus.folder
        return folders

    async def _once_the_bus_answers(self, work: Callable[[], Awaitable[T]], otherwise: str) -> T:
        """Does what needs the bus, again when it is lost meanwhile; BusUnreachable, with `otherwise`, if that lasts."""
        own = self._settings.bus
        until = time.monotonic() + own.start_timeout_s
        while True:
            self._servers.revive(last=True)
            try:
                return await work()
            except BusLost as lost:
                if time.monotonic() > until:
                    raise BusUnreachable(
                        f"{lost}; it stayed away for {own.start_timeout_s:g} s, so {otherwise}: what was "
                        "committed is on the bus, and the next start goes on from there"
                    ) from lost
                self._say_if(self._silence.goes_on(time.monotonic(), str(lost)))
            await asyncio.sleep(POLL_S)  # a server that is away gives nothing to wait on

    def _say_if(self, line: str) -> None:
        if line:
            self._say(line)

    def _keeps_dying(self, what: str) -> None:
        self._say(what)
        self._say_open()

    def _say_open(self) -> None:
        """Says what stays at the exchange when nobody trades any more."""
        if self._real and self._seen is not None:
            self._say_if(open_line(self._seen.positions, self._seen.in_flight, self._flatten, self._first_of_all()))

    def _first_of_all(self) -> str:
        """Returns what must be done before a verb reaches the account: config, journal and venue must be there."""
        needed = [] if self._settings.state_dir.is_dir() else [f"put {self._settings.state_dir} back"]
        if self._ended and self._settings.gateway.venue == "fake" and self._servers:
            needed.append("start the fake exchange again (`tickline run --venue fake`)")
        return ", ".join(needed)

    def _collector(self) -> OrderCollector | RefusalCounter:
        """Returns what collects the orders for the summary: at a venue fills are not the backtest's."""
        if self._account is not None:
            return RefusalCounter(self._bus, self._settings, self._began_ns)
        return OrderCollector(self._bus, self._settings)

    async def _summary(self, collector: OrderCollector | RefusalCounter, finished: bool) -> Summary:
        view = await self._watcher.look()
        await self._watcher.close()
        parity, code = None, self._troubles.code
        if isinstance(collector, OrderCollector) and self._comparable and collector.newer:
            self._say(f"the orders are not compared with the backtest: {collector.newer}")
        elif isinstance(collector, OrderCollector) and self._comparable and not code:
            try:
                own = collector
                parity = compare(self._settings, view.decided, own.orders, view.ordered, own.executions)
            except UserCodeFailed as failed:
                code = str(failed)
        return Summary(
            counts=view.progress.written,
            final_equity=view.equity,
            fees=view.fees,
            latency_us=await latencies_us(self._bus, self._settings, self._began_ns),
            parity=parity,
            restarts=self._restarts,
            finished=finished,
            ended=_ended(collector),
            start_equity=(began := self._settings.strategy.balance * len(self._settings.symbols)),
            capital_added=view.capital - began,
            positions=view.positions if self._real else {},
            in_flight=view.in_flight if self._real else {},
            flatten=self._flatten,
            first=self._first_of_all(),
            identity=self._identity,
            code=code,
            live=self._settings.ingestor.source == "ccxt",
            status=await self._status.last(),
        )

    @property
    def _restarts(self) -> int:
        return self._supervisor.restarted + self._servers.restarted
