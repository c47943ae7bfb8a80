"""Random faults of every kind, and an oracle that judges what is left: one table, and again with the same seed.

CHAOS_KINDS="kill stop" leaves others out, CHAOS_LINES="replay" a line.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chaos.faults import ACCOUNT, KINDS, REPLAY, Kind
from tests.chaos.line import ROOT
from tests.chaos.scene import AccountScene, ReplayScene, RunOver, Scene, replay_environment, undisturbed
from tests.next_version import make_next
from tests.oracle.table import Table

Say = Callable[[str], None]
Start = Callable[[Path, int], Scene]  # in a folder, for so many faults
AT_REST = "at rest, of"  # and the line: what the oracle finds when the run is over
STARTS = 10  # of a line that did not come back, or has nothing left to do, before the run is given up


class Size(NamedTuple):
    """each: faults of each kind; of those that strike both lines so many strike the replay. rows: of each file."""

    each: int
    replayed: int
    rows: int
    symbols: int = 10
    traded: int = 6


SHORT, FULL = Size(each=2, replayed=1, rows=1_000), Size(each=22, replayed=14, rows=20_000)


class Run(NamedTuple):
    """What a run has, whichever scene plays."""

    folder: Path
    rng: random.Random
    size: Size
    seed: int
    table: Table
    next_version: Path
    say: Say


def plan(rng: random.Random, size: Size, line: str) -> list[Kind]:
    """The faults of a line, in a random order."""
    wanted = os.environ.get("CHAOS_KINDS", "").replace(",", " ").split()
    kinds = [kind for kind in KINDS if line in kind.lines and (not wanted or kind.name.replace(" ", "-") in wanted)]
    faults = []
    for kind in kinds:
        count = size.each if len(kind.lines) == 1 else size.replayed if line == REPLAY else size.each - size.replayed
        faults += [kind] * count
    rng.shuffle(faults)
    return faults


def replaying(run: Run) -> Start:
    """What starts a line that replays the same files as one that nobody has disturbed."""
    size, ticks = run.size, run.size.symbols * run.size.rows
    environment = replay_environment(run.folder / "files", size.symbols, size.rows, run.seed)
    began = time.monotonic()
    expected = undisturbed(run.folder / "undisturbed", environment, ticks)
    run.say(f"{ticks} ticks, undisturbed in {time.monotonic() - began:.0f} s")
    return lambda folder, turns: ReplayScene(folder, run.rng, environment, expected, ticks, turns, run.next_version)


def trading(run: Run) -> Start:
    """What starts a line that trades an account of its own."""
    return lambda folder, turns: AccountScene(folder, run.rng, run.size.traded, run.seed, run.next_version)


LINES = {REPLAY: replaying, ACCOUNT: trading}


def play(run: Run, line: str, start: Start, left: list[Kind], number: int) -> int:
    """Strikes with what is left, until a line does not come back or has nothing to do; returns the ticks it had."""
    with start(run.folder / f"{line}-{number}", len(left)) as scene:
        scene.at_work()
        with suppress(RunOver):
            while left:
                scene.get_ready()
                scene.rng = random.Random(f"{run.seed} {line} {len(left)}")  # whatever the faults before have drawn
                if not struck(run.table, scene, left.pop(0)):
                    return scene.ticks
        verdict, other = scene.end()
        ordered = scene.orders()
        other += [] if ordered else ["nothing was ordered: the run shows nothing"]
        run.say(f"{line}-{number}: {scene.ticks} ticks, {ordered} orders")
        run.table.row(f"{AT_REST} {line}", keeps=False).found(verdict, other, run.table.news(scene.twice()))
        return scene.ticks


def struck(table: Table, scene: Scene, kind: Kind) -> bool:
    """Strikes once, and writes down what came of it; returns whether the line came back."""
    row = table.row(kind.name, keeps=kind.keeps)
    row.times += 1
    try:
        other = kind.strike(scene)
        began = time.monotonic()
        scene.at_work()
        row.back_s.append(time.monotonic() - began)
        row.found(scene.look(anew=not kind.keeps), other, table.news(scene.twice()))
        scene.next_turn()
    except Exception as error:  # noqa: BLE001  the table tells it, and the other kinds are judged, too
        row.other.append(told(scene.folder.name, error))
        return False
    return True


def told(where: str, error: Exception) -> str:
    """Returns an error in a line."""
    return f"{where}: {type(error).__name__}: {error}"


@pytest.mark.timeout(4 * 3_600)
def test_the_oracle_finds_nothing(folder: Path, rng: random.Random, short: bool, say: Say) -> None:
    size, seed = SHORT if short else FULL, rng.randrange(1, 10_000)
    later = make_next(folder / "next")
    (later / "weights").symlink_to(ROOT / "weights")
    run = Run(folder, rng, size, seed, Table(), later, say)
    began, ticks, complete = time.monotonic(), 0, True
    for line in os.environ.get("CHAOS_LINES", "replay account").split():
        left, start = plan(rng, size, line), LINES[line](run)
        for number in range(STARTS):
            try:
                ticks += play(run, line, start, left, number)
            except Exception as error:  # noqa: BLE001  as above
                run.table.row(f"{AT_REST} {line}", keeps=False).other.append(told(f"{line}-{number}", error))
            if not left:
                break
        complete &= not left
    table = run.table
    say(f"{table.times} faults, {ticks} ticks, {time.monotonic() - began:.0f} s\n{table}")
    for fault in table.faults:
        say(fault)
    assert table.faults == []
    assert complete
