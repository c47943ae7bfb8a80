"""What a run's person is shown of the services' logs: trouble, once."""

import json
import shutil
from pathlib import Path

import pytest

from services.console.run.troubles import LOW_BYTES, MOST_BYTES, FolderWatch, Troubles, joined


@pytest.fixture
def troubles(tmp_path: Path) -> Troubles:
    (tmp_path / "ingestor.log").write_text(line("market data", "warning", about="ETHUSDT", why="of an earlier run"))
    return Troubles(tmp_path, ("recorder", "signal", "ingestor"))


def line(event: str, level: str, **fields: object) -> str:
    return json.dumps({"event": event, "level": level, **fields}) + "\n"


def write(folder: Path, name: str, *lines: str) -> None:
    with (folder / f"{name}.log").open("a") as log:
        log.writelines(lines)


def test_market_data_are_said_when_their_trouble_begins_and_ends(tmp_path: Path, troubles: Troubles) -> None:
    assert troubles.new() == []
    lost = line("market data", "warning", venue="okx", about="ETHUSDT connection", why="it ended: it is made anew")
    again = line("market data again", "info", venue="okx", about="ETHUSDT connection")
    write(tmp_path, "ingestor", line("attached", "info"), lost, again, lost)
    began = "ingestor: market data: okx: ETHUSDT connection: it ended: it is made anew"
    assert troubles.new() == [began, "ingestor: market data again: okx: ETHUSDT connection, after 0 s", began]
    assert troubles.new() == []


def test_a_service_that_stands_by_is_said_whichever_it_is(tmp_path: Path, troubles: Troubles) -> None:
    """It is healthy, and does nothing: what it would trade, nobody trades here."""
    why = "this namespace was written by a newer Tickline (wire 4; this one knows 3)"
    write(tmp_path, "signal", line("stands by", "warning", instance="signal", why=why, remedy="run that one"))
    assert troubles.new() == [f"signal: stands by: {why}"]


SILENT = "gateway: exchange silent: okx"


def test_a_silent_exchange_is_said_with_how_long_and_that_it_is_back(tmp_path: Path) -> None:
    """Also the gateway's, whose other warnings come again with each attempt, and also while its log says nothing."""
    now_s = 100.0
    troubles = Troubles(tmp_path, ("gateway",), clock=lambda: now_s)
    write(tmp_path, "gateway", line("exchange silent", "warning", exchange="okx", since_s=4.2, why="time-out"))
    assert troubles.new() == [f"{SILENT}, for 4 s: time-out"]
    seen = []
    while now_s < 179:
        now_s += 1
        seen += troubles.new()
    assert seen == [f"{SILENT}, for {lasts} s: time-out" for lasts in (10, 30, 60)]
    write(tmp_path, "gateway", line("exchange silent", "warning", exchange="okx", since_s=83.0, why="time-out"))
    assert troubles.new() == []  # that is known
    write(tmp_path, "gateway", line("exchange is back", "info", exchange="okx", after_s=84.0))
    now_s = 180
    assert troubles.new() == ["gateway: exchange is back: okx, after 84 s"]
    assert troubles.new() == []


@pytest.mark.parametrize(
    ("event", "over"),
    [("cannot compare with the venue", "journal and venue agree"), ("cannot get ready", "partitions taken")],
)
def test_what_cannot_be_done_is_said_until_it_can(tmp_path: Path, event: str, over: str) -> None:
    now_s = 0.0
    troubles = Troubles(tmp_path, ("gateway",), clock=lambda: now_s)
    write(tmp_path, "gateway", line(over, "info"))
    assert troubles.new() == []  # nothing was amiss
    write(tmp_path, "gateway", line(event, "warning", why="binance does not answer"))
    assert troubles.new() == [f"gateway: {event}: binance does not answer"]
    now_s = 12.0
    assert troubles.new() == [f"gateway: {event}, for 12 s: binance does not answer"]
    write(tmp_path, "gateway", line(over, "info"))
    assert troubles.new() == [f"gateway: {over}, after 12 s"]


def test_what_an_authors_code_raised_is_kept(tmp_path: Path, troubles: Troubles) -> None:
    raised = "A: ticks 1-1: ValueError: no (mine.py:3, in decide)"
    write(tmp_path, "signal", line("entry set aside", "error", why=raised, code="mine.py:3, in decide"))
    assert troubles.new() == [f"signal: your code failed: {raised}"]
    for again in ("A: ticks 2-1: ValueError: x", "B: ticks 1-1: ValueError: y"):  # each symbol and line once
        write(tmp_path, "signal", line("entry set aside", "error", why=again, code="mine.py:3, in decide"))
    assert troubles.new() == ["signal: your code failed: B: ticks 1-1: ValueError: y"]
    assert troubles.code == raised


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("a", "BTCUSDT", "BTCUSDT: lost"), "a: BTCUSDT: lost"),
        (("a", "", "lost"), "a: lost"),
        (("a", "lost: ", ": again"), "a: lost: again"),
        (("a", "lost: : again"), "a: lost: again"),
        (("gateway", "gateway", "x"), "gateway: x"),
        (("a", "http://b: c"), "a: http://b: c"),
        (("a", "BTC", "BTCUSDT: lost"), "a: BTC: BTCUSDT: lost"),
    ],
)
def test_a_line_says_nothing_twice_and_has_no_empty_parts(parts: tuple[str, ...], line: str) -> None:
    assert joined(*parts) == line


