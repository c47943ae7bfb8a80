"""Services without a replica, and the bus, stopped and continued at random: for moments, and beyond every time-out."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.compare import content, differences
from tests.chaos.line import Line
from tests.chaos.pace import Pace
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server
from tests.chaos.watch import SERVICES, Watch

LONGEST_S = 5.0  # the lease is 3 s, the time-out of a request 2 s
BUS = "bus"
Say = Callable[[str], None]


@pytest.mark.timeout(1200)
def test_pauses(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    server = Server(folder)
    server.start()
    paused: Counter[str] = Counter()
    turns = 8 if short else 40
    try:
        with server.client() as client, Line(folder, server.url, replay.environment | LINE_SLOWED) as line:
            line.start()
            pace = Pace(line, client, replay.ticks, turns)
            watch = Watch(client, NAMESPACE, pace.tend)
            for turn in range(turns):
                at = watch.wait("the bus answers", lambda s: True)
                watch.wait("all work", lambda s, at=at: all(s.commits(x) > at.commits(x) + 2 for x in SERVICES))
                time.sleep(rng.uniform(0, 0.05))
                victim = (*SERVICES, BUS, BUS)[turn % 6]
                send = server.send if victim == BUS else lambda number, name=victim: line.send(name, number)
                for_s = rng.uniform(0.1, LONGEST_S)
                send(signal.SIGSTOP)
                if victim in (BUS, "ingestor"):  # nothing goes on without it
                    time.sleep(for_s)
                else:
                    pace.pause(for_s)
                send(signal.SIGCONT)
                pace.turn()
                paused[victim] += 1
            watch.wait("the run ends", lambda s: s.finished(replay.ticks), within_s=240)
            line.stop()
            found = content(server.url, NAMESPACE)
    finally:
        server.stop()
    logs = "".join(line.log(name) for name in SERVICES)
    say(f"paused {dict(paused)}; commits refused: {logs.count('commit refused')}, bus lost: {logs.count('bus lost')}")
    assert not line.unexpected, line.unexpected
    assert differences(replay.expected, found) == []
