"""The outcome is what the books take of an order that is over: the variable part of its one terminal report."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.messages.reasons import OrderStatus, Reason
from shared.orders.answers import VenueFill
from shared.orders.fees import distinct, fees_of
from shared.orders.state import OrderState

_ZERO = Decimal(0)


class OrderOutcome(NamedTuple):
    """The fields of an ExecutionReport that the venue decides; quantities in base units, money in quote units."""

    status: OrderStatus
    last_qty: Decimal
    last_px: Decimal | None
    commission: Decimal
    reason: Reason | None


def outcome(
    order: OrderState,
    fills: Iterable[VenueFill],
    quote: str,
    base: str = "",
    prices: Mapping[str, Decimal] | None = None,
) -> OrderOutcome | None:
    """Returns what to book; None while the order is not over, or trades of its quantity are still missing.

    last_px is Σ |qty| × price of the trades over their quantity: an average, in Decimal's default context, and the only
    division. A fee in quote, or in a third currency at the price given, is commission. A fee in base (spot; see
    `fees_of`) leaves less than was bought, so the position gets less: last_qty = filled − fee, and the fee's worth, fee
    × last_px, is commission. Position and cash then move as the wallet does:

        −last_qty × last_px − commission = −filled × last_px − other fees

    What a later close cannot sell, because it is below the venue's step, is dust. It stays in the book as it stays in
    the wallet, so the two agree. An order that a person resolved is booked as that person said, with the known fees.

    >>> from shared.messages.reasons import OrderPhase
    >>> fill = VenueFill("1", "v", "c", "BTCUSDT", Decimal(2), Decimal(50), Decimal("0.002"), "BTC", 0)
    >>> order = OrderState(Decimal(2), OrderPhase.FILLED, filled_qty=Decimal(2), paid=Decimal(100))
    >>> outcome(order, [fill], "USDT", "BTC")[1:4]
    (Decimal('1.998'), Decimal('50'), Decimal('0.100'))
    >>> outcome(order, [], "USDT", "BTC") is None
    True
    """
    if not order.ended:
        return None
    trades = distinct(fills)
    filled, paid = order.filled_qty, order.paid
    if sum((fill.signed_qty for fill in trades), _ZERO) == filled:
        paid = sum((abs(fill.signed_qty) * fill.price for fill in trades), _ZERO)
    elif order.reason is not Reason.RESOLVED:
        return None
    status = OrderStatus(order.phase)
    if not filled:
        return OrderOutcome(status, _ZERO, None, _ZERO, order.reason)
    price = paid / abs(filled)
    fees = fees_of(trades, quote, base, prices)
    return OrderOutcome(status, filled - fees.in_base, price, fees.in_quote + fees.in_base * price, order.reason)
