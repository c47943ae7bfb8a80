"""The strategy's stage where time passes while orders are under way.

What differs from a replay, where every message waits whole while orders are in flight:
- `on_tick` runs at once. Of what it wants while orders are in flight only that is sent which reduces the position,
  once at a time; the rest is not (IN_FLIGHT). A close of which nothing is heard keeps the next one away for
  `again_ns`, each further one for twice as long: the gateway lets no more through than reduces.
- The newest prediction waits (WAITING); an older one is answered with SUPERSEDED. So `on_prediction` may follow later
  `on_tick`s. What is answered later leaves a second decision, which names the prediction.
- A prediction that waited too long is answered with STALE_PREDICTION; the time is that of the report it waited for.
- An order carries the time after which it must not be sent any more.
- While an older Tickline takes part, which reads no limits, nothing is sent that would add within one (NO_LIMIT_PRICE).
- A missing prediction leads out of the market, or leaves the position as it is (`on_missing`). Where it leads out, it
  does so until the model predicts again: each tick until then closes what is still held, and nothing that adds is sent.
- A report of an order that this book does not remember is booked all the same: the journal is the truth about money.
"""

import math
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from services.strategy.price_limits import PriceLimits
from services.strategy.stage import NO_LIMITS, StrategyStage
from shared.account import Order
from shared.later_fields import Since
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    Leg,
    Message,
    OrderIntent,
    OrderType,
    Origin,
    Prediction,
    Reason,
)
from shared.record import BY_VALUE, Snapshot, fields_of
from shared.strategies import AnyStrategy, Made
from shared.tick import State

# An order that leads out may go at any later time, when the last price has long passed.
_AT_ANY_PRICE = {"type": OrderType.MARKET, "limit_price": None, "time_in_force": None}
_OUT_AT_ANY_PRICE = {"valid_until": 0, **_AT_ANY_PRICE}
_MOST_DOUBLED = 20  # times
LIMITS_SINCE = 5  # the wire that brought an order's limit
MISSING = ":missing:"  # in the trace of a decision that a missing prediction led to


class LiveRules(NamedTuple):
    """The rules are what a live strategy adds to a replay's.

    - valid_ns: how long after its tick an order may be sent.
    - stale_ns: how old a prediction that waited may become.
    - on_missing: what a missing prediction does to the position.
    - again_ns: after so long a close that has no end yet does not keep the next one away.
    """

    valid_ns: int
    stale_ns: int
    on_missing: Literal["flat", "hold"]
    again_ns: int = 5_000_000_000


