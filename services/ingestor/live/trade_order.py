"""Trades in order: by consecutive ids, which also say what is missing, or by time, where ids only tell them apart."""

from heapq import heappop, heappush

from services.ingestor.live.saved_events import SavedTrade, saved_trade, trade_in
from shared.exchanges.market_data.events import Missing, MissingTrades, Trade
from shared.record import Record, Snapshot, fields_of
from shared.tick import State


class OrderByIdSnapshot(Snapshot):
    """The saved form of an OrderById. waiting: by their ids."""

    next_id: int | None
    last_ns: int
    waiting: list[SavedTrade]
    old: int


_snapshot = fields_of(OrderByIdSnapshot)


class OrderById:
    """The order of consecutive ids says what comes next, what was there already, and what is missing.

    A trade that is ahead of a hole waits. It counts those that are behind the last one given (`old`): repeated, or
    given up before.

    >>> from decimal import Decimal
    >>> one, two, three = (Trade(i, i, Decimal(1), Decimal(1)) for i in (1, 2, 3))
    >>> order = OrderById()
    >>> [[t.id for t in order.put(trade)] for trade in (one, three, one, two)]
    [[1], [], [], [2, 3]]
    >>> order.old
    1
    """

    def __init__(self, old: int = 0) -> None:
        self.old = old
        self.last_ns = 0
        self._next: int | None = None
        self._waiting: dict[int, Trade] = {}

    @property
    def next_id(self) -> int | None:
        """Returns the id that comes next; None before the first."""
        return self._next

    @property
    def waiting(self) -> int:
        """Returns how many trades wait behind a hole."""
        return len(self._waiting)

    def put(self, trade: Trade, hold: bool = False) -> list[Trade]:
        """Returns the trades that may go out now; what follows the last one always may."""
        number, expected = trade.id, self._next
        if number == expected:
            self._next = expected + 1
            self.last_ns = trade.ts_event
            return [trade, *self._follow()] if self._waiting else [trade]
        assert isinstance(number, int)  # the source gives integers where it says that ids are consecutive
        if expected is None:
            self._next, self.last_ns = number + 1, trade.ts_event
            return [trade]
        if number < expected or number in self._waiting:
            self.old += 1
        else:
            self._waiting[number] = trade
        return []

    def release(self, now: int) -> list[Trade]:
        """Returns what may go out because time went on: nothing, here."""
        return []

    def given_until(self, now: int) -> int:
        """Returns until when everything was given, if all was heard until now."""
        return now

    def hole(self) -> Trade | None:
        """Returns the trade behind the first hole; None without one."""
        return self._waiting[min(self._waiting)] if self._waiting else None

    def settle(self, question: Missing, complete: bool, doubtful_ns: int, since: int) -> list[Trade | MissingTrades]:
        """Returns what may go out when the missing trades that were asked for are given up.

        Surely known is what was given, and no more: that nothing traded since was an answer that the hole belies.
        """
        given: list[Trade | MissingTrades] = []
        if question.to_id is None:
            return given  # no hole was known; if there is one, it is asked for by itself
        for number in sorted(self._waiting):
            if number > question.to_id + 1:
                break
            if (first := self._waiting.get(number)) is not None:
                self._next = number
                given += [MissingTrades(first.ts_event, self.last_ns), *self._follow()]
        return given

    def _follow(self) -> list[Trade]:
        found: list[Trade] = []
        number, waiting = self._next, self._waiting
        while waiting and number is not None and (trade := waiting.pop(number, None)) is not None:
            found.append(trade)
            number += 1
        if found:
            self._next, self.last_ns = number, found[-1].ts_event
        return found

    def state(self) -> State:
        """Returns the next id, the last time, what waits, the count."""
        waiting = [saved_trade(self._waiting[number]) for number in sorted(self._waiting)]
        return _snapshot(next_id=self._next, last_ns=self.last_ns, waiting=waiting, old=self.old)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = OrderByIdSnapshot.of(state)
        trades = [trade_in(trade) for trade in saved.waiting]
        if not all(isinstance(trade.id, int) for trade in trades):
            raise ValueError("an order's state has an id that is no integer")
        self._next, self.last_ns, self.old = saved.next_id, saved.last_ns, saved.old
        self._waiting = {int(trade.id): trade for trade in trades}


_Key = tuple[int, int, int | str]
_Place = tuple[_Key, int, Trade]


class SavedPlace(Record):
    """A trade's place: what it is put in order by."""

    ts_event: int
    seq: int
    number: int | str


class OrderByTimeSnapshot(Snapshot):
    """The saved form of an OrderByTime. last: the place of the last one given, by those of the ids `given`."""

    last: SavedPlace
    given: list[int | str]
    waiting: list[SavedTrade]
    old: int


