"""A run's end, when the bus is away."""

import asyncio
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from services.console import run as module
from services.console.fake_run import fake_settings
from services.console.options import RunOptions
from services.console.run import _Run
from services.console.watch import View
from shared.bus.embedded import EmbeddedBus
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, SafetyRefusal
from shared.runner.progress import Progress
from shared.runner.service import make_bus
from tests.servers import free_port
from tests.unit.console.test_watch import TICKS, ran


def settings(url: str, folder: Path) -> Settings:
    return load_settings(bus={"url": url, "start_timeout_s": 0.3}, state_dir=folder)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with EmbeddedBus(tmp_path / "bus") as bus:
        yield bus


async def test_a_bus_that_dies_while_a_run_sums_up_is_started_again(bus: EmbeddedBus, tmp_path: Path) -> None:
    said: list[str] = []
    run = _Run(settings(bus.url, tmp_path), [bus], None, lambda *_: None, said.append, "tickline")
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
    run = _Run(away, [], None, lambda *_: None, lambda line: None, "tickline")
    with pytest.raises(BusUnreachable) as failed:
        await run._once_the_bus_answers(lambda: run._summary(run._collector(), finished=True), module.NO_SUMMARY)
    assert failed.value.exit_code == 4
    assert "\n" not in str(failed.value)
    assert "it stayed away for 0.3 s, so there is no summary" in str(failed.value)


async def test_a_bus_that_evicts_is_refused_before_anything_is_started(bus: EmbeddedBus, tmp_path: Path) -> None:
    with redis.Redis.from_url(bus.url) as asked:
        asked.config_set("maxmemory", "256mb")
        asked.config_set("maxmemory-policy", "volatile-lru")
    run = _Run(settings(bus.url, tmp_path / "state"), [bus], None, lambda *_: None, lambda line: None, "tickline")
    with pytest.raises(SafetyRefusal, match="maxmemory-policy volatile-lru"):
        await run.run()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("limit", "left"), [(30, "so 10 more come"), (20, "so no more come"), (7, "so no more come")])
async def test_a_limit_on_an_older_bus_says_so(bus: EmbeddedBus, tmp_path: Path, limit: int, left: str) -> None:
    own = settings(bus.url, tmp_path)
    own = own.model_copy(update={"ingestor": own.ingestor.model_copy(update={"limit": limit})})
    run = _Run(own, [bus], None, lambda *_: None, lambda line: None, "tickline")
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
    run = _Run(own, [], None, lambda *_: None, lines.append, "A=b tickline")
    run._say_open()
    assert lines == []  # nothing was seen yet
    run._seen = Seen({}, Progress({}, {}), {}, Decimal(0))
    run._keeps_dying("signal ended with code 1")
    assert lines[0] == "signal ended with code 1"
    assert [line.partition("trading: ")[2] for line in lines[1:]] == said
    own.state_dir.rename(tmp_path.with_name(f"{tmp_path.name}.away"))
    run._say_open()
    assert [line.partition("0.5: ")[2] for line in lines[1 + len(said) :]] == [
        f"put {own.state_dir} back, then `A=b tickline halt --flatten` closes them"
    ] * real  # its config lies there, and its journal


async def test_a_bus_that_dies_before_anything_is_started_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def there(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(module, "check_bus", there)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    run = _Run(settings("redis://127.0.0.1:1/0", tmp_path), [], None, lambda *_: None, lambda line: None, "tickline")
    with pytest.raises(BusUnreachable, match="so nothing was started"):
        await run.run()


class Seen(View):
    @property
    def positions(self) -> dict[str, Decimal]:
        return {"BTCUSDT": Decimal("0.50")}


class Stubborn:
    """A server that cannot be started again."""

    def alive(self) -> bool:
        return False

    def start(self) -> None:
        raise BusUnreachable("the bus folder x cannot be used: No space left on device")


async def test_with_positions_a_server_that_does_not_start_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    run = _Run(
        settings("redis://127.0.0.1:1/0", tmp_path), [Stubborn()], None, lambda *_: None, said.append, "tickline"
    )
    run._revive(last=False)
    run._revive(last=False)
    assert said == ["the bus folder x cannot be used: No space left on device; it is tried again"]
    with pytest.raises(BusUnreachable, match="No space left"):
        run._revive(last=True)
