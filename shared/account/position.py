"""What is held of one symbol."""

from decimal import Decimal

from shared.account.order import Order
from shared.messages.reasons import Leg
from shared.record import Record

_CLOSE = Leg.CLOSE


class PositionSnapshot(Record):
    """A position of an account; its symbol stands beside it."""

    signed_qty: Decimal
    price: Decimal


class Position:
    """A quantity held and its average entry price; never changed, only replaced.

    signed_qty: base units, > 0 long, < 0 short. price: quote units per base unit.

    >>> position = Position("BTCUSDT", Decimal(-2), Decimal(100))
    >>> position.unrealised(Decimal(90))
    Decimal('20')
    >>> print(position.close())
    Order(BUY 2 BTCUSDT)
    """

    __slots__ = ("price", "signed_qty", "sym")

    def __init__(self, sym: str, qty: Decimal, price: Decimal) -> None:
        if not qty.is_finite() or not qty:
            raise ValueError(f"a position's quantity must be finite and not 0, not {qty}")
        if not price.is_finite() or not price or price.is_signed():
            raise ValueError(f"a position's price must be finite and positive, not {price}")
        self.sym = sym
        self.signed_qty = qty
        self.price = price

    def close(self) -> Order:
        """The order that ends this position."""
        return Order(self.sym, self.signed_qty.copy_negate(), _CLOSE)

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit if all were closed at `price`, in quote units: qty × (price − entry)."""
        return self.signed_qty * (price - self.price)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Position):
            return NotImplemented
        return (self.sym, self.signed_qty, self.price) == (other.sym, other.signed_qty, other.price)

    def __hash__(self) -> int:
        return hash((self.sym, self.signed_qty, self.price))

    def __repr__(self) -> str:
        return f"Position(sym={self.sym!r}, signed_qty={self.signed_qty!r}, price={self.price!r})"
