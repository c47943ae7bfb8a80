"""A log on a full disk."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from shared.runner.health import touch
from shared.runner.logs import configure_logs


@pytest.fixture
def full() -> Iterator[TextIO]:
    """A file on which nothing can be written: No space left on device."""
    file = Path("/dev/full").open("w")  # noqa: SIM115  (closed below, where it can be)
    yield file
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), file.fileno())  # what it holds back goes there when it is closed
    file.close()


def test_a_full_disk_ends_no_service_by_its_log(full: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="No space left"):
        print("x", file=full, flush=True)
    monkeypatch.setattr(sys, "stderr", full)
    configure_logs("signal")
    try:
        for _ in range(3_000):  # more than any buffer holds
            structlog.get_logger().warning("bus lost", why="x" * 10)
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


def test_nor_by_the_file_that_says_that_it_is_alive(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    touch(tmp_path / "file" / "signal.alive")
    touch(tmp_path / "moved" / "signal.alive")
    assert not (tmp_path / "moved").exists(), "there would be no room to move it back to"
