"""Bars that show on a terminal how far a job is; elsewhere they show nothing, or a line now and then."""

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from shared.errors import DataError
from shared.history.files import is_parquet
from shared.history.packed import is_packed
from shared.plural import plural

if TYPE_CHECKING:
    from services.research.download.download import FetchProgress as Fetched

_BLOCK = 1 << 20
_LONG_S = 86_400.0  # a step of a job may take many minutes


class JobProgress:
    """One bar changes its name with what the job is at; a context manager, since a live bar needs an end."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left:"), TimeRemainingColumn(),
        )  # fmt: skip
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, speed_estimate_period=_LONG_S
        )
        self._what = ""
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "JobProgress":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def report(self, what: str, done: int, total: int) -> None:
        """Shows that `what` is so far; a total of 0 is not known."""
        if what != self._what:  # what was done before it began, or kept, says nothing of its speed
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(what, completed=done, total=total or None)
            self._what = what
        self._progress.update(self._task, completed=done, total=total or None)


class RowProgress:
    """A bar for each name shows the rows that are read; a context manager, since a live bar needs an end."""

    def __init__(self, path: Path) -> None:
        console = Console(file=sys.stderr)
        self._total = count_rows(path) if console.is_terminal else None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "RowProgress":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def report(self, name: str, rows: int) -> None:
        """Shows that `name` has read so many rows."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=self._total)
        self._progress.update(self._tasks[name], completed=rows)


def count_rows(path: Path) -> int | None:
    """Returns about how many rows a price file has; None where that cannot be told quickly. Refuses nothing.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    ...     _ = Path(file.name).write_text("datetime,price\\n2024-10-29,1\\n2024-10-30,2\\n")
    ...     count_rows(Path(file.name))
    2
    """
    if not path.is_file():
        return None
    try:
        if is_parquet(path) or is_packed(path):
            return None
        with path.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))
    except (OSError, DataError):
        return None  # who reads the rows says why
    return max(lines - 1, 0)


class DownloadProgress:
    """A bar shows the months of a download, elsewhere a line for each; a context manager, since a bar needs an end."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("markets", total=1.0)
        self._last: Fetched | None = None

    def __enter__(self) -> "DownloadProgress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()
        self._month_ends(None)

    def report(self, fetched: "Fetched") -> None:
        """Shows how far the download is."""
        self._month_ends(fetched.month)
        self._last = fetched
        self._bar.update(
            self._task, completed=fetched.done, description=f"{fetched.month}  {plural(fetched.rows, 'row', spec=',')}"
        )

    def say(self, line: str) -> None:
        """Shows what a person should know meanwhile, e.g. that the exchange does not answer."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _month_ends(self, month: str | None) -> None:
        if self._last is not None and self._last.month != month and not self._console.is_terminal:
            self.say(f"{self._last.month}: {plural(self._last.rows, 'row', spec=',')} so far")
