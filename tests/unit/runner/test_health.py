"""A service's file tells whether it is at work, from the moment on at which it is killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.runner.health import (
    HELD,
    MAX_AGE_S,
    TOUCHED_S,
    abandoned,
    alive_file,
    fresh,
    seen,
    tell,
    touch,
)
from shared.runner.standing import PATIENCE_S, Hindrances

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from shared.runner.health import touch
path = Path(sys.argv[1])
for line in sys.stdin:
    touch(path)
    print("touched", flush=True)
"""


class Service:
    """A process that touches its file when it is told to."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def touch(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("now\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "touched\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def service(path: Path) -> Iterator[Service]:
    made = Service(path)
    try:
        made.touch()
        yield made
    finally:
        made.kill()


def given_up(path: Path) -> bool:
    """As it is seen some seconds later."""
    return abandoned(path, (path.stat().st_mtime if path.exists() else 0.0) + TOUCHED_S)


def test_the_file_of_a_killed_service_is_abandoned_though_it_is_fresh(tmp_path: Path) -> None:
    path = tmp_path / "signal.alive"
    with service(path) as one:
        assert not given_up(path)
        with service(path):  # a replica
            one.kill()
            assert not given_up(path)
    assert given_up(path)
    assert fresh(path, path.stat().st_mtime)
    with service(path):
        assert not given_up(path)


def test_a_file_that_is_touched_is_not_abandoned_whatever_its_lock_says(tmp_path: Path) -> None:
    """A service in a container holds a lock of its own machine: here nobody seems to."""
    path = tmp_path / "signal.alive"
    path.write_bytes(HELD)
    touched_s = path.stat().st_mtime
    assert [abandoned(path, touched_s + after_s) for after_s in (0, TOUCHED_S - 0.1, TOUCHED_S)] == [False, False, True]


def test_a_file_that_was_taken_away_is_held_anew(tmp_path: Path) -> None:
    path = tmp_path / "signal.alive"
    with service(path) as one:
        path.unlink()
        one.touch()
        assert not given_up(path)
    assert given_up(path)


def test_of_a_file_that_nobody_ever_held_its_time_tells(tmp_path: Path) -> None:
    path = tmp_path / "signal.alive"
    assert not given_up(path)
    path.touch()
    assert not given_up(path)


def test_a_file_that_cannot_be_is_no_error(tmp_path: Path) -> None:
    touch(tmp_path / "moved" / "signal.alive")


def asked(folder: Path) -> "subprocess.CompletedProcess[str]":
    """As a container's health check asks."""
    command = [sys.executable, "-m", "shared.runner.health", "signal"]
    given = {**os.environ, "TICKLINE_STATE_DIR": str(folder)}
    return subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_check_says_what_the_service_is_at(tmp_path: Path) -> None:
    path = alive_file(tmp_path, "signal")
    assert (asked(tmp_path).returncode, "not there yet" in asked(tmp_path).stdout) == (1, True)
    touch(path, "owns 0, 1 of 2 partitions")
    touch(path, "stands by")  # shorter than before
    healthy = asked(tmp_path)
    assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "stands by\n", "")


def test_who_makes_no_progress_says_why_and_is_not_fresh_for_that(tmp_path: Path) -> None:
    path = alive_file(tmp_path, "signal")
    touch(path, "owns 0 of 1 partitions")
    at_ns = path.stat().st_mtime_ns
    tell(path, "partition 0: its commits are refused")
    assert path.stat().st_mtime_ns == at_ns
    healthy, said = seen(path, at_ns / 1e9 + MAX_AGE_S + 1)
    assert not healthy
    assert "for 11 s; partition 0: its commits are refused" in said


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_what_lasts_is_told_and_what_ends_is_not() -> None:
    clock = Clock()
    hindrances = Hindrances(clock)
    for _ in range(3):
        hindrances.note(3, "its commits are refused", True)
        hindrances.note(4, "its stage fails", True)
        assert hindrances.lasting == ""
        clock.now_s += PATIENCE_S / 2
        hindrances.note(4, "its stage fails", False)
    hindrances.note(3, "its commits are refused", True)
    assert hindrances.lasting == "partition 3: its commits are refused"
    hindrances.keep({4})
    assert hindrances.lasting == ""


def test_what_is_not_seen_again_is_over() -> None:
    """E.g. a commit that was refused once, on a market in which nothing happens for hours."""
    clock = Clock()
    hindrances = Hindrances(clock)
    hindrances.note(3, "its commits are refused", True)
    clock.now_s += 10 * PATIENCE_S
    assert hindrances.lasting == ""
    hindrances.note(3, "its commits are refused", True)
    assert hindrances.lasting == ""
