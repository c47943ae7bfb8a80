"""`trace` of random executions and `why` of random bars, of lines that were killed and trimmed: complete."""

import asyncio
import json
import random
import shutil
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.console.trace import recomputed
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.lookup.chains import Chains
from shared.messages import MarketTick, Stream
from shared.messages.reasons import OrderPhase
from shared.models.card import Card
from shared.models.choose import card_at
from shared.wall_time import UTC_TIME
from tests.chains import Picked, asked_why, traced
from tests.chaos.line import ROOT, Line
from tests.chaos.pace import Pace
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, RUN_ID, write_bars
from tests.chaos.server import Server, kill_and_restart
from tests.chaos.test_recorder import RECORDER, recorded_upto
from tests.chaos.watch import PARTITIONS, SERVICES, WRITERS, Timeout, Watch
from tests.e2e.account import at_terminal
from tests.e2e.command import Tickline
from tests.e2e.test_fake_venue import ARM, RUN, in_state, wait_for

Say = Callable[[str], None]
MINUTE_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9
CHAINS = 200
BEHIND = 600  # ticks, of six symbols, that the recorder may be behind the line when the next turn begins


def one_minute_model(folder: Path) -> Path:
    """The shipped model of the simulated market, for bars of a minute."""
    card = card_at(ROOT / "weights" / "simulated_linear.json")
    made: Card = card.model_copy(update={"name": "minutes", "interval": "1m", "training": None})
    folder.mkdir()
    (folder / "minutes.json").write_text(made.model_dump_json(exclude_none=True))
    shutil.copy(ROOT / "weights" / "simulated_linear.pth", folder / "minutes.pth")
    return folder


class Trims:
    """Counts how often the bus has dropped the oldest entries of each stream."""

    def __init__(self, client: Any, watch: Watch) -> None:
        self._client, self._names = client, watch.names
        self._oldest: dict[tuple[Stream, int], bytes] = {}
        self.times = dict.fromkeys(WRITERS, 0)

    def look(self) -> None:
        for stream, instance in WRITERS.items():
            for p in range(PARTITIONS):
                first = self._client.xrange(self._names.stream(stream, PartitionId(instance, p)), count=1)
                oldest = first[0][0] if first else b""
                before = self._oldest.get((stream, p), oldest)
                self.times[stream] += bool(before) and oldest != before
                self._oldest[stream, p] = oldest


