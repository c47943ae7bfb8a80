"""What the alerts do where a source, or all channels, are away or fail: the others go on."""

import asyncio
import os
from pathlib import Path

import pytest

from services.monitor.alerts.conditions import Condition
from shared.config import Mode
from shared.config.monitor import AlertSettings
from shared.journal.rows import LatchRow
from shared.messages import Gap, GapCause, Stream
from tests.unit.monitor.alerts.line import SERVICES, SYM, WatchedLine, killed, now_ms, quiet, sent, watched_line
from tests.until import until


async def test_a_bus_and_a_journal_that_are_away_are_said_and_end_nothing_else(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.watch.look()
        file, moved = tmp_path / "journal-main.db", tmp_path / "moved"
        line.bus.leave()
        os.rename(file, moved)
        await line.watch.look()
        line.now_s += 11
        await line.watch.look()
        said = await sent(line, 2)
        assert [text.partition(":")[0] for text in said] == ["halt", "journal", "bus"]
        assert said[2] == "bus: bus: connection refused: `tickline doctor`"
        line.now_s += 60
        await line.watch.look()
        assert line.sinks[0].beats == 1, "the heartbeat is silent"
        line.bus.away = False
        os.rename(moved, file)
        await line.work(*SERVICES, "monitor")
        await line.watch.look()
        over = (await sent(line, 3))[len(said) :]
        assert [text.split(",")[0] for text in over] == ["over: journal: journal", "over: bus: bus"]
        await until(lambda: line.sinks[0].beats == 2, within_s=20)
        await line.watch.close()


@pytest.mark.parametrize("source", ["_bus", "_journal"])
async def test_a_source_that_fails_oddly_hides_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    async def fails(_: int) -> None:
        raise ValueError("it is odd")

    with watched_line(tmp_path) as line:
        await quiet(line)
        await until(lambda: line.sinks[0].beats == 1, within_s=20)
        monkeypatch.setattr(getattr(line.watch, source), "look", fails)
        line.watch.see(Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED))
        await line.watch.look()
        assert {text.partition(":")[0] for text in await sent(line, 1)} == {"alarm", "gap"}
        line.now_s += 61
        await line.watch.look()
        kind = {"_bus": "bus", "_journal": "journal"}[source]
        assert f"{kind}: a look of the alerts failed: ValueError: it is odd: `tickline doctor`" in await sent(line, 2)
        assert line.sinks[0].beats == 1
        await line.watch.close()


async def without_journal(line: WatchedLine, folder: Path) -> None:
    """Moves the journal away, until that is told."""
    await quiet(line)
    os.rename(folder / "journal-main.db", folder / "moved")
    await line.watch.look()
    line.now_s += 11
    await line.watch.look()
    assert [text.partition(":")[0] for text in await sent(line, 1)] == ["journal"]


async def test_a_journal_that_is_away_over_a_restart_is_not_said_to_be_back(tmp_path: Path) -> None:
    with watched_line(tmp_path) as line:
        await without_journal(line, tmp_path)
        await killed(line)
        await line.watch.look()
        assert [text for text in await sent(line, 2) if "journal" in text.partition(",")[0]] == (await sent(line, 1))[
            :1
        ]
        os.rename(tmp_path / "moved", tmp_path / "journal-main.db")
        await line.watch.look()
        assert "over: journal: journal" in (await sent(line, 3))[-1]
        await line.watch.close()


async def test_a_line_that_has_a_journal_no_more_does_not_miss_it(tmp_path: Path) -> None:
    """From an account to paper: else the heartbeat is silent for ever."""
    with watched_line(tmp_path) as line:
        await without_journal(line, tmp_path)
        paper = line.settings.gateway.model_copy(update={"mode": Mode.PAPER})
        line.settings = line.settings.model_copy(update={"gateway": paper})
        await killed(line)
        await line.watch.look()
        assert "over: journal: journal" in "\n".join(await sent(line, 2))
        await line.watch.close()


async def test_two_sources_that_fail_are_each_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: int) -> None:
        raise ValueError("it is odd")

    async def fails_else(_: int) -> None:
        raise ValueError("it is odder")

    with watched_line(tmp_path) as line:
        await quiet(line)
        monkeypatch.setattr(line.watch._bus, "look", fails)
        monkeypatch.setattr(line.watch._journal, "look", fails_else)
        for _ in range(5):
            await line.watch.look()
        await until(lambda: not line.watch._channels.waiting, within_s=20)
        one = "a look of the alerts failed: ValueError: it is odd"
        assert await sent(line, 1) == [f"alarm 2: {one}; {one}er"]
        await line.watch.close()


async def test_a_look_that_fails_is_told_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched_line(tmp_path) as line:
        await quiet(line)
        looks = [ValueError("it is odd")] * 3

        async def fails_first(now_ms: int) -> tuple[Condition, ...]:
            if looks:
                raise looks.pop()
            return ()

        monkeypatch.setattr(line.watch._bus, "look", fails_first)
        often = line.settings.model_copy(update={"alerts": AlertSettings(look_s=0.01)})
        monkeypatch.setattr(line.watch, "_settings", often)
        running = asyncio.create_task(line.watch.run())
        said = await sent(line, 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert said[0] == "alarm: a look of the alerts failed: ValueError: it is odd"
        assert line.watch.looks > 1


async def test_the_heartbeat_is_silent_while_no_channel_gets_through(tmp_path: Path) -> None:
    """Else nothing on earth tells of a halt that no channel takes."""
    with watched_line(tmp_path, 2) as line:
        await quiet(line)
        await until(lambda: line.sinks[0].beats == 1, within_s=20)
        line.sinks[0].status = line.sinks[1].status = 500
        await line.journal(LatchRow("HALT", "a person's word", "ann", now_ms()))
        await line.watch.look()
        await until(lambda: line.watch._channels.are_dead, within_s=20)
        line.now_s += 61
        await line.work(*SERVICES, "monitor")
        await line.watch.look()
        assert line.watch._beating is None or line.watch._beating.done()
        assert line.sinks[0].beats == 1
        line.sinks[1].status = 200
        await until(lambda: not line.watch._channels.are_dead, within_s=20)
        await line.watch.look()
        await until(lambda: line.sinks[0].beats == 2, within_s=20)
        await line.watch.close()
