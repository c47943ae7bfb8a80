"""The strategy service's Tick stage: one book, which decides on market data and predictions and books executions.

While orders are in flight the next message waits whole. So the strategy sees the book as its own last orders left it,
and decides the same however fast the executions come back. The way of a message:

    arrives, nothing in flight ─▶ on_gap, if one came ─▶ on_tick ─┬─ orders ─▶ in flight ─ done ─▶ on_prediction
                                                                  └─ none ───────────────────────▶ on_prediction

Every message leaves one Decision when it arrives. Where `on_tick` gave orders, the prediction of the same message
waits until they are done and leaves a second one. Without a y_hat there is no `on_prediction`. A strategy without a
memory (a Decider) has no `on_tick`: its `decide(prediction, account)` stands in the place of `on_prediction`.

`on_tick` below takes each message to `_on_message`, `_on_execution` or `_on_gap`; what the strategy answers becomes a
Decision, and its orders, in `_decision_of` alone.
"""

from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, cast

from services.strategy.order_writer import OrderWriter
from services.strategy.price_limits import PriceLimits
from shared.account import Account, Order
from shared.account.account import book_report
from shared.account.simulated_stop import StopSnapshot
from shared.bar import Bar
from shared.later_fields import Since
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    Leg,
    Message,
    Origin,
    Prediction,
    Reason,
    Stream,
)
from shared.messages.reasons import NO_ORDER
from shared.record import BY_VALUE, Snapshot, fields_of, unvalidated
from shared.runner.spec import SequenceNumbers, Stage
from shared.strategies import AnyStrategy, Decider, Made
from shared.strategies.decider import Prediction as AskedPrediction
from shared.strategies.decider import require_nothing, require_orders
from shared.strategies.rounding import tradable
from shared.strategies.stateful import checked_orders
from shared.tick import State

_ZERO = Decimal(0)

_decision = unvalidated(Decision)
NO_LIMITS = PriceLimits()
_DECISIONS, _ORDERS, _NET = Stream.DECISIONS, Stream.ORDERS, Leg.NET
_TICK, _PREDICTION = Origin.TICK, Origin.PREDICTION


class BookSnapshot(Snapshot):
    """The saved form of a book, and how far it has come; see StrategyStage.

    - strategy: the memory of a strategy that has one.
    - waiting: the prediction that waits for the orders in flight. gap: the one that the strategy has not learned yet.
    - named: the ids of the newest orders, all of the trace `named_tr` among them.
    - stop: the simulated stop that lies. stopped_at: the message that waits until one that it fired is booked.
    """

    account: Any
    capital: Decimal
    in_flight: list[str]
    booked_n: int
    last_price: Decimal | None
    last_tick_n: int
    fees: Decimal
    numbers: Any
    strategy: Annotated[Any, Since(4)] = None
    waiting: Annotated[Prediction | None, Since(4)] = None
    gap: Annotated[Gap | None, Since(4)] = None
    named: Annotated[tuple[str, ...], BY_VALUE, Since(5)] = ()
    named_tr: Annotated[str, Since(5)] = ""
    stop: Annotated[StopSnapshot | None, Since(5)] = None
    stopped_at: Annotated[Prediction | None, Since(5)] = None


