"""An order asks for a trade, a position holds what was traded, and an account books fills into a balance."""

from dataclasses import dataclass, field
from decimal import Decimal

from shared.account.money import money
from shared.messages.orders import ExecutionReport
from shared.messages.reasons import Leg, OrderType, TimeInForce
from shared.record import Record, Snapshot, fields_of
from shared.tick import State


@dataclass(frozen=True, init=False)
class Order:
    """An order asks for a trade of one symbol.

    - signed_qty: base units, > 0 buys, < 0 sells; finite and not 0, else ValueError. A quantity that is no Decimal
      raises TypeError, since a float's digits are not those that its author wrote.
    - leg: the order's part in its decision. It says nothing about the trade, so repr and equality leave it out.
    - limit_price: the worst price that it takes, finite and positive; None: any. The stage that sends orders gives each
      that adds a limit of its own (`max_slippage_bps`), and takes the tighter one.
    - type, time_in_force: MARKET without a limit, LIMIT and IOC with one: what cannot be had at once is canceled.

    >>> order = Order("BTCUSDT", Decimal(100))
    >>> order
    Order(sym='BTCUSDT', signed_qty=Decimal('100'))
    >>> print(order)
    Order(BUY 100 BTCUSDT)
    """

    sym: str
    signed_qty: Decimal
    leg: Leg = field(default=Leg.OPEN, repr=False, compare=False)
    limit_price: Decimal | None = field(default=None, repr=False)

    def __init__(
        self, sym: str, signed_qty: Decimal, leg: Leg = Leg.OPEN, *, limit_price: Decimal | None = None
    ) -> None:
        if not isinstance(signed_qty, Decimal):
            raise TypeError(
                f"an order's signed_qty is a Decimal, not {type(signed_qty).__name__} {signed_qty}: write "
                f'Decimal("{signed_qty}") or Decimal(str(value))'
            )
        if not signed_qty.is_finite() or not signed_qty:
            raise ValueError(f"an order's signed_qty must be finite and not 0, not {signed_qty}")
        fields = self.__dict__  # a frozen dataclass's own way costs twice as much, and orders are made at every tick
        fields["sym"], fields["signed_qty"], fields["leg"] = sym, signed_qty, leg
        if limit_price is not None:
            fields["limit_price"] = _limit(limit_price)

    @property
    def type(self) -> OrderType:
        """Returns LIMIT where it has a limit price, else MARKET."""
        return OrderType.MARKET if self.limit_price is None else OrderType.LIMIT

    @property
    def time_in_force(self) -> TimeInForce | None:
        """Returns IOC where it has a limit price: nothing that a strategy wants rests at an exchange."""
        return None if self.limit_price is None else TimeInForce.IOC

    def __repr__(self) -> str:
        limit = "" if self.limit_price is None else f", limit_price={self.limit_price!r}"
        return f"Order(sym={self.sym!r}, signed_qty={self.signed_qty!r}{limit})"

    def __str__(self) -> str:
        side = "BUY" if self.signed_qty > 0 else "SELL"
        limit = "" if self.limit_price is None else f" at {self.limit_price} or better"
        return f"Order({side} {self.signed_qty.copy_abs()} {self.sym}{limit})"


def _limit(price: Decimal) -> Decimal:
    if not isinstance(price, Decimal):
        raise TypeError(f"a limit_price is a Decimal, not {price!r:.40}: write Decimal('{price}')")
    if not price.is_finite() or price <= 0:
        raise ValueError(f"an order's limit_price must be finite and positive, not {price}")
    return price


_CLOSE = Leg.CLOSE


class PositionSnapshot(Record):
    """The saved form of a Position; the account's snapshot has its symbol as the key."""

    signed_qty: Decimal
    price: Decimal


