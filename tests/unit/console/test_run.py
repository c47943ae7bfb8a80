"""A run's end, when the bus is away."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console import run as module
from services.console.run import _Run
from shared.bus.embedded import EmbeddedBus
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable
from tests.servers import free_port


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
    await run._once_the_bus_answers(lambda: collector.finish(collecting))
    summary = await run._once_the_bus_answers(lambda: run._summary(collector, finished=True))
    assert summary.restarts == 1
    assert summary.as_json()["finished"] is True


async def test_a_bus_that_stays_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    away = settings(f"redis://127.0.0.1:{free_port()}/0", tmp_path)
    run = _Run(away, [], None, lambda *_: None, lambda line: None, "tickline")
    with pytest.raises(BusUnreachable) as failed:
        await run._once_the_bus_answers(lambda: run._summary(run._collector(), finished=True))
    assert failed.value.exit_code == 4
    assert "\n" not in str(failed.value)
    assert "it stayed away for 0.3 s, so there is no summary" in str(failed.value)


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
