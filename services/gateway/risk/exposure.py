"""What an order does to a position, whatever becomes of the orders in flight beside it.

An order reduces as far as it cannot carry the position through zero even if every other order in its direction is
filled and none against it. All beyond adds exposure. So two closes of one position are one close and one addition, and
a flip is its closing part and an addition of the rest. The order's own word, reduce_only, counts for nothing here.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

_ZERO = Decimal(0)


class Exposure(NamedTuple):
    """reduces, adds: parts of the order, both with its sign; their sum is the order.

    worst: the position, signed, if the order and all in flight in its direction are filled.

    >>> exposure(Decimal(-5), Decimal(3), [])
    Exposure(reduces=Decimal('-3'), adds=Decimal('-2'), worst=Decimal('-2'))
    >>> exposure(Decimal(-3), Decimal(3), [Decimal(-2)]).adds
    Decimal('-2')
    """

    reduces: Decimal
    adds: Decimal
    worst: Decimal


def exposure(signed_qty: Decimal, position: Decimal, in_flight: Iterable[Decimal]) -> Exposure:
    """Of an order over `position`, beside orders in flight; all signed base units."""
    sign = 1 if signed_qty > 0 else -1
    along = position + sum((qty for qty in in_flight if qty * sign > 0), _ZERO)
    left = max(-along * sign, _ZERO)
    size = signed_qty.copy_abs()
    reduces = min(size, left)
    return Exposure(reduces * sign, (size - reduces) * sign, along + signed_qty)
