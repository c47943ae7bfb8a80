"""What an order adds and reduces, beside the position and all orders in flight. Pure.

An order in flight counts as filled and as not filled, whichever is worse.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

_ZERO = Decimal(0)


class ExposureChange(NamedTuple):
    """An order changes the exposure by two parts, whatever becomes of the orders in flight beside it.

    It reduces as far as it cannot carry the position through zero even if every other order in its direction is
    filled and none against it. All beyond adds exposure. So two closes of one position are one close and one addition,
    and a flip is its closing part and an addition of the rest. The order's own word, reduce_only, counts for nothing.

    - reduces, adds: parts of the order, both with its sign; their sum is the order.
    - worst: the position, signed, at the larger of its two ends: with the order and all in flight in its direction
      filled, or with all in flight against it.

    >>> exposure(Decimal(-5), Decimal(3), [])
    ExposureChange(reduces=Decimal('-3'), adds=Decimal('-2'), worst=Decimal('-2'))
    >>> exposure(Decimal(-3), Decimal(3), [Decimal(-2)]).adds
    Decimal('-2')
    >>> exposure(Decimal(-1), Decimal(0), [Decimal(4)]).worst
    Decimal('4')
    """

    reduces: Decimal
    adds: Decimal
    worst: Decimal


def exposure(
    signed_qty: Decimal, position: Decimal, in_flight: Iterable[Decimal], limited: Iterable[Decimal] = ()
) -> ExposureChange:
    """Returns what an order does over `position`, beside orders in flight; all signed base units.

    limited: those in flight against which the venue itself limits the order to reducing: should one of them be filled
    first, the venue lets less of the order through, or nothing.

    >>> exposure(Decimal(-3), Decimal(3), [], [Decimal(-3)]).reduces
    Decimal('-3')
    """
    sign, unsure = 1 if signed_qty > 0 else -1, tuple(limited)
    others = (*in_flight, *unsure)
    along = position + sum((qty for qty in others if qty * sign > 0), _ZERO)
    against = [qty for qty in others if qty * sign < 0]
    left = max(-(along - sum((qty for qty in unsure if qty * sign > 0), _ZERO)) * sign, _ZERO)
    size = signed_qty.copy_abs()
    reduces = min(size, left)
    ends = (along + signed_qty, position + sum(against, _ZERO) if against else _ZERO)
    return ExposureChange(reduces * sign, (size - reduces) * sign, max(ends, key=abs))