def test_what_comes_again_with_each_attempt_is_said_once(tmp_path: Path, troubles: Troubles) -> None:
    full = line("alarm", "error", instance="recorder", what="session: ticks cannot be written: No space left")
    waits = [line("recording interrupted", "warning", why="session: No space left", again_in_s=s) for s in (1, 2)]
    write(tmp_path, "recorder", full, waits[0], full, waits[1])
    assert troubles.new() == [
        "recorder: alarm: session: ticks cannot be written: No space left",
        "recorder: recording interrupted: session: No space left",
    ]
    write(
        tmp_path,
        "recorder",
        line("recording interrupted", "warning", why="session: ticks cannot be written: No space left"),
    )
    write(tmp_path, "recorder", full)
    assert troubles.new() == []


def test_what_is_no_trouble_or_ends_the_run_is_not_said(tmp_path: Path, troubles: Troubles) -> None:
    write(tmp_path, "signal", "a traceback\n", "[1]\n", line("waiting for the bus", "warning", why="lost"))
    write(tmp_path, "ingestor", line("cannot go on", "error", why="unknown exchange", exit_code=2))
    assert troubles.new() == []
    write(tmp_path, "ingestor", line("cannot go on", "error", why="no network", exit_code=4))
    write(tmp_path, "signal", line("entry set aside", "error", why="\x1b[2J"))
    assert troubles.new() == ["signal: entry set aside: ?[2J", "ingestor: cannot go on: no network"]


def test_a_line_is_taken_when_it_is_whole_and_a_huge_one_is_left_out(tmp_path: Path, troubles: Troubles) -> None:
    whole = line("alarm", "error", what="a hole")
    write(tmp_path, "signal", whole[:9])
    assert troubles.new() == []
    write(tmp_path, "signal", whole[9:])
    assert troubles.new() == ["signal: alarm: a hole"]
    write(tmp_path, "signal", line("alarm", "error", what="x" * 2 * MOST_BYTES), line("alarm", "error", what="next"))
    assert [text for _ in range(4) for text in troubles.new()] == ["signal: alarm: next"]


def test_more_than_can_be_read_is_left_to_the_logs(tmp_path: Path, troubles: Troubles) -> None:
    for start in (0, 15, 30):
        about = (line("market data", "warning", about=str(n), why="lost") for n in range(start, start + 15))
        write(tmp_path, "ingestor", *about)
    shown = troubles.new()
    assert shown[-2:] == ["ingestor: market data: 19: lost", f"more trouble than is shown here: see {tmp_path}"]
    write(tmp_path, "ingestor", line("market data", "warning", about="ETHUSDT", why="lost"))
    assert troubles.new() == []


# The folders under a run, and the room on their disks.


def test_a_folder_that_was_removed_is_said_once(tmp_path: Path) -> None:
    """Also where a service has made a new one in its place."""
    folder, other = tmp_path / ".tickline", tmp_path / "bus"
    folder.mkdir()
    other.mkdir()
    ground = FolderWatch({"logs, the journal": folder, "the bus's data": other})
    assert list(ground.news()) == []
    shutil.rmtree(folder)
    folder.mkdir()
    (line,) = ground.news()
    assert line.startswith(f"{folder} was removed while it is in use: what is written there from now on (logs, the jou")
    assert "end it, then put the folder back" in line
    assert list(ground.news()) == []
    shutil.rmtree(other)
    (line,) = ground.news()
    assert line.startswith(f"{other} was removed")
    ground.close()


def test_a_folder_that_was_moved_is_put_back_and_nothing_is_lost(tmp_path: Path) -> None:
    """In the name that it has now; a new one that took its place would take it in."""
    folder, there = tmp_path / ".tickline", tmp_path / "my kept"
    folder.mkdir()
    (folder / "bus").mkdir()
    ground = FolderWatch({"logs, the journal": folder, "the bus's data": folder / "bus"})
    folder.rename(there)
    (line,) = ground.news()
    assert line == (
        f"{folder} was moved to {there} while it is in use: what is written (logs, the journal) goes there, and no "
        f"verb of this line finds it: move it back: mv '{there}' {folder}"
    )
    assert list(ground.news()) == []
    there.rename(folder)
    assert list(ground.news()) == [f"{folder} is back"]
    folder.rename(there)
    (line,) = ground.news()
    assert line.startswith(f"{folder} was moved to {there}")
    folder.mkdir()
    ground.close()


def test_a_full_disk_is_said_and_that_it_has_room_again(tmp_path: Path) -> None:
    free = LOW_BYTES
    ground = FolderWatch({"data": tmp_path}, lambda path: free)
    assert list(ground.news()) == []
    free = 3_400_000
    assert [line.partition(":")[2] for line in ground.news()] == [
        " its disk has 3 MB left: make room; what cannot be written is waited for, and no order is sent meanwhile"
    ]
    assert list(ground.news()) == []
    free = LOW_BYTES + 1  # hardly
    assert list(ground.news()) == []
    free = 2 * LOW_BYTES
    assert list(ground.news()) == [f"{tmp_path}: its disk has room again, 200 MB"]
    ground.close()
