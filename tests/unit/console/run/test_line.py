"""A run's end, when the bus is away."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from services.console.run import line as module
from services.console.run import troubles
from services.console.run.display import Shown
from services.console.run.line import _Run
from services.console.run.status import LiveStatus, View
from services.console.run.try_out import fake_settings
from services.console.settings import RunOptions, settings_for
from shared.bus.embedded import EmbeddedBus
from shared.bus.entry import Entry
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, SafetyRefusal, UserCodeFailed
from shared.features.log_return_lags import LogReturnLags
from shared.features.registry import FEATURES
from shared.messages import Stream
from shared.record import WIRE
from shared.runner.health import alive_file
from shared.runner.progress import Progress
from shared.runner.service import make_bus
from shared.strategies.identity import Identity
from shared.wall_time import UTC_TIME
from tests.servers import free_port
from tests.unit.console.run.test_status import TICKS, ran
from tests.unit.recording.test_checkpoint import mine, recording
from tests.until import until


def shown(say: Callable[[str], None]) -> Shown:
    """Where a run's lines go; there is no screen."""
    return Shown(lambda *_: None, say, UTC_TIME)


def settings(url: str, folder: Path) -> Settings:
    return load_settings(bus={"url": url, "start_timeout_s": 0.3}, state_dir=folder)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with EmbeddedBus(tmp_path / "bus") as bus:
        yield bus


async def test_the_source_does_not_wait_for_a_reader_that_was_refused(tmp_path: Path) -> None:
    run = _Run(settings("redis://127.0.0.1:1", tmp_path), [], None, shown(print), "tickline")
    for name in run._readers:
        if name != "recorder":
            alive_file(tmp_path, name).touch()
            os.utime(alive_file(tmp_path, name), ns=(run._began_ns + 1,) * 2)
    assert not run._at_work(run._readers)
    run._supervisor._given_up.add("recorder")
    assert run._at_work(run._readers)


async def test_a_bus_that_dies_while_a_run_sums_up_is_started_again(bus: EmbeddedBus, tmp_path: Path) -> None:
    said: list[str] = []
    run = _Run(settings(bus.url, tmp_path), [bus], None, shown(said.append), "tickline")
    collector = run._collector()
    collecting = asyncio.create_task(collector.run())
    assert bus._process is not None
    os.kill(bus._process.pid, signal.SIGKILL)
    bus._process.wait()
    await run._once_the_bus_answers(lambda: collector.finish(collecting), "x")
    summary = await run._once_the_bus_answers(lambda: run._summary(collector, finished=True), module.NO_SUMMARY)
    assert summary.restarts == 1
    assert summary.as_json()["finished"] is True


async def test_a_bus_that_stays_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    away = settings(f"redis://127.0.0.1:{free_port()}/0", tmp_path)
    run = _Run(away, [], None, shown(lambda line: None), "tickline")
    with pytest.raises(BusUnreachable) as failed:
        await run._once_the_bus_answers(lambda: run._summary(run._collector(), finished=True), module.NO_SUMMARY)
    assert failed.value.exit_code == 4
    assert "\n" not in str(failed.value)
    assert "it stayed away for 0.3 s, so there is no summary" in str(failed.value)


async def test_a_bus_that_evicts_is_refused_before_anything_is_started(bus: EmbeddedBus, tmp_path: Path) -> None:
    with redis.Redis.from_url(bus.url) as asked:
        asked.config_set("maxmemory", "256mb")
        asked.config_set("maxmemory-policy", "volatile-lru")
    run = _Run(settings(bus.url, tmp_path / "state"), [bus], None, shown(lambda line: None), "tickline")
    with pytest.raises(SafetyRefusal, match="maxmemory-policy volatile-lru"):
        await run.run()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("limit", "left"), [(30, "so 10 more come"), (20, "so no more come"), (7, "so no more come")])
async def test_a_limit_on_an_older_bus_says_so(bus: EmbeddedBus, tmp_path: Path, limit: int, left: str) -> None:
    own = settings(bus.url, tmp_path)
    own = own.model_copy(update={"ingestor": own.ingestor.model_copy(update={"limit": limit})})
    run = _Run(own, [bus], None, shown(lambda line: None), "tickline")
    assert await run._limited() == []  # the bus is new
    await ran(make_bus(own), ["SIM-A"])
    (line,) = await run._limited()
    await run._watcher.close()
    assert line.startswith(
        f"--limit {limit}: this bus holds up to {TICKS} ticks a symbol of earlier runs, which count: {left}"
    )


