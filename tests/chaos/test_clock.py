"""The bus server's clock is set an hour forward and back at random, as two replicas of each service work and die."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.compare import content, differences
from tests.chaos.line import Line
from tests.chaos.pace import Pace
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server
from tests.chaos.watch import SERVICES, Watch
from tests.stepped_clock import NO_FAKETIME, SteppedClock, library

HOUR_S = 3_600
AWAY_S = 60.0  # until a dead replica's partitions are at work again, on a busy machine; without the rule, an hour
Say = Callable[[str], None]


@pytest.mark.timeout(1200)
@pytest.mark.skipif(library() is None, reason=NO_FAKETIME)
def test_the_clock_is_set(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    clock = SteppedClock(folder)
    server = Server(folder, variables=clock.variables)
    server.start()
    turns, waits = 4 if short else 40, list[float]()
    try:
        with server.client() as client, Line(folder, server.url, replay.environment | LINE_SLOWED) as line:
            line.start()
            line.start(*(f"{service}-2" for service in SERVICES))
            pace = Pace(line, client, replay.ticks, turns)
            watch = Watch(client, NAMESPACE, pace.tend)
            for turn in range(turns):
                before = watch.wait("the bus answers", lambda s: True)
                watch.wait("all work", lambda s, at=before: all(s.commits(x) > at.commits(x) + 2 for x in SERVICES))
                time.sleep(rng.uniform(0, 0.05))
                service = SERVICES[turn % len(SERVICES)]
                line.kill(rng.choice((service, f"{service}-2")) if service != "ingestor" else "ingestor-2")
                clock.step(rng.choice((-HOUR_S, HOUR_S)))
                began, at = time.monotonic(), watch.status()
                watch.wait(
                    "all work again", lambda s, at=at: all(s.commits(x) > at.commits(x) + 2 for x in SERVICES),
                    within_s=AWAY_S,
                )  # fmt: skip
                waits.append(time.monotonic() - began)
                pace.turn()
            watch.wait("the run ends", lambda s: s.finished(replay.ticks), within_s=240)
            taken = watch.status().takeovers()
            line.stop()
            found = content(server.url, NAMESPACE)
    finally:
        server.stop()
    say(f"{turns} steps of an hour, {taken} take-overs; at work again after {sorted(waits)[turns // 2]:.1f} s (p50)")
    say(f"at the longest after {max(waits):.1f} s")
    assert not line.unexpected, line.unexpected
    assert taken > turns
    assert differences(replay.expected, found) == []
