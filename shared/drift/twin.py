"""The paper twin holds what the strategy wanted, at leverage 1 and assumed costs, whatever became of its orders.

So it goes on while entries are halted or refused, and says how the model would have done. A bar counts where a position
was wanted through all of it and nothing is missing before it: then it has a net return.

Predictions and decisions are two streams without an order between them. The twin takes a bar when both have come to
its tick, so the result is the same however they were read: the position through a bar is the one last wanted before the
strategy's first answer to the tick at its end.
"""

from collections import deque
from collections.abc import Iterable
from typing import Annotated, NamedTuple

from shared.intervals import interval_ns
from shared.later_fields import Since
from shared.messages import Decision, Gap, Message, Prediction, Reason, Stream
from shared.messages.base import Symbol
from shared.record import BY_VALUE, Record, Snapshot, unvalidated
from shared.tick import State, Tick

MAX_WAITING = 4_096  # predictions or decisions of a symbol that wait for the other; then the oldest is a gap
HOUR_NS = interval_ns("1h")
FUNDING_H = 8  # a rate is one for so long where nobody tells
_SENT_LATER = frozenset({Reason.IN_FLIGHT, Reason.HISTORY, Reason.NO_CHANGE})  # a target without orders, yet wanted


class Costs(NamedTuple):
    """The costs are what the twin assumes, as shares of the notional.

    - fee: rate of each leg. slippage_bps: against it.
    - legs: a decision that trades closes and opens; else it pays for the change alone.
    """

    fee: float = 0.0003
    slippage_bps: float = 0.0
    legs: bool = True

    @property
    def rate(self) -> float:
        """Returns what one unit of turnover costs."""
        return self.fee + self.slippage_bps / 10_000


class TwinBar(NamedTuple):
    """A bar of one symbol ended.

    - ts_event, tr, model: of the prediction at its end.
    - net: return of the position wanted, less costs; None where the bar does not count.
    """

    sym: str
    ts_event: int
    tr: str
    model: str
    net: float | None


class Mark(Record):
    """A mark is the price at a tick, or with tick_n 0 a gap.

    - rate: the funding rate that was known last; it is one for interval_h.
    """

    tick_n: int
    ts_event: int
    tr: str
    model: str
    price: float
    rate: float | None
    interval_h: Annotated[int | None, Since(5)] = None


class Wish(Record):
    """A wish is what one decision wanted; with tick_n 0, decisions are missing here.

    - side: -1, 0 or 1; None where it wanted no change. traded: it sent orders. held: the side of the book.
    """

    tick_n: int
    side: int | None
    traded: bool
    held: int


class TwinSnapshot(Snapshot):
    """The saved form of a Twin."""

    marks: Annotated[tuple[Mark, ...], BY_VALUE]
    wishes: Annotated[tuple[Wish, ...], BY_VALUE]
    marked_n: int
    decided_n: int
    side: int
    lost: bool
    owed: float
    price: float | None
    ts_event: int


_mark, _wish = unvalidated(Mark), unvalidated(Wish)


