"""kill -9 of the live ingestor at random moments, on a venue where all goes wrong: no bar is wrong without a word."""

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.fake_exchange.listing import Listing, swaps
from services.fake_exchange.tape import Tape
from shared.bus.names import Names, Place, partition_of
from shared.messages import Gap, GapCause, MarketTick, Message, Stream, decode
from tests.chaos.line import ROOT, Line
from tests.chaos.server import Server
from tests.chaos.simulated import NAMESPACE, server_in
from tests.chaos.watch import PARTITIONS, Watch
from tests.servers import free_port

S_MS, S_NS, MS_NS = 1_000, 1_000_000_000, 1_000_000
RATE = 125.0
PAST_S = 60
CHANCES = {
    "duplicate": 0.005, "reorder": 0.005, "gap": 0.005, "late": 0.003, "wrong_type": 0.003, "disconnect": 0.0005,
    "silence": 0.0003, "huge": 0.00005, "clock_jump": 0.00005,
}  # fmt: skip
WEATHER = {"chances": CHANCES, "late_ms": 1_500, "jump_for_ms": 500, "huge_bytes": 1_000_000}


@contextmanager
def venue(markets: int, start_ms: int, rate: float = RATE, cash: int = 10_000) -> Iterator[str]:
    """A fake in a process of its own; its URL."""
    port = free_port()
    arguments = {
        "port": port, "markets": markets, "trades-per-s": rate, "past-s": PAST_S, "start-ms": start_ms, "cash": cash,
    }  # fmt: skip
    command = [sys.executable, "-m", "services.fake_exchange"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "fake binance at" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def post(url: str, content: object) -> Any:
    """Throw a switch of the fake."""
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def environment(url: str, listings: tuple[Listing, ...]) -> dict[str, str]:
    """The ingestor's config."""
    markets = {listing.id: f"{listing.base}/USDT:USDT" for listing in listings}
    own = {
        "SOURCE": "ccxt", "EXCHANGE": "binance", "MARKETS": json.dumps(markets), "BASE_URL": url, "WARM_BARS": "5",
        "SILENCE_S": "2", "GRACE_S": "0.6",
    }  # fmt: skip
    named = {f"TICKLINE_INGESTOR__{name}": value for name, value in own.items()}
    return {"TICKLINE_SYMBOLS": json.dumps(list(markets)), "TICKLINE_INTERVAL": "1s", **named}


def told(server: Server, sym: str) -> list[Message]:
    """What was written of a symbol."""
    key = Names(NAMESPACE).stream(Stream.TICKS, Place("ingestor", partition_of(sym, PARTITIONS)))
    with server.client(30.0) as client:
        entries = [fields for _, fields in client.xrange(key) if fields[b"k"].decode() == sym]
    return [decode(fields[b"t"].decode(), fields[b"d"]) for fields in entries]


class Verdict:
    """A symbol's messages against its tape. Faults are lines; counts: right, marked and missing bars, gaps by cause."""

    def __init__(self, sym: str, messages: list[Message], close: Callable[[int], Decimal]) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        last_ns, broken, wrong = 0, True, list[int]()
        for number, message in enumerate(messages, 1):
            if message.n != number:
                self.faults.append(f"{sym}: n={message.n} in place {number}")
            if isinstance(message, Gap):
                self.counts[f"gap {message.cause}"] += 1
                broken = True
                if message.cause is GapCause.LATE:
                    wrong.clear()
                continue
            assert isinstance(message, MarketTick)
            end_ns = message.ts_event
            if end_ns <= last_ns:
                self.faults.append(f"{sym}: the bar {end_ns} after {last_ns}")
            elif last_ns and end_ns != last_ns + S_NS:
                self.counts["missing"] += (end_ns - last_ns) // S_NS - 1
                if not broken:
                    self.faults.append(f"{sym}: no bar between {last_ns} and {end_ns}, and no Gap")
            last_ns, broken = end_ns, False
            if message.price == close(end_ns):
                self.counts["right"] += 1
            else:
                self.counts["marked"] += 1
                wrong.append(end_ns)
        self.last_ns = last_ns
        self.counts["marked"] -= len(wrong)
        self.faults += [f"{sym}: the bar {end_ns} has another close, and no Gap follows" for end_ns in wrong]


@pytest.mark.timeout(1800)
def test_bars_are_those_of_a_perfect_feed_or_marked(
    folder: Path, short: bool, rng: random.Random, say: Callable[[str], None]
) -> None:
    markets, kills = (4, 5) if short else (20, 50)
    start_ms = time.time_ns() // MS_NS
    listings = swaps(markets)
    tapes = {x.id: Tape(x, start_ms=start_ms, rate=RATE, past_ms=PAST_S * S_MS) for x in listings}

    with server_in(folder) as (server, client), venue(markets, start_ms) as url:
        watch = Watch(client, NAMESPACE)
        with Line(folder, server.url, environment(url, listings)) as line:
            line.start("ingestor")
            watch.wait("the first bars", lambda now: now.out(Stream.TICKS) >= 6 * markets, within_s=60)
            post(f"{url}/_fake/feed", {**WEATHER, "seed": rng.randrange(1_000_000)})
            for _ in range(kills):
                before = watch.status().out(Stream.TICKS)
                watch.wait("bars", lambda now, before=before: now.out(Stream.TICKS) > before + markets, within_s=60)  # type: ignore[misc]
                time.sleep(rng.uniform(0, 2))
                line.kill("ingestor")
                line.tend()
            post(f"{url}/_fake/feed", {"chances": {}})
            struck = post(f"{url}/_fake/feed", {})["struck"]
            ended_ns = time.time_ns() + 3 * S_NS
            until_told(server, [x.id for x in listings], ended_ns)
        now_ms = time.time_ns() // MS_NS
        counts: Counter[str] = Counter()
        faults: list[str] = []
        for sym, tape in tapes.items():

            def close(end_ns: int, tape: Tape = tape) -> Decimal:
                return tape.bar(end_ns // MS_NS - S_MS, S_MS, now_ms)[0].close

            verdict = Verdict(sym, told(server, sym), close)
            counts.update(verdict.counts)
            faults += verdict.faults
        trades = sum(tape.upto(now_ms) - tape.past for tape in tapes.values())
        say(f"{kills} kills, {markets} symbols, {trades} trades; {dict(counts)}; troubles {struck}")
        assert not faults, faults[:10]
        assert counts["right"] >= 0.9 * (counts["right"] + counts["marked"] + counts["missing"])
        assert not line.unexpected
        assert "Unclosed" not in line.log("ingestor")


def until_told(server: Server, symbols: list[str], end_ns: int, within_s: float = 60.0) -> None:
    """Wait until each symbol has a tick from after `end_ns`."""
    until_s = time.monotonic() + within_s
    while any(told(server, sym)[-1].ts_event < end_ns for sym in symbols):
        assert time.monotonic() < until_s, f"not all of {symbols} went on"
        time.sleep(0.2)
