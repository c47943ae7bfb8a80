"""A run shows its status live on a terminal, or a line now and then elsewhere; and at its end a summary."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.console.output import plain_data
from services.console.run.status import View
from services.console.run.streams import Ended
from services.console.status.lines import APART, cut, folded, made, status_screen, table
from services.research.parity.orders import OrderParity
from shared.explain.orders import not_filled, open_line
from shared.messages import Stream
from shared.plural import plural
from shared.status.state import LineStatus
from shared.strategies.identity import Identity
from shared.wall_time import WallTime

LINE_EVERY_S = 5.0
SHOWN = (Stream.TICKS, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS)


# The view, how many processes were restarted, what holds of the account, how this run's orders ended at a venue, and
# the status, where one is read.
Report = Callable[[View, int, str, Ended | None, LineStatus | None], None]


class Shown(NamedTuple):
    """A run shows what happens through these.

    - report: takes a view of the line. say: takes a line about a trouble.
    - wall: the clock of its times.
    - live: whether there is a screen for the status.
    """

    report: Report
    say: Callable[[str], None]
    wall: WallTime
    live: bool = False


class Display:
    """Shows what `report` is given; a context manager, since a live screen needs an end. wall: its lines' clock."""

    def __init__(self, wall: WallTime) -> None:
        self._console = Console(file=sys.stderr)
        self._wall = wall
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

    @property
    def live(self) -> bool:
        """Returns whether there is a screen, so that a status is worth its reading."""
        return self._console.is_terminal

    def report(
        self, view: View, restarts: int, account: str, ended: Ended | None = None, status: LineStatus | None = None
    ) -> None:
        """Shows a view of the line, and the account's line. ended: how this run's orders ended, if at a venue.

        On paper each order's execution fills it; at a venue an execution may as well be a refusal: fills are counted.
        status: the newest, for the screen; None while there is none yet.
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
            self._live.update(Text("\n".join(self.screen(view, restarts, ended, status)), no_wrap=True))
        elif now - self._said >= LINE_EVERY_S:
            self._said = now
            shown = (Stream.TICKS, Stream.ORDERS, *([Stream.EXECUTIONS] if ended is None else []))
            counts = ", ".join(f"{view.progress.written[s]} {s}" for s in shown)
            if ended is not None:
                counts += f", {ended.filled} filled{not_filled(ended.reasons, self._refused)}"
                self._refused = ended.reasons
            self.say(f"{counts}; equity {view.equity:.2f}; {self._shown_rate()}")

    def say(self, line: str) -> None:
        """Shows a line that stays, with the time, in one piece, so that it can be copied."""
        at = f"{self._wall.clock(time.time_ns())}{'Z' * self._wall.utc}"
        self._console.print(f"{at}  {line}", markup=False, highlight=False, soft_wrap=True)

    def _shown_rate(self) -> str:
        return f"{self._rate:.{0 if self._rate >= 10 else 1}f} ticks/s"

    def screen(self, view: View, restarts: int, ended: Ended | None, status: LineStatus | None) -> list[str]:
        """Returns the status, and below it what went through the line; no line is longer than the screen is wide."""
        width, height = self._console.size
        counts = [f"{count:,} {stream}" for stream, count in view.progress.written.items() if stream in SHOWN]
        behind = sum(view.progress.lag.values())
        counts += [self._shown_rate(), f"{behind:,} behind", f"restarts {restarts}", "Ctrl-C ends"]
        below = folded([APART.join(counts)], width)
        if ended is not None:
            below += folded([f"orders of this run: {ended.filled} filled{not_filled(ended.reasons, {})}"], width)
        if status is None:
            return [f"equity {view.equity:.2f}{APART}fees {view.fees:.2f}", *below]
        room = height - len(below) - 1  # what does not fit is left out, not the counts below
        return [*status_screen(status, self._wall, width, room), *below]


@dataclass(frozen=True)
class Summary:
    """The summary says what a run has done: counts per stream, money in quote units, waits in µs.

    - parity: None where it was not compared.
    - ended: how this run's orders ended, where they went to a venue; None where they were filled on paper.
    - start_equity: the capital that all books began with.
    - capital_added: what a person has given them since, negative where taken.
    - positions: what stays open there, which `flatten` closes, when `first` is done.
    - in_flight: symbol -> orders without an end yet, whose fills are in neither equity nor positions.
    - code: what an author's code raised, the first time; empty where it did not.
    - status: each symbol as the run left it; None where nobody could read it.
    """

    counts: Mapping[Stream, int]
    final_equity: Decimal
    fees: Decimal
    latency_us: Mapping[str, float | None]
    parity: OrderParity | None
    restarts: int
    finished: bool
    ended: Ended | None = None
    live: bool = False
    start_equity: Decimal = Decimal(0)
    capital_added: Decimal = Decimal(0)
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    flatten: str = ""
    first: str = ""
    code: str = ""
    identity: Identity | None = None
    status: LineStatus | None = None

    @property
    def profit(self) -> Decimal:
        """Returns what was made since the books began, in quote units; capital given or taken is none of it."""
        return self.final_equity - self.start_equity - self.capital_added

    def as_json(self) -> dict[str, object]:
        """Returns the documented form. executions: entries of that stream, one for each order, filled or not."""
        parity = self.parity and {
            "compared": self.parity.compared, "identical": self.parity.identical,
            "executions": self.parity.executions, "executions_identical": self.parity.same,
        }  # fmt: skip
        return {
            **{str(stream): self.counts[stream] for stream in SHOWN},
            "start_equity": str(self.start_equity),
            **({"capital_added": str(self.capital_added)} if self.capital_added else {}),
            "final_equity": str(self.final_equity),
            "profit": str(self.profit),
            "fees": str(self.fees),
            "parity": parity,
            "latency_us": dict(self.latency_us),
            "restarts": self.restarts,
            "finished": self.finished,
            **({} if self.ended is None else {"filled": self.ended.filled, "refusals": dict(self.ended.reasons)}),
            **({} if self.identity is None else self.identity.as_json()),
            **({"open": {sym: str(qty) for sym, qty in self.positions.items()}} if self.positions else {}),
            **({"in_flight": dict(self.in_flight)} if self.in_flight else {}),
            **({"failed": self.code} if self.code else {}),
            **({} if self.status is None else self._status_json(self.status)),
        }

    def _status_json(self, status: LineStatus) -> dict[str, object]:
        told: dict[str, object] = plain_data(status.as_json())
        return {name: told[name] for name in ("today", "fees_today", "funding_today", "symbols", "money_from")}

    def lines(self, width: int = 160) -> list[str]:
        """Returns the same for a person, the symbols' table for a terminal of `width` columns."""
        shown_streams = SHOWN if self.ended is None else SHOWN[:-1]  # at a venue an execution may be a refusal
        counts = ", ".join(f"{self.counts[stream]} {stream}" for stream in shown_streams)
        waits = ", ".join(
            f"{name.replace('999', '99.9')} {_ms(us)}" for name, us in self.latency_us.items() if us is not None
        )
        shown = [
            f"{'done' if self.finished else 'stopped'}: {counts}",
            f"final equity: {_cents(self.final_equity)}, began with {_cents(self.start_equity)}{self._moved()}: "
            f"{'profit' if self.profit >= 0 else 'loss'} {_cents(abs(self.profit))} after {_cents(self.fees)} of fees",
            f"tick to execution: {waits or 'no executions'}",
        ]
        if self.identity is not None:
            shown.append(str(self.identity))
        if self.status is not None:
            shown += [made(self.status), *(cut(line, width) for line in table(self.status, width))]
        if self.restarts:
            shown.append(f"restarted processes: {self.restarts}")
        if self.ended is not None:
            reasons = (f"{count} {reason}" for reason, count in sorted(self.ended.reasons.items()))
            shown.append(f"orders of this run: {self.ended.filled} filled, not filled: {', '.join(reasons) or 'none'}")
            shown.append("parity: not compared (orders went to a venue)")
        elif self.parity is not None:
            parity = self.parity
            compared = plural(parity.compared, "order")
            shown.append(f"parity: {parity.identical} of {compared} identical to the backtest")
            if parity.executions:
                reports = plural(parity.executions, "execution")
                shown.append(f"parity: {parity.same} of {reports} identical to the backtest")
            if parity.before:
                shown.append(
                    f"parity: {plural(parity.before, 'order before them is', 'orders before them are')} an earlier "
                    "run's and left the bus: "
                    f"{parity.compared + parity.before} in all"
                )
            if (others := self.counts[Stream.ORDERS] - parity.compared - parity.before) > 0:
                more = plural(others, "more order is", "more orders are")
                shown.append(f"parity: {more} of symbols that this run does not have")
            if self.finished and self.parity.final_equity != self.final_equity:  # stopped: orders may be in flight
                shown.append(f"parity: the backtest's final equity is {self.parity.final_equity}")
            if self.parity.first_difference:
                shown.append(f"parity: first difference: {self.parity.first_difference}")
        elif self.code:
            shown.append("parity: not compared (your code failed, see below)")
        elif self.live:
            shown.append(
                "parity: not compared: live data cannot be had once more; `tickline parity` compares a recording"
            )
        else:
            shown.append(
                "parity: not compared: this bus also holds a run with other settings (clean: another bus.folder)"
            )
        if line := open_line(self.positions, self.in_flight, self.flatten, self.first):
            shown.append(line)
        return shown

    def _moved(self) -> str:
        if not self.capital_added:
            return ""
        given = self.capital_added > 0
        return f", {_cents(abs(self.capital_added))} of capital {'given' if given else 'taken'} since"


def _cents(amount: Decimal) -> str:
    """Returns money for a person; a price too small for cents keeps its digits in the JSON.

    >>> _cents(Decimal("812.345")), _cents(Decimal("-0.001"))
    ('812.34', '0.00')
    """
    return f"{round(amount, 2) + 0:.2f}"


def _ms(us: float) -> str:
    return f"{us / 1000:.1f} ms"
