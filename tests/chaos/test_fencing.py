"""A process stopped for longer than its lease is fenced when it goes on: it writes nothing."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.compare import content, differences
from tests.chaos.line import Line
from tests.chaos.proxy import Proxy
from tests.chaos.replay import NAMESPACE, Replay
from tests.chaos.replicas import Replicas
from tests.chaos.server import Server
from tests.chaos.watch import SERVICES, Status, Watch

LEASE_S = 1.5
DELAY_S = 0.05  # of a request while there are stops: the work must outlast them, however fast the machine is
SLOW = {
    "TICKLINE_BUS__LEASE_S": str(LEASE_S),
    # Longer than any stop, so that a process that goes on tries its commit rather than find its time-out run out.
    "TICKLINE_BUS__TIMEOUT_S": "10",
    "TICKLINE_BUS__BOUND": "16",
    "TICKLINE_BUS__READ_COUNT": "4",
    "TICKLINE_BUS__COMMIT_ENTRIES": "8",
}
TRACES = ("commit refused", "partition given up", "bus lost")
Say = Callable[[str], None]


def stop_beyond_lease(
    replicas: Replicas, line: Line, watch: Watch, rng: random.Random, ticks: int
) -> tuple[int, Counter[str]]:
    """SIGSTOP the replica at work until the other has all and has gone on, then SIGCONT.

    Returns how many partitions changed hands, and what the stopped one logged when it went on.
    """
    names = list(replicas.ids)
    before = replicas.settle(*names)
    stopped = max(names, key=lambda name: len(replicas.owned(name, before)))
    other = next(name for name in names if name != stopped)
    busy = watch.wait("work", lambda s: s.commits(replicas.service) > before.commits(replicas.service) + 2)
    assert not busy.finished(ticks), "the run was over before the last stop"
    time.sleep(rng.uniform(0, 0.1))
    logged = len(line.log(stopped))
    line.send(stopped, signal.SIGSTOP)
    at_stop = watch.status()
    places = replicas.owned(stopped, at_stop)

    def taken_over(now: Status) -> bool:
        return set(places) <= set(replicas.owned(other, now))

    taken = watch.wait(f"{other} takes over from the stopped {stopped}", taken_over)
    assert all(taken.epoch(place) > at_stop.epoch(place) for place in places)
    time.sleep(rng.uniform(0, 0.5))
    line.send(stopped, signal.SIGCONT)

    def traces() -> Counter[str]:
        news = [json.loads(row) for row in line.log(stopped)[logged:].splitlines() if row.startswith("{")]
        return Counter(f"{x['event']} {x.get('outcome', '')}".strip() for x in news if x["event"] in TRACES)

    watch.wait(f"{stopped} notices", lambda s: bool(traces()), within_s=300)
    return len(places), traces()


@pytest.mark.timeout(1200)
def test_stopped_beyond_its_lease(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    server = Server(folder)
    server.start()
    seen: Counter[str] = Counter()
    try:
        with (
            server.client() as client,
            Proxy(server.port) as proxy,
            Line(folder, proxy.url, replay.environment | SLOW) as line,
        ):
            proxy.delay_s = DELAY_S
            watch = Watch(client, NAMESPACE, line.tend)
            replicas = {service: Replicas(service, line, watch) for service in SERVICES}
            for service in reversed(SERVICES):  # the ingestor last: the work begins when all are there
                replicas[service].start(service)
                replicas[service].start(f"{service}-2")
            for _ in range(1 if short else 3):
                for service in rng.sample(SERVICES, len(SERVICES)):
                    places, traces = stop_beyond_lease(replicas[service], line, watch, rng, replay.ticks)
                    say(f"{service}: {places} partitions changed hands; when it went on: {dict(traces)}")
                    seen += traces
            proxy.delay_s = 0.0
            watch.wait("the run ends", lambda s: s.finished(replay.ticks), within_s=600)
            line.stop()
            found = content(server.url, NAMESPACE)
    finally:
        server.stop()
    assert not line.unexpected, line.unexpected
    assert differences(replay.expected, found) == []
    assert short or seen["commit refused FENCED"] > 0, f"no commit was refused: {seen}"
