"""kill -9 of the live ingestor at random moments, on a venue where all goes wrong: no bar is wrong without a word."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator import dialects
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.websocket.faults import Trouble
from shared.messages import Stream
from tests.chaos import simulator
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.chaos.simulated import NAMESPACE, server_in
from tests.chaos.simulator import S_MS
from tests.chaos.usage import Usage
from tests.chaos.verdict import S_NS, Verdict, told
from tests.chaos.watch import Watch

MS_NS = 1_000_000
TRADES = 1_000_000
FULL_S, SHORT_S = 405.0, 30.0
BOTH = 0.2  # of the kills, how many take both replicas


def kill_at_random(line: Line, rng: random.Random, kills: int, for_s: float, usage: Usage) -> int:
    """Kills over this time, from the middle on of either of two replicas or of both; how many processes."""
    names, killed = ["ingestor"], 0
    moments, began = sorted(rng.uniform(0, for_s) for _ in range(kills)), time.monotonic()
    for number, moment_s in enumerate(moments):
        if number == kills // 2:
            names.append("ingestor-2")
            line.start(names[-1])
        time.sleep(max(began + moment_s - time.monotonic(), 0.0))  # whatever it does then
        usage.look(line)
        for name in names if rng.random() < BOTH else [rng.choice(names)]:
            line.kill(name)
            killed += 1
        line.tend()
    time.sleep(max(began + for_s - time.monotonic(), 0.0))
    return killed


@pytest.mark.timeout(1800)
def test_bars_are_those_of_a_perfect_feed_or_marked(
    folder: Path, short: bool, rng: random.Random, say: Callable[[str], None]
) -> None:
    markets, kills, for_s = (4, 5, SHORT_S) if short else (20, 50, FULL_S)
    start_ms = time.time_ns() // MS_NS
    listings = dialects.markets("binance", markets)
    histories = {x.id: simulator.history(x, start_ms) for x in listings}
    usage, began = Usage(), time.monotonic()
    say(f"the history's start_ms={start_ms}")

    with server_in(folder) as (server, client), simulator.venue(markets, start_ms) as url:
        watch = Watch(client, NAMESPACE)
        with Line(folder, server.url, simulator.environment(url, listings)) as line:
            line.start("ingestor")
            watch.wait("the first bars", lambda now: now.out(Stream.TICKS) >= 6 * markets)
            simulator.storm(url, rng.randrange(1_000_000))
            killed = kill_at_random(line, rng, kills, for_s, usage)
            struck = simulator.calm(url)
            until_told(server, list(histories), time.time_ns() + 3 * S_NS)
            usage.look(line)
        verdicts = {sym: judged(server, sym, history) for sym, history in histories.items()}
        counts = sum((verdict.counts for verdict in verdicts.values()), Counter[str]())
        faults = [fault for verdict in verdicts.values() for fault in verdict.faults]
        trades = sum(taken_in(history, verdicts[sym]) for sym, history in histories.items())
        took_s = time.monotonic() - began
        say(f"{killed} kills, {markets} symbols, {trades} trades, {took_s:.0f} s; {dict(counts)}; troubles {struck}")
        lags = statistics.quantiles((lag for x in verdicts.values() for lag in x.lags_s), n=100)
        say(
            f"written after a bar's end: median {lags[49]:.2f} s, 90 % within {lags[89]:.2f} s, 99 % {lags[98]:.2f} s; "
            f"{100 * usage.cpu_s / took_s:.0f} % of a core, at most {usage.peak_mb:.0f} MB"
        )
        assert not faults, faults[:10]
        assert counts["right"] >= 0.9 * (counts["right"] + counts["marked"] + counts["missing"])
        assert not line.unexpected
        assert not any("Unclosed" in line.log(name) for name in ("ingestor", "ingestor-2"))
        assert killed >= kills
        if not short:
            assert trades >= TRADES
            assert all(struck.get(trouble) for trouble in Trouble), struck


def judged(server: Server, sym: str, history: TradeHistory) -> Verdict:
    """What was written of a symbol against its history."""
    now_ms = time.time_ns() // MS_NS

    def close(end_ns: int) -> Decimal:
        return history.bar(end_ns // MS_NS - S_MS, S_MS, now_ms)[0].close

    return Verdict(sym, told(server, sym), close)


def taken_in(history: TradeHistory, verdict: Verdict) -> int:
    """How many trades there were in its bars, from the first to the last."""
    first_ms, last_ms = verdict.first_ns // MS_NS - S_MS, verdict.last_ns // MS_NS
    return history.before(last_ms, last_ms) - history.before(first_ms, last_ms)


def until_told(server: Server, symbols: list[str], end_ns: int, within_s: float = 300.0) -> None:
    """Wait until each symbol has a tick from after `end_ns`."""
    until_s = time.monotonic() + within_s
    while any(told(server, sym)[-1].message.ts_event < end_ns for sym in symbols):
        assert time.monotonic() < until_s, f"not all of {symbols} went on"
        time.sleep(0.2)
