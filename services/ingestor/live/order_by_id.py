"""Trades whose ids are consecutive: the ids say what comes next, what was there already, and what is missing."""

from services.ingestor.live.saved import SavedTrade, saved_trade, trade_in
from shared.exchanges.market_data.events import Missing, MissingTrades, Trade
from shared.record import Snapshot, unvalidated
from shared.tick import State


class OrderByIdSnapshot(Snapshot):
    """What an OrderById remembers. waiting: by their ids."""

    next_id: int | None
    last_ns: int
    waiting: list[SavedTrade]
    old: int


_snapshot = unvalidated(OrderByIdSnapshot)


class OrderById:
    """Puts trades in the order of their ids; what is ahead of a hole waits.

    old: how many came that were behind the last one given: repeated, or given up before.

    >>> from decimal import Decimal
    >>> one, two, three = (Trade(i, i, Decimal(1), Decimal(1)) for i in (1, 2, 3))
    >>> order = OrderById()
    >>> [[t.id for t in order.put(trade)] for trade in (one, three, one, two)]
    [[1], [], [], [2, 3]]
    >>> order.old
    1
    """

    certain = True  # a trade that follows the last one proves that nothing is missing between

    def __init__(self, old: int = 0) -> None:
        self.old = old
        self.last_ns = 0
        self._next: int | None = None
        self._waiting: dict[int, Trade] = {}

    @property
    def next_id(self) -> int | None:
        """The id that comes next; None before the first."""
        return self._next

    @property
    def waiting(self) -> int:
        """How many trades wait behind a hole."""
        return len(self._waiting)

    def put(self, trade: Trade, hold: bool = False) -> list[Trade]:
        """The trades that may go out now; what follows the last one always may."""
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
        """What may go out because time went on: nothing, here."""
        return []

    def upto(self, now: int) -> int:
        """Until when everything was given, if all was heard until now."""
        return now

    def hole(self) -> Trade | None:
        """The trade behind the first hole; None when there is no hole."""
        return self._waiting[min(self._waiting)] if self._waiting else None

    def settle(self, question: Missing, complete: bool, doubtful_ns: int, since: int) -> list[Trade | MissingTrades]:
        """Give up what was asked for and did not come.

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
        """The next id, the last time, what waits, the count."""
        waiting = [saved_trade(self._waiting[number]) for number in sorted(self._waiting)]
        return _snapshot(next_id=self._next, last_ns=self.last_ns, waiting=waiting, old=self.old)

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        saved = OrderByIdSnapshot.of(state)
        trades = [trade_in(trade) for trade in saved.waiting]
        if not all(isinstance(trade.id, int) for trade in trades):
            raise ValueError("an order's state has an id that is no integer")
        self._next, self.last_ns, self.old = saved.next_id, saved.last_ns, saved.old
        self._waiting = {int(trade.id): trade for trade in trades}
