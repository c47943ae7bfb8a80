"""What a job is at, and how far: a bar on a terminal, nothing elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class JobProgress:
    """One bar that changes its name; a context manager, since a live bar needs an end."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "JobProgress":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def report(self, what: str, done: int, total: int) -> None:
        """Show that `what` is so far; a total of 0 is not known."""
        self._progress.update(self._task, description=what, completed=done, total=total or None)
