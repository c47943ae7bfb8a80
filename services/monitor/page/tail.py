"""The tail follows the line's streams from their ends on: what was committed just now, how fast, and how long ago.

It keeps the last few decisions, orders and reports, and no more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from shared.bus.api import Bus, BusLost, Session
from shared.bus.entry import START, Entry
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.lookup import Found, Lookup
from shared.messages import (
    Decision,
    DecodeError,
    DriftReading,
    ExecutionReport,
    Message,
    OrderIntent,
    Prediction,
    Stream,
    decode,
)
from shared.messages.monitor import BOOK, POOLED, Measure, RangeReading
from shared.record import NewerWire
from shared.runner.progress import producers

COUNT = 500  # entries of one read
BLOCK_MS = 500  # so long a read waits for the first
RATED_S = 5  # seconds over which a rate is taken
SHOWN = 100  # decisions, and orders with their reports, that are kept
FIRST = 12  # of each symbol, when it begins
PREDICTIONS = 16  # of each symbol, which a decision may be on
KEPT = {str(one) for one in (Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS, Stream.MONITOR)}

Source = tuple[str, PartitionId]


class DecisionSeen(NamedTuple):
    """A decision with what it was on. at_ns: when it was written."""

    decision: Decision
    at_ns: int
    prediction: Prediction | None


class OrderSeen(NamedTuple):
    """An order and its report; either may not be known."""

    order: OrderIntent | None
    report: ExecutionReport | None


class StreamRate(NamedTuple):
    """A stream has so many entries a second; at_ns: when the newest was written, None before the first."""

    per_second: float
    at_ns: int | None


class Tail:
    """The tail of one line's streams; once it has begun, `read` waits for what is new.

    - began_s, heard_s: when it began, and when the bus answered last, on `clock`, which never goes back; None before
      the first answer.
    - begun: is set while it knows what was there before, and misses nothing since.
    - decisions: newest last. orders: by client order id, the newest last.
    - drift, band: the monitor's last readings of the edge, and of the books' equity.
    - see: is told of every message.
    """

    def __init__(
        self, settings: Settings, bus: Bus, see: Callable[[Message], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.began_s = clock()
        self.heard_s: float | None = None
        self.begun = asyncio.Event()
        self.lost = ""  # why the bus does not answer
        self.decisions: deque[DecisionSeen] = deque(maxlen=SHOWN)
        self.orders: dict[str, OrderSeen] = {}
        self.drift: DriftReading | None = None
        self.band: RangeReading | None = None
        self._settings, self._bus, self._tell, self._clock = settings, bus, see, clock
        self._session: Session | None = None
        self._cursors: dict[Source, bytes] = {}
        self._server = ""  # whose cursors they are
        self._predictions: dict[str, deque[Prediction]] = {}
        self._counts: dict[str, deque[tuple[int, int]]] = {}  # by stream: second, and entries in it
        self._newest_ns: dict[str, int] = {}

    async def begin(self, lookup: Lookup) -> None:
        """Takes the last decisions and orders that were there before; raises BusLost."""
        self.began_s, self.heard_s = self._clock(), None
        if self._session is None:
            await self._connect()  # first, so that nothing is missed between
        found: list[Found] = []
        for sym in self._settings.symbols:
            for stream in (Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS):
                found += await lookup.last(stream, sym, FIRST)
        for sym in (POOLED, BOOK):
            found += await lookup.last(Stream.MONITOR, sym)
        for one in sorted(found, key=lambda one: one.at_ns):  # as they were written
            self._see(one.message, one.at_ns)
        self.begun.set()

    async def forget(self) -> None:
        """Forgets all but what is counted: it begins anew at the streams' ends."""
        self.begun.clear()
        await self.close()
        for kept in (self.decisions, self.orders, self._predictions, self._cursors, self._counts):
            kept.clear()

    async def read(self) -> bool:
        """Waits, not for long, for what is new; returns whether anything is. Raises BusLost."""
        try:
            if self._session is None:
                await self._connect()
            assert self._session is not None
            answers = await self._session.read(self._cursors, COUNT, BLOCK_MS)
        except BusLost as lost:
            self.lost = str(lost)
            await self.close()
            raise
        self.heard_s, self.lost = self._clock(), ""
        for source, entries in answers:
            self._cursors[source] = entries[-1].id
            self._take(source[0], entries)
        return bool(answers)

    async def close(self) -> None:
        """Ends the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def rates(self) -> dict[Stream, StreamRate]:
        """Returns how fast each stream grows, and how long ago it grew last."""
        now_s = self._clock()
        over_s = min(max(now_s - self.began_s, 1.0), RATED_S)
        made = {}
        for stream in producers(self._settings):
            counted = self._counts.get(str(stream), deque())
            count = sum(entries for second, entries in counted if now_s - second <= RATED_S)
            made[stream] = StreamRate(round(count / over_s, 2), self._newest_ns.get(str(stream)))
        return made

    async def _connect(self) -> None:
        """Begins at the streams' ends; where the server is still the same, behind what was read."""
        session = await self._bus.connect()
        self._session = session
        own = self._settings
        sources = [
            (str(stream), PartitionId(instance, p))
            for stream, instance in producers(own).items()
            for p in range(1 if stream is Stream.MONITOR else own.bus.partitions)
        ]
        server = session.cursors_id(PartitionId(own.monitor.instance, 0), sources)
        if self._cursors and server == self._server:
            return
        self._server = server
        for source in sources:
            newest = await session.newest(source, b"+", 1)
            self._cursors[source] = newest[0].id if newest else START
            self._note(source[0], newest)

    def _take(self, stream: str, entries: Iterable[Entry]) -> None:
        taken = list(entries)
        self._note(stream, taken)
        counted = self._counts.setdefault(stream, deque(maxlen=2 * RATED_S))
        second = int(self._clock())
        if counted and counted[-1][0] == second:
            counted[-1] = (second, counted[-1][1] + len(taken))
        else:
            counted.append((second, len(taken)))
        if stream in KEPT:
            for entry in taken:
                message = _message(entry)
                if message is not None:
                    self._see(message, entry.w)

    def _note(self, stream: str, entries: Iterable[Entry]) -> None:
        newest = max((entry.w for entry in entries), default=0)
        if newest:
            self._newest_ns[stream] = max(newest, self._newest_ns.get(stream, 0))

    def _see(self, message: Message, at_ns: int) -> None:
        self._tell(message)
        if isinstance(message, Prediction):
            self._predictions.setdefault(message.sym, deque(maxlen=PREDICTIONS)).append(message)
        elif isinstance(message, Decision):
            if any(one.decision.tr == message.tr for one in self.decisions):
                return  # it was committed while this began, and comes once more
            known = self._predictions.get(message.sym, ())
            on = next((one for one in known if one.n == message.prediction_n), None)
            self.decisions.append(DecisionSeen(message, at_ns, on))
        elif isinstance(message, OrderIntent):
            self._keep(message.client_order_id, self._known(message)._replace(order=message))
        elif isinstance(message, ExecutionReport):
            self._keep(message.client_order_id, self._known(message)._replace(report=message))
        elif isinstance(message, DriftReading):
            self.drift = message
        elif isinstance(message, RangeReading) and message.what is Measure.EQUITY:
            self.band = message

    def _known(self, message: OrderIntent | ExecutionReport) -> OrderSeen:
        return self.orders.pop(message.client_order_id, OrderSeen(None, None))

    def _keep(self, name: str, seen: OrderSeen) -> None:
        self.orders[name] = seen
        while len(self.orders) > SHOWN:
            del self.orders[next(iter(self.orders))]


def _message(entry: Entry) -> Message | None:
    try:
        return decode(entry.t.decode(errors="replace"), entry.d)
    except (DecodeError, NewerWire):
        return None
