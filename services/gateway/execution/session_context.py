"""The parts of an account session share these: by the SessionContext, at the end, they reach one another.

- SessionConfig: what is traded, and how long everything waits.
- FencedJournal: the way to write, under the session's epoch; SymbolStep: what is written together.
- PreparedSend: an order's request, which goes out when the order is in the journal as SENT.
- RecentOrders: the ids that are known without a read of the journal.
- Outbox: reports that are written, and not on the bus yet.
- SessionTasks: what works beside one another for as long as the session lasts.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import structlog

from services.gateway.execution.open_orders import OpenOrdersWatch
from services.gateway.execution.protector import Protector
from services.gateway.execution.records import OpenOrder
from services.gateway.risk.context import RiskContext
from shared.bus.names import partition_of
from shared.config import Settings
from shared.config.protect import ProtectSettings
from shared.control.books import Books, book_of
from shared.control.whereabouts import Whereabouts
from shared.errors import JournalUnwritable
from shared.exchanges.trading.client import NotCleared
from shared.exchanges.trading.venue import Cleared, Venue
from shared.journal.database import Fenced, WriteRefused
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.messages import ExecutionReport, OrderIntent
from shared.runner.parts import ExternalStoreLost

log = structlog.get_logger()

MOST_RECENT = 10_000
NS_PER_MS = 1_000_000
Work: TypeAlias = Coroutine[Any, Any, None]


@dataclass(frozen=True)
class SessionConfig:
    """The config says what a session trades, how long it waits, and how often it looks.

    - symbols: those that have an order manager; book: what the journal calls a symbol's book.
    - capital: what a new book begins with, in quote units.
    - partitions: of the bus.
    - validity_ms: of a request; grace_ms: after that, before what is not told twice is believed.
    - reconcile_s: between two comparisons with the venue, and between two looks at the account's modes.
    - poll_s, poll_max_s: between two questions about an order, longer each time.
    - unknown_alarm_s: after so long a person is called.
    - max_clock_skew_ms: between the venue's clock and ours; beyond it nothing is added.
    - quote_s: between two looks at the quotes; watch_s: between two looks at what a person may have changed.
    - equity_max_age_s: beyond it the equity is not known; quote_max_age_s: of a quote that values coins.
    - again_s: before a second observation of the equity where one has not made it certain.
    - markets_s, markets_pause_s: between two looks at the markets, as a rule and at least.
    - protect: which stops each position should have; stops_s: between two looks at the list of stops.
    - whereabouts: what the journal keeps of the config; account: the account's name.
    """

    symbols: tuple[str, ...]
    book: Callable[[str], str]
    capital: Decimal
    partitions: int
    validity_ms: int
    grace_ms: int
    reconcile_s: float
    poll_s: float = 0.1
    poll_max_s: float = 2.0
    unknown_alarm_s: float = 60.0
    max_clock_skew_ms: int = 2_000
    quote_s: float = 1.0
    watch_s: float = 0.5
    equity_max_age_s: float = 90.0
    quote_max_age_s: float = 5.0
    again_s: float = 1.0
    markets_s: float = 3_600.0
    markets_pause_s: float = 10.0
    protect: ProtectSettings = field(default_factory=ProtectSettings)
    stops_s: float = 1.0
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    account: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "SessionConfig":
        """Returns what the settings say."""
        own = settings.gateway
        return cls(
            symbols=settings.symbols,
            book=partial(book_of, settings),
            capital=settings.strategy.balance,
            partitions=settings.bus.partitions,
            validity_ms=own.request_validity_ms,
            grace_ms=own.grace_ms,
            reconcile_s=own.reconcile_s,
            unknown_alarm_s=own.unknown_alarm_s,
            max_clock_skew_ms=own.max_clock_skew_ms,
            quote_max_age_s=own.risk.quote_max_age_s,
            markets_s=own.markets_s,
            markets_pause_s=own.markets_pause_s,
            protect=settings.strategy.protect,
            whereabouts=Whereabouts.of(settings),
            account=own.account,
        )

    @property
    def equity_s(self) -> float:
        """Returns how long to wait between two observations of the equity: three fit into its greatest age."""
        return min(self.reconcile_s, self.equity_max_age_s / 3)


class FencedJournal:
    """A session writes to the journal through a FencedJournal, under its epoch; the first write that fails is the last.

    - broken: why nothing can be written any more; empty while it can.
    - refused: whether that is because of what was to be written.
    """

    def __init__(self, journal: Journal, epoch: int) -> None:
        self.epoch = epoch
        self.broken = ""
        self.refused = False
        self._journal = journal

    async def write(self, changes: Sequence[Change], meanwhile: Callable[[], None] | None = None) -> None:
        """Writes all or nothing; when it returns they are on the disk. Raises ExternalStoreLost, from then on always.

        meanwhile: called while the disk is at work, whether or not that succeeds; perhaps never.
        """
        if self.broken:
            raise ExternalStoreLost(self.broken)
        try:
            await self._journal.write(_last_rows(changes), self.epoch, meanwhile)
        except Fenced as fenced:
            self.broken = fenced_by(fenced.holder) if fenced.holder else str(fenced)
            raise ExternalStoreLost(self.broken) from fenced
        except (WriteRefused, JournalUnwritable) as error:
            self.broken, self.refused = str(error), isinstance(error, WriteRefused)
            raise ExternalStoreLost(self.broken) from error


def fenced_by(holder: str) -> str:
    """Returns why a session ends whose account somebody else has acted on: no fault of its own."""
    return f"{holder} acted on the account: what it has changed is read, and the gateway goes on"


def _last_rows(changes: Sequence[Change]) -> list[Change]:
    """Returns the changes with the last row only of each order: the ones before would be seen by nobody."""
    last = {change.client_order_id: change for change in changes if isinstance(change, OrderRow)}
    return [change for change in changes if not isinstance(change, OrderRow) or change is last[change.client_order_id]]


class PreparedSend:
    """An order's request is made while the journal writes, and goes when that has written.

    - send: makes the request, and awaits what it is given before it writes the request to the socket.
    - spawn: runs that beside all else.
    - barred: called at the last moment, returns why the request may not go after all; empty when it may.
    """

    def __init__(
        self, send: Callable[[Cleared], Work], spawn: Callable[[Work], None], barred: Callable[[], str]
    ) -> None:
        self._send: Callable[[Cleared], Work] | None = send
        self._spawn = spawn
        self._barred = barred
        self._journaled = asyncio.Event()

    def prepare(self) -> None:
        """Begins to make the request, unless that is begun."""
        send, self._send = self._send, None
        if send is not None:
            self._spawn(send(self._cleared))

    def go(self) -> None:
        """Lets the request go: it is in the journal as SENT."""
        self._journaled.set()
        self.prepare()

    async def _cleared(self) -> None:
        """Returns when the request may be written to the socket; raises NotCleared when it may not go any more."""
        await self._journaled.wait()
        if why := self._barred():
            raise NotCleared(why)


@dataclass(slots=True)
class SymbolStep:
    """A step gathers what it changes: it is written together, and only then done.

    - changes: rows for the journal.
    - reports: go to the bus when they are written.
    - sends: the orders that go out then.
    - cancels: begin the cancels that are sent then.
    """

    changes: list[Change] = field(default_factory=list)
    reports: list[ExecutionReport] = field(default_factory=list)
    sends: list[PreparedSend] = field(default_factory=list)
    cancels: list[Callable[[], Work]] = field(default_factory=list)

    def prepare(self) -> None:
        """Begins to make the requests that go out."""
        for send in self.sends:
            send.prepare()


class RecentOrders:
    """The newest orders are known by client id: most need no read of the journal on their way to the venue.

    `begin` reads the time of the newest tick that any order in the journal comes from. An order of a later tick is in
    the journal only if it was added here since. So what is later and not here is new; all else is looked up there. When
    too many are here the oldest is dropped, and that time moves up to its tick's.
    """

    def __init__(self, most: int = MOST_RECENT) -> None:
        self._contents: dict[str, tuple[str, int]] = {}  # client id -> content, and its tick's time
        self._most = most
        self._complete_after_ns: int | None = None  # None: all are looked up
        self._doubted = False

    async def begin(self, journal: Journal) -> None:
        """Begins anew; nobody but us writes orders from here on."""
        self._contents.clear()
        self._complete_after_ns = None if self._doubted else await journal.newest_tick_ns()

    def doubt(self) -> None:
        """Has all looked up from the next `begin` on: the journal refused an order, e.g. an old id at a later tick."""
        self._doubted = True

    async def content(self, journal: Journal, intent: OrderIntent) -> str | None:
        """Returns the content (`content_of`) of the order with this id; None for a new id."""
        held = self._contents.get(intent.client_order_id)
        if held is not None:
            return held[0]
        if self._complete_after_ns is not None and intent.ts_event > self._complete_after_ns:
            return None
        row = await journal.order(intent.client_order_id)
        return None if row is None else row.content

    def add(self, row: OrderRow) -> None:
        """Adds an order that is about to be written."""
        self._contents[row.client_order_id] = (row.content, row.ts_event)
        if len(self._contents) > self._most:
            _, at_ns = self._contents.pop(next(iter(self._contents)))
            if self._complete_after_ns is not None:
                self._complete_after_ns = max(self._complete_after_ns, at_ns)


class Outbox:
    """Reports that are in the journal wait in the outbox until their partition puts them on the bus.

    One that is added twice, or before an earlier one, does no harm: they are taken by their numbers.

    - wake: called for each.
    """

    def __init__(self, partitions: int) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._partitions = partitions
        self._waiting: dict[int, dict[str, dict[int, ExecutionReport]]] = defaultdict(dict)  # by partition, symbol, n

    def add(self, report: ExecutionReport) -> None:
        """Adds a report of its book."""
        waiting = self._waiting[partition_of(report.sym, self._partitions)]
        waiting.setdefault(report.sym, {})[report.n] = report
        self.wake()

    def take(self, p: int, written: Callable[[str], int], most: int) -> list[ExecutionReport]:
        """Returns what comes next on a partition's stream, at most so many; written: a symbol's last number there."""
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
        """Forgets all."""
        self._waiting.clear()


class SessionTasks:
    """A session's tasks work beside one another; the first that fails loses the session.

    - lost: why, empty while nothing has failed. Whoever waits for the outbox is woken then.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.lost = ""
        self._outbox = outbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def spawn(self, work: Work) -> None:
        """Starts a task, unless the session is over."""
        if self._over:  # the journal's thread may tell late that it writes
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def end(self) -> None:
        """Stops all tasks."""
        self._over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self.lost:
            self.lost = str(error) if isinstance(error, ExternalStoreLost) else f"{type(error).__name__}: {error}"
            log.error("the session ends", why=self.lost)
            self._outbox.wake()


class SessionContext(NamedTuple):
    """The parts of a session reach one another, and the account, by it.

    - spawn: runs something beside the order managers, for as long as the session lasts.
    - leased: whether our leases are good.
    - markets_in_doubt: set when something speaks for other rules of a market than those that are known.
    - resting: watches what rests at the venue.
    - protector: keeps the stops of the positions.
    - open_orders: of each symbol that has any, by client order id.
    """

    config: SessionConfig
    journal: Journal
    fenced: FencedJournal
    venue: Venue
    risk: RiskContext
    books: Books
    outbox: Outbox
    recent: RecentOrders
    spawn: Callable[[Work], None]
    leased: Callable[[], bool]
    markets_in_doubt: asyncio.Event
    resting: OpenOrdersWatch
    protector: Protector
    open_orders: dict[str, dict[str, OpenOrder]]


def now_ms() -> int:
    """Returns the wall clock."""
    return time.time_ns() // NS_PER_MS
