"""The asker stands for the strategy: it asks for orders, one after the other in each symbol, and knows what it asked.

What the bus has lost of it is written again, the same entries with the same numbers, as a strategy does from its state.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from services.strategy.order_writer import client_order_id
from shared.bus.api import Bus, BusLost, Commit, Lease, Session
from shared.bus.entry import Outgoing
from shared.bus.names import PartitionId, partition_of
from shared.messages import ExecutionReport, Leg, OrderIntent, Stream, decode
from shared.messages.reasons import OrderType, TimeInForce

STEP = Decimal("0.001")
PRICE = Decimal("42000.00")
IOCS = 0.6  # of those that add
WITHIN = Decimal("0.02")  # of the price: the limit of those that add
BY = "0123456789abcdef"  # who decides
ROUND_S = 0.02
BLOCK_MS = 20


@dataclass
class Book:
    """A book is one symbol's: what was asked, and what was answered, by number.

    - written: how many of `asked` the bus has, as far as we know.
    - ended: how many of `asked` were answered; what the exchange closed by itself is no answer to any.
    - rests_until_s: nothing is asked before, by the monotonic clock.
    """

    sym: str
    left: int
    asked: list[OrderIntent] = field(default_factory=list)
    answered: dict[int, ExecutionReport] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    written: int = 0
    ended: int = 0
    rests_until_s: float = 0.0

    @property
    def waits(self) -> bool:
        """Returns whether an answer is missing."""
        return self.ended < len(self.asked)

    @property
    def held(self) -> Decimal:
        """Returns the position, by what was answered."""
        return sum((report.last_qty for report in self.answered.values()), Decimal(0))

    def take(self, report: ExecutionReport) -> ExecutionReport:
        """Takes a report, and returns the one that has its number."""
        known = self.answered.setdefault(report.n, report)
        self.ended += known is report and report.client_order_id in self.names
        return known


class Asker:
    """The asker asks for `each` orders of every symbol.

    - price: of a symbol, as a strategy would know it.
    - pause_s: at most so long after an answer nothing is asked.
    - asks: switched off, nothing new is asked for.
    - contradictions: executions that came again with other content.
    """

    def __init__(
        self,
        bus: Bus,
        symbols: list[str],
        each: int,
        partitions: int,
        rng: random.Random,
        *,
        price: Callable[[str], Decimal] = lambda sym: PRICE,
        pause_s: float = 0.0,
    ) -> None:
        self.books = {sym: Book(sym, each) for sym in symbols}
        self.contradictions: list[str] = []
        self.asks = True
        self._bus = bus
        self._partitions = partitions
        self._rng = rng
        self._price = price
        self._pause_s = pause_s
        self._told: dict[int, int] = {}

    @property
    def answered(self) -> int:
        """Returns how many reports have come."""
        return sum(len(book.answered) for book in self.books.values())

    @property
    def quiet(self) -> bool:
        """Returns whether nothing is unanswered."""
        return not any(book.waits for book in self.books.values())

    @property
    def settled(self) -> bool:
        """Returns whether nothing is left to ask, and nothing unanswered."""
        return self.quiet and not any(book.left for book in self.books.values())

    async def run(self) -> None:
        """Asks, and takes whatever is answered, for ever and over every loss of the bus."""
        while True:
            try:
                session = await self._bus.connect()
                try:
                    await self._serve(session)
                finally:
                    await session.close()
            except BusLost:
                await asyncio.sleep(0.1)  # a server that is not there gives nothing to wait on

    async def _serve(self, session: Session) -> None:
        places = [PartitionId("strategy", p) for p in range(self._partitions)]
        leases: dict[int, Lease] = {}
        for place in places:
            lease = await session.acquire(place, "asker")
            assert lease is not None
            leases[place.p] = lease
        seqs = {place.p: stored.seq for place, stored in zip(places, await session.load(places), strict=True)}
        await self._find_written(session)
        self._told.clear()
        cursors = {(str(Stream.EXECUTIONS), PartitionId("gateway", p)): b"0-0" for p in range(self._partitions)}
        renewed = time.monotonic()
        while True:
            self._ask()
            await self._write(session, leases, seqs)
            if time.monotonic() - renewed > 0.3:
                assert all(await session.renew(list(leases.values())))
                renewed = time.monotonic()
            for source, entries in await session.read(cursors, 1_000, BLOCK_MS):
                cursors[source] = entries[-1].id
                for entry in entries:
                    self._take(decode(entry.t, entry.d))

    async def _find_written(self, session: Session) -> None:
        cursors = {(str(Stream.ORDERS), PartitionId("strategy", p)): b"0-0" for p in range(self._partitions)}
        last = dict.fromkeys(self.books, 0)
        while found := await session.read(cursors, 10_000, 0):
            for source, entries in found:
                cursors[source] = entries[-1].id
                for entry in entries:
                    last[entry.k] = max(last[entry.k], entry.n)
        for sym, book in self.books.items():
            book.written = last[sym]

    def _ask(self) -> None:
        now_s = time.monotonic()
        for book in self.books.values() if self.asks else ():
            if book.left and not book.waits and now_s >= book.rests_until_s:
                legs = self._rng.choice((1, 1, 2))
                self._add(book, min(legs, book.left))

    def _add(self, book: Book, legs: int) -> None:
        held = book.held
        qty = STEP * self._rng.randint(3, 30) * self._rng.choice((1, -1))
        close = self._intent(book, -held, Leg.CLOSE, None) if legs == 2 and held else None
        opening = self._intent(book, qty, Leg.OPEN, close) if close else self._intent(book, qty, Leg.NET, None)
        for intent in filter(None, (close, opening)):
            self._append(book, intent)

    def _append(self, book: Book, intent: OrderIntent) -> None:
        book.asked.append(intent)
        book.names.add(intent.client_order_id)
        book.left -= 1

    def _intent(self, book: Book, qty: Decimal, leg: Leg, after: OrderIntent | None) -> OrderIntent:
        n, now = len(book.asked) + 1 + (after is not None), time.time_ns()
        tr = f"chaos:{book.sym}:{now}:{n}"
        is_ioc, price = leg is not Leg.CLOSE and self._rng.random() < IOCS, self._price(book.sym)
        return OrderIntent(
            n=n, sym=book.sym, ts_event=now, tr=tr, tick_n=n,
            client_order_id=client_order_id("chaos", tr, leg), leg=leg,
            signed_qty=qty, reduce_only=leg is Leg.CLOSE, price=price, valid_until=0,
            after=after.client_order_id if after else None, by=BY,
            type=OrderType.LIMIT if is_ioc else OrderType.MARKET,
            limit_price=price * (1 + WITHIN.copy_sign(qty)) if is_ioc else None,
            time_in_force=TimeInForce.IOC if is_ioc else None,
        )  # fmt: skip

    async def _write(self, session: Session, leases: dict[int, Lease], seqs: dict[int, int]) -> None:
        entries: dict[int, list[Outgoing]] = {p: [] for p in leases if self._taken_to(p) != self._told.get(p)}
        for book in self.books.values():
            for intent in book.asked[book.written :]:
                entries.setdefault(partition_of(book.sym, self._partitions), []).append(Outgoing.of(intent))
        if not entries:
            return
        taken = {p: self._taken_to(p) for p in entries}
        commits = [Commit(leases[p], seqs[p], {"in:executions": f"0-0 {taken[p]}"}, own) for p, own in entries.items()]
        for commit, outcome in zip(commits, await session.commit(commits), strict=True):
            assert outcome == "OK", outcome
            seqs[commit.lease.partition.p] += 1
        self._told |= taken
        for book in self.books.values():
            book.written = len(book.asked)

    def _taken_to(self, p: int) -> int:
        """How many executions of a partition were taken: the gateway stays a bounded distance ahead of that."""
        return sum(len(book.answered) for sym, book in self.books.items() if partition_of(sym, self._partitions) == p)

    def _take(self, report: object) -> None:
        assert isinstance(report, ExecutionReport)
        book = self.books[report.sym]
        known = book.take(report)
        if not book.waits:
            book.rests_until_s = time.monotonic() + self._rng.uniform(0, self._pause_s)
        if known != report:
            self.contradictions.append(f"{report.sym} n={report.n}: {known} and then {report}")
