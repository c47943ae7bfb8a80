"""The order writer makes messages of a decision's orders: each with its id, its price limit and what it comes after."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import blake2b

from services.strategy.price_limits import PriceLimits
from shared.account import Order
from shared.messages import Leg, OrderIntent, OrderType, Origin, Prediction, Stream, TimeInForce
from shared.record import unvalidated
from shared.runner.spec import SequenceNumbers
from shared.user_code.hash import decided_by

_HASH = blake2b(digest_size=16)
_intent = unvalidated(OrderIntent, always=("by",))
_limited = unvalidated(OrderIntent, always=("by", "type", "limit_price", "time_in_force"))
_LIMIT, _IOC, _CLOSE, _ORDERS = OrderType.LIMIT, TimeInForce.IOC, Leg.CLOSE, Stream.ORDERS
_TICK, _PREDICTION = Origin.TICK, Origin.PREDICTION
NAMED = 4  # ids of earlier traces that are kept


def client_order_id(
    book: str, tr: str, leg: Leg, origin: Origin = Origin.PREDICTION, k: int = 0, revision: int = 0
) -> str:
    """Returns the name of an order, which is the same wherever and whenever the same decision is made again.

    It is 32 hex digits.

    - book: mode, venue, account, strategy, run. tr: the tick's trace id.
    - origin: the call that gave the order. k: which one of that leg it is in that call, from 0.
    - revision: of the same order, from 0.

    >>> client_order_id("paper:paper:basic_taker:run1", "replay:BTCUSDT:1:1", Leg.OPEN)
    '7f36d2d8e45562c7e4bf2328e23b6c08'
    >>> client_order_id("paper:paper:basic_taker:run1", "replay:BTCUSDT:1:1", Leg.OPEN, Origin.TICK)
    '120a6d69c180688be68f3cb708de77b9'
    """
    said = f"{book}|{tr}|{leg}"
    if k or revision or origin is not _PREDICTION:  # the first of a prediction has the id that it had before wire 4
        said += f"|{origin}|{k}|{revision}"
    hashed = _HASH.copy()  # a third cheaper than a new one
    hashed.update(said.encode())
    return hashed.hexdigest()


class OrderWriter:
    """The writer writes the orders of one book.

    - sym, book, valid_ns, by, limits: see StrategyStage.
    - numbers: of the streams that its stage writes.
    - named: the ids of the newest orders, all of the trace `named_tr` among them.

    >>> from shared.messages import Leg
    >>> writer = OrderWriter("BTCUSDT", "book", 0, "", PriceLimits(), SequenceNumbers())
    >>> said = {"sym": "BTCUSDT", "ts_event": 1, "tr": "replay:BTCUSDT:1:1", "tick_n": 1, "price": Decimal(100)}
    >>> prediction = Prediction(n=1, y_hat=0.1, model="m", **said)
    >>> orders = [Order("BTCUSDT", Decimal(-2), Leg.CLOSE), Order("BTCUSDT", Decimal(-1), Leg.OPEN)]
    >>> close, opened = writer.write(orders, prediction, Origin.PREDICTION, Decimal(2))
    >>> close.reduce_only, opened.reduce_only, opened.after == close.client_order_id
    (True, False, True)
    """

    def __init__(
        self, sym: str, book: str, valid_ns: int, by: str, limits: PriceLimits, numbers: SequenceNumbers
    ) -> None:
        self.named: tuple[str, ...] = ()
        self.named_tr = ""
        self.decided_by = lru_cache(8)(partial(decided_by, by))
        self._sym = sym
        self._book = book
        self._valid_ns = valid_ns
        self._limits = limits
        self._numbers = numbers

    def write(self, orders: list[Order], prediction: Prediction, origin: Origin, held: Decimal) -> list[OrderIntent]:
        """Returns the orders' messages, in their order; an open leg goes after its close leg.

        held: the position before them, signed base units.
        """
        ts_event, tr, tick_n, price = prediction.ts_event, prediction.tr, prediction.tick_n, prediction.price
        next_n, sym = self._numbers.next, self._sym
        valid_until, by = ts_event + self._valid_ns if self._valid_ns else 0, self.decided_by(prediction.model)
        ids: list[str] = []
        made: list[OrderIntent] = []
        closing: str | None = None
        seen: list[Leg] = []
        for leg, qty, reduces, limit in self._limits.sent(orders, held, price):
            order_id = self.new_id(tr, leg, origin, seen.count(leg))
            if limit is None:
                intent = _intent(
                    n=next_n(_ORDERS), sym=sym, ts_event=ts_event, tr=tr, tick_n=tick_n, client_order_id=order_id,
                    leg=leg, signed_qty=qty, reduce_only=reduces, price=price, valid_until=valid_until, after=closing,
                    by=by,
                )  # fmt: skip
            else:
                intent = _limited(
                    n=next_n(_ORDERS), sym=sym, ts_event=ts_event, tr=tr, tick_n=tick_n, client_order_id=order_id,
                    leg=leg, signed_qty=qty, reduce_only=reduces, price=price, valid_until=valid_until, after=closing,
                    by=by, type=_LIMIT, limit_price=limit, time_in_force=_IOC,
                )  # fmt: skip
            if origin is _TICK:  # seldom: what is at its default costs less where it is not given
                intent = intent.model_copy(update={"origin": origin})
            if leg is _CLOSE:
                closing = order_id
            ids.append(order_id)
            seen.append(leg)
            made.append(intent)
        self.keep(tr, ids)
        return made

    def new_id(self, tr: str, leg: Leg, origin: Origin, k: int) -> str:
        """Returns the order's id. What is decided anew at one tick, e.g. after an order of it missed, is a revision."""
        revision = 0
        while (order_id := client_order_id(self._book, tr, leg, origin, k, revision)) in self.named:
            revision += 1
        return order_id

    def keep(self, tr: str, ids: Sequence[str]) -> None:
        """Keeps the ids of a trace's orders, and some of the traces before it."""
        if tr != self.named_tr:
            self.named, self.named_tr = self.named[-NAMED:], tr
        self.named = (*self.named, *ids)
