"""A network that loses replies, delivers requests late, or goes silent."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.config.settings import BusSettings
from shared.runner.plan import Limits
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


@pytest.mark.timeout(300)
def test_half_open_sockets(folder: Path, short: bool, say: Say) -> None:
    settings, limits = BusSettings(), Limits()
    # A waiting read may be under way for a whole round before its time-out runs.
    bound_s = settings.timeout_s + limits.round_s + limits.backoff_s + LOAD_S
    figures: dict[str, list[float]] = {service: [] for service in SERVICES}
    with ExitStack() as stack:
        server, client = stack.enter_context(server_in(folder))
        proxies = {service: stack.enter_context(Proxy(server.port)) for service in SERVICES}
        line = stack.enter_context(Line(folder, {name: p.url for name, p in proxies.items()}, ENVIRONMENT))
        line.start()
        watch = Watch(client, SIMULATED, line.tend)
        for _ in range(1 if short else 5):
            for service in SERVICES:
                start = watch.status()
                watch.wait("all work", lambda s, at=start: all(s.commits(x) > at.commits(x) + 5 for x in SERVICES))
                assert proxies[service].freeze() >= 2
                began = time.monotonic()
                time.sleep(0.05)  # what was on its way has arrived
                frozen = watch.status().commits(service)
                back = watch.wait(f"{service} recovers", lambda s, n=frozen, x=service: s.commits(x) > n, every_s=0.003)
                figures[service].append(back.at_s - began)
        line.stop()
    for service, times in figures.items():
        say(f"{service}: first commit {', '.join(f'{t:.2f}' for t in times)} s after its sockets went half-open")
    assert not line.unexpected, line.unexpected
    assert max(max(times) for times in figures.values()) <= bound_s
