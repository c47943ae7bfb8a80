"""Orders are rounded to what may be traded before anybody sends them."""

from decimal import ROUND_DOWN, Context, Decimal

from shared.account import Order
from shared.messages.reasons import Leg, Reason

_WIDE = Context(prec=100, rounding=ROUND_DOWN)  # so that no quotient is rounded up into the next step
_LEAST = Decimal("1e-12")  # of the position: less than this is the last digit of a division, and no change
_ZERO = Decimal(0)
_CLOSE, _NET = Leg.CLOSE, Leg.NET


def toward_zero(qty: Decimal, step: Decimal) -> Decimal:
    """Returns the multiple of `step` (> 0) that is nearest to `qty` and not beyond it.

    >>> toward_zero(Decimal("1.29"), Decimal("0.1")), toward_zero(Decimal("-1.29"), Decimal("0.5"))
    (Decimal('1.2'), Decimal('-1.0'))
    """
    steps = _WIDE.divide_int(qty, step)
    return _WIDE.multiply(steps, step) if steps else _ZERO


def tradable(orders: list[Order], held: Decimal, step: Decimal | None) -> list[Order] | Reason:
    """Returns the orders as they may be traded, or NO_CHANGE where nothing is left of them.

    - A close leg, and what closes the whole position, stays exact, whatever the step.
    - With a step, an open leg is rounded toward zero. Of a net order its target is, and then the change.
    - Without one, a change of less than 1e-12 of the position is none.
    - held: the position before them, signed base units, without dust. step: base units, or None.

    >>> net = [Order("BTCUSDT", Decimal("1.29"), Leg.NET)]
    >>> tradable(net, Decimal("1.2"), Decimal("0.1")), tradable(net, Decimal("-1.29"), Decimal(1))
    ([Order(sym='BTCUSDT', signed_qty=Decimal('1.2'))], [Order(sym='BTCUSDT', signed_qty=Decimal('1.29'))])
    >>> print(tradable([Order("BTCUSDT", Decimal("1e-20"), Leg.NET)], Decimal(1), None))
    NO_CHANGE
    """
    left: list[Order] = []
    for order in orders:
        leg, qty = order.leg, order.signed_qty
        rounded = qty
        if leg is _NET:
            rounded = _rounded(qty, held, step)
        elif leg is not _CLOSE and step is not None and (not held or held + qty):
            rounded = toward_zero(qty, step)
        if rounded == qty:
            left.append(order)
        elif rounded:
            left.append(Order(order.sym, rounded, leg, limit_price=order.limit_price))
        held += rounded  # what the next one finds
    return left or Reason.NO_CHANGE


def _rounded(change: Decimal, held: Decimal, step: Decimal | None) -> Decimal:
    target = held + change
    if not target:
        return change
    if step is None:
        return change if not held or abs(change) >= abs(held) * _LEAST else _ZERO
    target = toward_zero(target, step)
    if target:
        return toward_zero(target - held, step)
    return held.copy_negate() if abs(held) >= step else _ZERO
