"""A live session in which all goes wrong, recorded; then `tickline parity` computes it again, to the last bit.

A replay of its ticks and gaps gives the same predictions.

The venue's market data and its answers to orders are faulty, and every process of the line is killed at random.
"""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from services.simulator import dialects
from shared.bus.names import PartitionId
from shared.config import load_settings
from shared.messages import Decision, Gap, GapCause, Reason, Stream, decode
from shared.recording.layout import UNFINISHED
from shared.recording.part import read_rows
from shared.strategies.identity import decided_by_config
from tests.chaos.account import arm, as_variables
from tests.chaos.account import given as gateway_given
from tests.chaos.line import Line
from tests.chaos.session import Session
from tests.chaos.simulated import NAMESPACE, server_in
from tests.chaos.simulator import post, venue
from tests.chaos.test_recorder import recorded_upto
from tests.chaos.watch import PARTITIONS, READERS, SERVICES, WRITERS, Status, Watch
from tests.e2e.command import COMMAND

Say = Callable[[str], None]
ALL = ("recorder", *SERVICES)
COMPARED = (Stream.FEATURES, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS)
STALE_S = 1.5
FEED = {
    "duplicate": 0.01, "reorder": 0.01, "gap": 0.06, "late": 0.12, "wrong_type": 0.01, "disconnect": 0.005,
    "silence": 0.01, "huge": 0.0005, "clock_jump": 0.0005,
}  # fmt: skip
ANSWERS = {
    "limit": 0.003, "status_before": 0.015, "status_after": 0.015, "drop_before": 0.015, "drop_after": 0.015,
    "late": 0.01, "slow": 0.05, "html": 0.005, "reject": 0.02, "partial": 0.05, "expire": 0.03, "stale": 0.02,
}  # fmt: skip


class Size(NamedTuple):
    """least: of each thing that the session must have had. outage: whether REST fails until that has made a Gap."""

    markets: int
    kills: int
    least: int
    outage: bool


# Four markets: with more, the questions about holes are more than the venue's weights allow, and nearly all is history.
SHORT, FULL = Size(4, 7, 2, outage=False), Size(4, 60, 20, outage=True)


def environment(folder: Path, url: str, markets: int) -> tuple[dict[str, object], dict[str, str]]:
    """The whole line's settings, as load_settings takes them and as variables: short patience everywhere."""
    listed = {listing.id: f"{listing.base}/USDT:USDT" for listing in dialects.markets("binance", markets)}
    gateway = gateway_given(folder, url)["gateway"]
    assert isinstance(gateway, dict)
    values: dict[str, object] = {
        "symbols": list(listed), "interval": "1s", "state_dir": str(folder / "state"),
        "ingestor": {
            "source": "ccxt", "exchange": "binance", "markets": listed, "base_url": url, "warm_bars": 5,
            "silence_s": 1.0, "grace_s": 0.3, "age_limit_s": 3.0,
        },
        "signal": {"model": "simulated_linear"},
        "strategy": {"order_valid_s": 2.0, "prediction_stale_s": STALE_S, "balance": "10000"},
        "gateway": gateway | {"markets": listed, "request_validity_ms": 1_000},
        "recorder": {"folder": str(folder / "recording"), "max_rows": 200, "max_age_s": 0.5},
    }  # fmt: skip
    return values, as_variables(values)


def answered(status: Status) -> bool:
    """Every order has its report, and the strategy has taken all that was written for it: no prediction waits."""
    taken = all(status.taken(who, stream) == status.out(stream) for who, stream in READERS if who == "strategy")
    return taken and status.out(Stream.EXECUTIONS) == status.out(Stream.ORDERS)


def at_rest(status: Status) -> bool:
    """Everybody has taken all that was written for it, and every order has its report."""
    return answered(status) and all(status.taken(who, stream) == status.out(stream) for who, stream in READERS)


def disturbed(line: Line, watch: Watch, rng: random.Random, victims: list[str]) -> None:
    """kill -9, each time when the line has decided on something since."""
    for victim in victims:
        until_more(watch, Stream.DECISIONS, rng.randint(1, 12))
        time.sleep(rng.uniform(0, 0.5))
        line.kill(victim)
        line.tend()


def causes(watch: Watch) -> Counter[str]:
    """The Gaps among the ticks on the bus, by cause."""
    found: Counter[str] = Counter()
    for p in range(PARTITIONS):
        for _, fields in watch.client.xrange(watch.names.stream(Stream.TICKS, PartitionId("ingestor", p))):
            message = decode(fields[b"t"].decode(), fields[b"d"])
            if isinstance(message, Gap):
                found[message.cause] += 1
    return found


def stale(watch: Watch) -> int:
    """The decisions on the bus that say that their prediction had become too old."""
    found = 0
    for p in range(PARTITIONS):
        for _, fields in watch.client.xrange(watch.names.stream(Stream.DECISIONS, PartitionId("strategy", p))):
            message = decode(fields[b"t"].decode(), fields[b"d"])
            found += isinstance(message, Decision) and message.reason is Reason.STALE_PREDICTION
    return found


def kept_waiting(line: Line, watch: Watch, markets: int) -> None:
    """Predictions become too old: they wait for the answers of a gateway that stands still, and no newer one comes."""
    line.send("gateway", signal.SIGSTOP)
    until_more(watch, Stream.PREDICTIONS, 3 * markets)
    line.send("signal", signal.SIGSTOP)
    old_s = time.monotonic() + STALE_S
    watch.wait("they are too old", lambda _: time.monotonic() > old_s)
    line.send("gateway", signal.SIGCONT)
    watch.wait("all are decided on", answered)
    line.send("signal", signal.SIGCONT)


