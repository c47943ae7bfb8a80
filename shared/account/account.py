"""A balance and the positions beside it."""

from decimal import Decimal

from shared.account.order import Order
from shared.account.position import Position, PositionSnapshot
from shared.record import Snapshot, unvalidated
from shared.tick import State

_ZERO = Decimal(0)


class AccountSnapshot(Snapshot):
    """The money, what is held by symbol, and which of these is dust."""

    balance: Decimal
    positions: dict[str, PositionSnapshot]
    dust: list[str]


class Account:
    """Books fills: balance in quote units, at most one position per symbol, average entry price.

    The balance changes by realised profit, closed qty × (price − entry), and by commissions; buying takes nothing from
    it. So equity = balance + unrealised profit. Arithmetic is that of Decimal's default context, 28 digits.

    A position that is too small for its venue to sell is dust: it stays in the book, and joins what is bought next; for
    a decision the symbol is flat, and the dust is no money (`leave`).

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
        self._dust: dict[str, Position] = {}  # those of the positions that cannot be sold

    @property
    def capital(self) -> Decimal:
        """The money it was given, in quote units; no fill and no restored state changes it, `fund` does."""
        return self._capital

    def fund(self, capital: Decimal) -> None:
        """Give it this capital instead of what it had, in quote units: the balance moves by as much."""
        if not capital.is_finite():
            raise ValueError(f"a capital must be finite, not {capital}")
        self._balance += capital - self._capital
        self._capital = capital

    def balance(self) -> Decimal:
        """Money without the profit of open positions, in quote units."""
        return self._balance

    def update(self, trade_pnl: Decimal) -> None:
        """Add a profit, or with a minus a loss or a fee, to the balance."""
        if not trade_pnl.is_finite():
            raise ValueError(f"a profit must be finite, not {trade_pnl}")
        self._balance += trade_pnl

    def position(self, sym: str) -> Position | None:
        """What is held of `sym`, None when flat or dust."""
        return self._positions.get(sym) if sym not in self._dust else None

    def held(self, sym: str) -> Position | None:
        """What is held of `sym`, dust too."""
        return self._positions.get(sym)

    def dust(self, sym: str) -> Decimal:
        """What is held of `sym` and cannot be sold, signed base units; 0 where it can."""
        left = self._dust.get(sym)
        return left.signed_qty if left else _ZERO

    def leave(self, sym: str) -> None:
        """What is held of `sym` is less than its venue sells: dust until the next fill is booked."""
        if sym in self._positions:
            self._dust[sym] = self._positions[sym]

    def open_position(self, sym: str, qty: Decimal, price: Decimal) -> None:
        """Set the position in `sym`, whatever it was; the balance stays. Fills are booked with `book`."""
        self._positions[sym] = Position(sym, qty, price)
        self._dust.pop(sym, None)

    def close_position(self, sym: str) -> Order | None:
        """The order that closes `sym`, None when flat or dust. The position goes when that order's fill is booked."""
        position = self.position(sym)
        return position.close() if position else None

    def unrealised(self, sym: str, price: Decimal) -> Decimal:
        """Profit of `sym` if it were closed at `price`; 0 when flat."""
        position = self._positions.get(sym)
        return position.unrealised(price) if position else _ZERO

    def equity(self, sym: str, price: Decimal) -> Decimal:
        """Balance and the unrealised profit of `sym` at `price`; of dust, the balance without what it cost."""
        position = self._positions.get(sym)
        if position is None:
            return self._balance
        if self._dust and sym in self._dust:
            return self._balance - position.signed_qty.copy_abs() * position.price
        return self._balance + position.unrealised(price)

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
        if self._dust:
            self._dust.pop(sym, None)
        if left is None:
            self._positions.pop(sym, None)
        else:
            self._positions[sym] = left
        return realised

    def state(self) -> State:
        """Balance and positions, and which of them are dust."""
        positions = {sym: _position(signed_qty=x.signed_qty, price=x.price) for sym, x in self._positions.items()}
        return _snapshot(balance=self._balance, positions=positions, dust=sorted(self._dust))

    def restore(self, state: State) -> None:
        """Take back what `state()` gave; ValueError when it does not fit."""
        saved = AccountSnapshot.of(state)
        positions = {sym: Position(sym, held.signed_qty, held.price) for sym, held in saved.positions.items()}
        if not positions.keys() >= set(saved.dust):
            raise ValueError(f"an account's dust is among its positions, not {saved.dust!r:.80}")
        self._balance, self._positions = saved.balance, positions
        self._dust = {sym: positions[sym] for sym in saved.dust}

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


_position, _snapshot = unvalidated(PositionSnapshot), unvalidated(AccountSnapshot)