class Position:
    """A position holds a quantity of one symbol at its average entry price; a fill replaces it by a new one.

    - signed_qty: base units, > 0 long, < 0 short; finite and not 0, else ValueError.
    - price: quote units per base unit; finite and positive, else ValueError. Another type raises TypeError.

    >>> position = Position("BTCUSDT", Decimal(-2), Decimal(100))
    >>> position.unrealised(Decimal(90))
    Decimal('20')
    >>> print(position.close())
    Order(BUY 2 BTCUSDT)
    """

    __slots__ = ("price", "signed_qty", "sym")

    def __init__(self, sym: str, qty: Decimal, price: Decimal) -> None:
        try:
            if not qty.is_finite() or not qty:
                raise ValueError(f"a position's quantity must be finite and not 0, not {qty}")
            if not price.is_finite() or not price or price.is_signed():
                raise ValueError(f"a position's price must be finite and positive, not {price}")
        except AttributeError:  # asked for only where it fails, since every fill comes by here
            raise TypeError(
                f"a position's quantity and price are Decimals, not {qty!r:.40} and {price!r:.40}: write "
                f'Decimal("{qty}") and Decimal("{price}")'
            ) from None
        self.sym = sym
        self.signed_qty = qty
        self.price = price

    def close(self) -> Order:
        """Returns the order that closes all of it."""
        return Order(self.sym, self.signed_qty.copy_negate(), _CLOSE)

    def unrealised(self, price: Decimal) -> Decimal:
        """Returns the profit of closing all of it at `price`, in quote units: qty × (price − entry)."""
        return self.signed_qty * (price - self.price)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Position):
            return NotImplemented
        return (self.sym, self.signed_qty, self.price) == (other.sym, other.signed_qty, other.price)

    def __hash__(self) -> int:
        return hash((self.sym, self.signed_qty, self.price))

    def __repr__(self) -> str:
        return f"Position(sym={self.sym!r}, signed_qty={self.signed_qty!r}, price={self.price!r})"


_ZERO = Decimal(0)


class AccountSnapshot(Snapshot):
    """The saved form of an Account. dust: the symbols whose positions are dust."""

    balance: Decimal
    positions: dict[str, PositionSnapshot]
    dust: list[str]


