"""kill -9 of the recorder, of the line and of the bus: every row is recorded once, and is what the streams hold.

The session is computed again from what was recorded, to the last bit.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from services.research.parity.recording import parity
from shared.messages import Stream
from shared.recording.layout import UNFINISHED, parts
from shared.recording.part import read_positions, read_rows
from tests.chaos.compare import Content, Key, Rows, content, differences
from tests.chaos.line import Line
from tests.chaos.pace import Pace
from tests.chaos.replay import LINE_SLOWED, NAMESPACE, Replay
from tests.chaos.server import Server, kill_and_restart
from tests.chaos.watch import SERVICES, WRITERS, Timeout, Watch

RECORDER = "recorder"
COMPARED = (Stream.FEATURES, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS)
SMALL_FILES = {"TICKLINE_RECORDER__MAX_ROWS": "97", "TICKLINE_RECORDER__MAX_AGE_S": "0.3"}
IN_VAIN = 20  # starts of the recorder, without what is waited for
TEST_S = 1800  # a test's own bound
Say = Callable[[str], None]


def recorded(folder: Path) -> tuple[Content, int]:
    """The recording's content, and how many entries it says are missing."""
    rows: dict[Key, Rows] = {}
    missing = 0
    for stream, instance in WRITERS.items():
        for row in read_rows(folder, stream, instance):
            rows.setdefault((stream, row.k), []).append((row.n, row.d))
            missing += row.missing
    return Content(rows, [], []), missing


def record(server: Server, folder: Path, replay: Replay, rng: random.Random, victims: list[str],
           kill_bus: Callable[[Watch], int], say: Say) -> list[int]:  # fmt: skip
    """One disturbed run with a recorder; returns the acknowledged commits lost per kill of the bus."""
    recording = folder / "recording"
    environment = replay.environment | LINE_SLOWED | SMALL_FILES | {"TICKLINE_RECORDER__FOLDER": str(recording)}
    urls = dict.fromkeys((*SERVICES, RECORDER), server.url)
    lost = []
    began = time.monotonic()
    server.start()
    try:
        with server.client() as client, Line(folder, urls, environment) as line:
            line.start(RECORDER)
            _await_checkpoint(line)
            line.start(*SERVICES)
            watch = Watch(client, NAMESPACE, line.tend)
            pace = Pace(line, client, replay.ticks, len(victims))
            for victim in victims:
                _await_files(recording, line, pace)
                pace.pause(rng.uniform(0, 0.1) if rng.random() < 0.7 else rng.uniform(0, 2))
                if victim == "bus":
                    lost.append(kill_bus(watch))
                else:
                    line.kill(victim)
                    line.tend()
                pace.turn()
            pace.lift()
            watch.wait("the run ends", lambda s: s.finished(replay.ticks), within_s=TEST_S)
            _await_recorded(recording, line, replay)
            found = content(server.url, NAMESPACE)
            line.stop()
    finally:
        server.stop()
    rows, missing = recorded(recording)
    count = sum(map(len, rows.rows.values()))
    killed = ", ".join(f"{k} {v}" for k, v in sorted(Counter(victims).items()))
    say(
        f"{len(victims)} kills ({killed}), {count} rows in "
        f"{len(parts(recording))} files, {time.monotonic() - began:.0f} s, commits lost per kill of the bus: {lost}"
    )
    assert not line.unexpected, line.unexpected
    assert "divergence" not in line.log(RECORDER)
    assert missing == 0
    assert differences(replay.expected, found) == []
    assert differences(replay.expected, rows) == []
    assert not list(recording.rglob(f"*{UNFINISHED}"))
    again = parity(recording)
    assert again.proved, (again.first_difference, again.not_compared)
    assert again.compared == {stream: replay.expected.count(stream) for stream in COMPARED}
    return lost


def _await_checkpoint(line: Line) -> None:
    """Until the recorder has written down where it begins: what the line did before, nobody can compute again."""
    _until(lambda: bool(_starts(line)), line.tend, line)


def _await_files(recording: Path, line: Line, pace: Pace) -> None:
    """Until the recorder has written a file since now, and is about to write another."""
    before = len(parts(recording))
    _until(lambda: len(parts(recording)) > before, pace.tend, line, every_s=0.01)


def _await_recorded(recording: Path, line: Line, replay: Replay) -> None:
    """Until the newest parts say that everything is there."""
    for stream in WRITERS:
        while (upto := recorded_upto(recording, stream)) < replay.expected.count(stream):
            _until(partial(_goes_on, recording, stream, upto), line.tend, line)


def _goes_on(recording: Path, stream: Stream, upto: int) -> bool:
    return recorded_upto(recording, stream) > upto


def _starts(line: Line) -> int:
    return line.log(RECORDER).count('"event": "recording"')


def _until(holds: Callable[[], bool], tend: Callable[[], object], line: Line, every_s: float = 0.1) -> None:
    """Waits while the recorder gets on: on a machine that gives it no time it loses its lease, and begins anew."""
    before = _starts(line)
    while not holds():
        tend()
        if _starts(line) > before + IN_VAIN:
            raise Timeout(f"the recorder does not get on: {line.log(RECORDER)[-1500:]}")
        time.sleep(every_s)


def recorded_upto(recording: Path, stream: Stream) -> int:
    """How many entries of a stream are in files."""
    newest = parts(recording, stream)[-1:]
    positions = read_positions(newest[0].path).values() if newest else ()
    return sum(n for position in positions for n, _ in position.last.values())


@pytest.mark.timeout(TEST_S)
def test_a_kill_loses_and_doubles_no_row(
    folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say
) -> None:
    server = Server(folder)
    victims = [RECORDER] * (8 if short else 60)
    record(server, folder, replay, rng, victims, lambda watch: kill_and_restart(server, watch), say)


@pytest.mark.timeout(TEST_S)
def test_nor_does_a_bus_that_forgets(folder: Path, replay: Replay, rng: random.Random, short: bool, say: Say) -> None:
    server = Server(folder)
    victims = [rng.choice((RECORDER, "bus", "bus", *SERVICES)) for _ in range(5 if short else 40)] + ["bus"] * 2
    rng.shuffle(victims)

    def kill_bus(watch: Watch) -> int:
        return kill_and_restart(server, watch, lambda: server.cut_log(rng, 500_000))

    lost = record(server, folder, replay, rng, victims, kill_bus, say)
    assert sum(lost) > 0, "no acknowledged write was lost: the test shows nothing"
