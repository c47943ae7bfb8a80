"""What the risk check is asked, and all that it may look at."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.journal.rows import ArmingRow, LatchRow
from shared.messages import OrderIntent, Reason
from shared.orders import VenueQuote

_ZERO = Decimal(0)


class InFlight(NamedTuple):
    """An order of the same symbol that is not settled. signed_qty: what of it may still be filled, base units.

    unknown: nobody knows what became of it.
    """

    signed_qty: Decimal
    unknown: bool = False


class Context(NamedTuple):
    """All that is known when an order is asked for; the caller reads it from journal, books, venue and clock.

    now_ns: the clock, in paper and replay the event's time. predicted_ns: when the order was written, 0 if unknown.
    position: our own in the order's symbol, signed base units. in_flight: the symbol's unsettled orders, this one not
    among them. other_notional: all other symbols' positions with their orders in flight filled, quote units.
    equity: the account's, in paper the book's; None if it is not known or too old. books_balance: of all books.
    limits, latches, arming: as they stand in the journal. quote: the venue's newest of this symbol.
    reconciled: journal and venue agreed when they were last compared. blocked: what else the caller found against new
    exposure, e.g. a gap or an unwritable journal.
    """

    now_ns: int
    predicted_ns: int = 0
    position: Decimal = _ZERO
    in_flight: tuple[InFlight, ...] = ()
    other_notional: Decimal = _ZERO
    equity: Decimal | None = None
    books_balance: Decimal = _ZERO
    limits: Mapping[str, bytes] = {}
    latches: Mapping[str, LatchRow] = {}
    arming: ArmingRow | None = None
    quote: VenueQuote | None = None
    reconciled: bool = False
    blocked: tuple[Reason, ...] = ()

    @property
    def now_ms(self) -> int:
        """now_ns in ms."""
        return self.now_ns // 1_000_000


class Asked(NamedTuple):
    """An order as it would be sent, and its context. signed_qty: base units, finite and not 0."""

    sym: str
    signed_qty: Decimal
    price: Decimal
    reduce_only: bool
    ts_event: int
    context: Context

    @classmethod
    def of(cls, intent: OrderIntent, context: Context, signed_qty: Decimal | None = None) -> "Asked":
        """The intent's order. signed_qty: what the venue's rules have made of its quantity."""
        qty = intent.signed_qty if signed_qty is None else signed_qty
        return cls(intent.sym, qty, intent.price, intent.reduce_only, intent.ts_event, context)