class Twin(Tick[Message, list[TwinBar]]):
    """A Twin takes one symbol's predictions, decisions and gaps of both; returns the bars that they complete.

    - sym: the symbol. costs: what is assumed.
    - all_of_8h: each funding rate is one of 8 hours, whatever ticks say.

    Costs of a change of position are paid by the next bar that counts.
    """

    def __init__(self, sym: Symbol, costs: Costs, *, all_of_8h: bool = False) -> None:
        self._sym, self._costs, self._all_of_8h = sym, costs, all_of_8h
        # What waits: a mark for a decision on a later tick, a wish for its prediction.
        self._marks: deque[Mark] = deque()
        self._wishes: deque[Wish] = deque()
        self._marked_n = self._decided_n = 0  # ticks: of the last prediction that came, of the last wish that was taken
        self._side = 0  # the position wanted
        self._lost = False  # a decision is missing, so nobody knows the position wanted
        self._owed = 0.0  # costs that no bar has paid yet
        # At the last mark.
        self._price: float | None = None
        self._ts_event = 0

    def on_tick(self, val: Message) -> list[TwinBar]:
        """Takes a Prediction, a Decision, or a Gap of either stream."""
        if isinstance(val, Prediction):
            self._on_prediction(val)
        elif isinstance(val, Decision):
            self._wishes.append(_wish_of(val))
        elif isinstance(val, Gap) and val.stream is Stream.DECISIONS:
            self._wishes.append(_wish(tick_n=0, side=None, traded=False, held=0))
        elif isinstance(val, Gap):
            gap = _mark(tick_n=0, ts_event=val.ts_event, tr=val.tr, model="", price=0.0, rate=None)
            self._marks.append(gap)
        else:
            raise TypeError(f"a twin takes no {type(val).__name__}")
        return list(self._completed())

    def _on_prediction(self, prediction: Prediction) -> None:
        if prediction.tick_n <= self._marked_n:  # the ingestor counts anew: what waits is of another life
            self._marks.clear()
            self._wishes.clear()
            self._decided_n, self._price, self._lost = 0, None, True
        self._marked_n = prediction.tick_n
        funding = prediction.funding
        mark = _mark(
            tick_n=prediction.tick_n, ts_event=prediction.ts_event, tr=prediction.tr, model=prediction.model,
            price=float(prediction.price), rate=None if funding is None else funding.rate,
            interval_h=None if funding is None else funding.interval_h,
        )  # fmt: skip
        self._marks.append(mark)

    def _completed(self) -> Iterable[TwinBar]:
        """Yields the bars up to the next tick to which only one of the two streams has come."""
        marks, wishes = self._marks, self._wishes
        while True:
            while marks and (marks[0].tick_n <= self._decided_n or len(marks) > MAX_WAITING):
                forced = marks[0].tick_n > self._decided_n
                yield from self._marked(marks.popleft(), forced)
            if not wishes:
                return
            wish = wishes[0]
            if wish.tick_n > self._decided_n:
                if self._marked_n < wish.tick_n and len(wishes) <= MAX_WAITING:
                    return  # its prediction has not come yet
                while marks and marks[0].tick_n <= wish.tick_n:
                    yield from self._marked(marks.popleft())
                self._decided_n = wish.tick_n
            self._decided(wishes.popleft())

    def _marked(self, mark: Mark, forced: bool = False) -> Iterable[TwinBar]:
        """Yields the bar that ended at a mark. forced: its decision did not come, so it does not count."""
        before, since = self._price, self._ts_event
        self._price, self._ts_event = (mark.price if mark.tick_n else None), mark.ts_event
        if not mark.ts_event:
            return  # a gap that does not know its time
        net = None
        if mark.tick_n and before is not None and self._side and not self._lost and not forced:
            hours = FUNDING_H if self._all_of_8h or mark.interval_h is None else mark.interval_h
            funding = 0.0 if mark.rate is None else mark.rate * (mark.ts_event - since) / (hours * HOUR_NS)
            net = self._side * (mark.price / before - 1 - funding) - self._owed
            self._owed = 0.0
        yield TwinBar(self._sym, mark.ts_event, mark.tr, mark.model, net)

    def _decided(self, wish: Wish) -> None:
        """Takes the position that a decision wanted; the change is owed."""
        if not wish.tick_n:
            self._lost = True
            return
        before, side = self._side, wish.side
        if self._lost:
            self._lost, side = False, wish.held if side is None else side
        if side is None:
            return
        turnover = abs(before) + abs(side) if wish.traded and self._costs.legs else abs(side - before)
        self._side, self._owed = side, self._owed + turnover * self._costs.rate

    def state(self) -> State:
        """Returns the position, what it owes, and what waits."""
        return TwinSnapshot(
            marks=tuple(self._marks), wishes=tuple(self._wishes), marked_n=self._marked_n, decided_n=self._decided_n,
            side=self._side, lost=self._lost, owed=self._owed, price=self._price, ts_event=self._ts_event,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = TwinSnapshot.of(state)
        self._marks, self._wishes = deque(saved.marks), deque(saved.wishes)
        self._marked_n, self._decided_n = saved.marked_n, saved.decided_n
        self._side, self._lost, self._owed = saved.side, saved.lost, saved.owed
        self._price, self._ts_event = saved.price, saved.ts_event


def _wish_of(decision: Decision) -> Wish:
    """Returns what a decision wanted.

    Without orders a target says where the book is, which the twin need not follow, but for the reasons that mean it.
    """
    traded, target = bool(decision.orders), decision.target
    wanted = traded or decision.reason in _SENT_LATER
    side = _side(target) if wanted and target is not None else None
    return _wish(tick_n=decision.tick_n, side=side, traded=traded, held=_side(decision.signed_qty))


def _side(qty: object) -> int:
    return (qty > 0) - (qty < 0)  # type: ignore[operator]
