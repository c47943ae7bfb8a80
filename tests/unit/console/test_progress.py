"""The bar of a job."""

import io

import pytest
from rich.console import Console

from services.console.progress import JobProgress


def shown(terminal: bool) -> str:
    file = io.StringIO()
    with JobProgress(Console(file=file, force_terminal=terminal, width=80)) as progress:
        progress.report("rows read", 10_000, 0)
        progress.report("fit", 3, 7)
    return file.getvalue()


def test_a_terminal_sees_what_is_done_and_how_far() -> None:
    assert "fit" in shown(terminal=True)
    assert "3/7" in shown(terminal=True)


def test_the_time_that_is_left_counts_what_was_done_meanwhile_alone() -> None:
    now = [0.0]
    with JobProgress(Console(file=io.StringIO(), force_terminal=True, width=80)) as progress:
        progress._progress.get_time = lambda: now[0]
        progress.report("walk-forward", 500, 600)  # 500 were kept from before
        for done, seconds in ((501, 600.0), (502, 1_200.0), (503, 1_800.0)):  # each takes ten minutes
            now[0] = seconds
            progress.report("walk-forward", done, 600)
        (task,) = progress._progress.tasks
        assert task.time_remaining == pytest.approx(97 * 600, abs=1)


def test_elsewhere_nothing_is_said() -> None:
    assert shown(terminal=False) == ""
