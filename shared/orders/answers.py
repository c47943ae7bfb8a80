"""A venue answers questions about an order and about the account with these types.

Times are ms on the venue's clock. Quantities are Decimal, in base units and signed (> 0 bought or long); money is
Decimal, in quote units.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.messages.reasons import OrderPhase, Reason


class OrderStatusReport(NamedTuple):
    """A report says how an order stands at the venue.

    - phase: NEW, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED or EXPIRED.
    - filled_qty: all that was filled so far, signed.
    - paid: Σ |qty| × price of those fills, exact.
    - venue_order_id: the venue's own id of the order.
    - traded_qty: Σ of the order's own trades, signed, where they were asked for and this is the order's own row, which
      the venue writes with all that was filled; None else, e.g. for a row of a list.
    - cause: the venue's word for why it ended short, where that was no limit and no cancel of ours; empty where the
      venue tells none.
    """

    phase: OrderPhase
    filled_qty: Decimal
    paid: Decimal
    venue_order_id: str
    traded_qty: Decimal | None = None
    cause: str = ""


class Answer(NamedTuple):
    """The venue answered with a report.

    - at_ms: when we asked; for the answer to the send it is the request's own timestamp.
    - what: the report.
    - heard_ms: when the answer came.
    """

    at_ms: int
    what: OrderStatusReport
    heard_ms: int


class Refused(NamedTuple):
    """The venue refused the very request that we sent: the order is not there and never will be.

    "This id is taken" is no refusal, since an order of that id is there: that answer is Ambiguous.
    """

    reason: Reason
    text: str


class Ambiguous(NamedTuple):
    """The answer tells nothing: a time-out, a 5xx, a lost connection, an error without a name.

    ended_with: what is known to be filled, signed, base units, of an order that is over with less than was asked for,
    as this answer says all the same; it may be more. None: it does not say so.
    """

    cause: str
    ended_with: Decimal | None = None


class Absent(NamedTuple):
    """The venue did not know the id when we asked, at `at_ms`.

    - traded_qty, paid: Σ of the order's trades, signed, and what was paid for them, where they were asked for: of an
      order whose cancel the venue has taken, which some venues forget afterwards. None: nobody asked.
    - heard_ms: when the answer came.
    """

    at_ms: int
    traded_qty: Decimal | None = None
    paid: Decimal = Decimal(0)
    heard_ms: int = 0


class CancelAccepted(NamedTuple):
    """The venue has taken our cancel of the order: it ends, with whatever was filled before that.

    - at_ms: when we asked; heard_ms: when the answer came.
    """

    at_ms: int
    heard_ms: int


class Triggered(NamedTuple):
    """The price that the order waited for was reached, and the venue has made another order of it.

    - at_ms: when we asked; heard_ms: when the answer came.
    - became: the venue's own id of that order; what is filled is that order's.
    """

    at_ms: int
    heard_ms: int
    became: str


class Forced(StrEnum):
    """A venue trades for an account by itself for one of these reasons."""

    LIQUIDATION = "liquidation"  # too little margin
    ADL = "auto-deleveraging"  # the other side was liquidated, and nobody else took it
    SETTLEMENT = "settlement"  # the contract ends


class Maker(NamedTuple):
    """A maker says who made an order.

    - client_order_id: empty where it was given none.
    - forced: the venue's reason, where the venue made it.
    """

    client_order_id: str
    forced: Forced | None = None


class VenueFill(NamedTuple):
    """A fill is one trade of an order.

    - client_order_id: empty where the venue does not tell.
    - fee: in fee_currency, positive when paid.
    - extra_fees: fees in other currencies, e.g. taxes: currency and amount.
    - forced: the venue's reason, where the trade tells that the order was the venue's own.
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
        """Returns all fees of the trade, by currency."""
        return (self.fee_currency, self.fee), *self.extra_fees


class VenuePosition(NamedTuple):
    """A position is what the venue holds for us of a symbol; on spot, the base currency's whole amount.

    None stands for what the venue does not tell.

    - row: empty for the position that we trade, which is one-way and isolated. Else its name, e.g. LONG or NET CROSS: a
      hedge has two positions of one market, and some venues have one at cross margin beside the isolated one.
    - at_stake: what it can still lose, quote units: an isolated position's margin and its unrealised profit.
    - liquidation: the price at which the venue closes it.
    """

    sym: str
    signed_qty: Decimal
    entry_price: Decimal | None
    row: str = ""
    at_stake: Decimal | None = None
    liquidation: Decimal | None = None


class VenueBalance(NamedTuple):
    """A balance is what the account has, out of one answer.

    - cash: of the quote currency, with the unrealised profit of swaps.
    - coins: on spot, the amount of each symbol's base currency, whoever owns it.
    """

    cash: Decimal
    coins: Mapping[str, Decimal] = {}


class VenueOrder(NamedTuple):
    """An open order rests, or waits, at the venue.

    - client_order_id: empty where its sender gave none.
    - waits: the order waits for a price; none of ours does. Not every venue that lists such orders with the resting
      ones sets it.
    - forced: the venue's reason, where the venue made it.
    - of_position: it is the stop of a position, which such a venue lists, too: what cancels orders leaves it there.
    """

    sym: str
    client_order_id: str
    report: OrderStatusReport
    waits: bool = False
    forced: Forced | None = None
    of_position: bool = False


class FundingPayment(NamedTuple):
    """A payment settles the funding of a perpetual swap; its amount is positive when received."""

    payment_id: str
    sym: str
    amount: Decimal
    at_ms: int


class VenueQuote(NamedTuple):
    """A quote is the best bid and ask.

    - at_ms: when we asked.
    - book_ms: when they last changed, None where the venue does not tell.
    - trading: whether the market is open.
    """

    sym: str
    bid: Decimal
    ask: Decimal
    at_ms: int
    book_ms: int | None = None
    trading: bool = True

    def leaving(self, qty: Decimal) -> Decimal:
        """Returns the price at which a position is closed: of the side that it meets, else of the other one.

        A side without orders is told as 0, which is no price. 0: neither side has any.

        >>> quote = VenueQuote("BTCUSDT", bid=Decimal(0), ask=Decimal(101), at_ms=1)
        >>> quote.leaving(Decimal(1)), quote.leaving(Decimal(-1)), quote._replace(ask=Decimal(0)).leaving(Decimal(1))
        (Decimal('101'), Decimal('101'), Decimal('0'))
        """
        met = self.bid if qty > 0 else self.ask
        return met if met > 0 else max(self.bid, self.ask)
