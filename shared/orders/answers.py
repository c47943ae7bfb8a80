"""What a venue says: of an order, and of the account. Times in ms on the venue's clock, money and quantities Decimal.

Quantities are in base units and signed (> 0 bought or long); money is in quote units.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.messages.reasons import OrderPhase, Reason


class OrderStatusReport(NamedTuple):
    """An order as the venue shows it.

    phase: NEW, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED or EXPIRED. filled_qty: all that was filled so far, signed.
    paid: Σ |qty| × price of those fills, exact.
    """

    phase: OrderPhase
    filled_qty: Decimal
    paid: Decimal
    venue_order_id: str


class Answer(NamedTuple):
    """A snapshot, when it was asked for (the answer to the send: the request's own timestamp) and when it came."""

    at_ms: int
    what: OrderStatusReport
    heard_ms: int


class Refused(NamedTuple):
    """The very request that was sent is refused: it is not on the venue and never will be.

    "This id is taken" is none: an order of that id is there, so the answer is Ambiguous.
    """

    reason: Reason
    text: str


class Ambiguous(NamedTuple):
    """Time-out, 5xx, lost connection, an error without a name: nobody knows."""

    cause: str


class Absent(NamedTuple):
    """Asked at `at_ms`, the venue did not know the id."""

    at_ms: int


class Forced(StrEnum):
    """Why a venue trades for an account that has not asked for it."""

    LIQUIDATION = "liquidation"  # too little margin
    ADL = "auto-deleveraging"  # the other side was liquidated, and nobody else took it
    SETTLEMENT = "settlement"  # the contract ends


class Maker(NamedTuple):
    """Who made an order. client_order_id: empty where it was given none. forced: the venue did, and why."""

    client_order_id: str
    forced: Forced | None = None


class VenueFill(NamedTuple):
    """One trade of an order. client_order_id: empty where the venue does not tell. fee: positive when paid.

    extra_fees: those in other currencies than fee_currency, e.g. taxes; currency and amount. forced: whose order was
    the venue's own, as far as the trade tells.
    """

    trade_id: str
    venue_order_id: str
    client_order_id: str
    sym: str
    signed_qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    at_ms: int
    extra_fees: tuple[tuple[str, Decimal], ...] = ()
    forced: Forced | None = None

    @property
    def fees(self) -> tuple[tuple[str, Decimal], ...]:
        """All that was paid for it, by currency."""
        return (self.fee_currency, self.fee), *self.extra_fees


class VenuePosition(NamedTuple):
    """What the venue holds for us of a symbol; on spot, the base currency's whole amount.

    row: empty for the position that is traded here: one-way, isolated. Else its name, e.g. LONG or NET CROSS: a hedge
    has two of one market, and some venues have one at cross margin beside the isolated one. at_stake: what can be lost
    from now on, quote units: an isolated position's margin and its unrealised profit. liquidation: at which price.
    None: not told.
    """

    sym: str
    signed_qty: Decimal
    entry_price: Decimal | None
    row: str = ""
    at_stake: Decimal | None = None
    liquidation: Decimal | None = None


class VenueBalance(NamedTuple):
    """What the account has, out of one answer.

    cash: of the quote currency, with the unrealised profit of swaps. coins: on spot, what there is of each symbol's
    base currency, whoever's it is.
    """

    cash: Decimal
    coins: Mapping[str, Decimal] = {}


class VenueOrder(NamedTuple):
    """An open order. client_order_id: empty where whoever sent it gave none.

    waits: for a price; none of these is ours. Where the venue keeps them with those that rest, it is not told apart.
    forced: the venue made it, and why.
    """

    sym: str
    client_order_id: str
    report: OrderStatusReport
    waits: bool = False
    forced: Forced | None = None


class FundingPayment(NamedTuple):
    """A payment for holding a perpetual swap. amount: positive when received."""

    payment_id: str
    sym: str
    amount: Decimal
    at_ms: int


class VenueQuote(NamedTuple):
    """Best bid and ask. at_ms: when they were asked for.

    book_ms: when they last changed, None where the venue does not tell. trading: whether the market is open.
    """

    sym: str
    bid: Decimal
    ask: Decimal
    at_ms: int
    book_ms: int | None = None
    trading: bool = True
