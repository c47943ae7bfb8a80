"""A second replica takes over: within 5 s of kill -9, within 1 s of SIGTERM."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.line import Line
from tests.chaos.replicas import Replicas
from tests.chaos.simulated import ENVIRONMENT, NAMESPACE, WORKING, server_in
from tests.chaos.watch import SERVICES, Status, Watch

WITHIN_S = {signal.SIGKILL: 5.0, signal.SIGTERM: 1.0}
Say = Callable[[str], None]


def takeover_s(
    replicas: Replicas, line: Line, watch: Watch, leaves: str, stays: str, number: signal.Signals
) -> tuple[float, float]:
    """Seconds from the signal until `stays` owned every partition of `leaves`, and had committed in each that works."""
    status = replicas.settle(leaves, stays)
    watch.wait("all work", lambda s: all(s.commits(x) > status.commits(x) + 5 for x in SERVICES))
    if not replicas.owned(leaves, status):
        leaves, stays = stays, leaves  # the gateway's stand-by
    places = replicas.owned(leaves, status)
    successor = replicas.ids[stays]
    seen: dict[object, int] = {}
    committed: set[object] = set()
    owned_at = 0.0
    began = time.monotonic()
    if number is signal.SIGKILL:
        line.kill(leaves)
    else:
        line.send(leaves, number)

    def done(now: Status) -> bool:
        nonlocal owned_at
        for place in places:
            if now.owner(place) == successor and now.seq(place) > seen.setdefault(place, now.seq(place)):
                committed.add(place)
        if len(seen) == len(places) and not owned_at:
            owned_at = now.at_s
        return len(seen) == len(places) and committed >= {place for place in places if place.p in WORKING}

    ended = watch.wait(f"{stays} takes over from {leaves}", done, within_s=20, every_s=0.003)
    code = line.forget(leaves)
    assert code == (0 if number is signal.SIGTERM else -number), (
        f"{leaves} exited with {code}: {line.log(leaves)[-500:]}"
    )
    del replicas.ids[leaves]
    watch.wait("the register is clean", lambda s: len(replicas.registered()) == 1)
    replicas.start(leaves)
    return owned_at - began, ended.at_s - began


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
def test_second_replica_takes_over(service: str, folder: Path, short: bool, say: Say) -> None:
    figures: dict[signal.Signals, list[tuple[float, float]]] = {signal.SIGKILL: [], signal.SIGTERM: []}
    with server_in(folder) as (server, client), Line(folder, server.url, ENVIRONMENT) as line:
        watch = Watch(client, NAMESPACE)
        line.start()
        replicas = Replicas(service, line, watch)
        replicas.learn(service)
        replicas.start(f"{service}-2")
        for number in figures:
            for _ in range(1 if short else 5):
                figures[number].append(takeover_s(replicas, line, watch, service, f"{service}-2", number))
        line.stop()
    for number, times in figures.items():
        owned, committed = (max(column) for column in zip(*times, strict=True))
        say(
            f"{service}: {len(times)} x {number.name}: at most {owned:.2f} s until all were owned, "
            f"{committed:.2f} s until all had committed"
        )
    assert not line.unexpected, line.unexpected
    for number, times in figures.items():
        assert max(committed for _, committed in times) <= WITHIN_S[number], (number.name, times)
