"""The alert watch looks at journal, bus and streams, and tells a person what is new; beside it, it keeps the heartbeat.

It works in the monitor's process and waits for no channel. It goes on while the bus is lost, and rests while another
replica of the monitor is at work. What it has told stands in a file, so that a restart tells nothing twice.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from pydantic import Field

from services.monitor.alerts.bundle import BundleStage, MessagePace
from services.monitor.alerts.bus_watch import BusWatch, StreamWatch
from services.monitor.alerts.channels import Channels, WaitingMessage, open_channels
from services.monitor.alerts.conditions import UNWELL, AlertKind, AlertMessage, Condition, Observation
from services.monitor.alerts.heartbeat import Heartbeat
from services.monitor.alerts.journal_watch import JournalView, JournalWatch
from services.monitor.alerts.messages import Daily, daily_message
from shared.bus.api import Bus, BusLost
from shared.config import Mode, Settings
from shared.config.monitor import read_heartbeat, read_urls
from shared.errors import JournalUnwritable, TicklineError
from shared.lookup import Lookup
from shared.lookup.money import Money, money
from shared.messages import Message
from shared.messages.codec import pack, unpack
from shared.record import Snapshot

STATE = "alerts.state"
LOST_S = 10.0  # a shorter absence of bus or journal is none
NS_PER_MS = 1_000_000

log = structlog.get_logger()


class AlertSnapshot(Snapshot):
    """What stands in the file is all that a restart would not find again.

    - bundle: the stage's state. day: of the last daily line. ended: whether it was ended in order.
    - journal, streams: of these watches. away: services that are. waiting: messages that no channel has taken yet.
    """

    bundle: Any
    day: str
    ended: bool
    journal: Any = None
    streams: Any = None
    away: list[str] = Field(default_factory=list)
    waiting: list[WaitingMessage] = Field(default_factory=list)


class Absence:
    """An absence says for how long the bus, or the journal, could not be read."""

    def __init__(self, kind: AlertKind, remedy: str, clock: Callable[[], float]) -> None:
        self._kind, self._remedy, self._clock = kind, remedy, clock
        self._since_s: float | None = None
        self.why = ""

    def lost(self, why: str) -> None:
        """Notes that it could not be read."""
        self._since_s = self._clock() if self._since_s is None else self._since_s
        self.why = why

    def restore(self) -> None:
        """Takes back that it could not be read for long: so it is until it is read."""
        self._since_s = float("-inf")

    def over(self) -> None:
        """Notes that it was read."""
        self._since_s, self.why = None, ""

    def conditions(self) -> tuple[Condition, ...]:
        """Returns that it is away, when it is for long enough."""
        if self._since_s is None or self._clock() - self._since_s < LOST_S:
            return ()
        return (Condition(self._kind, self._kind.value, self.why, self._remedy),)


class AlertWatch:
    """The alert watch tells a person what is new of one line; `run` works until cancelled.

    - looks: how often it has looked, whatever the channels do.
    """

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        channels: Channels,
        heartbeat: Heartbeat | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.looks = 0
        self._clock = clock
        self._settings, self._channels, self._heartbeat = settings, channels, heartbeat
        self._stage = BundleStage(name_of(settings), MessagePace.of(settings.alerts))
        self._bus = BusWatch(bus, settings, clock)
        self._streams = StreamWatch(settings, clock)
        self._journal = JournalWatch.of(settings) if settings.journal_url else None
        self._no_bus = Absence(AlertKind.BUS, "tickline doctor", clock)
        self._no_journal = Absence(AlertKind.JOURNAL, "tickline doctor", clock)
        self._daily = Daily(settings.alerts.daily_at)
        self._file = settings.state_dir / STATE
        self._kept: tuple[object, ...] = ()  # what the file has of `_beside`
        self._told: dict[str, str] = {}  # channels in trouble, and why, as the log has it
        self._happened: list[Condition] = []  # which the next look tells
        self._failures: dict[str, str] = {}  # why looks have failed, by what was looked at, as it was told
        self._beating: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None  # the daily line

    @classmethod
    def of(cls, settings: Settings, bus: Bus) -> "AlertWatch | None":
        """Returns the config's watch; None without alerts, or where the past is replayed. Raises ConfigError."""
        own = settings.alerts
        if not own.on or settings.ingestor.source == "replay":
            return None
        heartbeat = None
        if own.heartbeat_file is not None:
            heartbeat = Heartbeat(read_heartbeat(own.heartbeat_file), own.heartbeat_s)
        urls = [] if own.urls_file is None else read_urls(own.urls_file)
        return cls(settings, bus, open_channels(urls, own.timeout_s) if urls else Channels([]), heartbeat)

    def begin(self) -> None:
        """Notes that the monitor's work is this process's from now on, also after another's, who has told meanwhile."""
        if not self._bus.ours:
            self._stage = BundleStage(name_of(self._settings), MessagePace.of(self._settings.alerts))
            self._streams = StreamWatch(self._settings, self._clock)
            self._restore(waiting=False)
        self._bus.begin()

    def see(self, message: Message) -> None:
        """Takes what the monitor reads and writes."""
        self._streams.see(message)

    async def run(self) -> None:
        """Looks for ever."""
        self._restore()
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:  # noqa: BLE001  (who is to tell of failures must not end by one of its own)
                    self._failed("look", error)
                await asyncio.sleep(self._settings.alerts.look_s)
        finally:
            await self.close()

    def _failed(self, source: str, error: Exception) -> str:
        """Says that a look has failed, once for each reason, which it returns."""
        why = f"a look of the alerts failed: {type(error).__name__}: {error}"
        if why != self._failures.get(source):
            log.error("alerts failed", why=why, exc_info=error)
            self._happened.append(Condition(AlertKind.ALARM, why, why))
        self._failures[source] = why
        return why

    async def look(self) -> None:
        """Looks once, and hands on what is due."""
        now_ns = time.time_ns()
        standing = {
            "streams": tuple(self._streams.conditions()),
            "channels": (*self._channels.conditions(), *(self._heartbeat.conditions() if self._heartbeat else ())),
        }
        try:
            standing["bus"] = await self._bus.look(now_ns // NS_PER_MS)
            self._no_bus.over()
        except BusLost as lost:
            self._no_bus.lost(str(lost))
        except Exception as error:  # noqa: BLE001  (the other sources, and who is told of it, wait for none)
            await self._bus.close()
            self._no_bus.lost(self._failed("bus", error))
        self.looks += 1
        self._log(standing["channels"])
        if not self._bus.ours:
            return  # another replica tells, and what happens from now on is not taken for told
        seen = await self._look_at_journal(now_ns)
        if seen is not None:
            standing["journal"] = seen.standing
        standing["away"] = (*self._no_bus.conditions(), *self._no_journal.conditions())
        happened, self._happened = (*self._happened, *(seen.happened if seen else ())), []
        message = self._stage.on_tick(Observation(now_ns, standing, happened))
        if message is not None:
            self._send(message)
        daily = self._daily.due(now_ns)
        if daily and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_daily(now_ns))
        beside = self._beside()
        if daily or message is not None or self.looks == 1 or beside != self._kept:
            self._kept = beside
            await self._save(ended=False)
        self._beat(one for conditions in standing.values() for one in conditions)

    def _beside(self) -> tuple[object, ...]:
        """Returns what is kept whenever it changes, also where nobody is told anything."""
        standing = [(one.kind, one.about) for one in self._streams.conditions()]
        return self._channels.waiting, standing, self._bus.away

    async def _look_at_journal(self, now_ns: int) -> JournalView | None:
        if self._journal is None:
            return JournalView()
        try:
            seen = await self._journal.look(now_ns // NS_PER_MS)
        except JournalUnwritable as error:
            self._no_journal.lost(str(error))
            return None
        except Exception as error:  # noqa: BLE001  (likewise)
            await self._journal.close()
            self._no_journal.lost(self._failed("journal", error))
            return None
        self._no_journal.over()
        return seen

    async def _write_daily(self, now_ns: int) -> None:
        """Sends the daily line; it may take a while to find what was made."""
        try:
            async with Lookup.open(self._settings) as lookup:
                found = await money(self._settings, lookup, now_ns // NS_PER_MS)
        except Exception as error:  # its silence would say that the host is dead
            if not isinstance(error, (BusLost, TicklineError)):
                log.error("alerts failed", why=f"the daily line: {type(error).__name__}", exc_info=error)
            found = Money("nothing", None, {}, f"what it holds cannot be told: {error}")
        self._send(daily_message(name_of(self._settings), found, self._stage.standing, self._streams.readings))

    def _send(self, message: AlertMessage) -> None:
        log.info("alert", title=message.title)
        self._channels.send(message)

    def _beat(self, standing: Iterable[Condition]) -> None:
        """Asks the heartbeat's address, while line and exchange are well, and a channel gets through."""
        absent = self._no_bus.why or self._no_journal.why
        if self._heartbeat is None or not self._heartbeat.due or absent or self._channels.are_dead:
            return
        if any(one.kind in UNWELL for one in standing):
            return
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._heartbeat.beat())

    def _log(self, troubles: Iterable[Condition]) -> None:
        """Logs each channel's trouble when it begins or changes, and when it is over."""
        now = {one.about: one.text for one in troubles}
        for name, why in now.items():
            if self._told.get(name) != why:
                log.error("alert channel", about=name, why=why)
        for name in self._told.keys() - now.keys():
            log.info("alert channel again", about=name)
        self._told = now

    # The file.

    def _restore(self, *, waiting: bool = True) -> None:
        """Goes on where an earlier process was; where nothing can be read, all that stands is news.

        - waiting: take what no channel had taken, too.
        """
        try:
            saved = AlertSnapshot.of(unpack(self._file.read_bytes()))
            self._stage.restore(saved.bundle)
            if self._journal is not None and saved.journal is not None:
                self._journal.restore(saved.journal)
            if saved.streams is not None:
                self._streams.restore(saved.streams)
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001  (whatever is in the file: nobody would be told anything)
            log.warning("alerts begin anew", why=f"{self._file}: {error}")
            return
        self._daily.day = saved.day
        stood = {(one.kind, one.about) for one in self._stage.standing}
        self._bus.restore(saved.away, stood)
        if self._journal is not None and (AlertKind.JOURNAL, AlertKind.JOURNAL.value) in stood:
            self._no_journal.restore()
        if waiting:
            self._channels.take_back(saved.waiting)
        if waiting and not saved.ended:
            self._happened.append(Condition(AlertKind.RESTART, "monitor", "monitor: it died, and is at work again"))

    async def _save(self, *, ended: bool) -> None:
        if not self._bus.ours:
            return  # another replica tells, and keeps what it has told
        data = pack(
            AlertSnapshot(
                bundle=self._stage.state(), day=self._daily.day, ended=ended,
                journal=None if self._journal is None else self._journal.state(), streams=self._streams.state(),
                away=self._bus.away, waiting=self._channels.waiting,
            )
        )  # fmt: skip
        try:
            await asyncio.to_thread(_write, self._file, data)
        except OSError as error:
            log.warning("what was told is not kept", why=f"{self._file}: {error.strerror}")

    async def close(self) -> None:
        """Ends channels, heartbeat and what is open."""
        beside = [task for task in (self._beating, self._writing) if task is not None]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await self._save(ended=True)  # now, since channels may take longer than whoever ends this waits
        await asyncio.to_thread(self._channels.close)
        await self._save(ended=True)
        await self._bus.close()
        if self._journal is not None:
            await self._journal.close()


def name_of(settings: Settings) -> str:
    """Returns the line's name in titles.

    >>> name_of(Settings())
    'tickline (paper)'
    """
    own = settings.gateway
    return f"tickline ({own.mode})" if own.mode is Mode.PAPER else f"tickline {own.account} ({own.mode})"


def _write(path: Path, data: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(data)
    beside.replace(path)
