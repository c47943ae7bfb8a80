"""How far a job is in a file: a bar on a terminal, nothing elsewhere."""

import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from shared.errors import DataError
from shared.history.files import is_parquet
from shared.history.packed import is_packed

_BLOCK = 1 << 20


class RowProgress:
    """Shows rows read, by a name; a context manager, since a live bar needs an end."""

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
        """Show that `name` has read so many rows."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=self._total)
        self._progress.update(self._tasks[name], completed=rows)


def count_rows(path: Path) -> int | None:
    """About how many rows a price file has; None where that cannot be told quickly. Refuses nothing.

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
