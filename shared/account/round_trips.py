"""A round trip leads from the fill that opens a position to the fill that closes it."""

import math
from decimal import Decimal
from typing import NamedTuple

_ZERO = Decimal(0)
_new = tuple.__new__  # of a named tuple, at half the cost of its constructor


class Fill(NamedTuple):
    """A fill records one trade as an account has booked it.

    - ts_event: ns since 1970 UTC.
    - y_hat: the prediction that led to it, NaN where there was none.
    - commission: quote units, positive when paid.
    - balance: the account's balance after it.
    """

    ts_event: int
    sym: str
    y_hat: float
    signed_qty: Decimal
    price: Decimal
    commission: Decimal
    balance: Decimal


class RoundTrip(NamedTuple):
    """A round trip is a position from flat to flat, or to the other side: one row of a backtest. Money in quote units.

    - datetime, exit_datetime: times of the first and the last fill, ns since 1970 UTC.
    - y_hat: that of the first fill.
    - dir_signal: 1 long, -1 short.
    - signed_qty: all that was entered, base units.
    - entry_price, exit_price: averages over the fills; exactly the fill's price where there was one fill.
    - trade_log_return: dir_signal × ln(exit_price / entry_price).
    - gross_pnl: signed_qty × (exit_price − entry_price).
    - fee: commissions and funding paid. A fill that also turned the position counts by its share.
    - net_pnl: gross_pnl − fee.
    - equity: the account's balance after the last fill.
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
    """The object takes the fills of one symbol and returns closed round trips; it keeps only the open one.

    The sum of net_pnl equals what the fills and costs of the closed trips did to the balance, up to the last of
    Decimal's 28 digits where a trip has several entries or exits.

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
        """Returns the open position as one fill, or None when flat.

        It is the first fill, with the quantity held now, the average entry price, and commissions and funding so far.
        """
        first = self._first
        return first and first._replace(signed_qty=self._held, price=self._entry, commission=self._fee)

    def on_fill(self, fill: Fill) -> RoundTrip | None:
        """Takes a fill; returns the round trip that it closed, or None."""
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
        """Takes a cost of holding such as funding, in quote units, positive when paid; drops it without a position."""
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
