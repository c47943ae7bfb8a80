"""An order's state holds what we know of it; events change it, and each change is a step."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.messages.reasons import OrderPhase, OrderType, Reason, TimeInForce
from shared.orders.answers import Absent, Ambiguous, Answer, CancelAccepted, OrderStatusReport, Refused, Triggered


class OrderRequest(NamedTuple):
    """A request asks a venue for one order; it is sent once.

    - signed_qty: base units, > 0 buys, already truncated to the venue's step.
    - reduce_only: the venue may only reduce a position with it.
    - at_ms: the timestamp in the signature, on the venue's clock.
    - validity_ms: the venue does not accept the request after at_ms + validity_ms.
    - row: the position that it closes, where the venue has several of one market; empty for the one that we trade.
    - type, limit_price, time_in_force: as in the OrderIntent, but the price is rounded to the venue's tick already.
    - trigger_price: likewise; None: it goes to work at once.

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
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    trigger_price: Decimal | None = None

    @property
    def valid_until_ms(self) -> int:
        """Returns when the request's validity is over, in ms on the venue's clock."""
        return self.at_ms + self.validity_ms


# Events: what we do with an order, and what the venue answers.


class Send(NamedTuple):
    """We send the request, once, with this timestamp and validity (ms, the venue's clock)."""

    at_ms: int
    validity_ms: int


class Expire(NamedTuple):
    """We decide not to send it."""

    reason: Reason


class Cancel(NamedTuple):
    """We ask the venue to cancel it, at `at_ms` on its clock; asked again, it is the same cancel."""

    at_ms: int


class Resolve(NamedTuple):
    """A person says how it ended, where nobody can ask the venue; at_ms is on the venue's clock."""

    at_ms: int
    report: OrderStatusReport
    by: str


Event = Send | Expire | Refused | Ambiguous | Absent | Answer | Cancel | CancelAccepted | Triggered | Resolve


OPEN = frozenset({OrderPhase.NEW, OrderPhase.PARTIALLY_FILLED})
SHOWN = OPEN | {OrderPhase.CANCELING, OrderPhase.TRIGGERED}  # the venue has it
UNANSWERED = frozenset({OrderPhase.SENT, OrderPhase.UNKNOWN})
ENDED = frozenset({OrderPhase.FILLED, OrderPhase.CANCELED, OrderPhase.REJECTED, OrderPhase.EXPIRED})
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderState:
    """The state holds what we know of one order. Quantities are signed, in base units; times are ms, venue's clock.

    - asked_qty: as sent.
    - phase: where it is in its life.
    - filled_qty, paid: the most that the venue has told; paid is Σ |qty| × price.
    - at_ms, valid_until_ms: the request's timestamp and end of validity, 0 until it is sent.
    - venue_order_id: empty until the venue has shown the order.
    - reason: why it ended short. cause: the venue's word for that, where it told one (see OrderStatusReport).
    - canceled_ms: when the venue has taken a cancel of it, 0 before.
    - became: the venue's id of the order that it has become, empty where it has not.

    The rest counts agreeing answers; an order from the journal starts without it:

    - agreeing: how many answers in a row have repeated just what we know, each asked later than the one before.
    - told: the furthest phase that the venue has told.
    - news_ms: when the last answer came that told something new.
    - asked_ms: when the last of the agreeing answers was asked.

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
    canceled_ms: int = 0
    became: str = ""
    agreeing: int = 0
    told: OrderPhase | None = None
    news_ms: int = 0
    asked_ms: int = 0
    cause: str = ""

    @property
    def ended(self) -> bool:
        """Says whether it is over, for good."""
        return self.phase in ENDED

    @property
    def in_flight(self) -> bool:
        """Says whether it was sent and is not over: the venue may yet fill it, or may have done so."""
        return not self.ended and self.phase is not OrderPhase.INTENT

    @property
    def seen(self) -> bool:
        """Says whether the venue has ever shown it."""
        known = self.venue_order_id or self.became or self.filled_qty or self.told or self.canceled_ms
        return bool(known or self.phase in SHOWN)

    @property
    def kept(self) -> tuple[object, ...]:
        """Returns what of it the journal keeps and an answer may change."""
        return self.phase, self.filled_qty, self.paid, self.venue_order_id, self.canceled_ms, self.became

    @property
    def unanswered(self) -> bool:
        """Says whether nobody knows if the venue has it: it was sent, and neither shown as open nor ended."""
        return self.phase in UNANSWERED


class NoteKind(StrEnum):
    """A note's kind says what is odd about an answer."""

    CONTRADICTION = "CONTRADICTION"  # it cannot be true together with what is known; not applied
    OTHER_QUANTITY = "OTHER_QUANTITY"  # FILLED, but not with the quantity asked
    STALE = "STALE"  # it says less than is known; not applied


class Note(NamedTuple):
    """A note goes to the alarm or the counters; `text` is for a person."""

    kind: NoteKind
    text: str


class Step(NamedTuple):
    """A step is the order's state after an event, with notes about the event."""

    state: OrderState
    notes: tuple[Note, ...] = ()
