"""The messages of the FastStream baselines, and what they do with them, apart from reading and writing."""

import random
from collections import deque

from pydantic import BaseModel

from tests.bench.common import BALANCE, FEE, LEVERAGE, SEED, SYMBOLS

TICK_MOVE = 0.0001


class Message(BaseModel):
    """What every message has."""

    n: int
    sym: str
    ts_event: int
    tr: str


class MarketTick(Message):
    """A price; `w` is the wall clock at which it was written."""

    w: int
    venue: str
    price: float


class Features(Message):
    """What the model saw."""

    spec: str
    values: list[float]


class Prediction(Message):
    """What the model said."""

    tick_n: int
    price: float
    y_hat: float
    model: str


class Decision(Message):
    """What the strategy made of a prediction."""

    tick_n: int
    prediction_n: int
    booked_n: int
    y_hat: float
    balance: float
    signed_qty: float
    orders: list[str]
    reason: str | None


class OrderIntent(Message):
    """A netted order."""

    tick_n: int
    client_order_id: str
    leg: str
    signed_qty: float
    reduce_only: bool
    price: float
    valid_until: int


class ExecutionReport(Message):
    """What became of it."""

    tick_n: int
    order_n: int
    client_order_id: str
    leg: str
    status: str
    last_qty: float
    last_px: float
    commission: float
    reason: str | None


class Market:
    """Random prices."""

    def __init__(self) -> None:
        self._rng = random.Random(SEED)
        self._prices = dict.fromkeys(SYMBOLS, 100.0)

    def tick(self, n: int, sym: str, now_ns: int) -> MarketTick:
        """The next tick of a symbol."""
        price = self._prices[sym] = self._prices[sym] * (1.0 + TICK_MOVE * (self._rng.random() - 0.5))
        trace = f"sim:{sym}:{now_ns}:{n}"
        return MarketTick(n=n, sym=sym, ts_event=now_ns, tr=trace, w=now_ns, venue="sim", price=price)


def see(tick: MarketTick) -> tuple[Features, Prediction]:
    """Features and prediction of a tick; the prediction's sign changes with every tick of a symbol."""
    n, sym, ts_event, tr = tick.n, tick.sym, tick.ts_event, tick.tr
    y_hat = 0.001 if n & 1 else -0.001
    return (
        Features(n=n, sym=sym, ts_event=ts_event, tr=tr, spec="log_return_lags(3)", values=[0.001, -0.002, 0.003]),
        Prediction(
            n=n, sym=sym, ts_event=ts_event, tr=tr, tick_n=n, price=tick.price, y_hat=y_hat, model="0123456789abcdef"
        ),
    )


class Book:
    """All symbols' books; while a symbol's order is in flight its predictions wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Prediction]] = {sym: deque() for sym in SYMBOLS}
        self._in_flight: set[str] = set()
        self._qty = dict.fromkeys(SYMBOLS, 0.0)
        self._balance = dict.fromkeys(SYMBOLS, BALANCE)
        self._booked_n = dict.fromkeys(SYMBOLS, 0)

    def on_prediction(self, prediction: Prediction) -> tuple[Decision, OrderIntent] | None:
        """Decide now, or None: it waits."""
        if prediction.sym in self._in_flight:
            self._waiting[prediction.sym].append(prediction)
            return None
        return self._decide(prediction)

    def on_execution(self, execution: ExecutionReport) -> tuple[Decision, OrderIntent] | None:
        """Book it, then decide what waited for it."""
        sym = execution.sym
        self._qty[sym] += execution.last_qty
        self._balance[sym] -= execution.commission
        self._booked_n[sym] = execution.n
        self._in_flight.discard(sym)
        return self._decide(self._waiting[sym].popleft()) if self._waiting[sym] else None

    def _decide(self, prediction: Prediction) -> tuple[Decision, OrderIntent]:
        n, sym, ts_event, tr = prediction.n, prediction.sym, prediction.ts_event, prediction.tr
        qty, balance = self._qty[sym], self._balance[sym]
        wanted = (1.0 if prediction.y_hat > 0 else -1.0) * balance * LEVERAGE / prediction.price
        order_id = f"{sym}x{n}"
        self._in_flight.add(sym)
        decision = Decision(
            n=n,
            sym=sym,
            ts_event=ts_event,
            tr=tr,
            tick_n=prediction.tick_n,
            prediction_n=n,
            booked_n=self._booked_n[sym],
            y_hat=prediction.y_hat,
            balance=balance,
            signed_qty=qty,
            orders=[order_id],
            reason=None,
        )
        order = OrderIntent(
            n=n,
            sym=sym,
            ts_event=ts_event,
            tr=tr,
            tick_n=prediction.tick_n,
            client_order_id=order_id,
            leg="net",
            signed_qty=wanted - qty,
            reduce_only=False,
            price=prediction.price,
            valid_until=0,
        )
        return decision, order


def fill(order: OrderIntent) -> ExecutionReport:
    """Filled at the decision price."""
    return ExecutionReport(
        n=order.n,
        sym=order.sym,
        ts_event=order.ts_event,
        tr=order.tr,
        tick_n=order.tick_n,
        order_n=order.n,
        client_order_id=order.client_order_id,
        leg=order.leg,
        status="FILLED",
        last_qty=order.signed_qty,
        last_px=order.price,
        commission=abs(order.signed_qty) * order.price * FEE,
        reason=None,
    )