@pytest.mark.timeout(3600)
async def test_of_a_replay_that_was_killed_and_trimmed_every_chain_is_complete(
    folder: Path, rng: random.Random, short: bool, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, kills = (1_500, 8) if short else (4_000, 60)
    files = {f"SYM-{i}": write_bars(folder / f"SYM-{i}.csv", i, rows, step_s=60) for i in range(6)}
    server, ticks, recording = Server(folder), rows * len(files), folder / "recording"
    environment = LINE_SLOWED | {
        "TICKLINE_RUN_ID": RUN_ID,
        "TICKLINE_INTERVAL": "1m",
        "TICKLINE_SYMBOLS": json.dumps(sorted(files)),
        "TICKLINE_INGESTOR__SOURCE": "replay",
        "TICKLINE_INGESTOR__FILES": json.dumps({sym: str(path) for sym, path in files.items()}),
        "TICKLINE_STRATEGY__NAME": "threshold",
        "TICKLINE_STRATEGY__PARAMS": '{"threshold": 0.0005}',
        "TICKLINE_SIGNAL__MODEL": "minutes",
        "TICKLINE_SIGNAL__WEIGHTS": str(one_minute_model(folder / "models")),
        "TICKLINE_BUS__MARKET_MAXLEN": "1000",
        "TICKLINE_BUS__TRIM_AGE_S": "1",
        "TICKLINE_RECORDER__MAX_ROWS": "97",
        "TICKLINE_RECORDER__MAX_AGE_S": "0.3",
        "TICKLINE_RECORDER__FOLDER": str(recording),
    }
    began = time.monotonic()
    server.start()
    try:
        with (
            server.client() as client,
            Line(folder, dict.fromkeys((*SERVICES, RECORDER), server.url), environment) as line,
        ):
            line.start(RECORDER)
            await asyncio.to_thread(_until, line, lambda: '"event": "recording"' in line.log(RECORDER), "it records")
            line.start(*SERVICES)
            watch = Watch(client, NAMESPACE, line.tend)
            pace, trims = Pace(line, client, ticks, kills), Trims(client, watch)
            for _ in range(kills):
                part = rng.uniform(0.3, 1.0)
                at_work = Watch(client, NAMESPACE, pace.tend)
                at_work.wait("the turn goes on", lambda s, part=part: s.out(Stream.TICKS) >= pace.mark(part), 300)
                trims.look()
                victim = rng.choice((RECORDER, "bus", *SERVICES))
                if victim == "bus":
                    kill_and_restart(server, watch)
                else:
                    line.kill(victim)
                    line.tend()
                # No stream is cut before it is recorded: what nobody has any more, nobody can tell.
                at_work.wait(
                    "the recorder follows",
                    lambda s: recorded_upto(recording, Stream.TICKS) >= s.out(Stream.TICKS) - BEHIND,
                    every_s=0.2,
                )
                pace.turn()
            pace.lift()
            watch.wait("the run ends", lambda s: s.finished(ticks), within_s=600)
            status = watch.status()
            for stream in WRITERS:
                written = status.out(stream)
                wanted = lambda: recorded_upto(recording, stream) >= written  # noqa: B023, E731
                await asyncio.to_thread(_until, line, wanted, f"all {stream} are recorded")
            trims.look()
            line.stop()
            assert not line.unexpected, line.unexpected
            for name, value in (environment | {"TICKLINE_BUS__URL": server.url}).items():
                monkeypatch.setenv(name, value)
            settings = load_settings()
            bars = _bars(files, rows)
            assert all(max(each) - min(each) >= DAY_NS for each in bars.values())
            assert all(times >= 2 for times in trims.times.values()), trims.times
            picked = await traced(settings, rng, CHAINS), await asked_why(settings, rng, bars, CHAINS)
            await _same_again(settings, rng, bars)
    finally:
        server.stop()
    _show(say, picked, f"{kills} kills, trimmed {trims.times}, {time.monotonic() - began:.0f} s")
    for each in picked:
        assert each.wrong == []
        assert each.origins["recording"] > 0, "the bus had all of it: the test shows nothing"
    assert picked[1].reasons.keys() >= {"orders", "BELOW_THRESHOLD"}


async def _same_again(settings: Settings, rng: random.Random, bars: dict[str, dict[int, Decimal]]) -> None:
    """y_hat of some chains, computed again."""
    async with Chains.open(settings, UTC_TIME) as chains:
        for _ in range(10):
            sym = rng.choice(sorted(bars))
            decision = await chains.decision_at(sym, rng.choice(sorted(bars[sym])[4:]))
            assert decision is not None
            told = await chains.told(decision.tr)
            again = recomputed(settings, told.chain, await chains.features_before(told.chain))
            assert again.bits, again.line


def _bars(files: dict[str, Path], rows: int) -> dict[str, dict[int, Decimal]]:
    """A bar's time in the file is its start."""
    made: dict[str, dict[int, Decimal]] = {}
    for sym, path in files.items():
        lines = path.read_text().split()[1:]
        start_ns = 1_717_200_000 * 10**9
        made[sym] = {start_ns + (i + 1) * MINUTE_NS: Decimal(line.split(",")[1]) for i, line in enumerate(lines[:rows])}
    return made


def _until(line: Line, holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 300
    while not holds():
        line.tend()
        if time.monotonic() > end:
            raise Timeout(what)
        time.sleep(0.05)


def _show(say: Say, picked: tuple[Picked, Picked], how: str) -> None:
    trace, why = picked
    say(f"{how}; trace of {trace.chains} executions: {len(trace.wrong)} wrong, from {dict(trace.origins)}")
    say(f"why of {why.chains} bars: {len(why.wrong)} wrong, from {dict(why.origins)}, {dict(why.reasons)}")


@pytest.mark.timeout(3600)
async def test_of_a_session_at_the_fake_exchange_every_chain_is_complete(
    folder: Path, rng: random.Random, short: bool, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 minutes of testnet, one service killed now and then; the journal knows what bus and recording may not."""
    minutes = 0.75 if short else 20.0
    tickline = Tickline(folder)
    recording = folder / "recording"
    running = tickline.start(*RUN[:3], *RUN[5:], "--record", str(recording))
    try:
        await asyncio.to_thread(wait_for, lambda: (folder / "fake.toml").exists(), "the run begins")
        environment = tickline.environment() | {"TICKLINE_CONFIG": str(folder / "fake.toml")}
        armed = await asyncio.to_thread(lambda: at_terminal(folder, environment, *ARM, typed="fake"))
        assert armed.code == 0, armed.shown
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            await asyncio.sleep(rng.uniform(5, 15) if short else rng.uniform(20, 60))
            victim = rng.choice(("signal", "strategy", "gateway", "recorder"))
            process = tickline.service(victim)
            process.kill()
            await asyncio.to_thread(process.wait)
            # A recorder that is not back when the run ends has left something out: that is said, with code 1.
            await asyncio.to_thread(tickline.service, victim)
        await asyncio.to_thread(wait_for, lambda: in_state(folder, OrderPhase.FILLED), "orders are filled", 120.0, 0.5)
    finally:
        running.interrupt()
        done = running.done()
    assert done.code == 0, done.err
    for name, value in environment.items():
        if name.startswith("TICKLINE_"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    settings = load_settings()
    bars = await _decided(settings)
    picked = await traced(settings, rng, CHAINS), await asked_why(settings, rng, bars, CHAINS)
    _show(say, picked, f"{minutes:g} min, {done.summary.get('restarts')} restarts")
    for each in picked:
        assert each.wrong == []


async def _decided(settings: Settings) -> dict[str, dict[int, Decimal]]:
    """All ticks that were decided on before the session was ended: there is no file to look them up in."""
    made: dict[str, dict[int, Decimal]] = {}
    async with Chains.open(settings, UTC_TIME) as chains:
        for sym in settings.symbols:
            last = await chains.decision_at(sym, None)
            assert last is not None
            found = await chains.lookup.messages(Stream.TICKS, sym, until_ns=last.ts_event)
            ticks = [one.message for one in found if isinstance(one.message, MarketTick)]
            made[sym] = {tick.ts_event: tick.price for tick in ticks}
    return made
