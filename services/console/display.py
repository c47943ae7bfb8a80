"""The progress of a run: a live table on a terminal, a line now and then elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from services.console.refusals import Ended
from shared.messages import Stream

if TYPE_CHECKING:
    from services.console.watch import View

LINE_EVERY_S = 5.0


class Display:
    """Shows what `report` is given; a context manager, since a live table needs an end."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._said = time.monotonic()
        self._seen: deque[tuple[float, int]] = deque()  # ticks, over the last moments
        self._rate = 0.0
        self._account = ""
        self._refused: Mapping[str, int] = {}  # as it stood in the last line

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def report(self, view: "View", restarts: int, account: str, ended: Ended | None = None) -> None:
        """Show a view of the line, and what is to be said of the account. ended: this run's orders, if at a venue.

        On paper each order's execution fills it; at a venue an execution may as well be a refusal: fills are counted.
        """
        now, ticks = time.monotonic(), view.progress.written[Stream.TICKS]
        self._seen.append((now, ticks))
        while now - self._seen[0][0] > LINE_EVERY_S and len(self._seen) > 2:
            self._seen.popleft()
        since, before = self._seen[0]
        self._rate = (ticks - before) / max(now - since, 1e-9)
        if account != self._account:
            self._account = account
            if account:
                self.say(account)
        if self._console.is_terminal:
            self._live.update(self._table(view, restarts, ended))
        elif now - self._said >= LINE_EVERY_S:
            self._said = now
            shown = (Stream.TICKS, Stream.ORDERS, *([Stream.EXECUTIONS] if ended is None else []))
            counts = ", ".join(f"{view.progress.written[s]} {s}" for s in shown)
            if ended is not None:
                counts += f", {ended.filled} filled{_not_filled(ended.reasons, self._refused)}"
                self._refused = ended.reasons
            self.say(f"{counts}; equity {view.equity:.2f}; {self._shown_rate()}")

    def say(self, line: str) -> None:
        """A line that stays, with the time (UTC), in one piece, so that it can be copied."""
        self._console.print(
            f"{time.strftime('%H:%M:%SZ', time.gmtime())}  {line}", markup=False, highlight=False, soft_wrap=True
        )

    def _shown_rate(self) -> str:
        return f"{self._rate:.{0 if self._rate >= 10 else 1}f} ticks/s"

    def _table(self, view: "View", restarts: int, ended: Ended | None) -> Group:
        table = Table(title="tickline", title_justify="left")
        for name in ("stream", "entries", "behind"):
            table.add_column(name, justify="left" if name == "stream" else "right")
        for stream, count in view.progress.written.items():
            table.add_row(str(stream), f"{count:,}", str(view.progress.lag.get(stream, "")))
        below = (
            f"equity {view.equity:.2f}   fees {view.fees:.2f}   {self._shown_rate()}   "
            f"restarts {restarts}   Ctrl-C ends"
        )
        orders = [] if ended is None else [f"orders of this run: {ended.filled} filled{_not_filled(ended.reasons, {})}"]
        return Group(table, below, *orders)


def _not_filled(refusals: Mapping[str, int], before: Mapping[str, int]) -> str:
    """Those that were not among the ones before.

    >>> _not_filled({"DUST": 2, "NOT_ARMED": 7}, {"DUST": 2, "NOT_ARMED": 4}), _not_filled({}, {})
    ('; not filled: 3 NOT_ARMED', '')
    """
    newly = {reason: count - before.get(reason, 0) for reason, count in sorted(refusals.items())}
    shown = ", ".join(f"{count} {reason}" for reason, count in newly.items() if count > 0)
    return f"; not filled: {shown}" if shown else ""