class LiveStrategySnapshot(Snapshot):
    """A live stage remembers its book, as StrategyStage does, and two predictions: the one that waits, and the last.

    - missing: a gap came, and no y_hat since.
    - closing: of the orders in flight those that reduce the position. closed_ns: the time of the newest of them.
    """

    book: Any
    waiting: Prediction | None
    last: Prediction | None
    missing: Annotated[bool, Since(4)] = False
    closing: Annotated[tuple[str, ...], BY_VALUE, Since(5)] = ()
    closed_ns: Annotated[int, Since(5)] = 0

    @classmethod
    def upgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Takes each order in flight for one that may reduce: before wire 5 nobody wrote which does."""
        if wire >= LIMITS_SINCE or not isinstance(book := fields.get("book"), dict):
            return fields
        last = fields.get("last") or {}
        return {**fields, "closing": list(book.get("in_flight", ())), "closed_ns": last.get("ts_event", 0)}


class LiveStrategyStage(StrategyStage):
    """The live stage is a StrategyStage with the rules above.

    takes_limits: whether all who take part read the limit of an order.
    """

    def __init__(
        self,
        sym: str,
        strategy: AnyStrategy,
        balance: Decimal,
        book: str,
        rules: LiveRules,
        *,
        qty_step: Decimal | None = None,
        by: str = "",
        limits: PriceLimits = NO_LIMITS,
    ) -> None:
        super().__init__(sym, strategy, balance, book, rules.valid_ns, qty_step=qty_step, by=by, limits=limits)
        self._rules = rules
        self._last: Prediction | None = None  # the last message: what a closing order is priced by
        self._missing = False  # a prediction is missing, and since then the model has not predicted again
        self._closing: tuple[str, ...] = ()  # ids of the orders in flight that reduce the position
        self._closed_ns = 0  # the tick's time of the last of them
        self.takes_limits = True

    def ready(self, val: Message) -> bool:
        """Returns True: what must wait does so here, where the newest can take its place."""
        return True

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a Prediction, an ExecutionReport or a Gap."""
        if isinstance(val, Gap):
            return [self._on_gap(val), *self._on_missing(val)]
        return super().on_tick(val)

    def _on_message(self, prediction: Prediction) -> list[Message]:
        self._last = prediction
        if prediction.y_hat is not None and math.isfinite(prediction.y_hat) and not prediction.history:
            self._missing = False
        if self._in_flight:
            return self._on_message_in_flight(prediction)
        if self._leads_out(prediction) and not prediction.history:
            return self._decision_to_leave(prediction)
        return super()._on_message(prediction)

    def _leads_out(self, prediction: Prediction) -> bool:
        """Says whether a missing prediction still leads out of the market.

        Without a model there is nothing to wait for: the strategy's rules go on.
        """
        return self._missing and bool(prediction.model)

    def _on_message_in_flight(self, prediction: Prediction) -> list[Message]:
        """Takes a message while orders are in flight: `on_tick` runs now, the newest prediction waits."""
        self.last_price, self.last_tick_n = prediction.price, prediction.tick_n
        made: Made = None if self._stateful is None else self._call_on_tick(prediction)
        if prediction.history:
            return self._declined(prediction, Reason.HISTORY, made)
        wanted = made if isinstance(made, list) else []
        in_flight = Reason.IN_FLIGHT if isinstance(made, list) else None
        leaving = self._leads_out(prediction)
        beside = self._orders_beside(wanted, leaving, prediction.ts_event)
        if prediction.y_hat is None:
            if beside:
                messages = self._decision_of(prediction, beside, Origin.TICK)
                return _at_any_price(messages) if leaving else messages
            reason = made if isinstance(made, Reason) else in_flight or Reason.NO_PREDICTION
            return self._declined(prediction, reason, made)
        older, self._waiting = self._waiting, prediction
        if beside:
            messages = self._decision_of(prediction, beside, Origin.TICK)
        else:
            messages = self._declined(prediction, in_flight or Reason.WAITING, made)
        return messages if older is None else messages + self._decision_of(older, Reason.SUPERSEDED, Origin.PREDICTION)

    def _orders_beside(self, wanted: list[Order], leaving: bool, now_ns: int) -> list[Order]:
        """Returns what may go beside orders in flight: what reduces the position as it is, unless that is under way.

        So a stop does not wait for an entry of which nobody knows what became of it. leaving: all that is held goes.
        """
        position = self.account.position(self._sym)
        if position is None or not self._may_close(now_ns):
            return []
        return [position.close()] if leaving else self._reducing(wanted)

    def _may_close(self, now_ns: int) -> bool:
        """Says whether another close may go: none is under way, or nothing was heard of it for long."""
        under_way = len(self._closing)
        return not under_way or now_ns - self._closed_ns >= self._rules.again_ns << min(under_way - 1, _MOST_DOUBLED)

    def _reducing(self, wanted: list[Order]) -> list[Order]:
        """Returns the part of these orders that reduces the position as it is."""
        position = self.account.position(self._sym)
        reducing, held = list[Order](), position.signed_qty if position else Decimal(0)
        for order in wanted:
            if held and order.signed_qty.is_signed() is not held.is_signed():
                if abs(order.signed_qty) > abs(held):  # a flip: only what closes
                    order = Order(self._sym, held.copy_negate(), Leg.CLOSE, limit_price=order.limit_price)
                reducing.append(order)
                held += order.signed_qty
        return reducing

    def _decision_of(
        self, prediction: Prediction, made: Made, origin: Origin, wanted: list[Order] | None = None
    ) -> list[Message]:
        """Returns the Decision and its orders; of what adds within a limit none while an older Tickline takes part."""
        if not self.takes_limits and isinstance(made, list):
            position = self.account.position(self._sym)
            sent = self._limits.sent(made, position.signed_qty if position else Decimal(0), prediction.price)
            if any(one.limit_price is not None and not one.reduce_only for one in sent):
                wanted, made = made, self._reducing(made) or Reason.NO_LIMIT_PRICE
        return super()._decision_of(prediction, made, origin, wanted)

    def _intents(self, orders: list[Order], prediction: Prediction, origin: Origin) -> list[Message]:
        """Returns the orders' messages, and remembers which of them reduce the position."""
        position, made = self.account.position(self._sym), super()._intents(orders, prediction, origin)
        if position is not None:
            long = position.signed_qty > 0
            for one in made:
                assert isinstance(one, OrderIntent)
                if (one.signed_qty > 0) is not long and one.after is None:
                    self._closing += (one.client_order_id,)
                    self._closed_ns = prediction.ts_event
        # A limit that nobody could read is not written, so that the same order has the same content at each wire.
        return made if self.takes_limits else [one.model_copy(update=_AT_ANY_PRICE) for one in made]

    def _on_execution(self, report: ExecutionReport) -> None:
        super()._on_execution(report)
        if self._closing:
            self._closing = tuple(name for name in self._closing if name != report.client_order_id)

    def _take_up_waiting(self, now_ns: int) -> list[Message]:
        """Returns the decision on the prediction that waited, unless it has waited too long."""
        waiting = self._waiting
        if waiting is not None and now_ns - waiting.ts_event > self._rules.stale_ns:
            self._waiting = None
            return self._decision_of(waiting, Reason.STALE_PREDICTION, Origin.PREDICTION)
        return super()._take_up_waiting(now_ns)

    def _decision_to_leave(self, prediction: Prediction) -> list[Message]:
        """Returns the decision on a message without y_hat behind a gap: to close what is held, and to add nothing."""
        self.last_price, self.last_tick_n = prediction.price, prediction.tick_n
        made: Made = None if self._stateful is None else self._call_on_tick(prediction)
        if close := self.account.close_position(self._sym):
            return _at_any_price(self._decision_of(prediction, [close], Origin.TICK))
        reason = made if isinstance(made, Reason) else Reason.NO_PREDICTION
        return self._declined(prediction, reason, made)

    def closes_at(self, gap: Gap) -> bool:
        """Says whether this gap would close the position now."""
        return self._rules.on_missing == "flat" and self._waiting is None and self._close_at(gap) is not None

    def _on_missing(self, gap: Gap) -> list[Message]:
        """Returns what a missing prediction leads to: nothing, or the order that closes the position.

        That order may be sent at any later time. While another such one is in flight, a later tick closes what is
        left. A prediction that waits from before the gap is not decided on.
        """
        if self._rules.on_missing == "hold":
            return []
        self._missing = True
        waiting, close = self._waiting, self._close_at(gap)
        if waiting is not None:
            self._waiting = None
            return self._decision_of(waiting, Reason.SUPERSEDED, Origin.PREDICTION)
        last = self._last
        if close is None or last is None:
            return []
        # The order's id comes from the trace: neither that of the last decision nor of the prediction behind the gap.
        behind_gap = {"tr": last.tr + _missing(gap), "ts_event": max(gap.ts_event, last.ts_event)}
        return _at_any_price(self._decision_of(last.model_copy(update=behind_gap), [close], Origin.PREDICTION))

    def _close_at(self, gap: Gap) -> Order | None:
        """Returns the order that a missing prediction leads to where none waits; None where nothing may close."""
        close, last = self.account.close_position(self._sym), self._last
        if close is None or last is None or not self._may_close(max(gap.ts_event, last.ts_event)):
            return None
        return close

    def _on_unknown(self, report: ExecutionReport) -> None:
        """Lets it be booked: the journal is the truth about money."""

    def state(self) -> State:
        """Returns the book's state, and the predictions that it keeps."""
        return _snapshot(
            book=super().state(), waiting=self._waiting, last=self._last, missing=self._missing, closing=self._closing,
            closed_ns=self._closed_ns,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = LiveStrategySnapshot.of(state)
        super().restore(saved.book)
        self._waiting, self._last, self._missing = saved.waiting, saved.last, saved.missing
        self._closing, self._closed_ns = saved.closing, saved.closed_ns

    def _waiting_to_save(self) -> Prediction | None:
        return None  # the live snapshot has it beside the book's


def _at_any_price(made: list[Message]) -> list[Message]:
    """Returns the messages with orders that take any price, at any later time."""
    return [one.model_copy(update=_OUT_AT_ANY_PRICE) if isinstance(one, OrderIntent) else one for one in made]


def closed_by(gap: Gap, decision: Decision) -> bool:
    """Says whether a missing prediction led to the decision."""
    return decision.tr.endswith(_missing(gap))


def _missing(gap: Gap) -> str:
    """Returns the end of the trace of what a missing prediction led to."""
    return f"{MISSING}{gap.n}"


_snapshot = fields_of(LiveStrategySnapshot)
