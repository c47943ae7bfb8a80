"""The strategy service's Tick stage: one book, which decides on predictions and books executions.

While orders are in flight the next prediction waits. So the decision sees the book as its own last orders left it,
and is the same however fast the executions come back.
"""

import math
from decimal import Decimal
from typing import cast

from services.strategy.order_id import client_order_id
from shared.account import Account, Order
from shared.messages import Decision, ExecutionReport, Gap, Leg, Message, OrderIntent, Prediction, Reason, Stream
from shared.messages.base import trusted
from shared.runner.stage import Numbers, Stage
from shared.strategies import Decider
from shared.tick import State

_UNASKED = frozenset({Leg.LIQUIDATION, Leg.FUNDING})  # what a venue does by itself

_decision, _intent = trusted(Decision), trusted(OrderIntent)


class StrategyStage(Stage):
    """One symbol's predictions and executions in; decisions and orders out.

    book: what names this book in order ids (mode, account, strategy, run). balance: its capital, in quote units.
    last_price, last_tick_n: of the last prediction that was decided on.
    """

    def __init__(self, sym: str, decider: Decider, balance: Decimal, book: str) -> None:
        self.account = Account(balance)
        self.last_price: Decimal | None = None
        self.last_tick_n = 0
        self._sym = sym
        self._decider = decider
        self._book = book
        self._numbers = Numbers()
        self._in_flight: list[str] = []
        self._booked_n = 0
        self._fees = Decimal(0)

    @property
    def fees(self) -> Decimal:
        """All commissions and funding paid so far, in quote units."""
        return self._fees

    def equity(self) -> Decimal:
        """Balance and unrealised profit at the last decision's price."""
        if self.last_price is None:
            return self.account.balance()
        return self.account.equity(self._sym, self.last_price)

    def ready(self, val: Message) -> bool:
        """Executions always; predictions when no order is in flight."""
        return not self._in_flight or isinstance(val, ExecutionReport)

    def on_tick(self, val: Message) -> list[Message] | None:
        """Take a Prediction, an ExecutionReport or a Gap."""
        if isinstance(val, ExecutionReport):
            self._on_execution(val)
            return []
        if isinstance(val, Gap):
            n = self._numbers.next(Stream.DECISIONS)
            return [val.model_copy(update={"n": n, "stream": Stream.DECISIONS})]
        return self._on_prediction(cast(Prediction, val))

    def _on_prediction(self, prediction: Prediction) -> list[Message]:
        self.last_price, self.last_tick_n = prediction.price, prediction.tick_n
        before = self.account.position(self._sym)
        balance, signed_qty = self.account.balance(), before.signed_qty if before else Decimal(0)
        made = Reason.HISTORY if prediction.history else self._decider.decide(prediction, self.account)
        orders: list[Order] = [] if isinstance(made, Reason) else made
        intents = [self._intent(order, prediction) for order in orders]
        self._in_flight = [intent.client_order_id for intent in intents]
        decision = _decision(
            n=self._numbers.next(Stream.DECISIONS), sym=self._sym, ts_event=prediction.ts_event, tr=prediction.tr,
            tick_n=prediction.tick_n, prediction_n=prediction.n, booked_n=self._booked_n,
            y_hat=prediction.y_hat if math.isfinite(prediction.y_hat) else None,
            balance=balance, signed_qty=signed_qty, orders=tuple(self._in_flight),
            reason=made if isinstance(made, Reason) else None,
        )  # fmt: skip
        return [decision, *intents]

    def _intent(self, order: Order, prediction: Prediction) -> OrderIntent:
        return _intent(
            n=self._numbers.next(Stream.ORDERS), sym=self._sym, ts_event=prediction.ts_event, tr=prediction.tr,
            tick_n=prediction.tick_n, client_order_id=client_order_id(self._book, prediction.tr, order.leg),
            leg=order.leg, signed_qty=order.signed_qty, reduce_only=order.leg is Leg.CLOSE,
            price=prediction.price, valid_until=0,
        )  # fmt: skip

    def _on_execution(self, report: ExecutionReport) -> None:
        if report.client_order_id in self._in_flight:
            self._in_flight.remove(report.client_order_id)
        elif report.leg not in _UNASKED:
            raise ValueError(f"execution n={report.n} is for order {report.client_order_id}, which is not in flight")
        self._booked_n = report.n
        if report.leg is Leg.FUNDING:
            self.account.update(-report.commission)
            self._fees += report.commission
            return
        if report.last_px is not None and report.last_qty:
            self.account.book(self._sym, report.last_qty, report.last_px, report.commission)
            self._fees += report.commission

    def state(self) -> State:
        """The book, the orders in flight and the stream numbers."""
        return [
            self.account.state(), list(self._in_flight), self._booked_n, self.last_price, self.last_tick_n,
            self._fees, self._numbers.state(),
        ]  # fmt: skip

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        match state:
            case [
                account, list() as in_flight, int() as booked_n, (Decimal() | None) as price, int() as tick_n,
                Decimal() as fees, numbers,
            ]:  # fmt: skip
                self.account.restore(account)
                self._in_flight = [str(order) for order in in_flight]
                self._booked_n, self.last_price, self.last_tick_n, self._fees = booked_n, price, tick_n, fees
                self._numbers.restore(numbers)
            case _:
                raise ValueError(f"a strategy stage's state is not {state!r:.80}")
