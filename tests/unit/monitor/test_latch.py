"""What stands between stage and journal: an alarm latches once, whatever is killed when; a resume ends the alarm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.monitor import main
from services.monitor.looks import DriftLatch
from services.monitor.main import MonitorWorker
from shared.config import Settings
from shared.config.gateway import Mode
from shared.control.latches import DRIFT, latch_drift, lift
from shared.errors import SafetyRefusal
from shared.journal.journal import Journal
from tests.unit.monitor.session import SYMBOLS, Line, bars, stage
from tests.until import until

ACCOUNT = "main"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of an account; its card promises an edge."""
    gateway = {"mode": Mode.TESTNET, "venue": "fake", "account": ACCOUNT}
    made = Settings(
        state_dir=tmp_path, symbols=SYMBOLS, interval="12h", signal={"model": "none"}, gateway=gateway,
        monitor={"pace_s": 0.001},
    )  # fmt: skip
    plan = main.plan(made)
    of_tests = plan.__class__(**{**plan.__dict__, "make_stage": lambda _: stage()})
    monkeypatch.setattr(main, "plan", lambda _: of_tests)
    monkeypatch.setattr(DriftLatch, "of", lambda own: DriftLatch(lambda: opened(own), look_s=0.002, again_s=0.01))
    return made


async def opened(settings: Settings, *, create: bool = False) -> Journal:
    return await Journal.open(settings.journal_url, ACCOUNT, durable=False, create=create)


@asynccontextmanager
async def monitoring(settings: Settings, line: Line) -> AsyncIterator[None]:
    """A monitor at work, which is killed in the end."""
    task = asyncio.create_task(MonitorWorker(settings, line.bus).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def latched(journal: Journal) -> bool:
    return DRIFT in await journal.latches()


async def told(journal: Journal) -> list[str]:
    return [event.text for event in await journal.events_of_kind(DRIFT)]


async def test_decay_latches_once_and_fences_nobody(settings: Settings) -> None:
    line = Line(settings)
    await line.write(bars(1, 60, -0.01))
    async with await opened(settings, create=True) as journal:
        epoch = await journal.raise_epoch("gateway")
        for _ in range(3):  # it is killed, and looks again
            async with monitoring(settings, line):
                await until(lambda: latched(journal))
        latch = (await journal.latches())[DRIFT]
        assert (await journal.epoch()).epoch == epoch
        assert await told(journal) == [latch.reason]
        n, tr = next((n, tr) for _, n, text, tr in line.readings() if text.startswith("drift decayed"))
        assert latch.reason.startswith(f"{tr}: drift decayed: M ")
        assert n < 60, "it is traced to the tick of the bar at which it came"


async def test_a_resume_ends_the_alarm_also_where_nobody_was_at_work(settings: Settings) -> None:
    line = Line(settings)
    await line.write(bars(1, 60, -0.01))
    async with await opened(settings, create=True) as journal:
        async with monitoring(settings, line):
            await until(lambda: latched(journal))
        await lift(journal, list((await journal.latches()).values()), "ann", 1)
        async with monitoring(settings, line):
            await until(lambda: "(resumed)" in line.readings()[-1][2])
            await line.write(bars(61, 62, -0.01))
            await until(lambda: line.readings()[-1][3].endswith(":62"))
            assert not await latched(journal)
            assert "drift ok" in line.readings()[-1][2]
        async with monitoring(settings, line):
            await line.write(bars(63, 120, -0.01))
            await until(lambda: latched(journal))
        assert len(await told(journal)) == 2


async def test_a_latch_whose_commit_was_lost_is_not_set_again_once_a_person_has_lifted_it(settings: Settings) -> None:
    """The bus forgets all that the monitor has written; the journal does not."""
    line = Line(settings)
    await line.write(bars(1, 60, -0.01))
    async with await opened(settings, create=True) as journal:
        async with monitoring(settings, line):
            await until(lambda: latched(journal))
        await lift(journal, list((await journal.latches()).values()), "ann", 1)
        for place in [place for place in line.bus.partitions if place.instance == "monitor"]:
            del line.bus.partitions[place]
        async with monitoring(settings, line):
            await until(lambda: any("(resumed)" in text for _, _, text, _ in line.readings()))
        assert not await latched(journal)
        assert len(await told(journal)) == 1


async def test_a_journal_that_is_not_there_yet_is_waited_for(settings: Settings) -> None:
    line = Line(settings)
    await line.write(bars(1, 60, -0.01))
    with capture_logs() as logs:
        async with monitoring(settings, line):
            await until(lambda: any(entry["event"] == "no journal to latch in" for entry in logs))
            async with await opened(settings, create=True) as journal:
                await until(lambda: latched(journal))
    assert len([entry for entry in logs if entry["event"] == "no journal to latch in"]) == 1


@pytest.mark.parametrize("error", [SafetyRefusal("journal x: its schema 0099 is newer"), RuntimeError("it is odd")])
async def test_a_journal_that_refuses_ends_no_watch(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever an open says, e.g. while a newer Tickline is at work, the alarm is latched as soon as it opens."""
    refusals = [error] * 3

    async def open_later() -> Journal:
        if refusals:
            raise refusals.pop()
        return await opened(settings)

    monkeypatch.setattr(DriftLatch, "of", lambda own: DriftLatch(open_later, look_s=0.002, again_s=0.002))
    line = Line(settings)
    await line.write(bars(1, 60, -0.01))
    async with await opened(settings, create=True) as journal:
        with capture_logs() as logs:
            async with monitoring(settings, line):
                await until(lambda: latched(journal))
    assert len([entry for entry in logs if entry["event"] == "no journal to latch in"]) == 1


async def test_one_resume_ends_also_an_alarm_that_came_while_an_earlier_one_was_latched(settings: Settings) -> None:
    """As with another model, whose evidence begins anew, under a latch that nobody has lifted yet."""
    line = Line(settings)
    async with await opened(settings, create=True) as journal:
        assert await latch_drift(journal, "replay:BTCUSDT:1:1", "drift decayed: of another model", 1)
        await line.write(bars(1, 60, -0.01))
        async with monitoring(settings, line):
            await until(lambda: has_told(journal, 2))
            assert not (await journal.latches())[DRIFT].reason.startswith("replay:BTCUSDT:1:1"), "the newer one is told"
            await lift(journal, list((await journal.latches()).values()), "ann", 1)
            await until(lambda: "(resumed)" in line.readings()[-1][2])
        assert not await latched(journal)
        assert len(await told(journal)) == 2


async def has_told(journal: Journal, count: int) -> bool:
    return len(await told(journal)) == count