@pytest.mark.parametrize(
    ("real", "said"), [(True, ["BTCUSDT 0.5: `A=b tickline halt --flatten` closes them"]), (False, [])]
)
async def test_what_stays_open_is_said_when_nobody_trades_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: bool, said: list[str]
) -> None:
    """At Ctrl-C, and when a service keeps dying; on paper there is nothing to close."""
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    own = fake_settings(RunOptions()) if real else settings("", tmp_path)
    own = own.model_copy(update={"bus": own.bus.model_copy(update={"url": "redis://127.0.0.1:1/0"})})
    own.state_dir.mkdir(exist_ok=True)
    run = _Run(own, [], None, shown(lines.append), "A=b tickline")
    run._say_open()
    assert lines == []  # nothing was seen yet
    run._seen = Seen({}, Progress({}, {}), {}, Decimal(0))
    keeps_dying = run._supervisor._lasting
    assert (keeps_dying is not None) == real  # on paper such a service ends the run
    if keeps_dying is not None:
        keeps_dying("signal ended with code 1")
        assert lines.pop(0) == "signal ended with code 1"
    else:
        run._say_open()
    assert [line.partition("trading: ")[2] for line in lines] == said
    own.state_dir.rename(tmp_path.with_name(f"{tmp_path.name}.away"))
    run._say_open()
    assert [line.partition("0.5: ")[2] for line in lines[len(said) :]] == [
        f"put {own.state_dir} back, then `A=b tickline halt --flatten` closes them"
    ] * real  # its config lies there, and its journal


async def test_a_bus_that_dies_before_anything_is_started_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def there(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(module, "check_bus", there)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    run = _Run(settings("redis://127.0.0.1:1/0", tmp_path), [], None, shown(lambda line: None), "tickline")
    with pytest.raises(BusUnreachable, match="so nothing was started"):
        await run.run()


class Seen(View):
    @property
    def positions(self) -> dict[str, Decimal]:
        return {"BTCUSDT": Decimal("0.50")}


class Unbuilt(LogReturnLags):
    """An author's feature that cannot even be made."""

    def __init__(self, lags: int) -> None:
        raise KeyError("lags")


async def test_code_that_fails_before_anything_is_started_is_its_authors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEATURES, "log_return_lags", Unbuilt)
    own = load_settings(symbols=("SIM-A", "SIM-B"), bus={"folder": tmp_path / "bus"}, state_dir=tmp_path / "state")
    with pytest.raises(UserCodeFailed, match=r"^SIM-A, SIM-B: KeyError: 'lags' \(.*test_line.py:\d+, in __init__\)$"):
        await module.run_line(own, shown(lambda line: None))
    assert not (tmp_path / "bus").exists()
    assert not (tmp_path / "state").exists()


class Idle:
    """A supervisor of nothing. at_stop: what befalls while it stops its services."""

    restarted = 0

    def __init__(self, at_stop: Callable[[], None] = lambda: None) -> None:
        self._at_stop = at_stop

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self._at_stop()


def killed(bus: EmbeddedBus) -> None:
    assert bus._process is not None
    bus._process.kill()
    bus._process.wait()


