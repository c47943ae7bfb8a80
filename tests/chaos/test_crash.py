"""kill -9 of every service and of the bus at random moments of a replay: nothing lost, nothing doubled."""

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import pytest
from redis import Redis

from shared.messages import Stream
from tests.chaos.compare import Content, content_of, differences
from tests.chaos.line import Line
from tests.chaos.pace import Pace
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server, build_held_fsync, debian_redis, kill_and_restart
from tests.chaos.watch import SERVICES, Status, Watch
from tests.cluster import ClusterClient

BUS = "bus"
SURE_S, HELD_S = 0.9, 1.7  # beyond 2 s the server writes all the same, by its clock of whole seconds: beyond 1 s
Say = Callable[[str], None]
KillBus = Callable[[Line, Watch], int]  # the acknowledged commits that were lost
AnyChaos = TypeVar("AnyChaos", bound="Chaos")


def victims(rng: random.Random, kills: int) -> list[str]:
    """Each in turn, in ever new order."""
    rounds = (rng.sample([*SERVICES, BUS], 5) for _ in itertools.count())
    return list(itertools.islice(itertools.chain.from_iterable(rounds), kills))


class Chaos:
    """Kills what it is told at random moments, one in each share of the run."""

    def __init__(
        self, line: Line, watch: Watch, pace: Pace, replay: Replay, rng: random.Random, kill_bus: KillBus
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.lost: list[int] = []
        self.at_work = 0
        self.takeovers = 0
        self._line, self._watch, self._pace = line, watch, pace
        self._replay, self._rng, self._kill_bus = replay, rng, kill_bus

    def run(self, kills: int) -> None:
        """Kill so often: when all were at work again, and sometimes right after another kill."""
        rng = self._rng
        since: Status | None = None
        for victim in victims(rng, kills):
            if since is not None and rng.random() < 0.2:
                self._pace.pause(rng.uniform(0, 3))  # in the middle of the recovery
                self._pace.lift()
            else:
                self._await_work(since, rng.random())
                self._pace.lift()
                self._pace.pause(rng.uniform(0, 0.02))
            self._kill(victim)
            since = self._watch.wait("the bus is back", lambda s: True)
            self._pace.turn()
        ended = self._watch.wait("the run ends", lambda s: s.finished(self._replay.ticks), within_s=180)
        self.takeovers = ended.takeovers()

    def _await_work(self, since: Status | None, part: float) -> None:
        """Until every service has committed since the last kill, and this part of the share is written."""

        def working(now: Status) -> bool:
            assert not now.finished(self._replay.ticks), "the run was over before the last kill"
            moved = since is None or all(now.commits(x) > since.commits(x) + 2 for x in SERVICES)
            return moved and now.out(Stream.TICKS) >= self._pace.mark(part)

        self._watch.wait(f"all work, and {part:.0%} of the share is done", working)
        self.at_work += 1

    def _kill(self, victim: str) -> None:
        self.kills[victim] += 1
        if victim == BUS:
            self.lost.append(self._kill_bus(self._line, self._watch))
        else:
            self._line.kill(victim)
            self.killed(victim)
            self._line.tend()

    def killed(self, victim: str) -> None:
        """Called while a service is dead."""


class Bus(Protocol):
    """What a line may run on."""

    @property
    def url(self) -> str:
        """Where it is."""

    def start(self) -> object:
        """Start it."""

    def client(self, timeout_s: float = 2.0) -> "Redis | ClusterClient":
        """For looking on."""

    def stop(self) -> None:
        """End it, whatever state it is in."""


def crash(server: Bus, folder: Path, replay: Replay, rng: random.Random, kills: int,
          kill_bus: KillBus, say: Say, kind: type[AnyChaos] = Chaos) -> tuple[AnyChaos, Content]:  # fmt: skip
    """One disturbed run, compared with the undisturbed one, and what it wrote."""
    began = time.monotonic()
    server.start()
    try:
        with server.client() as client, Line(folder, server.url, replay.environment | LINE_SLOWED) as line:
            line.start()
            pace = Pace(line, client, replay.ticks, kills)
            watch = Watch(client, NAMESPACE, pace.tend)
            chaos = kind(line, watch, pace, replay, rng, kill_bus)
            chaos.run(kills)
            with server.client(60.0) as patient:
                found = content_of(patient, NAMESPACE)
            line.stop()
    finally:
        server.stop()
    say(
        f"{kills} kills ({', '.join(f'{k} {v}' for k, v in sorted(chaos.kills.items()))}), {chaos.at_work} with all at "
        f"work, {replay.ticks} ticks, {time.monotonic() - began:.0f} s (undisturbed {replay.undisturbed_s:.0f} s), "
        f"{chaos.takeovers} take-overs of partitions, acknowledged commits lost per kill of the bus: {chaos.lost}"
    )
    say(", ".join(f"{stream} {found.count(stream)}" for stream in Stream if stream is not Stream.DEAD))
    assert not line.unexpected, line.unexpected
    assert differences(replay.expected, found) == []
    return chaos, found


def await_commits(watch: Watch, enough: Callable[[Iterable[bool]], bool] = all) -> None:
    """Until every service commits: right after another kill nothing would be lost."""
    before = watch.wait("the bus answers", lambda now: True)
    watch.wait("commits", lambda now: enough(now.commits(name) > before.commits(name) for name in SERVICES))


def hold(server: Server, line: Line, watch: Watch) -> float:
    """Hold fsync back until something is committed meanwhile; since when it hangs, on the monotonic clock."""
    while True:
        line.send("ingestor", signal.SIGSTOP)  # the server syncs once a second: the run would be over
        server.hold_fsync()
        began = time.monotonic()
        line.send("ingestor", signal.SIGCONT)
        await_commits(watch, any)
        if time.monotonic() < began + SURE_S:
            return began
        server.let_go()


@pytest.mark.timeout(1800)
def test_kills_lose_and_double_nothing(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    server = Server(folder, rewrite_at="4mb")
    crash(server, folder, replay, rng, 10 if short else 65, lambda _, watch: kill_and_restart(server, watch), say)


@pytest.mark.timeout(1800)
def test_acknowledged_writes_lost_behind_a_held_fsync(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    # A rewrite of the log syncs in the server's only thread, which would answer nobody until it is let go.
    server = Server(folder, debian_redis(), preload=build_held_fsync(folder), rewrite_at="1gb")

    def kill_bus(line: Line, watch: Watch) -> int:
        await_commits(watch)
        until = hold(server, line, watch) + rng.uniform(0.2, SURE_S if short else HELD_S)
        time.sleep(max(until - time.monotonic(), 0))
        return kill_and_restart(server, watch, server.let_go)

    chaos, _ = crash(server, folder, replay, rng, 5 if short else 65, kill_bus, say)
    assert sum(chaos.lost) > 0, "no acknowledged write was lost: the test shows nothing"


@pytest.mark.timeout(1800)
def test_acknowledged_writes_cut_off_the_log(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    server = Server(folder)

    def kill_bus(_: Line, watch: Watch) -> int:
        await_commits(watch)
        return kill_and_restart(server, watch, lambda: server.cut_log(rng, 1_000_000))

    chaos, _ = crash(server, folder, replay, rng, 5 if short else 65, kill_bus, say)
    assert sum(chaos.lost) > 0, "no acknowledged write was lost: the test shows nothing"