class Account:
    """An account books fills into a balance, in quote units, and into at most one position per symbol.

    Realised profit, closed qty × (price − entry), and commissions change the balance; buying takes nothing from it. So
    equity = balance + unrealised profit. All arithmetic uses Decimal's default context of 28 digits. A balance may be
    given as a float, whose shown digits count: Account(100.0); quantities and prices are Decimals.

    A position that is too small for its venue to sell is dust (`leave`). It stays in the book and joins what the next
    fill buys; until then a decision sees the symbol as flat, and equity leaves the dust out.

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

    def __init__(self, balance: Decimal | float) -> None:
        self._capital = self._balance = money(balance, "a balance")
        self._positions: dict[str, Position] = {}
        self._dust: dict[str, Position] = {}  # those of the positions that cannot be sold

    def copy(self) -> "Account":
        """Returns an account with the same balance and positions, which books fills of its own."""
        other = Account(self._capital)
        other._balance = self._balance
        other._positions, other._dust = dict(self._positions), dict(self._dust)
        return other

    @property
    def capital(self) -> Decimal:
        """Returns the capital that the account was given, in quote units; only `fund` changes it."""
        return self._capital

    def fund(self, capital: Decimal | float) -> None:
        """Replaces the capital, in quote units, and moves the balance by the difference."""
        capital = money(capital, "a capital")
        self._balance += capital - self._capital
        self._capital = capital

    def balance(self) -> Decimal:
        """Returns the money without the profit of open positions, in quote units."""
        return self._balance

    def update(self, trade_pnl: Decimal | float) -> None:
        """Adds a profit to the balance, in quote units; a loss or a fee is negative."""
        self._balance += money(trade_pnl, "a profit")

    def position(self, sym: str) -> Position | None:
        """Returns the position in `sym`, or None where it is flat or dust."""
        return self._positions.get(sym) if sym not in self._dust else None

    def held(self, sym: str) -> Position | None:
        """Returns the position in `sym`, dust included, or None where there is none."""
        return self._positions.get(sym)

    def dust(self, sym: str) -> Decimal:
        """Returns the quantity of `sym` that is dust, in signed base units, or 0."""
        left = self._dust.get(sym)
        return left.signed_qty if left else _ZERO

    def leave(self, sym: str) -> None:
        """Marks the position in `sym` as dust, until the next fill of it is booked."""
        if sym in self._positions:
            self._dust[sym] = self._positions[sym]

    def open_position(self, sym: str, qty: Decimal, price: Decimal) -> None:
        """Sets the position in `sym` and leaves the balance alone; `book` is for fills."""
        self._positions[sym] = Position(sym, qty, price)
        self._dust.pop(sym, None)

    def close_position(self, sym: str) -> Order | None:
        """Returns the order that closes `sym`, or None where it is flat or dust; its fill ends the position."""
        position = self.position(sym)
        return position.close() if position else None

    def unrealised(self, sym: str, price: Decimal) -> Decimal:
        """Returns the profit of closing `sym` at `price`, in quote units; 0 where it is flat."""
        position = self._positions.get(sym)
        return position.unrealised(price) if position else _ZERO

    def equity(self, sym: str, price: Decimal) -> Decimal:
        """Returns the balance and the unrealised profit of `sym` at `price`; for dust, balance less its cost."""
        position = self._positions.get(sym)
        if position is None:
            return self._balance
        if self._dust and sym in self._dust:
            return self._balance - position.signed_qty.copy_abs() * position.price
        return self._balance + position.unrealised(price)

    def book(self, sym: str, signed_qty: Decimal, price: Decimal, commission: Decimal = _ZERO) -> Decimal:
        """Books a fill and returns the profit that it realised, before commission.

        A fill in the position's direction adds to it and averages the price. A fill against it realises profit, and
        what goes beyond the position opens a new one at `price`. A fill that is not finite, has no quantity or no
        positive price raises ValueError and changes nothing.

        - commission: quote units, positive when paid.
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
        """Returns balance and positions, and which of them are dust."""
        positions = {sym: _position(signed_qty=x.signed_qty, price=x.price) for sym, x in self._positions.items()}
        return _snapshot(balance=self._balance, positions=positions, dust=sorted(self._dust) if self._dust else [])

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; raises ValueError when it does not fit."""
        saved = AccountSnapshot.of(state)
        positions = {sym: Position(sym, held.signed_qty, held.price) for sym, held in saved.positions.items()}
        if not positions.keys() >= set(saved.dust):
            raise ValueError(f"an account's dust is among its positions, not {saved.dust!r:.80}")
        self._balance, self._positions = saved.balance, positions
        self._dust = {sym: positions[sym] for sym in saved.dust}

    def __repr__(self) -> str:
        return f"Account(balance={self._balance!r}, positions={list(self._positions.values())})"


def _merge(held: Position | None, fill: Position) -> tuple[Position | None, Decimal]:
    """Returns the position after the fill, and the profit that the fill realised."""
    if held is None:
        return fill, _ZERO
    total = held.signed_qty + fill.signed_qty
    if held.signed_qty.is_signed() == fill.signed_qty.is_signed():  # it adds
        price = (held.signed_qty * held.price + fill.signed_qty * fill.price) / total
        return Position(fill.sym, total, price), _ZERO
    if not total or total.is_signed() == fill.signed_qty.is_signed():  # it closes all, and perhaps opens the other side
        return (Position(fill.sym, total, fill.price) if total else None), held.unrealised(fill.price)
    closed = fill.signed_qty.copy_negate()  # it closes a part
    return Position(fill.sym, total, held.price), closed * (fill.price - held.price)


_position, _snapshot = fields_of(PositionSnapshot), fields_of(AccountSnapshot)


_FUNDING = Leg.FUNDING


def book_report(account: Account, report: ExecutionReport) -> Decimal:
    """Books a report: a fill, a funding payment, a new capital, or nothing. Returns fees and funding in quote units.

    The strategy, the gateway's copy of the book and a book that is rebuilt from the journal all book with this.

    >>> from shared.messages import OrderStatus
    >>> account = Account(Decimal(100))
    >>> report = ExecutionReport(
    ...     n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="0" * 32, leg=Leg.OPEN,
    ...     status=OrderStatus.FILLED, last_qty=Decimal(2), last_px=Decimal(50), commission=Decimal("0.1"), reason=None,
    ... )
    >>> book_report(account, report), account.balance()
    (Decimal('0.1'), Decimal('99.9'))
    """
    commission = report.commission
    if report.leg is _FUNDING:
        account.update(-commission)
        return commission
    if report.capital is not None:
        account.fund(report.capital)
        return commission
    cost = _ZERO
    if report.last_px is not None and report.last_qty:
        account.book(report.sym, report.last_qty, report.last_px, commission)
        cost = commission
    if report.dust:
        account.leave(report.sym)
    return cost