@pytest.mark.parametrize("when", ["stopping", "collecting"])
async def test_a_run_whose_bus_dies_at_its_end_sums_up(
    bus: EmbeddedBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    own = load_settings(bus={"url": bus.url}, state_dir=tmp_path)
    run = _Run(own, [bus], None, shown(lambda line: None), "tickline")
    monkeypatch.setattr(run, "_supervisor", Idle(lambda: killed(bus) if when == "stopping" else None))
    collector = run._collector()
    finish = collector.finish

    async def finish_late(collecting: "asyncio.Task[None]") -> None:
        await finish(collecting)
        if when == "collecting":
            killed(bus)

    monkeypatch.setattr(collector, "finish", finish_late)
    monkeypatch.setattr(run, "_collector", lambda: collector)
    run._stop.set()
    summary = await run.run()
    assert (summary.restarts, summary.finished) == (1, False)


async def test_a_run_that_is_ended_says_what_is_open(
    bus: EmbeddedBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and in its summary."""
    said: list[str] = []
    run = _Run(settings(bus.url, tmp_path), [bus], None, shown(said.append), "A=b tickline")
    monkeypatch.setattr(run, "_real", True)
    monkeypatch.setattr(run, "_supervisor", Idle(lambda: said.append("stopping")))

    async def look() -> View:
        return Seen({}, Progress(dict.fromkeys(Stream, 0), {}), {}, Decimal(0))

    monkeypatch.setattr(run._watcher, "look", look)
    run._stop.set()
    summary = await run.run()
    line = "open at the exchange, with nobody trading: BTCUSDT 0.5: `A=b tickline halt --flatten` closes them"
    assert said == [line, "stopping"]
    assert summary.lines()[-1] == line


async def test_what_befalls_a_run_is_said_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    monkeypatch.setattr(troubles, "NEXT_S", (0.02, 600.0))
    said: list[str] = []

    async def heard(what: str) -> str:
        await until(lambda: any(what in line for line in said), within_s=10)
        return next(line for line in said if what in line)

    with EmbeddedBus(tmp_path / "bus", append_only=False) as bus:
        state = tmp_path / "state"
        (state / "logs").mkdir(parents=True)
        own = load_settings(bus={"url": bus.url}, state_dir=state, ingestor={"limit": 7})
        await ran(make_bus(own), ["SIM-A"])
        run = _Run(own, [], None, shown(said.append), "tickline")
        monkeypatch.setattr(run, "_supervisor", Idle())
        monkeypatch.setattr(run, "_silence", troubles.SilenceLines("the bus does not answer", "the bus is back", 0.0))
        running = asyncio.create_task(run.run())
        await heard("model simulated_linear (")
        assert "writes no log (appendonly no)" in said[0]
        assert "--limit 7: this bus holds up to" in said[2]
        (state / "logs" / "ingestor.log").write_text('{"event": "x", "level": "warning", "why": "no data"}\n')
        assert await heard("no data") == "ingestor: x: no data"
        killed(bus)
        await heard("the bus does not answer, for ")
        bus.start()
        await heard("the bus is back, after ")
        shutil.rmtree(state)
        await heard(f"{state} was removed while it is in use")
        run._stop.set()
        assert (await running).identity == Identity.of(own)


async def test_code_that_fails_in_the_comparison_leaves_the_summary(
    bus: EmbeddedBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*_: object) -> None:
        raise UserCodeFailed("A: ValueError: no (mine.py:3, in decide)")

    monkeypatch.setattr(module, "compare", compare)
    run = _Run(settings(bus.url, tmp_path), [bus], None, shown(lambda line: None), "tickline")
    summary = await run._summary(run._collector(), finished=True)
    assert (summary.code, summary.parity) == ("A: ValueError: no (mine.py:3, in decide)", None)


async def test_orders_of_a_newer_tickline_are_not_compared_and_it_is_said(bus: EmbeddedBus, tmp_path: Path) -> None:
    said: list[str] = []
    run = _Run(settings(bus.url, tmp_path), [bus], None, shown(said.append), "tickline")
    collector = run._collector()
    collector.take(Entry(b"1-0", (b"t", b"OrderIntent/%d" % (WIRE + 1), b"k", b"A", b"n", b"1")))
    assert (await run._summary(collector, finished=True)).parity is None
    assert [line.partition(" (")[0] for line in said] == [
        "the orders are not compared with the backtest: a OrderIntent was written by a newer Tickline"
    ]


async def test_a_replay_says_in_what_it_differs_from_its_recording(
    bus: EmbeddedBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = recording(load_settings(symbols=("BTCUSDT",), interval="12h"))
    mine()
    own = settings_for(RunOptions(data=[path], model="mine", strategy="threshold", param=["threshold=0.1"]))
    own = own.model_copy(update={"bus": own.bus.model_copy(update={"url": bus.url}), "state_dir": tmp_path / "state"})
    run = _Run(own, [bus], None, shown(lambda line: None), "tickline")
    await run._look_first()
    await run._watcher.close()
    identity, model, strategy = run._first
    assert identity.startswith("model mine (")
    assert "was made with model btcusdt_12h_linear (" in model
    assert "was made with another strategy: " in strategy


async def test_a_status_is_read_beside_a_run_and_stays_when_the_bus_is_lost(bus: EmbeddedBus, tmp_path: Path) -> None:
    own = settings(bus.url, tmp_path)
    live = LiveStatus(make_bus(own), own, UTC_TIME, "tickline")
    reading = asyncio.create_task(live.run())
    await until(lambda: live.seen is not None)
    first = live.seen
    assert first is not None
    assert list(first.symbols) == list(own.symbols)
    killed(bus)
    await until(lambda: live.seen is not None and any("cannot be read" in note for note in live.seen.notes))
    assert live.seen is not None
    assert live.seen.symbols == first.symbols
    assert await live.last() is None
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
