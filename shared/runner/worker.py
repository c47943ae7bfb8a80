"""The worker runs the loop of every service: gather input, run the stages, commit, and load anew what was lost.

    run ─▶ attach ─▶ serve ─┬─ each round_s:      renew leases, take and give up partitions
                            ├─ each trim_every_s: trim the streams that we write
                            └─ else a cycle:      gather ─▶ stages ─▶ external store ─▶ commit

A commit is sent, and its answer is awaited only when the next one is to be sent: reading and the stages go on
meanwhile. What goes wrong, and what the worker does then:

    a stage failed, or a commit was in CONFLICT   loads that partition anew
    a commit was FENCED                           drops what is not ours any more
    the bus or the external store is lost         drops everything, waits, and attaches again
    a newer wire, or another runtime              stands by, and looks again after a while
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

from shared.bus.api import Bus, BusLost, Commit, Lease, Outcome, Session, Stored
from shared.errors import TicklineError
from shared.record import WIRE, NewerWire
from shared.runner.backpressure import Backpressure, sources_of
from shared.runner.leases import OtherRuntime, PartitionLeases
from shared.runner.meter import Meter, ServiceMetrics
from shared.runner.partition import Partition
from shared.runner.parts import ExternalStore, ExternalStoreLost, Feeder
from shared.runner.poison import NewerEntry, StageFailed, Suspects
from shared.runner.spec import Limits, ServiceSpec
from shared.runner.standing import FAILED, REFUSED, Standing

log = structlog.get_logger()
Refused = tuple[Partition, Outcome]


class Worker:
    """A worker does one process's part of a service; `run` returns after `stop`.

    - partitions: how many the namespace has. limits: of reads, commits and pauses.
    - store: what must be kept before each commit. close: called at the end. metrics: what it counts for the service.

    `_parts` holds the memory of each partition that we own. It is true only together with the bus: whoever doubts
    that drops or reloads it, and never mends it.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        bus: Bus,
        feeder: Feeder,
        *,
        partitions: int,
        limits: Limits,
        store: ExternalStore | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
        metrics: ServiceMetrics = ServiceMetrics(),  # noqa: B008  (a tuple)
    ) -> None:
        self.spec = spec
        self.counts: Counter[str] = Counter()
        self.metrics, self.meter = metrics, Meter(metrics.counters)
        self.alive_file: Path | None = None
        self._bus = bus
        self._feeder = feeder
        self._store = store
        self._close = close
        self._limits = limits
        self._stopping = False
        self._session: Session | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._parts: dict[int, Partition] = {}
        self._suspects = Suspects()
        self._renewed_by_commit: set[int] = set()  # partitions, since the last round
        self._leases = PartitionLeases(spec.instance, partitions, spec.exclusive, spec.runtime)
        self._pressure = Backpressure(spec, limits)
        self._backoff_s = limits.backoff_s
        self._standing = Standing(spec.instance)
        self._turn = 0  # the partition that works first
        self._unanswered: asyncio.Task[list[Refused]] | None = None  # the commit whose answer nobody has awaited yet

    def stop(self) -> None:
        """Lets `run` finish its batch, commit, release and return; it does not wait for a store that gets ready."""
        self._stopping = True
        if self._preparing is not None:
            self._preparing.cancel()
        if self._session is not None:
            self._session.wake()

    @property
    def connected(self) -> bool:
        """Says whether there is a session with the bus."""
        return self._session is not None

    async def lags(self) -> dict[tuple[str, int, str], int]:
        """Returns how far behind what this process writes its readers are, as Backpressure does; raises BusLost."""
        session = self._session
        return {} if session is None else await self._pressure.lags(session, list(self._parts.values()))

    async def run(self) -> None:
        """Works until stopped. It waits for a lost bus, and nothing uncommitted survives that."""
        try:
            await self._run()
        finally:
            if self._store is not None:
                await self._store.close()
            if self._close is not None:
                await self._close()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                if self._store is not None and not await self._prepare(self._store):
                    return
                session = await self._bus.connect()
                session.storage.require_no_eviction("the bus, which was restarted,")
                log.info("attached", instance=self.spec.instance, run_id=session.run_id)
            except BusLost as lost:
                await self._pause("waiting for the bus", lost)
                continue
            except ExternalStoreLost as lost:
                await self._pause("cannot get ready", lost)
                continue
            self._session = session
            self.meter.sessions += 1
            try:
                await self._serve(session)
                await self._give_all_up(session)
            except BusLost as lost:
                await self._pause("bus lost", lost)
            except ExternalStoreLost as lost:
                await self._give_all_up(session)  # another replica's journal may be in order
                await self._pause("cannot keep orders", lost)
            except (NewerWire, OtherRuntime) as why:
                await self._give_all_up(session)  # a newer Tickline's replica goes on, or one of another runtime
                await self._stand_by(why)
            except TicklineError:
                await self._give_all_up(session)  # this process cannot go on, but another one may
                raise
            finally:
                self._session = None
                await self._abandon()
                await self._drop_all()
                await session.close()

    async def _prepare(self, store: ExternalStore) -> bool:
        """Lets the store get ready; False when the worker was stopped meanwhile."""
        self._preparing = asyncio.create_task(store.prepare())
        try:
            await self._preparing
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            self._preparing = None
        return not self._stopping

    async def _give_all_up(self, session: Session) -> None:
        """Gives everything up, first the work and then the leases, so that we never work on what is another's."""
        if self._store is not None:
            await self._store.detach()
        with contextlib.suppress(BusLost):  # then the leases run out by themselves
            await self._leases.leave(session)

    async def _pause(self, what: str, lost: Exception) -> None:
        """Waits before the next try, twice as long each time until a commit succeeds."""
        log.warning(what, why=str(lost), again_in_s=round(self._backoff_s, 2))
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, self._limits.backoff_max_s)

    async def _stand_by(self, why: NewerWire | OtherRuntime) -> None:
        """Leaves the work to other replicas, and looks again after a while: ours may be the only one left."""
        self._standing.stands_by(self.alive_file, why)
        await asyncio.sleep(self._limits.backoff_max_s)

    async def _serve(self, session: Session) -> None:
        next_round = next_trim = 0.0
        while not self._stopping:
            now = time.monotonic()
            if now >= next_round:
                await self._settle(session)
                await self._lease_round(session)
                next_round = now + self._limits.round_s
                self._standing.show(self.alive_file, self._leases)
            if now >= next_trim:
                await self._pressure.trim(session, list(self._parts.values()))
                next_trim = now + self._limits.trim_every_s
            try:
                await self._cycle(session, max(0.0, next_round - time.monotonic()))
            except NewerEntry as newer:
                await self._meet_newer_entry(session, newer)
        await self._settle(session)

    async def _meet_newer_entry(self, session: Session, newer: NewerEntry) -> None:
        """Raises it where the bus's wire is newer than ours; else sets the entry aside as foreign, or damaged.

        For everybody writes the bus's wire, which nobody may raise while we are in the register. A worker that was
        struck off the register finds it raised.
        """
        stands = await session.wire()
        if stands is None or stands > WIRE:
            raise newer
        await self._settle(session)
        part = self._parts.get(newer.p)
        if part is not None:
            why = f"{newer.what} of wire {newer.wire}, where all write {stands}"
            self._suspects.foreign(newer.p)[newer.suspect] = why
            await self._reload(session, part)

    async def _lease_round(self, session: Session) -> None:
        began = time.monotonic()
        # An exclusive instance renews all its leases at once, so that one time holds for all of them.
        taken = await self._leases.round(session, () if self.spec.exclusive else self._renewed_by_commit)
        self._renewed_by_commit.clear()
        self._write_wire(self._leases.wire)
        if self._store is not None:
            self._store.renewed(began + self._limits.lease_s)
        await self._drop_lost()
        if taken:
            await self._begin(session, taken)

    async def _begin(self, session: Session, taken: Sequence[Lease]) -> None:
        """Loads the partitions that were just taken, and attaches the store to all that we own, which may take long."""
        if before := self._leases.changed_from:
            self._leases.changed_from = ()
            log.warning("other runtimes before", instance=self.spec.instance, before=before, why="last bits may differ")
        for lease, stored in zip(taken, await session.load([x.partition for x in taken]), strict=True):
            p = lease.partition.p
            self._drop(p)
            self._parts[p] = self._make_partition(lease, stored, session)
        log.info("partitions taken", instance=self.spec.instance, p=[x.partition.p for x in taken])
        if (store := self._store) is not None:
            attaching = store.attach(session, list(self._parts.values()))
            await self._leases.renewed_during(session, attaching, self._limits, store.renewed)
            await self._drop_lost()

    def _write_wire(self, wire: int) -> None:
        """Has all partitions write the wire that stands on the bus."""
        for part in self._parts.values():
            if part.wire != wire:
                log.info("wire raised", instance=self.spec.instance, p=part.lease.partition.p, wire=wire)
                part.wire = wire

    async def _drop_lost(self) -> None:
        """Drops the partitions that are not ours any more, and stops the store's work if there is one."""
        leases = self._leases.leases
        lost = [p for p, part in self._parts.items() if leases.get(p) != part.lease]
        if lost and self._store is not None:
            await self._store.detach()
        for p in lost:
            log.info("partition given up", instance=self.spec.instance, p=p)
            self._drop(p)

    async def _cycle(self, session: Session, wait_s: float) -> None:
        parts = list(self._parts.values())
        await self._pressure.refresh(session, parts)
        if not any(part.busy and self._pressure.room(part) > 0 for part in parts):
            await self._feeder.gather(session, parts, self._pressure, wait_s)
        failures: dict[Partition, StageFailed] = {}
        self._run_stages(parts, failures)
        if self._store is not None:
            await self._store.keep([message for part in parts for message in part.take_kept()])
        await self._send(session, self._commits(parts, failures))
        await self._reload_failed(session, failures)

    def _run_stages(self, parts: Sequence[Partition], failures: dict[Partition, StageFailed]) -> None:
        """Lets the partitions work, for a part of a lease in all; adds those that fail. Who got no turn begins next."""
        until_s = time.monotonic() + self._limits.work_s
        for part in sorted(parts, key=lambda part: (part.lease.partition.p < self._turn, part.lease.partition.p)):
            p = part.lease.partition.p
            if time.monotonic() >= until_s:
                self._turn = p
                return
            try:
                if p in self._suspects.retried:
                    part.work_alone()
                else:
                    part.work(min(self._limits.commit_entries, self._pressure.room(part)), until_s)
            except StageFailed as error:
                failures[part] = error

    def _commits(
        self, parts: Sequence[Partition], failures: dict[Partition, StageFailed]
    ) -> list[tuple[Partition, Commit]]:
        """Returns what the partitions have to write; adds those that fail at that, and leaves out those that have."""
        commits: list[tuple[Partition, Commit]] = []
        for part in parts:
            if part in failures:
                continue
            try:
                commit = part.commit()
            except StageFailed as error:
                failures[part] = error
                continue
            if commit is not None:
                self.meter.batch(part, commit)
                commits.append((part, commit))
        return commits

    async def _reload_failed(self, session: Session, failures: Mapping[Partition, StageFailed]) -> None:
        if failures:
            await self._settle(session)
        for part, failure in failures.items():
            if self._is_current(part):  # else it was dropped or reloaded just now
                self._note_failure(part, failure)
                await self._reload(session, part)

    async def _send(self, session: Session, commits: Sequence[tuple[Partition, Commit]]) -> None:
        """Awaits the answer to the commits before, since a refused one bars the next; then sends these."""
        if not commits:
            return
        await self._settle(session)
        current = [(part, commit) for part, commit in commits if self._is_current(part)]
        if current:
            self._unanswered = asyncio.create_task(self._commit(session, current))

    async def _commit(self, session: Session, sent: Sequence[tuple[Partition, Commit]]) -> list[Refused]:
        """Has the bus write the commits; returns those that it refused."""
        refused, began_s = list[Refused](), time.perf_counter()
        outcomes = await session.commit([commit for _, commit in sent])
        self.meter.answered(outcomes, time.perf_counter() - began_s)
        for (part, _), outcome in zip(sent, outcomes, strict=True):
            p = part.lease.partition.p
            self._standing.tell(p, part.alarms, part.missed)
            self._standing.hindrances.note(p, REFUSED, outcome is not Outcome.OK)
            if outcome is not Outcome.OK:
                refused.append((part, outcome))
                continue
            self._standing.hindrances.note(p, FAILED, False)
            self._backoff_s = self._limits.backoff_s
            self._renewed_by_commit.add(p)
            self.counts.update(part.counts)
            part.counts.clear()
            if p in self._suspects.retried:
                self._suspects.committed(p, part.behind)
        return refused

    async def _settle(self, session: Session) -> None:
        """Waits for the answer to the commit that was sent; drops or reloads the partitions whose part was refused."""
        if self._unanswered is None:
            return
        sent, self._unanswered = self._unanswered, None
        for part, outcome in await sent:
            p = part.lease.partition.p
            log.warning("commit refused", instance=self.spec.instance, p=p, outcome=outcome)
            if outcome is Outcome.FENCED:
                self._leases.lose(p)
                await self._drop_lost()
            elif self._is_current(part):
                await self._reload(session, part)

    async def _abandon(self) -> None:
        """Gives up waiting for the answer to a commit, which the bus may have written or not."""
        if self._unanswered is not None:
            sent, self._unanswered = self._unanswered, None
            sent.cancel()
            await asyncio.gather(sent, return_exceptions=True)

    def _is_current(self, part: Partition) -> bool:
        """Says whether this is still our memory of its partition: it was neither dropped nor reloaded."""
        return self._parts.get(part.lease.partition.p) is part

    async def _reload(self, session: Session, part: Partition) -> None:
        (stored,) = await session.load([part.lease.partition])
        self._feeder.forget(part.lease.partition.p)
        self._parts[part.lease.partition.p] = self._make_partition(part.lease, stored, session)

    def _make_partition(self, lease: Lease, stored: Stored, session: Session) -> Partition:
        p = lease.partition.p
        poison, foreign = self._suspects.poison(p), self._suspects.foreign(p)
        cursors_id, wire = session.cursors_id(lease.partition, sources_of(self.spec, p)), self._leases.wire
        part = Partition(self.spec, self._limits, lease, stored, cursors_id, poison, wire, foreign)
        self.meter.begin(part)
        return part

    def _note_failure(self, part: Partition, failure: StageFailed) -> None:
        """Notes at which entry the stage failed: the first time it is retried alone, the second time it is poison."""
        p = part.lease.partition.p
        self._standing.hindrances.note(p, FAILED, True)
        if self._suspects.failed(p, failure):
            code = {"code": failure.code} if failure.code else {}
            log.error("entry set aside", instance=self.spec.instance, p=p, why=str(failure), **code)
        else:
            log.warning("stage failed, retrying alone", instance=self.spec.instance, p=p, why=str(failure))

    def _drop(self, p: int) -> None:
        self._parts.pop(p, None)
        self.meter.end(p)
        self._suspects.forget(p)
        self._feeder.forget(p)

    async def _drop_all(self) -> None:
        self._leases.lose_all()
        self._standing.begin_anew()
        await self._drop_lost()
        self._renewed_by_commit.clear()
        self._pressure = Backpressure(self.spec, self._limits)
