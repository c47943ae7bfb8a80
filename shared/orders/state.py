"""What is known of one order, and what a step of its life gives."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.messages.reasons import OrderPhase, Reason
from shared.orders.answers import Absent, Ambiguous, Answer, OrderStatusReport, Refused

# What is asked of a venue.


class OrderRequest(NamedTuple):
    """A market order as it is sent, once.

    signed_qty: base units, > 0 buys, already truncated to the venue's step. at_ms: the timestamp that goes into the
    signature, on the venue's clock; the request cannot be accepted after at_ms + validity_ms. row: the position that it
    closes, where the venue has several of one market; empty for the one that is traded here.

    >>> OrderRequest("BTCUSDT", "a1b2c3d4", Decimal("0.001"), False, at_ms=1_000, validity_ms=5_000).valid_until_ms
    6000
    """

    sym: str
    client_order_id: str
    signed_qty: Decimal
    reduce_only: bool
    at_ms: int
    validity_ms: int
    row: str = ""

    @property
    def valid_until_ms(self) -> int:
        """When the request's validity is over, on the venue's clock."""
        return self.at_ms + self.validity_ms


# What can happen to an order: what we do, and what the venue answers.


class Send(NamedTuple):
    """The request is about to go out, once, with this timestamp and validity (ms, the venue's clock)."""

    at_ms: int
    validity_ms: int


class Expire(NamedTuple):
    """It is not going to be sent."""

    reason: Reason


class Resolve(NamedTuple):
    """A person says how it ended, where the venue cannot be asked. at_ms: when, on the venue's clock."""

    at_ms: int
    report: OrderStatusReport
    by: str


Event = Send | Expire | Refused | Ambiguous | Absent | Answer | Resolve


OPEN = frozenset({OrderPhase.NEW, OrderPhase.PARTIALLY_FILLED})
ENDED = frozenset({OrderPhase.FILLED, OrderPhase.CANCELED, OrderPhase.REJECTED, OrderPhase.EXPIRED})
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as far as it is known. Quantities signed, in base units; times ms on the venue's clock.

    asked_qty: as sent. filled_qty, paid (Σ |qty| × price): the most that the venue has told. at_ms, valid_until_ms: the
    request's timestamp and end of validity, 0 until it is sent. venue_order_id: empty until the venue has shown it.
    reason: why it ended short.

    The rest is the agreement's memory; an order loaded from the journal starts without it. told: the furthest state
    that the venue has told. news_ms: when the last answer came that taught something. agreeing: how many answers
    in a row have said just what is known, each asked later than `asked_ms`, the one before.

    >>> order = OrderState(Decimal("0.5"))
    >>> order.phase.name, order.ended, order.seen
    ('INTENT', False, False)
    """

    asked_qty: Decimal
    phase: OrderPhase = OrderPhase.INTENT
    filled_qty: Decimal = _ZERO
    paid: Decimal = _ZERO
    at_ms: int = 0
    valid_until_ms: int = 0
    venue_order_id: str = ""
    reason: Reason | None = None
    agreeing: int = 0
    told: OrderPhase | None = None
    news_ms: int = 0
    asked_ms: int = 0

    @property
    def ended(self) -> bool:
        """Whether it is over, for good."""
        return self.phase in ENDED

    @property
    def in_flight(self) -> bool:
        """Whether it was sent and is not over: it may yet be filled, or may have been without our knowing."""
        return not self.ended and self.phase is not OrderPhase.INTENT

    @property
    def seen(self) -> bool:
        """Whether the venue has ever shown it."""
        return bool(self.venue_order_id or self.filled_qty or self.told or self.phase in OPEN)


class NoteKind(StrEnum):
    """What an answer had of its own, beside what it says of the order."""

    CONTRADICTION = "CONTRADICTION"  # it cannot be true together with what is known; not applied
    OTHER_QUANTITY = "OTHER_QUANTITY"  # FILLED, but not with the quantity asked
    STALE = "STALE"  # it says less than is known; not applied


class Note(NamedTuple):
    """Something for the alarm or the counters; `text` is for a person."""

    kind: NoteKind
    text: str


class Step(NamedTuple):
    """The order after an event, and what is to be told about the event."""

    state: OrderState
    notes: tuple[Note, ...] = ()
