"""The recorder reads, keeps what is new, writes files, and then tells the bus how far it is.

The files alone say what was recorded. After a kill between two steps it reads entries again: their numbers tell those
up to the end of the newest file, and those behind it are new. After a loss of the bus it drops its memory, and takes
what a server forgot as it then comes.
"""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import structlog

from services.recorder.progress import TAKEN, Intake, RecorderPlan, RecordingSession
from shared.bus.api import Bus, BusLost, Session
from shared.config import Settings
from shared.errors import ConfigError, TicklineError
from shared.models.runtime import runtimes_in
from shared.record import NewerWire
from shared.recording.checkpoint import RUNTIMES, Checkpoint, kept_settings, write_checkpoint
from shared.recording.folder import FolderInUse, RecordingFolder, locked
from shared.recording.home import folder_for, remove_others
from shared.recording.layout import NewerRecording, Part, RecordingOrigin, claim, day_of
from shared.runner.health import touch
from shared.runner.leases import PartitionLeases
from shared.runner.meter import LEASES, Gauge, ServiceMetrics
from shared.runner.progress import read_snapshots

ROUND_S = 0.4
LOCK_WAIT_S = 8.0
TIDY_EVERY_S = 60.0
LAST_READS_S = 5.0  # after `stop`, for what is there by then
BACKOFF_S, BACKOFF_MAX_S = 0.05, 2.0

log = structlog.get_logger()


class DiskLost(Exception):
    """A file could not be written: the recorder drops its memory, waits, and goes on behind the newest file."""