def without_history(url: str, watch: Watch) -> None:
    """The venue answers nothing about what has been until that has made a Gap."""
    before = causes(watch)[GapCause.UNFILLED]
    for path in ("klines", "aggTrades"):
        post(f"{url}/_fake/fault", {"mode": "STATUS", "path": path, "times": 1_000_000})
    watch.wait("a Gap", lambda _: causes(watch)[GapCause.UNFILLED] > before, within_s=120, every_s=0.5)
    post(f"{url}/_fake/fault", {})


def until_more(watch: Watch, stream: Stream, count: int) -> None:
    """Wait until so many more entries were written to a stream."""
    upto = watch.status().out(stream) + count
    watch.wait(f"more {stream}", lambda now: now.out(stream) >= upto)


def until_recorded(recording: Path, line: Line, written: dict[Stream, int], within_s: float = 300.0) -> None:
    """Wait until all that was written is in files."""
    until_s = time.monotonic() + within_s
    while lacking := [stream for stream, count in written.items() if recorded_upto(recording, stream) < count]:
        line.tend()
        assert time.monotonic() < until_s, f"not recorded: {lacking}; {line.log('recorder')[-1500:]}"
        time.sleep(0.1)


def live_session(folder: Path, rng: random.Random, size: Size, say: Say) -> Path:
    """Make the recording; returns its folder."""
    markets, half = size.markets, size.kills // 2
    victims = [ALL[at % len(ALL)] for at in range(size.kills)]
    rng.shuffle(victims)
    start_ms = time.time_ns() // 1_000_000
    with server_in(folder) as (server, client), venue(markets, start_ms, rate=3.0, cash=10**7) as url:
        values, variables = environment(folder, url, markets)
        settings = load_settings(**values)
        asyncio.run(arm(settings, decided_by_config(settings)))
        with Line(folder, dict.fromkeys(ALL, server.url), variables) as line:
            began = time.monotonic()
            line.start(*ALL)
            watch = Watch(client, NAMESPACE, line.tend)
            watch.wait("the first orders are answered", lambda now: now.out(Stream.EXECUTIONS) >= 2 * markets)
            seed = rng.randrange(1_000_000)
            post(f"{url}/_fake/feed", {"chances": FEED, "late_ms": 2_000, "jump_for_ms": 500, "seed": seed})
            post(f"{url}/_fake/weather", {"chances": ANSWERS, "late_ms": 1_500, "slow_ms": 1_200, "seed": seed})
            disturbed(line, watch, rng, victims[:half])
            if size.outage:
                without_history(url, watch)
            disturbed(line, watch, rng, victims[half:])
            while stale(watch) < size.least:
                kept_waiting(line, watch, markets)
            watch.wait("Gaps", lambda _: causes(watch).total() >= size.least, within_s=120, every_s=0.5)
            post(f"{url}/_fake/weather", {"chances": {}})
            struck = post(f"{url}/_fake/feed", {"chances": {}})["struck"]
            until_more(watch, Stream.TICKS, 2 * markets)
            line.send("ingestor", signal.SIGTERM)
            assert line.forget("ingestor") == 0
            watch.wait("the line comes to rest", at_rest, within_s=120, every_s=0.2)
            written = watch.status()
            until_recorded(folder / "recording", line, {stream: written.out(stream) for stream in WRITERS})
            line.stop()
            assert not line.unexpected, line.unexpected
            for name in ALL:
                assert "symbol stopped" not in line.log(name)
                assert "divergence" not in line.log(name)
        took_s = time.monotonic() - began
        say(f"{took_s:.0f} s, {len(victims)} kills {dict(Counter(victims))}, feed's troubles {struck}")
    return folder / "recording"


def tickline(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command as a person types it, in a folder without a config."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)], cwd=folder, env=clean | {"COLUMNS": "200"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.timeout(1800)
def test_a_faulty_live_session_is_computed_again(folder: Path, rng: random.Random, short: bool, say: Say) -> None:
    size = SHORT if short else FULL
    recording = live_session(folder, rng, size, say)
    assert not list(recording.rglob(f"*{UNFINISHED}"))
    session = Session(recording)
    say(str(session))

    shown = tickline(folder, "parity", recording)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    counts = {stream: session.counts[stream] for stream in COMPARED}
    expected = [f"parity: {count} of {count} {stream} identical" for stream, count in counts.items()]
    fills = f"{session.counts[Stream.EXECUTIONS]} executions are an exchange's"
    expected.append(f"parity: {fills}: taken as recorded, nothing here can compute them again")
    assert [line for line in shown.stdout.splitlines() if line.startswith("parity: ")] == expected
    say("; ".join(expected))

    again = folder / "again"
    replayed = tickline(folder, "run", "--data", recording, "--record", again)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    for stream in (Stream.TICKS, Stream.FEATURES, Stream.PREDICTIONS):
        rows = [
            sorted((row.k, row.n, row.tr, row.d) for row in read_rows(from_, stream, WRITERS[stream]))
            for from_ in (recording, again)
        ]
        assert rows[0] == rows[1]

    counted = {
        "gaps": session.gaps.total(), "history": session.history, "superseded": session.superseded,
        "stale": session.stale, "waited": session.waited, "refused": session.refused,
    }  # fmt: skip
    assert min(counted.values()) >= size.least, counted
