"""The strategy service's Tick stage: one book, which decides on predictions and books executions.

While orders are in flight the next prediction waits. So the decision sees the book as its own last orders left it,
and is the same however fast the executions come back.
"""

import math
from decimal import Decimal
from hashlib import blake2b
from typing import Any, cast

from shared.account import Account, Order
from shared.account.account import book_report
from shared.messages import Decision, ExecutionReport, Gap, Leg, Message, OrderIntent, Prediction, Reason, Stream
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import SequenceNumbers, Stage
from shared.strategies import Decider
from shared.strategies.decider import AnyPrediction, require_orders
from shared.tick import State


def client_order_id(book: str, tr: str, leg: Leg) -> str:
    """Returns the name of an order, which is the same wherever and whenever the same decision is made again.

    32 hex digits from the book (mode, venue, account, strategy, run), the tick's trace id and the leg.

    >>> client_order_id("paper:paper:basic_taker:run1", "replay:BTCUSDT:1:1", Leg.OPEN)
    '7f36d2d8e45562c7e4bf2328e23b6c08'
    """
    return blake2b(f"{book}|{tr}|{leg}".encode(), digest_size=16).hexdigest()


_ZERO = Decimal(0)
_UNASKED = frozenset({Leg.LIQUIDATION, Leg.FUNDING, Leg.CAPITAL})  # what a venue, or a person, does by itself

_decision, _intent = unvalidated(Decision), unvalidated(OrderIntent)
_DECISIONS, _ORDERS, _CLOSE = Stream.DECISIONS, Stream.ORDERS, Leg.CLOSE


class BookSnapshot(Snapshot):
    """The saved form of a book, and how far it has come; see StrategyStage."""

    account: Any
    capital: Decimal
    in_flight: list[str]
    booked_n: int
    last_price: Decimal | None
    last_tick_n: int
    fees: Decimal
    numbers: Any


class StrategyStage(Stage):
    """The stage takes one symbol's predictions and executions, and gives decisions and orders.

    - book: what names this book in order ids (mode, account, strategy, run).
    - balance: its capital, in quote units.
    - valid_ns: an order must not be sent later than this after its tick; 0 for no limit.
    - last_price, last_tick_n: of the last prediction that was decided on.
    """

    def __init__(self, sym: str, decider: Decider, balance: Decimal, book: str, valid_ns: int = 0) -> None:
        self.account = Account(balance)
        self.last_price: Decimal | None = None
        self.last_tick_n = 0
        self._sym = sym
        self._decider = decider
        self._book = book
        self._valid_ns = valid_ns
        self._numbers = SequenceNumbers()
        self._in_flight: list[str] = []
        self._booked_n = 0
        self._fees = Decimal(0)

    @property
    def fees(self) -> Decimal:
        """Returns all commissions and funding paid so far, in quote units."""
        return self._fees

    @property
    def orders_written(self) -> int:
        """Returns how many orders it has written so far: n of the last one."""
        return self._numbers.last(_ORDERS)

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Ids of the orders whose end it does not know yet."""
        return tuple(self._in_flight)

    def equity(self) -> Decimal:
        """Returns balance and unrealised profit at the last decision's price."""
        if self.last_price is None:
            return self.account.balance()
        return self.account.equity(self._sym, self.last_price)

    def ready(self, val: Message) -> bool:
        """Executions always; predictions when no order is in flight."""
        return not self._in_flight or type(val) is ExecutionReport

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a Prediction, an ExecutionReport or a Gap."""
        if type(val) is ExecutionReport:
            self._on_execution(val)
            return []
        if type(val) is Gap:
            return [self._gap(val)]
        return self._on_prediction(cast(Prediction, val))

    def _gap(self, gap: Gap) -> Gap:
        return gap.model_copy(update={"n": self._numbers.next(_DECISIONS), "stream": _DECISIONS})

    def _on_prediction(self, prediction: Prediction) -> list[Message]:
        self.last_price, self.last_tick_n = prediction.price, prediction.tick_n
        if prediction.history:
            return self._decided(prediction, Reason.HISTORY)
        if prediction.y_hat is None:
            return self._decided(prediction, Reason.NO_PREDICTION)
        made = self._decider.decide(cast(AnyPrediction, prediction), self.account)
        if made.__class__ is not Reason:
            require_orders(made, self._sym, self._decider)
        return self._decided(prediction, made)

    def _decided(self, prediction: Prediction, made: list[Order] | Reason) -> list[Message]:
        """The decision and its orders, from now on in flight."""
        intents: list[Message] = [] if isinstance(made, Reason) else self._intents(made, prediction)
        if _DECISIONS in self.muted:
            return intents
        held, y_hat = self.account.held(self._sym), prediction.y_hat
        decision = _decision(
            n=self._numbers.next(_DECISIONS), sym=self._sym, ts_event=prediction.ts_event, tr=prediction.tr,
            tick_n=prediction.tick_n, prediction_n=prediction.n, booked_n=self._booked_n,
            y_hat=y_hat if y_hat is not None and math.isfinite(y_hat) else None,
            balance=self.account.balance(), signed_qty=held.signed_qty if held else _ZERO,
            orders=tuple(self._in_flight) if intents else (),
            reason=made if isinstance(made, Reason) else None,
        )  # fmt: skip
        return [decision, *intents]

    def _intents(self, orders: list[Order], prediction: Prediction) -> list[Message]:
        """The orders' messages; they are in flight from now on. An open leg goes after its close leg."""
        ts_event, tr, tick_n, price = prediction.ts_event, prediction.tr, prediction.tick_n, prediction.price
        next_n, book, sym = self._numbers.next, self._book, self._sym
        valid_until = ts_event + self._valid_ns if self._valid_ns else 0
        self._in_flight = ids = [client_order_id(book, tr, order.leg) for order in orders]
        closing = ids[0] if len(orders) > 1 and orders[0].leg is _CLOSE else None
        return [
            _intent(
                n=next_n(_ORDERS), sym=sym, ts_event=ts_event, tr=tr, tick_n=tick_n, client_order_id=order_id,
                leg=order.leg, signed_qty=order.signed_qty, reduce_only=order.leg is _CLOSE, price=price,
                valid_until=valid_until, after=None if order_id == closing else closing,
            )
            for order, order_id in zip(orders, ids, strict=True)
        ]  # fmt: skip

    def _on_execution(self, report: ExecutionReport) -> None:
        if report.client_order_id in self._in_flight:
            self._in_flight.remove(report.client_order_id)
        elif report.leg not in _UNASKED:
            self._on_unknown(report)
        self._booked_n = report.n
        self._fees += book_report(self.account, report)

    def _on_unknown(self, report: ExecutionReport) -> None:
        """A report of an order that this book does not remember."""
        raise ValueError(f"execution n={report.n} is for order {report.client_order_id}, which is not in flight")

    def state(self) -> State:
        """Returns the book, the orders in flight, the stream numbers, and the book's capital."""
        return _snapshot(
            account=self.account.state(), capital=self.account.capital, in_flight=list(self._in_flight),
            booked_n=self._booked_n, last_price=self.last_price, last_tick_n=self.last_tick_n, fees=self._fees,
            numbers=self._numbers.state(),
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, its capital too; ValueError where it does not fit."""
        saved = BookSnapshot.of(state)
        self.account.fund(saved.capital)
        self.account.restore(saved.account)
        self._in_flight = list(saved.in_flight)
        self._booked_n, self._fees = saved.booked_n, saved.fees
        self.last_price, self.last_tick_n = saved.last_price, saved.last_tick_n
        self._numbers.restore(saved.numbers)


_snapshot = fields_of(BookSnapshot)