class Recorder:
    """The recorder writes the bus's streams to files until it is stopped.

    - counts: rows and files written, entries skipped and missing.
    - alive_file: a file that is touched while it makes progress, for a health check.
    """

    def __init__(self, plan: RecorderPlan, bus: Bus, settings: Settings) -> None:
        self.counts: Counter[str] = Counter()
        self.alive_file: Path | None = None
        self._plan, self._bus, self._settings = plan, bus, settings
        self._home = plan.folder if settings.recorder.folder is None else None
        self._stopped = asyncio.Event()
        self._session: Session | None = None
        self._leases = PartitionLeases(plan.instance, settings.bus.partitions, exclusive=True)
        self.metrics = ServiceMetrics((Gauge("leases", LEASES, lambda _: [((), len(self._leases.leases))]),))
        self._backoff_s = BACKOFF_S
        self._intake = Intake(self.counts, self._alarm)
        self._stood_by = ""  # why, since the last file
        self._unwritten = ""  # why, where the disk took no more since the last whole round
        self._checked_day = ""
        self._tidied_s = float("-inf")

    def stop(self) -> None:
        """Lets `run` write what was read, tell the bus, and return."""
        self._stopped.set()
        if self._session is not None:
            self._session.wake()

    async def run(self) -> None:
        """Records until stopped, over lost buses and full disks; raises ConfigError where a disk is still full then.

        What a newer Tickline wrote is left to a newer recorder: this one stands by, with neither lease nor folder.
        """
        await self._choose_folder()
        while not self._stopped.is_set():
            try:
                with ExitStack() as stack:
                    await self._lock(stack)
                    await self._record()
            except (NewerWire, NewerRecording) as beyond:
                await self._stand_by(str(beyond))
            except FolderInUse:
                if not self._stood_by:
                    raise
                await self._stand_by(self._stood_by)  # the newer one is at work
        if self._unwritten:
            raise ConfigError(
                f"recorder.folder {self._unwritten}: what came last is not recorded, but on the bus: make room and "
                "start once more"
            )

    async def _choose_folder(self) -> None:
        """Chooses the folder by the bus, where the config names none."""
        while self._home is not None and not self._stopped.is_set():
            try:
                session = await self._bus.connect()
                try:
                    folder = folder_for(self._settings, await self._bus_id(session))
                finally:
                    await session.close()
            except BusLost as lost:
                await self._pause("waiting for the bus", lost)
                continue
            self._plan = replace(self._plan, folder=folder)
            return

    async def _bus_id(self, session: Session) -> str:
        return (await session.meta({"partitions": str(self._settings.bus.partitions)}))["bus_id"]

    async def _record(self) -> None:
        """Records over one connection after another, until stopped."""
        while not self._stopped.is_set():
            try:
                self._session = await self._bus.connect()
            except BusLost as lost:
                await self._pause("waiting for the bus", lost)
                continue
            try:
                await self._serve(self._session)
                self._unwritten = ""
                await self._leases.leave(self._session)
            except (BusLost, DiskLost) as lost:
                if isinstance(lost, DiskLost):
                    self._unwritten = str(lost)
                await self._pause("recording interrupted", lost)
            except (TicklineError, NewerWire):
                with suppress(BusLost):
                    await self._leases.leave(self._session)
                raise
            finally:
                session, self._session = self._session, None
                self._leases.leases.clear()
                await session.close()

    async def _stand_by(self, why: str) -> None:
        """Waits a while, and logs once why: then it looks again, since this one may be the only one left."""
        if why != self._stood_by:
            remedy = "run that Tickline's recorder"
            log.warning("stands by", instance=self._plan.instance, why=why, remedy=remedy)
            self._stood_by = why
        self._touch()
        await asyncio.sleep(BACKOFF_MAX_S)

    async def _lock(self, stack: ExitStack) -> None:
        """Takes the folder, perhaps after another process's last file."""
        until = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                stack.enter_context(locked(self._plan.folder))
            except FolderInUse:
                if self._stopped.is_set() or time.monotonic() > until:
                    raise
                if self._stood_by:
                    self._touch()  # it waits as long as a fresh file may be old
                await asyncio.sleep(ROUND_S)
            else:
                return

    async def _pause(self, what: str, lost: Exception) -> None:
        log.warning(what, why=str(lost), again_in_s=round(self._backoff_s, 2))
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)

    async def _serve(self, session: Session) -> None:
        """Records over one connection; raises BusLost, DiskLost, or NewerWire behind what could be written."""
        while not await self._owns_all(session):
            if self._stopped.is_set():
                return
            self._touch()
            await asyncio.sleep(ROUND_S)  # another recorder of this name holds the lease
        await self._claim(session)
        recording = RecordingSession(session, RecordingFolder(self._plan.folder), self._plan.sources, self._leases)
        if not self._stood_by:  # else with the first file, if there is one again
            await self._checkpoint(session)
        await recording.progress.load()
        log.info("recording", folder=str(self._plan.folder), run_id=session.run_id)
        try:
            await self._read_and_write(recording)
        except NewerWire:
            await self._write(recording, everything=True)  # what came before it
            raise
        await self._write(recording, everything=True)

    async def _read_and_write(self, recording: RecordingSession) -> None:
        """Goes on until stopped, then a little longer for what is there by then.

        It waits between two reads, unless the last one left something: a read of so many streams costs the bus more
        than what it brings, and who reads at each commit makes each order wait for it.
        """
        next_round, pace_s = time.monotonic() + ROUND_S, self._settings.recorder.pace_s
        while not self._stopped.is_set():
            began_s = time.monotonic()
            full = await self._read(recording, max(0.001, next_round - began_s)) >= self._settings.bus.read_count
            await self._write(recording, everything=False)
            if not full:
                await self._rest(min(began_s + pace_s, next_round) - time.monotonic())
            if time.monotonic() >= next_round:
                await self._round(recording.session)
                next_round = time.monotonic() + ROUND_S
        until = time.monotonic() + LAST_READS_S
        while await self._read(recording, 0.0) and time.monotonic() < until:
            await self._write(recording, everything=False)

    async def _owns_all(self, session: Session) -> bool:
        await self._leases.round(session)
        return len(self._leases.leases) == self._settings.bus.partitions

    async def _claim(self, session: Session) -> None:
        """Writes into the folder which bus it is of, or finds that there; raises ConfigError where it is another's."""
        bus_id, partitions = await self._bus_id(session), self._settings.bus.partitions
        origin = RecordingOrigin(bus_id=bus_id, namespace=self._settings.namespace, partitions=partitions)
        try:
            claim(self._plan.folder, origin, self._leases.wire)
        except OSError as error:
            raise DiskLost(f"{self._plan.folder}: {error.strerror or error}") from error

    async def _round(self, session: Session) -> None:
        """Renews the leases; raises BusLost where another recorder has taken them."""
        if not await self._owns_all(session):
            raise BusLost(TAKEN)
        self._touch()

    def _touch(self) -> None:
        if self.alive_file is not None:
            touch(self.alive_file, self._leases.standing)

    async def _rest(self, seconds: float) -> None:
        """Waits so long, but not once it is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._stopped.wait()

    async def _read(self, recording: RecordingSession, wait_s: float) -> int:
        """Reads once over all streams; returns how many entries came of the stream of which most came."""
        session = recording.session
        batches = await session.read(recording.cursors, self._settings.bus.read_count, int(wait_s * 1000))
        now_s = time.monotonic()
        for source, entries in batches:
            recording.cursors[source] = entries[-1].id
            for entry in entries:
                await self._intake.take(recording, source, entry, now_s)
        return max((len(entries) for _, entries in batches), default=0)

    def _alarm(self, what: str) -> None:
        log.error("alarm", instance=self._plan.instance, what=what)

    async def _write(self, recording: RecordingSession, *, everything: bool) -> None:
        """Writes the rows that are due into files; then the bus may forget them."""
        session, folder, wrote = recording.session, recording.folder, False
        for stream, buffer in recording.buffers.items():
            if not buffer.rows or not (everything or buffer.due(self._plan, time.monotonic())):
                continue
            try:
                self.counts["files"] += await asyncio.to_thread(
                    folder.add, stream, buffer.rows, session.run_id, self._leases.wire
                )
            except OSError as error:
                why = f"{self._plan.folder}: {stream} cannot be written: {error.strerror or error}"
                self._alarm(why)
                raise DiskLost(why) from error
            self.counts["rows"] += len(buffer.rows)
            buffer.clear()
            wrote = True
            await session.renew(list(self._leases.leases.values()))  # a slow disk takes its time for each file
        if not wrote:
            return
        self._backoff_s = BACKOFF_S
        await recording.progress.tell(folder.positions)
        if self._intake.hole or self._stood_by:
            self._intake.hole, self._stood_by = False, ""
            await self._checkpoint(session)
        await self._new_day(session, folder)

    async def _new_day(self, session: Session, folder: RecordingFolder) -> None:
        """Keeps a checkpoint on each new day, and removes what is too old, once a minute at most."""
        today = day_of(b"%d-0" % (time.time_ns() // 1_000_000))
        if self._checked_day and self._checked_day != today:
            await self._checkpoint(session)
        self._checked_day = today
        if any(self._plan.age) and time.monotonic() - self._tidied_s >= TIDY_EVERY_S:
            self._tidied_s = time.monotonic()
            try:
                removed = await asyncio.to_thread(self._remove_old, folder)
                bare = bool(removed) and folder.needs_checkpoint()
            except OSError as error:
                self._alarm(f"{self._plan.folder}: old files cannot be removed: {error.strerror or error}")
                return
            self.counts["removed"] += len(removed)
            if bare:
                await self._checkpoint(session)

    def _remove_old(self, folder: RecordingFolder) -> list[Part]:
        """Removes what is too old or too much, and returns it; earlier recordings of the home go first."""
        age = self._plan.age
        if self._home is not None and age.keep_bytes:
            self.counts["recordings removed"] += len(remove_others(self._home, self._plan.folder, age.keep_bytes))
        return folder.remove_old(age)

    async def _checkpoint(self, session: Session) -> None:
        """Keeps the stages' states as they are now."""
        own = self._settings
        snapshots = {
            instance: await read_snapshots(session, instance, own.bus.partitions)
            for instance in (own.signal.instance, own.strategy.instance, own.gateway.instance, own.monitor.instance)
        }
        settings = kept_settings(own) | {RUNTIMES: runtimes_in(await session.meta({}))}
        made = Checkpoint(taken_ns=time.time_ns(), settings=settings, snapshots=snapshots)
        try:
            write_checkpoint(self._plan.folder, made, self._leases.wire)
        except OSError as error:
            raise DiskLost(f"{self._plan.folder}: {error.strerror or error}") from error