_saved_place, _by_time = fields_of(SavedPlace), fields_of(OrderByTimeSnapshot)


class OrderByTime:
    """The order of time, within one time of `seq`, then of the number, then of arrival; nothing says what is missing.

    A trade waits until one that is `order_ns` younger came, or the time has, or until `order_count` wait. One that is
    before the last one given, in this order, is left out and counted (`old`): it is either a repetition or too late for
    its place. So only the ids of what waits, and of the last place, are remembered.

    >>> from decimal import Decimal
    >>> order = OrderByTime(order_ns=10, order_count=100)
    >>> arrived = [Trade(name, ts, Decimal(1), Decimal(1)) for name, ts in (("b", 5), ("a", 5), ("b", 5), ("c", 15))]
    >>> [[t.id for t in order.put(trade)] for trade in arrived], [t.id for t in order.release(25)], order.old
    ([[], [], [], ['b', 'a']], ['c'], 1)
    """

    next_id = None

    def __init__(self, order_ns: int, order_count: int) -> None:
        self.old = 0
        self._order_ns, self._order_count = order_ns, order_count
        self._waiting: list[_Place] = []
        self._ids: set[int | str] = set()  # of what waits
        self._came = 0
        self._last: _Key = (0, 0, "")
        self._given: set[int | str] = set()  # at the last place

    @property
    def last_ns(self) -> int:
        """Returns the time of the last trade that went out."""
        return self._last[0]

    @property
    def waiting(self) -> int:
        """Returns how many trades wait."""
        return len(self._waiting)

    def put(self, trade: Trade, hold: bool = False) -> list[Trade]:
        """Returns the trades that may go out now; none with `hold`."""
        name = trade.id
        key = _key(trade)
        if name in self._ids or (self._given and (key < self._last or (key == self._last and name in self._given))):
            self.old += 1
            return []
        self._ids.add(name)
        self._wait(key, trade)
        return [] if hold else self.release(trade.ts_event)

    def _wait(self, key: _Key, trade: Trade) -> None:
        self._came += 1
        heappush(self._waiting, (key, self._came, trade))

    def release(self, now: int) -> list[Trade]:
        """Returns the trades that are at least `order_ns` old, and those that are too many."""
        return self._give(now - self._order_ns, self._order_count)

    def given_until(self, now: int) -> int:
        """Returns until when everything was given, if all was heard until now."""
        return min(now, self._waiting[0][2].ts_event - 1) if self._waiting else now

    def hole(self) -> Trade | None:
        """Returns the oldest trade that waits."""
        return self._waiting[0][2] if self._waiting else None

    def settle(self, question: Missing, complete: bool, doubtful_ns: int, since: int) -> list[Trade | MissingTrades]:
        """Returns what was asked for; or else, where something stands behind it, what there is and MissingTrades.

        - doubtful_ns: until when something may be missing, and the first trade behind happened; 0 for none such.
        - since: until when all is known.
        """
        if complete:
            return [*self._give(question.to_ns)]
        return [*self._give(doubtful_ns - 1), MissingTrades(doubtful_ns, since)] if doubtful_ns else []

    def _give(self, until_ns: int, keep: int | None = None) -> list[Trade]:
        found: list[Trade] = []
        waiting = self._waiting
        while waiting and (waiting[0][0][0] <= until_ns or (keep is not None and len(waiting) > keep)):
            key, _, trade = heappop(waiting)
            if key != self._last:
                self._last = key
                self._given.clear()
            self._given.add(trade.id)
            self._ids.discard(trade.id)
            found.append(trade)
        return found

    def state(self) -> State:
        """Returns the place of the last one given, what waits in its order, the count."""
        ts_event, seq, number = self._last
        return _by_time(
            last=_saved_place(ts_event=ts_event, seq=seq, number=number),
            given=sorted(self._given, key=str),
            waiting=[saved_trade(place[2]) for place in sorted(self._waiting, key=_place)],
            old=self.old,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = OrderByTimeSnapshot.of(state)
        trades = [trade_in(trade) for trade in saved.waiting]
        if len({type(name) for name in (*(trade.id for trade in trades), *saved.given)}) > 1:
            raise ValueError("an order's state has ids of two kinds")
        self._last, self.old = (saved.last.ts_event, saved.last.seq, saved.last.number), saved.old
        self._given = set(saved.given)
        self._ids, self._waiting, self._came = {trade.id for trade in trades}, [], 0
        for trade in trades:
            self._wait(_key(trade), trade)


def _key(trade: Trade) -> _Key:
    return trade.ts_event, trade.seq, _number(trade.id)


def _number(name: int | str) -> int | str:
    """Returns the sort key of ids that count up: numbers, or texts of them, all of one length."""
    return name if isinstance(name, int) or name.isdigit() else ""


def _place(place: _Place) -> tuple[_Key, int]:
    return place[:2]
