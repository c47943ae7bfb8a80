"""Trades whose ids only tell them apart: time says what comes next, and nothing says what is missing."""

from heapq import heappop, heappush

from services.ingestor.live.events import Hole, Missing, Trade
from services.ingestor.live.saved import saved_trade, trade_in
from shared.tick import State

_Place = tuple[int, int | str, Trade]


class OrderByTime:
    """Puts trades in the order of (ts_event, id). Each waits until one that is `order_ns` younger came, or the time
    has, or until `order_count` wait.

    What is before the last one given, in this order, is not looked at: it is either a repetition or too late for its
    place. So the ids to be remembered are those of what waits. old: how many of these came.

    >>> from decimal import Decimal
    >>> order = OrderByTime(order_ns=10, order_count=100)
    >>> arrived = [Trade(name, ts, Decimal(1), Decimal(1)) for name, ts in (("b", 5), ("a", 3), ("b", 5), ("c", 15))]
    >>> [[t.id for t in order.put(trade)] for trade in arrived], [t.id for t in order.release(25)], order.old
    ([[], [], [], ['a', 'b']], ['c'], 1)
    """

    certain = False
    next_id = None

    def __init__(self, order_ns: int, order_count: int) -> None:
        self.old = 0
        self.last_ns = 0
        self._order_ns, self._order_count = order_ns, order_count
        self._waiting: list[_Place] = []
        self._ids: set[int | str] = set()  # of what waits
        self._last_id: int | str | None = None

    @property
    def waiting(self) -> int:
        """How many trades wait."""
        return len(self._waiting)

    def put(self, trade: Trade, hold: bool = False) -> list[Trade]:
        """The trades that may go out now; none with `hold`."""
        ts_event, name = trade.ts_event, trade.id
        if (ts_event <= self.last_ns and self._passed(ts_event, name)) or name in self._ids:
            self.old += 1
            return []
        self._ids.add(name)
        heappush(self._waiting, (ts_event, name, trade))
        return [] if hold else self.release(ts_event)

    def release(self, now: int) -> list[Trade]:
        """What is at least `order_ns` old, and what is too much."""
        return self._give(now - self._order_ns, self._order_count)

    def upto(self, now: int) -> int:
        """Until when everything was given, if all was heard until now."""
        return min(now, self._waiting[0][0] - 1) if self._waiting else now

    def hole(self) -> Trade | None:
        """The oldest trade that waits."""
        return self._waiting[0][2] if self._waiting else None

    def settle(self, question: Missing, complete: bool, doubtful_ns: int, since: int) -> list[Trade | Hole]:
        """Give what was asked for; or else, where something stands behind it, what there is and a Hole.

        doubtful_ns: until when something may be missing, and the first trade behind happened; 0 for none such.
        since: until when all is known.
        """
        if complete:
            return [*self._give(question.to_ns)]
        return [*self._give(doubtful_ns - 1), Hole(doubtful_ns, since)] if doubtful_ns else []

    def _give(self, upto_ns: int, keep: int | None = None) -> list[Trade]:
        found: list[Trade] = []
        waiting = self._waiting
        while waiting and (waiting[0][0] <= upto_ns or (keep is not None and len(waiting) > keep)):
            self.last_ns, self._last_id, trade = heappop(waiting)
            self._ids.discard(trade.id)
            found.append(trade)
        return found

    def _passed(self, ts_event: int, name: int | str) -> bool:
        return ts_event < self.last_ns or (self._last_id is not None and name <= self._last_id)  # type: ignore[operator]

    def state(self) -> State:
        """The place of the last one given, what waits, the count."""
        waiting: list[State] = [saved_trade(place[2]) for place in sorted(self._waiting)]
        return [self.last_ns, self._last_id, waiting, self.old]

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        match state:
            case [int() as last_ns, (int() | str() | None) as last_id, list() as waiting, int() as old]:
                trades = [trade_in(trade) for trade in waiting]
                names = {trade.id for trade in trades}
                if len({type(name) for name in (names if last_id is None else {*names, last_id})}) > 1:
                    raise ValueError("an order's state has ids of two kinds")
                self.last_ns, self._last_id, self.old, self._ids = last_ns, last_id, old, names
                self._waiting = sorted((trade.ts_event, trade.id, trade) for trade in trades)
            case _:
                raise ValueError(f"an order's state is not {state!r:.80}")
