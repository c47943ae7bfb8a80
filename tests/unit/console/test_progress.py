"""The bar of a job."""

import io

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


def test_elsewhere_nothing_is_said() -> None:
    assert shown(terminal=False) == ""
