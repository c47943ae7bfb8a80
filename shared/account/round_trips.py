"""Round trips: from the fill that opens a position to the fill that closes it."""

import math
from decimal import Decimal
from typing import NamedTuple

_ZERO = Decimal(0)


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
    over the fills. gross_pnl = signed_qty × (exit_price − entry_price); fee: commissions and funding paid, its share of
    a fill that also turned the position; net_pnl = gross_pnl − fee. trade_log_return = dir_signal × ln(exit / entry).
    equity: the account's balance when it was closed. Money in quote units.
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

    >>> trips = RoundTrips()
    >>> trips.on_fill(Fill(1, "BTCUSDT", 0.01, Decimal(2), Decimal(50), Decimal(1), Decimal(99)))
    >>> trip = trips.on_fill(Fill(2, "BTCUSDT", -0.01, Decimal(-2), Decimal(60), Decimal(1), Decimal(118)))
    >>> trip.gross_pnl, trip.fee, trip.net_pnl, trip.equity
    (Decimal('20'), Decimal('2'), Decimal('18'), Decimal('118'))
    """

    def __init__(self) -> None:
        self._first: Fill | None = None
        self._held = _ZERO  # signed, base units
        self._entered = self._paid = self._left = self._got = self._fee = _ZERO

    @property
    def first(self) -> Fill | None:
        """The fill that opened the trip that is still open; None when flat."""
        return self._first

    def on_fill(self, fill: Fill) -> RoundTrip | None:
        """Take a fill; the round trip that it closed, if any."""
        if self._first is None:
            self._open(fill, fill.signed_qty, fill.commission)
            return None
        qty, held = fill.signed_qty, self._held
        if (qty > 0) == (held > 0):
            self._entered += qty
            self._paid += qty * fill.price
            self._held += qty
            self._fee += fill.commission
            return None
        total = held + qty
        over = total if total and (total > 0) == (qty > 0) else _ZERO  # what goes beyond the position
        fee = fill.commission if not over else fill.commission * (held / qty).copy_abs()
        self._left -= qty - over
        self._got -= (qty - over) * fill.price
        self._fee += fee
        self._held = total
        if total and not over:
            return None
        trip = self._closed(fill, fill.balance + (fill.commission - fee))
        self._first = None
        if over:
            self._open(fill, over, fill.commission - fee)
        return trip

    def on_cost(self, amount: Decimal) -> None:
        """Take a cost of holding, e.g. funding: quote units, positive when paid."""
        self._fee += amount

    def _open(self, fill: Fill, qty: Decimal, commission: Decimal) -> None:
        self._first, self._held, self._entered, self._paid = fill, qty, qty, qty * fill.price
        self._left, self._got, self._fee = _ZERO, _ZERO, commission

    def _closed(self, fill: Fill, equity: Decimal) -> RoundTrip:
        first, entered = self._first, self._entered
        assert first is not None
        entry, leaving = self._paid / entered, self._got / self._left
        gross = self._got - self._paid
        sign = 1 if entered > 0 else -1
        return RoundTrip(
            first.ts_event, fill.ts_event, first.sym, first.y_hat, sign, entered, entry, leaving,
            sign * math.log(leaving / entry), gross, self._fee, gross - self._fee, equity,
        )  # fmt: skip
