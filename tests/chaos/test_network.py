"""A network that loses replies, delivers requests late, or goes silent."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.config.settings import BusSettings
from shared.runner.spec import Limits
from tests.chaos.compare import content, differences
from tests.chaos.line import Line
from tests.chaos.proxy import LATE_S, Fate, Proxy
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server
from tests.chaos.simulated import ENVIRONMENT, server_in
from tests.chaos.simulated import NAMESPACE as SIMULATED
from tests.chaos.watch import SERVICES, Watch

TIMEOUT_S = LATE_S / 4  # so that a late request comes after its sender has given up, backed off and started anew
LOAD_S = 0.75  # what a busy machine may add
Say = Callable[[str], None]


@pytest.mark.timeout(900)
def test_swallowed_replies_and_late_requests_double_nothing(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    def fate() -> Fate:
        drawn = rng.random()
        if drawn < 0.01:
            return Fate.CLOSE
        return Fate.SILENCE if drawn < 0.013 else Fate.LATE if drawn < 0.016 else Fate.PASS

    environment = replay.environment | LINE_SLOWED | {"TICKLINE_BUS__TIMEOUT_S": str(TIMEOUT_S)}
    began = time.monotonic()
    server = Server(folder)
    server.start()
    try:
        with server.client() as client, Proxy(server.port, fate) as proxy:
            with Line(folder, proxy.url, environment) as line:
                line.start()
                watch = Watch(client, NAMESPACE, line.tend)
                watch.wait("the run ends", lambda s: s.finished(replay.ticks), within_s=600)
                seconds = time.monotonic() - began
                line.stop()
            found = content(server.url, NAMESPACE)
    finally:
        server.stop()
    for met, times in proxy.met.items():
        answers = {outcome: count for (at, outcome), count in proxy.outcomes.items() if at is met and count}
        say(f"{times} requests with commits: {met.value}{f'; the server answered {answers}' if answers else ''}")
    say(f"{replay.ticks} ticks in {seconds:.0f} s")
    assert not line.unexpected, line.unexpected
    assert differences(replay.expected, found) == []
    least = 5 if short else 50
    assert proxy.outcomes[Fate.CLOSE, "OK"] >= least, "too few swallowed replies"
    assert proxy.outcomes[Fate.SILENCE, "OK"] >= least // 5, "too few swallowed replies"
    assert proxy.outcomes[Fate.LATE, "FENCED"] >= least // 5, "no late request was fenced"


def recovered_s(watch: Watch, service: str, disturb: Callable[[], int]) -> float:
    """All work, then the service's connections are disturbed: seconds until its first commit after that."""
    start = watch.status()
    watch.wait("all work", lambda s: all(s.commits(x) > start.commits(x) + 5 for x in SERVICES))
    assert disturb() >= 2
    began = time.monotonic()
    time.sleep(0.05)  # what was on its way has arrived
    before = watch.status().commits(service)
    return watch.wait(f"{service} recovers", lambda s: s.commits(service) > before, every_s=0.003).at_s - began


@pytest.mark.timeout(300)
def test_half_open_sockets(folder: Path, short: bool, say: Say) -> None:
    """Longer than after closed connections, which are noticed at once, by the time-out of a request and of a wait."""
    # A waiting read may be under way for a whole round before its time-out runs.
    longer_s = BusSettings().timeout_s + Limits().round_s + LOAD_S
    figures: dict[str, list[tuple[float, float]]] = {service: [] for service in SERVICES}
    with ExitStack() as stack:
        server, client = stack.enter_context(server_in(folder))
        proxies = {service: stack.enter_context(Proxy(server.port)) for service in SERVICES}
        line = stack.enter_context(Line(folder, {name: p.url for name, p in proxies.items()}, ENVIRONMENT))
        line.start()
        watch = Watch(client, SIMULATED, line.tend)
        for _ in range(1 if short else 5):
            for service, proxy in proxies.items():
                closed_s = recovered_s(watch, service, proxy.drop)
                figures[service].append((recovered_s(watch, service, proxy.freeze), closed_s))
        line.stop()
    for service, times in figures.items():
        shown = ", ".join(f"{half_open_s:.2f} s ({closed_s:.2f} s)" for half_open_s, closed_s in times)
        say(f"{service}: first commit after its sockets went half-open (were closed): {shown}")
    assert not line.unexpected, line.unexpected
    assert all(half_open_s <= closed_s + longer_s for times in figures.values() for half_open_s, closed_s in times)
