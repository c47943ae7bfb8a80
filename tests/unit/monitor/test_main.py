"""The monitor's worker on a bus in memory: one stage over all partitions, as never stopped whenever it is killed."""

import asyncio
import random
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.monitor import main
from services.monitor.looks import LateSymbols
from services.monitor.main import MonitorWorker
from shared.config import Settings, load_settings
from shared.errors import ConfigError
from shared.messages import Stream
from shared.messages.codec import unpack
from shared.messages.monitor import POOLED
from shared.runner.progress import read_snapshots
from shared.runner.service import make_bus
from tests.unit.monitor.session import SYMBOLS, Line, bars, stage
from tests.until import until

GIVEN: dict[str, Any] = {
    "symbols": SYMBOLS, "interval": "12h", "signal": {"model": "none"}, "monitor": {"pace_s": 0.001},
    "bus": {"read_count": 7},
}  # fmt: skip
SETTINGS = load_settings(**GIVEN)
AT_PRESENT = load_settings(**GIVEN, ingestor={"source": "fake"})
CCXT = {"source": "ccxt", "exchange": "okx", "markets": {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}}
REPLAY = {"source": "replay", "files": dict.fromkeys(SYMBOLS, "prices.csv")}


@pytest.fixture(autouse=True)
def _of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = main.plan(SETTINGS)
    of_tests = plan.__class__(**{**plan.__dict__, "make_stage": lambda _: stage()})
    monkeypatch.setattr(main, "plan", lambda _: of_tests)


def expected(upto: int, gain: float = -0.01) -> list[tuple[str, int, str, str]]:
    """What a stage that was never stopped says."""
    whole = stage()
    readings = [reading for message in bars(1, upto, gain) for reading in whole.on_tick(message) or []]
    return [(x.sym, x.n, x.human(), x.tr) for x in readings]


async def test_it_reads_all_partitions_and_ends_when_all_was_read() -> None:
    line = Line(SETTINGS)
    await line.write(bars(1, 40, -0.01))
    worker = MonitorWorker(SETTINGS, line.bus)
    running = asyncio.create_task(worker.run())
    await until(lambda: bool(line.readings()))
    worker.stop()
    await running
    assert line.readings() == expected(40)


async def test_a_page_that_fails_is_told_and_served_again(monkeypatch: pytest.MonkeyPatch) -> None:
    served = 0

    async def serve() -> None:
        nonlocal served
        served += 1
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(main, "_page", lambda settings, bus: serve)
    monkeypatch.setattr(main, "PAGE_AGAIN_S", 0.001)
    line = Line(SETTINGS)
    await line.write(bars(1, 40, -0.01))
    worker = MonitorWorker(SETTINGS, line.bus, with_page=True)
    running = asyncio.create_task(worker.run())
    with capture_logs() as logs:
        await until(lambda: served > 2 and bool(line.readings()))
    worker.stop()
    await running
    assert "RuntimeError: not foreseen" in {entry.get("why") for entry in logs}


async def test_a_silent_symbol_holds_up_nobody_also_over_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never comes; the last bar of the other waits, since it may come for that yet."""
    monkeypatch.setattr(main, "LateSymbols", lambda: LateSymbols(wait_s=0.0))
    line, live = Line(AT_PRESENT), SYMBOLS[0]
    for first in (1, 21):
        await line.write(each for each in bars(first, first + 19, -0.01) if each.sym == live)
        running = asyncio.create_task(MonitorWorker(AT_PRESENT, line.bus).run())
        await until(lambda: sum(sym == POOLED for sym, *_ in line.readings()) >= first + 17)  # noqa: B023
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    pooled = [n for sym, n, *_ in line.readings() if sym == POOLED]
    late = [(n, said) for sym, n, said, _ in line.readings() if sym == SYMBOLS[1]]
    assert pooled == list(range(1, 39))
    assert [n for n, _ in late] == list(range(1, len(late) + 1))
    assert late[0][1].startswith(f"{SYMBOLS[1]} late: no bar yet")


@pytest.mark.parametrize("changed", [{"interval": "trade", "ingestor": CCXT}, {"ingestor": REPLAY, "run_id": "a"}])
async def test_what_comes_by_no_clock_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, object]
) -> None:
    """A quiet symbol of single trades is not late, and a replay says the same however slowly it runs."""
    monkeypatch.setattr(main, "LateSymbols", lambda: LateSymbols(wait_s=0.0))
    settings = load_settings(**{**GIVEN, **changed})
    line = Line(settings)
    await line.write(each for each in bars(1, 20, -0.01) if each.sym == SYMBOLS[0])
    worker = MonitorWorker(settings, line.bus)
    worker.stop()
    await worker.run()
    assert line.readings() == []
    await line.write(each for each in bars(1, 20, -0.01) if each.sym != SYMBOLS[0])
    worker = MonitorWorker(settings, line.bus)
    worker.stop()
    await worker.run()
    assert line.readings() == expected(20)


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment_it_is_as_if_never_stopped(seed: int) -> None:
    line, dice = Line(SETTINGS), random.Random(seed)
    for first in range(1, 61, 20):
        await line.write(bars(first, first + 19, -0.01))
        for _ in range(4):
            running = asyncio.create_task(MonitorWorker(SETTINGS, line.bus).run())
            for _ in range(dice.randrange(200)):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    running = asyncio.create_task(MonitorWorker(SETTINGS, line.bus).run())
    await until(lambda: len(line.readings()) >= len(expected(60)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert line.readings() == expected(60)


async def test_of_two_monitors_one_works() -> None:
    line = Line(SETTINGS)
    await line.write(bars(1, 30, 0.01))
    both = [asyncio.create_task(MonitorWorker(SETTINGS, line.bus).run()) for _ in range(2)]
    await until(lambda: len(line.readings()) >= len(expected(30, 0.01)))
    for running in both:
        running.cancel()
    await asyncio.gather(*both, return_exceptions=True)
    assert line.readings() == expected(30, 0.01)


def test_where_there_shall_be_none_there_is_nothing_to_run() -> None:
    with pytest.raises(ConfigError, match=r"monitor\.on is false"):
        MonitorWorker(Settings(monitor={"on": False}), Line(SETTINGS).bus)


async def test_a_checkpoint_has_what_the_joint_stage_remembers() -> None:
    line = Line(SETTINGS)
    await line.write(bars(1, 10, -0.01))
    worker = MonitorWorker(SETTINGS, line.bus)
    running = asyncio.create_task(worker.run())
    await until(lambda: line.readings() == expected(10))
    worker.stop()
    await running
    kept = await read_snapshots(await line.bus.connect(), "monitor", SETTINGS.bus.partitions)
    assert kept.keys() == {"", POOLED, *SYMBOLS}
    again = stage()
    again.restore(unpack(kept[""]))
    assert [x.human() for message in bars(11, 11, -0.01) for x in again.on_tick(message) or []] == [expected(11)[-1][2]]


def test_its_stream_is_bounded() -> None:
    bus = make_bus(SETTINGS.model_copy(update={"bus": SETTINGS.bus.model_copy(update={"url": "redis://nowhere"})}))
    assert bus.maxlens[Stream.MONITOR] == SETTINGS.bus.market_maxlen