class StrategyStage(Stage):
    """The stage takes one symbol's predictions and executions, and gives decisions and orders.

    - strategy: it gets a fresh one of its own.
    - book: what names this book in order ids (mode, account, strategy, run).
    - balance: its capital, in quote units.
    - valid_ns: an order must not be sent later than this after its tick; 0 for no limit.
    - qty_step: of targets and changes, base units, or None.
    - by: the hash of the strategy with its code and parameters; each order carries it with the model's.
    - limits: the prices that its orders take.
    - last_price, last_tick_n: of the last message that was decided on.
    """

    def __init__(
        self,
        sym: str,
        strategy: AnyStrategy,
        balance: Decimal,
        book: str,
        valid_ns: int = 0,
        *,
        qty_step: Decimal | None = None,
        by: str = "",
        limits: PriceLimits = NO_LIMITS,
    ) -> None:
        self.account = Account(balance)
        self.last_price: Decimal | None = None
        self.last_tick_n = 0
        self._sym = sym
        # Either `_decide`, or a strategy with a memory: its template is never run, each restore makes a fresh one.
        self._decide = strategy.decide if isinstance(strategy, Decider) else None
        self._template = None if isinstance(strategy, Decider) else strategy
        self._stateful = None if self._template is None else self._template.fresh().bind(sym, self.account)
        self._step = qty_step
        self._limits = limits
        self._numbers = SequenceNumbers()
        self._writer = OrderWriter(sym, book, valid_ns, by, limits, self._numbers)
        self._in_flight: list[str] = []
        self._waiting: Prediction | None = None  # for the orders in flight: `on_tick` was called, `on_prediction` not
        self._stopped_at: Prediction | None = None  # waits whole for a simulated stop; see ProtectedStage
        self._missed: Gap | None = None  # which the strategy learns of before its next message
        self._booked_n, self._fees = 0, Decimal(0)

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
        """Returns the ids of the orders whose end it does not know yet."""
        return tuple(self._in_flight)

    def equity(self) -> Decimal:
        """Returns balance and unrealised profit at the last decision's price."""
        if self.last_price is None:
            return self.account.balance()
        return self.account.equity(self._sym, self.last_price)

    def ready(self, val: Message) -> bool:
        """Says whether it takes the message now: executions always, others when no order is in flight."""
        return not self._in_flight or type(val) is ExecutionReport

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a Prediction, an ExecutionReport or a Gap."""
        if type(val) is ExecutionReport:
            self._on_execution(val)
            if self._in_flight:
                return []
            if self._stopped_at is not None:
                message, self._stopped_at = self._stopped_at, None
                return self._on_message(message)
            return self._take_up_waiting(val.ts_event) if self._waiting is not None else []
        if type(val) is Gap:
            return [self._on_gap(val)]
        return self._on_message(cast(Prediction, val))

    def _on_gap(self, gap: Gap) -> Gap:
        """Keeps the gap for a strategy with a memory; returns it as that of the decisions."""
        if self._stateful is not None:
            self._missed = gap
        return gap.model_copy(update={"n": self._numbers.next(_DECISIONS), "stream": _DECISIONS})

    def _on_message(self, prediction: Prediction) -> list[Message]:
        """Takes a message while nothing is in flight."""
        self.last_price, self.last_tick_n = prediction.price, prediction.tick_n
        made: Made = None if self._stateful is None else self._call_on_tick(prediction)
        if prediction.history:
            return self._declined(prediction, Reason.HISTORY, made)
        if isinstance(made, list):  # orders
            if prediction.y_hat is not None:
                self._waiting = prediction
            return self._decision_of(prediction, made, _TICK)
        if prediction.y_hat is None:
            return self._decision_of(prediction, made or Reason.NO_PREDICTION, _TICK)
        return self._answer_prediction(prediction)

    def _call_on_tick(self, prediction: Prediction) -> Made:
        """Returns what `on_tick` makes of the message's market data: orders that may be traded, a Reason, or None."""
        strategy, missed, sym = self._stateful, self._missed, self._sym
        assert strategy is not None
        if missed is not None:
            self._missed = None
            require_nothing(strategy.on_gap(missed), strategy.on_gap)  # type: ignore[func-returns-value]
        p = prediction
        made = strategy.on_tick(Bar.of(sym, p.ts_event, p.price, p.bar, p.quote, p.funding))
        return self._tradable(checked_orders(made, sym, strategy.on_tick))

    def _answer_prediction(self, prediction: Prediction) -> list[Message]:
        """Returns the decision on a prediction while nothing is in flight; a y_hat that is no number trades nothing."""
        asked: AskedPrediction = prediction  # type: ignore[assignment]  # its y_hat is there
        if not isfinite(asked.y_hat):
            return self._decision_of(prediction, Reason.NAN_PREDICTION, _PREDICTION)
        if self._stateful is not None:
            call = self._stateful.on_prediction
            made = checked_orders(call(asked), self._sym, call)
        else:
            decide = self._decide
            assert decide is not None
            made = decide(asked, self.account)
            if made.__class__ is not Reason:
                require_orders(made, self._sym, decide)
        return self._decision_of(prediction, self._tradable(made) or Reason.NO_CHANGE, _PREDICTION)

    def _tradable(self, made: Made) -> Made:
        """Returns orders rounded to what may be traded, or NO_CHANGE where nothing is left of them.

        What is no list of orders comes back as it is, an empty list as None.
        """
        if not isinstance(made, list) or not made:
            return made or None
        if self._step is None:  # the most common case: only a target, of leg NET, has to be looked at
            for order in made:
                if order.leg is _NET:
                    break
            else:
                return made
        position = self.account.position(self._sym)
        return tradable(made, position.signed_qty if position else _ZERO, self._step)

    def _take_up_waiting(self, now_ns: int) -> list[Message]:
        """Returns the decision on the prediction that waited, now that nothing is in flight."""
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        return self._answer_prediction(waiting)

    def _declined(self, prediction: Prediction, reason: Reason, made: Made) -> list[Message]:
        """Returns a decision without orders: the strategy is not asked, or does not get what `on_tick` wanted.

        - reason: why. made: what `on_tick` gave, which the decision tells as its target.
        """
        wanted = made if isinstance(made, list) else None
        is_tick = wanted is not None or prediction.y_hat is None or reason is not Reason.HISTORY
        origin = _TICK if is_tick else _PREDICTION  # a prediction of history has always had this one
        return self._decision_of(prediction, reason, origin, wanted)

    def _decision_of(
        self, prediction: Prediction, made: Made, origin: Origin, wanted: list[Order] | None = None
    ) -> list[Message]:
        """Returns the Decision and its orders, which are in flight from now on.

        - made: the orders, or the reason why there are none.
        - wanted: orders that are not sent, and that the decision tells as its target all the same.
        """
        orders, reason = (made, None) if isinstance(made, list) else ([], made)
        intents = self._intents(orders, prediction, origin) if orders else []
        if _DECISIONS in self.muted:
            return intents
        account, sym, y_hat = self.account, self._sym, prediction.y_hat
        held, target = account.held(sym), self._target(reason, wanted or orders, wanted is None, prediction.price)
        decision = _decision(
            n=self._numbers.next(_DECISIONS), sym=sym, ts_event=prediction.ts_event, tr=prediction.tr,
            tick_n=prediction.tick_n, prediction_n=prediction.n, booked_n=self._booked_n,
            y_hat=y_hat if y_hat is not None and isfinite(y_hat) else None,
            balance=account.balance(), signed_qty=held.signed_qty if held else _ZERO,
            orders=tuple(self._in_flight[-len(intents) :]) if intents else (), reason=reason, origin=origin,
            target=target,
        )  # fmt: skip
        return [decision, *intents]

    def _target(self, reason: Reason | None, orders: list[Order], asked: bool, price: Decimal) -> Decimal | None:
        """Returns the position aimed at; None where the strategy was not asked."""
        if reason is not None and asked and reason in _NOT_ASKED:
            return None
        position = self.account.position(self._sym)
        return self._limits.aim(orders, position.signed_qty if position else _ZERO, price)

    def _intents(self, orders: list[Order], prediction: Prediction, origin: Origin) -> list[Message]:
        """Returns the orders' messages; they are in flight from now on."""
        position = self.account.position(self._sym)
        made = self._writer.write(orders, prediction, origin, position.signed_qty if position else _ZERO)
        self._in_flight += [one.client_order_id for one in made]
        return [*made]

    def _on_execution(self, report: ExecutionReport) -> None:
        """Books the report, and tells it to a strategy with a memory."""
        if report.client_order_id in self._in_flight:
            self._in_flight.remove(report.client_order_id)
        elif report.leg not in NO_ORDER:
            self._on_unknown(report)
        self._booked_n = report.n
        self._fees += book_report(self.account, report)
        if self._stateful is not None:
            call = self._stateful.on_execution
            require_nothing(call(report), call)

    def _on_unknown(self, report: ExecutionReport) -> None:
        """Refuses a report of an order that this book does not remember."""
        raise ValueError(f"execution n={report.n} is for order {report.client_order_id}, which is not in flight")

    def state(self) -> State:
        """Returns the book, the orders in flight, the stream numbers, the book's capital and the strategy's memory."""
        return _snapshot(
            account=self.account.state(), capital=self.account.capital, in_flight=list(self._in_flight),
            booked_n=self._booked_n, last_price=self.last_price, last_tick_n=self.last_tick_n, fees=self._fees,
            numbers=self._numbers.state(), strategy=None if self._stateful is None else self._stateful.state(),
            waiting=self._waiting_to_save(), gap=self._missed, named=self._writer.named, named_tr=self._writer.named_tr,
            stop=self._stop_to_save(), stopped_at=self._stopped_at,
        )  # fmt: skip

    def _stop_to_save(self) -> StopSnapshot | None:
        """Returns what the book's snapshot keeps of a simulated stop: nothing, where nobody simulates one."""

    def _waiting_to_save(self) -> Prediction | None:
        """Returns the prediction that waits, as the book's snapshot keeps it."""
        return self._waiting

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, its capital too; ValueError where it does not fit."""
        saved = BookSnapshot.of(state)
        self.account.fund(saved.capital)
        self.account.restore(saved.account)
        self._in_flight = list(saved.in_flight)
        self._writer.named, self._writer.named_tr = saved.named, saved.named_tr
        self._booked_n, self._fees = saved.booked_n, saved.fees
        self.last_price, self.last_tick_n = saved.last_price, saved.last_tick_n
        self._numbers.restore(saved.numbers)
        self._waiting, self._missed, self._stopped_at = saved.waiting, saved.gap, saved.stopped_at
        if self._template is not None:
            self._stateful = self._template.fresh().bind(self._sym, self.account)
            if saved.strategy is not None:  # None: the strategy of then had no memory
                self._stateful.restore(saved.strategy)


# Where the strategy is not asked, the decision has no target.
_NOT_ASKED = frozenset({
    Reason.HISTORY, Reason.WAITING, Reason.SUPERSEDED, Reason.STALE_PREDICTION, Reason.NO_PREDICTION,
    Reason.NAN_PREDICTION,
})  # fmt: skip
_snapshot = fields_of(BookSnapshot)
