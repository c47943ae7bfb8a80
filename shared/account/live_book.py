"""The live book is what became of a strategy's decisions: one symbol's book with its real fills, bar by bar.

Beside the paper twin (`shared/drift/twin.py`) it says what the same bars really made. A Prediction brings a bar's
price. The first Decision on it ends the bar: it becomes a mark, with the book as the strategy saw it. The mark waits
until the executions come that the strategy had booked by then. Then the bar is told.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from shared.account import Account
from shared.account.account import book_report
from shared.drift.twin import TwinBar
from shared.messages import Decision, ExecutionReport, Gap, Message, Prediction, Stream
from shared.record import Record, Snapshot
from shared.tick import State, Tick

WAITING = 256  # decisions that wait for their executions, or the other way round
_ZERO = Decimal(0)


class BookMark(Record):
    """A mark is the end of a bar, at a decision that waits for the executions before it.

    - booked_n: the last execution that the strategy had booked.
    - qty, balance: of the book as the decision found it.
    """

    ts_event: int
    tr: str
    booked_n: int
    price: Decimal
    qty: Decimal
    balance: Decimal


class LiveBookSnapshot(Snapshot):
    """The saved form of a LiveBook."""

    account: Any
    known: bool
    booked_n: int
    due: list[ExecutionReport]
    marks: list[BookMark]
    prices: dict[str, Decimal]
    marked_n: int
    profit: Decimal
    price: Decimal
    notional: Decimal
    owed: float


class LiveBook(Tick[Message, list[TwinBar]]):
    """A LiveBook keeps one symbol's book as the strategy does; returns each bar's net return per unit of notional.

    It takes Predictions, the Decisions behind them, ExecutionReports and Gaps. A book of which executions were missed
    is known again when a decision finds it flat. Costs that fall where nothing is held go to the next held bar.
    """

    def __init__(self, sym: str) -> None:
        self._sym = sym
        # The book; known: whether it has had every execution since it was last seen flat.
        self._account, self._known, self._booked_n = Account(_ZERO), False, 0
        # What waits: reports and marks for one another, prices by prediction_n for the decision on it.
        self._due: deque[ExecutionReport] = deque()
        self._marks: deque[BookMark] = deque()
        self._prices: dict[str, Decimal] = {}
        self._marked_n = 0  # the last prediction that ended a bar
        # At the end of the last bar: all profit so far, and the price; 0 where the book was not known.
        self._profit = self._price = _ZERO
        self._notional = _ZERO  # of the position in the last bar through which one was held
        self._owed = 0.0  # what bars without a position have cost since, per unit of that notional

    def on_tick(self, val: Message) -> list[TwinBar]:
        """Takes a message; any other kind says nothing."""
        if isinstance(val, Prediction):
            self._prices[str(val.n)] = val.price
            if len(self._prices) > WAITING:
                del self._prices[next(iter(self._prices))]
            return []
        if isinstance(val, Decision):
            self._on_decision(val)
        elif isinstance(val, ExecutionReport):
            self._due.append(val)
        elif isinstance(val, Gap) and val.stream is Stream.EXECUTIONS:
            self._known = False
        return list(self._bars())

    def _on_decision(self, decision: Decision) -> None:
        price = self._prices.get(str(decision.prediction_n))
        if price is None or decision.prediction_n <= self._marked_n:
            return  # the second answer to a prediction is no end of a bar
        self._marked_n = decision.prediction_n
        self._prices = {n: each for n, each in self._prices.items() if int(n) > decision.prediction_n}
        self._marks.append(
            BookMark(
                ts_event=decision.ts_event, tr=decision.tr, booked_n=decision.booked_n, price=price,
                qty=decision.signed_qty, balance=decision.balance,
            )
        )  # fmt: skip

    def _bars(self) -> Iterator[TwinBar]:
        """Yields the bars whose executions have come; the oldest mark waits no longer where too many do."""
        while self._marks:
            mark = self._marks[0]
            while self._due and self._due[0].n <= mark.booked_n:
                self._book(self._due.popleft())
            if self._known and self._booked_n < mark.booked_n and len(self._marks) <= WAITING:
                return
            yield self._bar(self._marks.popleft())

    def _book(self, report: ExecutionReport) -> None:
        self._booked_n = report.n
        if self._known:
            book_report(self._account, report)

    def _bar(self, mark: BookMark) -> TwinBar:
        return TwinBar(self._sym, mark.ts_event, mark.tr, "", self._net(mark))

    def _net(self, mark: BookMark) -> float | None:
        """Returns the bar's net return per unit of notional; None where nothing is held, or the book is not known."""
        sym, account, price_before = self._sym, self._account, self._price
        held = account.held(sym)
        qty = _ZERO if held is None else held.signed_qty
        if not self._known or self._booked_n < mark.booked_n or qty != mark.qty:
            self._begin(mark)
            return None
        profit = account.equity(sym, mark.price) - account.capital
        made, self._profit, self._price = profit - self._profit, profit, mark.price
        if not price_before:
            return None
        if not qty:
            self._owed += float(made / self._notional) if self._notional else 0.0
            return None
        self._notional = qty.copy_abs() * price_before
        net, self._owed = float(made / self._notional) + self._owed, 0.0
        return net

    def _begin(self, mark: BookMark) -> None:
        """Begins the book anew, as a decision found it; what it holds is known only where that is nothing."""
        self._known = not mark.qty
        self._account, self._booked_n = Account(mark.balance), mark.booked_n
        self._profit, self._price, self._owed = _ZERO, mark.price if self._known else _ZERO, 0.0
        self._notional = _ZERO

    def state(self) -> State:
        """Returns the book, and what waits."""
        return LiveBookSnapshot(
            account={"capital": self._account.capital, "book": self._account.state()}, known=self._known,
            booked_n=self._booked_n, due=list(self._due), marks=list(self._marks), prices=dict(self._prices),
            marked_n=self._marked_n, profit=self._profit, price=self._price,
            notional=self._notional, owed=self._owed,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = LiveBookSnapshot.of(state)
        self._account = Account(saved.account["capital"])
        self._account.restore(saved.account["book"])
        self._known, self._booked_n, self._marked_n = saved.known, saved.booked_n, saved.marked_n
        self._due, self._marks, self._prices = deque(saved.due), deque(saved.marks), dict(saved.prices)
        self._profit, self._price, self._notional = saved.profit, saved.price, saved.notional
        self._owed = saved.owed
