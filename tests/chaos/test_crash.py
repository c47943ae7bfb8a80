"""kill -9 of every service and of the bus at random moments of a replay: nothing lost, nothing doubled."""

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.messages import Stream
from tests.chaos.compare import content, differences
from tests.chaos.line import Line
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server, build_held_fsync, debian_redis, kill_and_restart
from tests.chaos.watch import SERVICES, Status, Watch

BUS = "bus"
ENOUGH = 0.8  # the last of the planned kills may come too late; 52 of 65 are left
Say = Callable[[str], None]
KillBus = Callable[[Line, Watch], int]  # the acknowledged commits that were lost


def victims(rng: random.Random, kills: int) -> list[str]:
    """Each in turn, in ever new order."""
    rounds = (rng.sample([*SERVICES, BUS], 5) for _ in itertools.count())
    return list(itertools.islice(itertools.chain.from_iterable(rounds), kills))


class Chaos:
    """Kills what it is told at random moments spread over the whole run."""

    def __init__(self, line: Line, watch: Watch, replay: Replay, rng: random.Random, kill_bus: KillBus) -> None:
        self.kills: Counter[str] = Counter()
        self.lost: list[int] = []
        self.at_work = 0
        self.takeovers = 0
        self._line, self._watch, self._replay, self._rng, self._kill_bus = line, watch, replay, rng, kill_bus

    def run(self, kills: int) -> None:
        """Kill at `kills` moments: when all were at work again, and sometimes right after another kill."""
        rng = self._rng
        moments = sorted(rng.uniform(0.02, 0.85) for _ in range(kills))  # what follows a kill can go far
        since: Status | None = None
        for victim, moment in zip(victims(rng, kills), moments, strict=True):
            if since is not None and rng.random() < 0.2:
                self._pause(rng.uniform(0, 3))  # in the middle of the recovery
            elif self._await_work(since, moment):
                self._pause(rng.uniform(0, 0.02))
            else:
                break
            self._kill(victim)
            since = self._watch.wait("the bus is back", lambda s: True)
        ended = self._watch.wait("the run ends", lambda s: s.finished(self._replay.ticks), within_s=180)
        self.takeovers = ended.takeovers()

    def _await_work(self, since: Status | None, moment: float) -> bool:
        """Until every service has committed since the last kill, and the run has come to `moment`; False at its end."""

        def working(now: Status) -> bool:
            if now.finished(self._replay.ticks):
                return True
            moved = since is None or all(now.commits(x) > since.commits(x) + 2 for x in SERVICES)
            return moved and now.out(Stream.DECISIONS) >= moment * self._replay.ticks

        now = self._watch.wait(f"all work, and {moment:.0%} is done", working)
        if now.finished(self._replay.ticks):
            return False
        self.at_work += 1
        return True

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._line.tend()
            time.sleep(0.005)

    def _kill(self, victim: str) -> None:
        self.kills[victim] += 1
        if victim == BUS:
            self.lost.append(self._kill_bus(self._line, self._watch))
        else:
            self._line.kill(victim)
            self._line.tend()


def crash(server: Server, folder: Path, replay: Replay, rng: random.Random, kills: int,
          kill_bus: KillBus, say: Say) -> Chaos:  # fmt: skip
    """One disturbed run, compared with the undisturbed one."""
    began = time.monotonic()
    server.start()
    try:
        with server.client() as client, Line(folder, server.url, replay.environment | LINE_SLOWED) as line:
            line.start()
            watch = Watch(client, NAMESPACE, line.tend)
            chaos = Chaos(line, watch, replay, rng, kill_bus)
            chaos.run(kills)
            found = content(server.url, NAMESPACE)
            line.stop()
    finally:
        server.stop()
    done = chaos.kills.total()
    assert done >= kills * ENOUGH, f"the run was over after {done} of {kills} kills"
    say(
        f"{done} kills ({', '.join(f'{k} {v}' for k, v in sorted(chaos.kills.items()))}), {chaos.at_work} with all at "
        f"work, {replay.ticks} ticks, {time.monotonic() - began:.0f} s (undisturbed {replay.undisturbed_s:.0f} s), "
        f"{chaos.takeovers} take-overs of partitions, acknowledged commits lost per kill of the bus: {chaos.lost}"
    )
    say(", ".join(f"{stream} {found.count(stream)}" for stream in Stream if stream is not Stream.DEAD))
    assert not line.unexpected, line.unexpected
    assert differences(replay.expected, found) == []
    return chaos


def await_commits(watch: Watch, replay: Replay) -> None:
    """Until every service commits, or the run is over: right after another kill nothing would be lost."""
    before = watch.wait("the bus answers", lambda now: True)
    watch.wait(
        "all commit",
        lambda now: now.finished(replay.ticks) or all(now.commits(name) > before.commits(name) for name in SERVICES),
    )


@pytest.mark.timeout(1800)
def test_kills_lose_and_double_nothing(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    server = Server(folder, rewrite_at="4mb")
    crash(server, folder, replay, rng, 10 if short else 65, lambda _, watch: kill_and_restart(server, watch), say)


@pytest.mark.timeout(1800)
def test_acknowledged_writes_lost_behind_a_held_fsync(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    server = Server(folder, debian_redis(), preload=build_held_fsync(folder))

    def kill_bus(line: Line, watch: Watch) -> int:
        await_commits(watch, replay)
        line.send("ingestor", signal.SIGSTOP)  # the server syncs once a second: the run would be over
        server.hold_fsync()
        line.send("ingestor", signal.SIGCONT)
        time.sleep(rng.uniform(0.2, 1.7))  # beyond 2 s the server writes all the same
        return kill_and_restart(server, watch, server.let_go)

    chaos = crash(server, folder, replay, rng, 5 if short else 65, kill_bus, say)
    assert sum(chaos.lost) > 0, "no acknowledged write was lost: the test shows nothing"


@pytest.mark.timeout(1800)
def test_acknowledged_writes_cut_off_the_log(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    server = Server(folder)

    def kill_bus(_: Line, watch: Watch) -> int:
        await_commits(watch, replay)
        return kill_and_restart(server, watch, lambda: server.cut_log(rng, 1_000_000))

    chaos = crash(server, folder, replay, rng, 5 if short else 65, kill_bus, say)
    assert sum(chaos.lost) > 0, "no acknowledged write was lost: the test shows nothing"
