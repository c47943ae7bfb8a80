"""The progress of a download: a bar on a terminal, a line for each month elsewhere."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from shared.plural import plural

if TYPE_CHECKING:
    from services.research.download.download import FetchProgress as Fetched


class DownloadProgress:
    """Shows what `report` is given and what `say` is told, on stderr; a context manager, since a bar needs an end."""

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
        """How far it is."""
        self._month_ends(fetched.month)
        self._last = fetched
        self._bar.update(
            self._task, completed=fetched.done, description=f"{fetched.month}  {plural(fetched.rows, 'row', spec=',')}"
        )

    def say(self, line: str) -> None:
        """Something a person should know meanwhile, e.g. that the exchange does not answer."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _month_ends(self, month: str | None) -> None:
        if self._last is not None and self._last.month != month and not self._console.is_terminal:
            self.say(f"{self._last.month}: {plural(self._last.rows, 'row', spec=',')} so far")
