"""A service's file tells whether it is at work, from the moment on at which it is killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.runner.health import HELD, TOUCHED_S, abandoned, fresh, touch

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
