"""What is to be bought or sold."""

from dataclasses import dataclass, field
from decimal import Decimal

from shared.messages.reasons import Leg


@dataclass(frozen=True, init=False)
class Order:
    """A wish to trade: `signed_qty` > 0 buys, < 0 sells, in base units (never 0, always finite, else ValueError).

    A quantity that is no Decimal raises TypeError: a float's digits are not those that were meant.

    leg: the order's part in its decision. It says nothing about what is traded, so it is in neither repr nor equality.

    >>> order = Order("BTCUSDT", Decimal(100))
    >>> order
    Order(sym='BTCUSDT', signed_qty=Decimal('100'))
    >>> print(order)
    Order(BUY 100 BTCUSDT)
    """

    sym: str
    signed_qty: Decimal
    leg: Leg = field(default=Leg.OPEN, repr=False, compare=False)

    def __init__(self, sym: str, signed_qty: Decimal, leg: Leg = Leg.OPEN) -> None:
        if not isinstance(signed_qty, Decimal):
            raise TypeError(
                f"an order's signed_qty is a Decimal, not {type(signed_qty).__name__} {signed_qty}: write "
                f'Decimal("{signed_qty}") or Decimal(str(value))'
            )
        if not signed_qty.is_finite() or not signed_qty:
            raise ValueError(f"an order's signed_qty must be finite and not 0, not {signed_qty}")
        fields = self.__dict__  # a frozen dataclass's own way costs twice as much, and orders are made at every tick
        fields["sym"], fields["signed_qty"], fields["leg"] = sym, signed_qty, leg

    def __str__(self) -> str:
        side = "BUY" if self.signed_qty > 0 else "SELL"
        return f"Order({side} {self.signed_qty.copy_abs()} {self.sym})"
