"""One line of `tail`: for a person, with local time, y_hat, price, side and reason; or as JSON, with every field."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from services.console.output import plain_data
from shared.bus.entry import Entry
from shared.messages import (
    Decision,
    DecodeError,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    Prediction,
    Stream,
    decode,
)
from shared.messages.codec import newer
from shared.record import NewerWire
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from shared.lookup import Found, Lookup


class Row(NamedTuple):
    """A row is what was found of one entry.

    - at_ns: when it was written. id: on the bus; empty for what was recorded.
    - message: None where there is none in it; then `lacks` says why, and `human` is the writer's line.
    - newer: a newer Tickline wrote it.
    """

    sym: str
    n: int
    tr: str
    tag: str
    at_ns: int
    origin: str
    id: str = ""
    message: Message | None = None
    lacks: str = ""
    human: str = ""
    data: bytes = b""
    newer: bool = False

    @classmethod
    def of_entry(cls, entry: Entry) -> "Row":
        """Returns the row of an entry as it lies on the bus."""
        message, lacks = None, ""
        try:
            message = decode(entry.t, entry.d)
        except (DecodeError, NewerWire) as error:
            lacks = str(error)
        return cls(
            entry.k, entry.n, entry.tr, entry.t.decode(errors="replace"), entry.w, "bus", entry.id.decode(), message,
            lacks, entry.h.decode(errors="replace"), entry.d, newer(entry.t) is not None,
        )  # fmt: skip

    @classmethod
    def of_found(cls, found: "Found") -> "Row":
        """Returns the row of a message that was looked up."""
        message = found.message
        return cls(message.sym, message.n, message.tr, message.TAG, found.at_ns, found.origin, message=message)


class Around(NamedTuple):
    """What other streams say of decisions: prices by symbol and number of the prediction, orders by their ids."""

    prices: Mapping[tuple[str, int], Decimal]
    orders: Mapping[str, OrderIntent]

    @classmethod
    async def of(cls, lookup: "Lookup", rows: list[Row]) -> "Around":
        """Looks up the predictions and the orders of the decisions among the rows."""
        prices: dict[tuple[str, int], Decimal] = {}
        orders: dict[str, OrderIntent] = {}
        decisions = [row.message for row in rows if isinstance(row.message, Decision)]
        for sym in dict.fromkeys(decision.sym for decision in decisions):
            times = [decision.ts_event for decision in decisions if decision.sym == sym]
            for found in await lookup.messages(Stream.PREDICTIONS, sym, min(times), max(times)):
                if isinstance(found.message, Prediction):
                    prices[sym, found.message.n] = found.message.price
            if any(decision.orders for decision in decisions if decision.sym == sym):
                for found in await lookup.messages(Stream.ORDERS, sym, min(times), max(times)):
                    if isinstance(found.message, OrderIntent):
                        orders[found.message.client_order_id] = found.message
        return cls(prices, orders)


NOTHING_AROUND = Around({}, {})


def text_line(row: Row, wall: WallTime, around: Around = NOTHING_AROUND) -> str:
    """Returns a line for a person; its last word is `newer` where a newer Tickline wrote the entry.

    The time is that of the event; of what has no message that of writing.
    """
    at_ns = row.at_ns if row.message is None else row.message.ts_event
    time = wall.millisecond(at_ns) if at_ns % 1_000_000_000 else wall.second(at_ns)
    said = row.human if row.message is None else said_of(row.message, around)
    return f"{time}  n={row.n}  {said}  [{row.tr}]{'  newer' if row.newer else ''}"


def json_line(row: Row) -> str:
    """Returns a line of JSON: id, type, number, trace, time of writing, place, and the message's fields."""
    if row.message is None:
        fields: dict[str, Any] = {"undecoded": base64.b64encode(row.data).decode(), "why": row.lacks}
    else:
        fields = {name: plain_data(value) for name, value in row.message.content().items()}
    beside = {"id": row.id, "type": row.tag, "w": row.at_ns, "origin": row.origin}
    return json.dumps({**beside, "sym": row.sym, "n": row.n, "tr": row.tr, **fields})


def said_of(message: Message, around: Around = NOTHING_AROUND) -> str:
    """Returns what a message says: where it decides, with y_hat, price, sides and reason."""
    if isinstance(message, Decision):
        return _decision(message, around)
    if isinstance(message, ExecutionReport) and message.last_px is not None and message.leg is not Leg.FUNDING:
        reason = "" if message.reason is None else f" {message.reason}"
        qty = _side(message.last_qty)
        return f"{message.sym} {message.status} {qty} at {message.last_px} fee {float(message.commission):.4g}{reason}"
    return message.human()


def _decision(decision: Decision, around: Around) -> str:
    y_hat = "none" if decision.y_hat is None else f"{decision.y_hat:+.6f}"
    price = around.prices.get((decision.sym, decision.prediction_n))
    said = f"{decision.sym} y_hat={y_hat}" + ("" if price is None else f" at {price}")
    if not decision.orders:
        return f"{said} no order: {decision.reason}, position {decision.signed_qty.normalize():f}"
    known = [around.orders.get(name) for name in decision.orders]
    sides = [f"{_side(order.signed_qty)} ({order.leg})" for order in known if order is not None]
    return f"{said} {', '.join(sides) if len(sides) == len(known) else decision.human().partition(' ')[2]}"


def _side(qty: Decimal) -> str:
    return f"{'BUY' if qty > 0 else 'SELL'} {abs(float(qty)):.8g}"
