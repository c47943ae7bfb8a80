"""Round trips: from the fill that opens a position to the fill that closes it."""

import math
from decimal import Decimal
from typing import NamedTuple

_ZERO = Decimal(0)
_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class Fill(NamedTuple):
    """A fill as it was booked.

    ts_event: ns since 1970 UTC. y_hat: the prediction behind it, NaN where there was none. commission: quote units,
    positive when paid. balance: the account's balance after it.
    """

    ts_event: int
    sym: str
    y_hat: float
    signed_qty: Decimal
    price: Decimal
    commission: Decimal
    balance: Decimal


class RoundTrip(NamedTuple):
    """A position from flat to flat, or to the other side. One row of a backtest.

    datetime, exit_datetime: ns since 1970 UTC of the first and the last fill. y_hat: of the first fill.
    dir_signal: 1 long, -1 short. signed_qty: all that was entered, base units; entry_price and exit_price are averages
    over the fills, and exactly the fill's price where there was one. gross_pnl = signed_qty × (exit_price −
    entry_price); fee: commissions and funding paid, its share of a fill that also turned the position; net_pnl =
    gross_pnl − fee. trade_log_return = dir_signal × ln(exit_price / entry_price). equity: the account's balance when it
    was closed. Money in quote units.
    """

    datetime: int
    exit_datetime: int
    sym: str
    y_hat: float
    dir_signal: int
    signed_qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    trade_log_return: float
    gross_pnl: Decimal
    fee: Decimal
    net_pnl: Decimal
    equity: Decimal


class RoundTrips:
    """Fills of one symbol in, closed round trips out. Keeps only the open one.

    The sum of net_pnl is what the fills and costs of the closed trips did to the balance; where one of them has several
    entries or exits, but for the last digits of Decimal's 28.

    >>> trips = RoundTrips()
    >>> trips.on_fill(Fill(1, "BTCUSDT", 0.01, Decimal(2), Decimal(50), Decimal(1), Decimal(99)))
    >>> trip = trips.on_fill(Fill(2, "BTCUSDT", -0.01, Decimal(-2), Decimal(60), Decimal(1), Decimal(118)))
    >>> trip.gross_pnl, trip.fee, trip.net_pnl, trip.equity
    (Decimal('20'), Decimal('2'), Decimal('18'), Decimal('118'))
    """

    def __init__(self) -> None:
        self._first: Fill | None = None
        self._held = self._entered = self._left = _ZERO  # signed, base units; left: negative when long
        self._entry = self._exit = _ZERO  # average prices, exact while there is one fill
        self._fee = _ZERO

    def open(self) -> Fill | None:
        """What is still open, as one fill: the first one, with the quantity held now, the average entry price and the
        commissions and funding so far; None when flat.
        """
        first = self._first
        return first and first._replace(signed_qty=self._held, price=self._entry, commission=self._fee)

    def on_fill(self, fill: Fill) -> RoundTrip | None:
        """Take a fill; the round trip that it closed, if any."""
        if self._first is None:
            self._open(fill, fill.signed_qty, fill.commission)
            return None
        qty, held = fill.signed_qty, self._held
        if qty.is_signed() == held.is_signed():
            self._entry = _average(self._entered, self._entry, qty, fill.price)
            self._entered += qty
            self._held += qty
            self._fee += fill.commission
            return None
        total = held + qty
        if total and total.is_signed() == held.is_signed():
            self._exit = _average(self._left, self._exit, qty, fill.price)
            self._left += qty
            self._held = total
            self._fee += fill.commission
            return None
        left = self._left
        self._exit = _average(left, self._exit, held.copy_negate(), fill.price) if left else fill.price
        if not total:
            return self._closed(fill, fill.commission, fill.balance)
        fee = fill.commission * (held / qty).copy_abs()  # the closing part's; the rest opens the other side
        rest = fill.commission - fee
        trip = self._closed(fill, fee, fill.balance + rest)
        self._open(fill, total, rest)
        return trip

    def on_cost(self, amount: Decimal) -> None:
        """Take a cost of holding, e.g. funding: quote units, positive when paid. Without a position it is dropped."""
        self._fee += amount

    def _open(self, fill: Fill, qty: Decimal, commission: Decimal) -> None:
        self._first, self._entry, self._fee = fill, fill.price, commission
        self._held = self._entered = qty
        self._left = _ZERO

    def _closed(self, fill: Fill, fee: Decimal, equity: Decimal) -> RoundTrip:
        first, entered, entry, leaving = self._first, self._entered, self._entry, self._exit
        assert first is not None
        self._first = None
        gross, fees = entered * (leaving - entry), self._fee + fee
        sign = -1 if entered.is_signed() else 1
        return _new(RoundTrip, (
            first.ts_event, fill.ts_event, first.sym, first.y_hat, sign, entered, entry, leaving,
            sign * math.log(float(leaving) / float(entry)), gross, fees, gross - fees, equity,
        ))  # fmt: skip


def _average(qty: Decimal, price: Decimal, more_qty: Decimal, more_price: Decimal) -> Decimal:
    return (qty * price + more_qty * more_price) / (qty + more_qty) if qty else more_price
