"""A chain is all that goes back to one tick: features, prediction, decisions, orders, reports. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from shared.messages import (
    Decision,
    ExecutionReport,
    Features,
    Gap,
    MarketTick,
    Message,
    OrderIntent,
    Prediction,
)
from shared.messages.reasons import UNASKED
from shared.plural import plural

T = TypeVar("T", bound=Message)

OF_NO_ORDER = "stop:"  # how the trace begins of a stop whose position no order of ours has opened


class SeenMessage(Protocol):
    """A message as it was found: when it was written (ns since 1970), and where it was."""

    @property
    def message(self) -> Message:
        """Returns it."""

    @property
    def at_ns(self) -> int:
        """Returns when it was written."""

    @property
    def origin(self) -> str:
        """Returns where it was found."""


class Hop(NamedTuple):
    """A hop is a message of the chain, as it was found."""

    message: Message
    at_ns: int
    origin: str = ""


class Chain(NamedTuple):
    """A chain has its messages in the line's order, each with the time at which it was written.

    - tr: the tick's trace id.
    - hops: all that was found of it.
    """

    tr: str
    hops: tuple[Hop, ...]

    @classmethod
    def of(cls, tr: str, found: Iterable[SeenMessage]) -> "Chain":
        """Returns the chain of what was found of a trace; other messages may be among it, e.g. of a gap's decision."""
        hops = (Hop(one.message, one.at_ns, one.origin) for one in found)
        return cls(tr, tuple(sorted(hops, key=_place)))

    def __bool__(self) -> bool:
        return bool(self.hops)

    def each(self, kind: type[T]) -> Iterator[tuple[T, int]]:
        """Yields the messages of a type, with the times at which they were written."""
        for hop in self.hops:
            if isinstance(hop.message, kind):
                yield hop.message, hop.at_ns

    def one(self, kind: type[T]) -> T | None:
        """Returns the first message of a type, or None."""
        return next((message for message, _ in self.each(kind)), None)

    @property
    def sym(self) -> str:
        """Returns the symbol."""
        return self.hops[0].message.sym

    def lacking(self, last_reported_n: int = 0) -> list[str]:
        """Returns what the chain refers to, or must have, and what was not found; empty where it is complete.

        - last_reported_n: of the symbol's orders the last that has a report; an order behind it may be in flight.
        """
        return list(dict.fromkeys(_lacking(self, last_reported_n)))


_ORDER: tuple[type[Message], ...] = (MarketTick, Gap, Features, Prediction, Decision, OrderIntent, ExecutionReport)


def _place(hop: Hop) -> tuple[int, int]:
    message = hop.message
    if isinstance(message, Gap):  # in the ticks it comes first; further on it is told again
        return 0, -1
    kind = _ORDER.index(type(message)) if type(message) in _ORDER else len(_ORDER)
    return kind, message.n


def _lacking(chain: Chain, last_reported_n: int) -> Iterator[str]:
    reports = [report for report, _ in chain.each(ExecutionReport)]
    asked = [report for report in reports if report.leg not in UNASKED]
    if chain.hops and len(asked) != len(reports) == len(chain.hops):
        return  # what nobody decided has nothing behind it
    if chain.tr.startswith(OF_NO_ORDER):
        return
    orders = {order.client_order_id: order for order, _ in chain.each(OrderIntent)}
    decisions = [decision for decision, _ in chain.each(Decision)]
    prediction, tick = chain.one(Prediction), chain.one(MarketTick)
    if tick is None:
        yield "the tick"
    if prediction is None:
        yield "the prediction"
    elif prediction.y_hat is not None and chain.one(Features) is None:
        yield "the features"
    if not decisions:
        yield "the decision"
    for decision in decisions:
        for name in decision.orders:
            if name not in orders:
                yield f"order {name}"
    decided = {name for decision in decisions for name in decision.orders}
    reported = {report.client_order_id for report in reports}
    for name, order in orders.items():
        if name not in decided and order.leg not in UNASKED:
            yield f"the decision on order {name}"
        if name not in reported and order.n <= last_reported_n and order.tick_n:  # the gateway's own have no number
            yield f"the report of order {name}"
    for report in asked:
        if report.client_order_id not in orders:
            yield f"order {report.client_order_id}"


def lacking_line(lacking: list[str]) -> str:
    """Returns what is missing of a chain, in one line for a person.

    >>> lacking_line(["the tick", "the features"])
    'not found any more, on the bus or in the recording: the tick, the features (2 parts of the chain)'
    """
    parts = plural(len(lacking), "part")
    return f"not found any more, on the bus or in the recording: {', '.join(lacking)} ({parts} of the chain)"
