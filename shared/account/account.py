"""A balance and the positions beside it."""

from decimal import Decimal

from shared.account.order import Order
from shared.account.position import Position
from shared.tick import State

_ZERO = Decimal(0)


class Account:
    """Books fills: balance in quote units, at most one position per symbol, average entry price.

    The balance changes by realised profit, closed qty × (price − entry), and by commissions; buying takes nothing from
    it. So equity = balance + unrealised profit. Arithmetic is that of Decimal's default context, 28 digits.

    >>> account = Account(Decimal(100))
    >>> account.book("BTCUSDT", Decimal(2), Decimal(50), Decimal("0.5"))
    Decimal('0')
    >>> account.equity("BTCUSDT", Decimal(60))
    Decimal('119.5')
    >>> account.book("BTCUSDT", Decimal(-2), Decimal(60))
    Decimal('20')
    >>> account
    Account(balance=Decimal('119.5'), positions=[])
    """

    def __init__(self, balance: Decimal) -> None:
        if not balance.is_finite():
            raise ValueError(f"a balance must be finite, not {balance}")
        self._capital = self._balance = balance
        self._positions: dict[str, Position] = {}

    @property
    def capital(self) -> Decimal:
        """The balance it was made with, in quote units; no fill and no restored state changes it."""
        return self._capital

    def balance(self) -> Decimal:
        """Money without the profit of open positions, in quote units."""
        return self._balance

    def update(self, trade_pnl: Decimal) -> None:
        """Add a profit, or with a minus a loss or a fee, to the balance."""
        if not trade_pnl.is_finite():
            raise ValueError(f"a profit must be finite, not {trade_pnl}")
        self._balance += trade_pnl

    def position(self, sym: str) -> Position | None:
        """What is held of `sym`, None when flat."""
        return self._positions.get(sym)

    def open_position(self, sym: str, qty: Decimal, price: Decimal) -> None:
        """Set the position in `sym`, whatever it was; the balance stays. Fills are booked with `book`."""
        self._positions[sym] = Position(sym, qty, price)

    def close_position(self, sym: str) -> Order | None:
        """The order that closes `sym`, None when flat. The position goes when that order's fill is booked."""
        position = self._positions.get(sym)
        return position.close() if position else None

    def unrealised(self, sym: str, price: Decimal) -> Decimal:
        """Profit of `sym` if it were closed at `price`; 0 when flat."""
        position = self._positions.get(sym)
        return position.unrealised(price) if position else _ZERO

    def equity(self, sym: str, price: Decimal) -> Decimal:
        """Balance and the unrealised profit of `sym` at `price`."""
        position = self._positions.get(sym)
        return self._balance + position.unrealised(price) if position else self._balance

    def book(self, sym: str, signed_qty: Decimal, price: Decimal, commission: Decimal = _ZERO) -> Decimal:
        """Book a fill and return the profit it realised, before commission.

        In the position's direction it adds and averages the price; against it it realises profit, and what goes beyond
        the position opens a new one at `price`. commission: quote units, positive when paid. A fill that is not finite,
        has no quantity or no positive price is refused with ValueError and changes nothing.
        """
        fill = Position(sym, signed_qty, price)
        if not commission.is_finite():
            raise ValueError(f"a commission must be finite, not {commission}")
        held = self._positions.get(sym)
        left, realised = _merge(held, fill)
        self._balance += realised - commission
        if left is None:
            self._positions.pop(sym, None)
        else:
            self._positions[sym] = left
        return realised

    def state(self) -> State:
        """Balance and positions."""
        positions: dict[str, State] = {sym: [p.signed_qty, p.price] for sym, p in self._positions.items()}
        return {"balance": self._balance, "positions": positions}

    def restore(self, state: State) -> None:
        """Take back what `state()` gave; ValueError when it does not fit."""
        match state:
            case {"balance": Decimal() as balance, "positions": dict() as saved} if balance.is_finite():
                positions = {sym: _restored(sym, held) for sym, held in saved.items()}
            case _:
                raise ValueError(f"an account's state is a balance and positions, not {state!r:.80}")
        self._balance, self._positions = balance, positions

    def __repr__(self) -> str:
        return f"Account(balance={self._balance!r}, positions={list(self._positions.values())})"


def _merge(held: Position | None, fill: Position) -> tuple[Position | None, Decimal]:
    """What is held after the fill, and the profit it realised."""
    if held is None:
        return fill, _ZERO
    total = held.signed_qty + fill.signed_qty
    if held.signed_qty.is_signed() == fill.signed_qty.is_signed():
        price = (held.signed_qty * held.price + fill.signed_qty * fill.price) / total
        return Position(fill.sym, total, price), _ZERO
    if not total or total.is_signed() == fill.signed_qty.is_signed():
        return (Position(fill.sym, total, fill.price) if total else None), held.unrealised(fill.price)
    closed = fill.signed_qty.copy_negate()
    return Position(fill.sym, total, held.price), closed * (fill.price - held.price)


def _restored(sym: str, held: State) -> Position:
    match held:
        case [Decimal() as qty, Decimal() as price]:
            return Position(sym, qty, price)
    raise ValueError(f"the saved position in {sym!r:.40} is a quantity and a price, not {held!r:.80}")
