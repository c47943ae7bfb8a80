"""What the lanes of a desk share."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from services.gateway.risk.context import RiskContext
from shared.bus.names import partition_of
from shared.control.books import Books
from shared.control.whereabouts import Whereabouts
from shared.errors import JournalUnwritable
from shared.exchanges.trading.venue import Venue
from shared.journal.database import Fenced, WriteRefused
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages import ExecutionReport, OrderIntent
from shared.runner.external_store import ExternalStoreLost

# Writes to the journal under the epoch of this attach. What cannot be written ends the attach.


class FencedJournal:
    """`broken`: why nothing can be written any more; empty while it can. `refused`: what was to be written is why."""

    def __init__(self, journal: Journal, epoch: int) -> None:
        self.epoch = epoch
        self.broken = ""
        self.refused = False
        self._journal = journal

    async def write(self, changes: Sequence[Change], meanwhile: Callable[[], None] | None = None) -> None:
        """All or nothing; when this returns it is on the disk. Raises ExternalStoreLost, and from then on always.

        meanwhile: what may be done while the disk is at work, whether or not it succeeds; perhaps it is never called.
        """
        if self.broken:
            raise ExternalStoreLost(self.broken)
        try:
            await self._journal.write(_newest(changes), self.epoch, meanwhile)
        except Fenced as fenced:
            self.broken = acted(fenced.holder) if fenced.holder else str(fenced)
            raise ExternalStoreLost(self.broken) from fenced
        except (WriteRefused, JournalUnwritable) as error:
            self.broken, self.refused = str(error), isinstance(error, WriteRefused)
            raise ExternalStoreLost(self.broken) from error


def acted(holder: str) -> str:
    """Why a desk stops when the account was taken from it: no fault of its own, found by its look or its next write."""
    return f"{holder} acted on the account: what it has changed is read, and the desk goes on"


def _newest(changes: Sequence[Change]) -> list[Change]:
    """Of several rows of one order only the last: the ones before would be seen by nobody."""
    last = {change.client_order_id: change for change in changes if isinstance(change, OrderRow)}
    return [change for change in changes if not isinstance(change, OrderRow) or change is last[change.client_order_id]]


# Whether an order's id is known, mostly without asking the journal: that is a read on the order's way to the venue.

MOST = 10_000


class RecentOrders:
    """The contents of the newest orders, by client id.

    `begin` has the time of the newest tick that any order in the journal comes from. An order of a later tick is known
    only if it was added since. When the newest are too many, the oldest goes, and that time moves up to its tick's.
    So what is not here and is later cannot be in the journal; all else is asked for.
    """

    def __init__(self, most: int = MOST) -> None:
        self._contents: dict[str, tuple[str, int]] = {}
        self._most = most
        self._asked_to_ns: int | None = None  # None: all are asked for
        self._doubted = False

    async def begin(self, journal: Journal) -> None:
        """Nobody but us writes orders from here on."""
        self._contents.clear()
        self._asked_to_ns = None if self._doubted else await journal.newest_tick_ns()

    def doubt(self) -> None:
        """The journal refused an order, e.g. an old id with a later tick: from `begin` on all are asked for."""
        self._doubted = True

    async def content(self, journal: Journal, intent: OrderIntent) -> str | None:
        """What the order of this id says (`content_of`); None for a new id."""
        held = self._contents.get(intent.client_order_id)
        if held is not None:
            return held[0]
        if self._asked_to_ns is not None and intent.ts_event > self._asked_to_ns:
            return None
        row = await journal.order(intent.client_order_id)
        return None if row is None else row.content

    def add(self, row: OrderRow) -> None:
        """An order that is about to be written."""
        self._contents[row.client_order_id] = (row.content, row.ts_event)
        if len(self._contents) > self._most:
            _, at_ns = self._contents.pop(next(iter(self._contents)))
            if self._asked_to_ns is not None:
                self._asked_to_ns = max(self._asked_to_ns, at_ns)


# Terminal reports that are in the journal and not on the bus yet, by symbol and number.


class Outbox:
    """Reports wait here until their partition takes them. wake: called when one came.

    One that is added twice, or before an earlier one, does no harm: they are taken by their numbers.
    """

    def __init__(self, partitions: int) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._partitions = partitions
        self._waiting: dict[int, dict[str, dict[int, ExecutionReport]]] = defaultdict(dict)

    def add(self, report: ExecutionReport) -> None:
        """A report of its book; it is in the journal."""
        waiting = self._waiting[partition_of(report.sym, self._partitions)]
        waiting.setdefault(report.sym, {})[report.n] = report
        self.wake()

    def take(self, p: int, written: Callable[[str], int], most: int) -> list[ExecutionReport]:
        """What comes next on a partition's stream, at most so many. written: the number of a symbol's last one."""
        taken: list[ExecutionReport] = []
        for sym, waiting in list(self._waiting[p].items()):
            n = written(sym) + 1
            while n in waiting and len(taken) < most:
                taken.append(waiting[n])
                n += 1
            for old in [number for number in waiting if number < n]:
                del waiting[old]
            if not waiting:
                del self._waiting[p][sym]
        return taken

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()


NS_PER_MS = 1_000_000


class Timeouts(NamedTuple):
    """validity_ms: of a request. grace_ms: after it, before what is not told twice is believed. poll_s ... poll_max_s:
    between two looks at an order, longer each time. unknown_alarm_s: after so long a person is called."""

    validity_ms: int
    grace_ms: int
    poll_s: float = 0.1
    poll_max_s: float = 2.0
    unknown_alarm_s: float = 60.0


class SessionConfig(NamedTuple):
    """symbols: that have a lane. book: what a symbol's book is called in the journal. capital: of each book, quote
    units. max_clock_skew_ms: between the venue's clock and ours; beyond it nothing is added. quote_s: between two looks
    at a symbol's quote. equity_max_age_s: beyond it the equity is not known. quote_max_age_s: of a quote that
    values coins. again_s: before a second observation of what one has not made certain.
    markets_s, markets_pause_s: between two looks at the markets, as a rule and at least.
    account: its name. whereabouts: what the journal is to keep of the config."""

    symbols: tuple[str, ...]
    book: Callable[[str], str]
    capital: Decimal
    partitions: int
    pace: Timeouts
    reconcile_s: float
    max_clock_skew_ms: int = 2_000
    quote_s: float = 1.0
    watch_s: float = 0.5
    equity_max_age_s: float = 90.0
    quote_max_age_s: float = 5.0
    again_s: float = 1.0
    markets_s: float = 3_600.0
    markets_pause_s: float = 10.0
    whereabouts: Whereabouts = Whereabouts()
    account: str = ""


class SessionContext(NamedTuple):
    """spawn: runs something beside the lanes, as long as the desk is attached. leased: whether our leases are good.

    markets_in_doubt: set when something speaks for other rules of a market than those that are known.
    """

    journal: Journal
    pen: FencedJournal
    venue: Venue
    clearance: RiskContext
    books: Books
    outbox: Outbox
    known: RecentOrders
    pace: Timeouts
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    leased: Callable[[], bool]
    markets_in_doubt: asyncio.Event


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // NS_PER_MS
