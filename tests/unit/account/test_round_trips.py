"""RoundTrips against the account that books the same fills."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account, Fill, RoundTrip, RoundTrips

SYM = "BTCUSDT"
QTY = st.decimals(-1000, 1000, places=6).filter(bool)
PRICE = st.decimals("0.01", 100_000, places=2)
COMMISSION = st.decimals(-5, 5, places=6)
FILLS = st.lists(st.tuples(QTY | st.just(Decimal("NaN")), PRICE, COMMISSION), max_size=20)  # NaN: all that is held


class Book:
    """An account and the round trips of its fills."""

    def __init__(self, balance: Decimal = Decimal(100)) -> None:
        self.account = Account(balance)
        self.trips = RoundTrips()
        self.closed: list[RoundTrip] = []
        self.ts = 0

    def fill(self, qty: Decimal, price: Decimal, commission: Decimal = Decimal(0), y_hat: float = 0.1) -> None:
        self.ts += 1
        self.account.book(SYM, qty, price, commission)
        trip = self.trips.on_fill(Fill(self.ts, SYM, y_hat, qty, price, commission, self.account.balance()))
        if trip is not None:
            self.closed.append(trip)

    def pay(self, amount: Decimal) -> None:
        self.account.update(-amount)
        self.trips.on_cost(amount)

    @property
    def held(self) -> Decimal:
        position = self.account.position(SYM)
        return position.signed_qty if position else Decimal(0)


@given(FILLS)
def test_the_profits_of_all_round_trips_are_what_the_balance_gained(made: list[tuple[Decimal, ...]]) -> None:
    book, scale = Book(), Decimal(100)
    for wanted, price, commission in made:
        qty = -book.held or Decimal(1) if wanted.is_nan() else wanted
        scale += abs(qty) * price
        book.fill(qty, price, commission)
    if book.held:
        book.fill(-book.held, Decimal(77), Decimal(1))
    gained = sum((trip.net_pnl for trip in book.closed), Decimal(0))
    assert abs(gained - (book.account.balance() - 100)) <= scale * Decimal("1e-20")
    assert book.trips.open() is None
    equity = Decimal(100)
    for trip in book.closed:
        equity += trip.net_pnl
        assert abs(trip.equity - equity) <= scale * Decimal("1e-20")
        assert trip.gross_pnl == trip.signed_qty * (trip.exit_price - trip.entry_price)
        assert trip.net_pnl == trip.gross_pnl - trip.fee
        assert trip.dir_signal == (1 if trip.signed_qty > 0 else -1)
        assert trip.trade_log_return == pytest.approx(trip.dir_signal * math.log(trip.exit_price / trip.entry_price))


@given(st.lists(st.tuples(QTY, PRICE, PRICE, COMMISSION), max_size=8))
def test_one_entry_and_one_exit_are_exact(made: list[tuple[Decimal, ...]]) -> None:
    book = Book(Decimal(0))
    realised = Decimal(0)
    for qty, entry, leaving, commission in made:
        book.fill(qty, entry, commission)
        account = Account(Decimal(0))
        account.book(SYM, qty, entry)
        realised = account.book(SYM, -qty, leaving)
        book.fill(-qty, leaving, commission)
        trip = book.closed[-1]
        assert (trip.signed_qty, trip.entry_price, trip.exit_price) == (qty, entry, leaving)
        assert trip.gross_pnl == realised
        assert trip.fee == 2 * commission
        assert trip.equity == book.account.balance()
    assert len(book.closed) == len(made)


def test_entries_and_exits_are_averaged_over_their_quantities() -> None:
    book = Book()
    book.fill(Decimal(1), Decimal(100), Decimal(1), y_hat=0.5)
    book.fill(Decimal(3), Decimal(120), Decimal(1), y_hat=0.7)
    book.fill(Decimal(-3), Decimal(130), Decimal(1))
    assert book.closed == []
    book.fill(Decimal(-1), Decimal(150), Decimal(1))
    (trip,) = book.closed
    assert (trip.datetime, trip.exit_datetime, trip.y_hat) == (1, 4, 0.5)
    assert (trip.signed_qty, trip.entry_price, trip.exit_price) == (Decimal(4), Decimal(115), Decimal(135))
    assert (trip.gross_pnl, trip.fee, trip.net_pnl, trip.equity) == (80, 4, 76, 176)


def test_a_fill_that_turns_the_position_shares_its_commission() -> None:
    book = Book()
    book.fill(Decimal(2), Decimal(50), Decimal(1))
    book.fill(Decimal(-8), Decimal(60), Decimal(4), y_hat=-0.3)
    (trip,) = book.closed
    assert (trip.fee, trip.net_pnl, trip.equity) == (2, 18, 118)
    assert book.trips.open() == Fill(2, SYM, -0.3, Decimal(-6), Decimal(60), Decimal(3), Decimal(115))
    book.fill(Decimal(6), Decimal(50), Decimal(1))
    assert (book.closed[1].net_pnl, book.closed[1].y_hat, book.closed[1].equity) == (56, -0.3, 174)


def test_a_cost_of_holding_is_a_fee_of_the_open_trip() -> None:
    book = Book()
    book.pay(Decimal(9))  # of nobody
    book.fill(Decimal(1), Decimal(50), Decimal(1))
    book.pay(Decimal("-0.5"))
    book.fill(Decimal(1), Decimal(70), Decimal(1))
    half = book.trips.open()
    assert half is not None
    assert (half.ts_event, half.signed_qty, half.price, half.commission) == (1, 2, 60, Decimal("1.5"))
    book.fill(Decimal(-2), Decimal(60), Decimal(1))
    (trip,) = book.closed
    assert (trip.fee, trip.net_pnl) == (Decimal("2.5"), Decimal("-2.5"))
