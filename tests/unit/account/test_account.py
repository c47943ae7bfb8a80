"""Order, Position and Account: whatever is filled, the money equals the plain cash flows."""

from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account, Order, Position
from shared.account.account import AccountSnapshot
from shared.messages import Leg, OrderType, TimeInForce
from shared.record import WIRE

# Order: the notebook's str and repr, and what it refuses.


def test_an_order_with_a_limit_says_so_and_what_cannot_be_had_at_once_is_canceled() -> None:
    plain, bound = Order("A", Decimal(1)), Order("A", Decimal(1), limit_price=Decimal("9.5"))
    assert (plain.type, plain.limit_price, plain.time_in_force) == (OrderType.MARKET, None, None)
    assert (bound.type, bound.limit_price, bound.time_in_force) == (OrderType.LIMIT, Decimal("9.5"), TimeInForce.IOC)
    assert repr(bound) == "Order(sym='A', signed_qty=Decimal('1'), limit_price=Decimal('9.5'))"
    assert str(bound) == "Order(BUY 1 A at 9.5 or better)"
    assert plain != bound != Order("A", Decimal(1), limit_price=Decimal(9))


@pytest.mark.parametrize(("price", "error"), [(0, TypeError), (Decimal(0), ValueError), (Decimal("NaN"), ValueError)])
def test_a_limit_that_is_no_price_is_refused(price: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="limit_price"):
        Order("A", Decimal(1), limit_price=price)


def test_an_orders_repr_and_str() -> None:
    assert repr(Order("BTCUSDT", Decimal(100))) == "Order(sym='BTCUSDT', signed_qty=Decimal('100'))"
    assert str(Order("BTCUSDT", Decimal(100))) == "Order(BUY 100 BTCUSDT)"
    assert str(Order("BTCUSDT", Decimal("-0.5"), Leg.CLOSE)) == "Order(SELL 0.5 BTCUSDT)"


def test_the_leg_is_no_part_of_equality() -> None:
    assert Order("A", Decimal(1)).leg is Leg.OPEN
    assert Order("A", Decimal(1)) == Order("A", Decimal("1.0"), Leg.CLOSE)
    assert len({Order("A", Decimal(1)), Order("A", Decimal(1), Leg.NET)}) == 1


def test_an_order_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Order("A", Decimal(1)).sym = "B"  # type: ignore[misc]


@pytest.mark.parametrize("qty", ["0", "-0", "NaN", "Infinity"])
def test_a_quantity_of_nothing_is_refused(qty: str) -> None:
    with pytest.raises(ValueError, match="must be finite and not 0"):
        Order("A", Decimal(qty))


@pytest.mark.parametrize("qty", [0.5, 1, "0.5"])
def test_a_quantity_that_is_no_decimal_is_refused_with_how_to_write_it(qty: object) -> None:
    with pytest.raises(TypeError, match=rf'is a Decimal, not {type(qty).__name__} {qty}: write Decimal\("{qty}"\)'):
        Order("A", qty)  # type: ignore[arg-type]


# Position: its closing order and its profit.

QTY = st.decimals(-1000, 1000, places=8).filter(bool)
PRICE = st.decimals("0.01", 100_000, places=2)


@given(QTY, PRICE, PRICE)
def test_unrealised_is_qty_times_the_move(qty: Decimal, entry: Decimal, price: Decimal) -> None:
    position = Position("A", qty, entry)
    assert position.unrealised(price) == qty * (price - entry)
    assert position.unrealised(entry) == 0


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(bool))
def test_the_closing_order_is_the_exact_opposite_of_any_quantity(qty: Decimal) -> None:
    close = Position("A", qty, Decimal(1)).close()
    assert close == Order("A", qty.copy_negate())
    assert close.leg is Leg.CLOSE


@pytest.mark.parametrize(("qty", "price"), [("0", "1"), ("NaN", "1"), ("1", "0"), ("1", "-1"), ("1", "NaN")])
def test_a_position_of_nonsense_is_refused(qty: str, price: str) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Position("A", Decimal(qty), Decimal(price))


def test_a_positions_repr_and_equality() -> None:
    position = Position("A", Decimal(1), Decimal(2))
    assert repr(position) == "Position(sym='A', signed_qty=Decimal('1'), price=Decimal('2'))"
    assert position == Position("A", Decimal(1), Decimal(2))
    assert position != Position("A", Decimal(1), Decimal(3))
    assert position != "A"
    assert len({position, Position("A", Decimal(1), Decimal(2))}) == 1


# Account: money against plain cash flows.


class Fill(NamedTuple):
    sym: str
    qty: Decimal
    price: Decimal
    commission: Decimal


FILLS = st.lists(
    st.builds(
        Fill,
        st.sampled_from(["A", "B"]),
        st.decimals(-1000, 1000, places=8).filter(bool),
        PRICE,
        st.decimals("-0.01", 5, places=8),
    ),
    max_size=30,
)
START = Decimal(100)


def booked(fills: list[Fill]) -> Account:
    account = Account(START)
    for fill in fills:
        account.book(fill.sym, fill.qty, fill.price, fill.commission)
    return account


@given(FILLS, PRICE, PRICE)
def test_equity_equals_cash_flow_accounting(fills: list[Fill], price_a: Decimal, price_b: Decimal) -> None:
    account = booked(fills)
    prices = {"A": price_a, "B": price_b}
    equity = account.balance() + sum((account.unrealised(sym, price) for sym, price in prices.items()), Decimal(0))
    # In exact fractions: what was paid and received, and what the holdings are worth.
    cash = Fraction(START) - sum(Fraction(f.qty) * Fraction(f.price) + Fraction(f.commission) for f in fills)
    worth = sum(Fraction(f.qty) * Fraction(prices[f.sym]) for f in fills)
    moved = 1 + sum(abs(Fraction(f.qty)) * 100_000 for f in fills)
    assert abs(Fraction(equity) - (cash + worth)) <= moved * Fraction(1, 10**24)


@given(FILLS)
def test_the_quantity_held_is_the_sum_of_the_fills(fills: list[Fill]) -> None:
    account = booked(fills)
    for sym in ("A", "B"):
        total = sum((fill.qty for fill in fills if fill.sym == sym), Decimal(0))
        position = account.position(sym)
        assert (position.signed_qty if position else 0) == total
        assert (position is None) == (total == 0)


@given(FILLS, PRICE)
def test_filling_the_closing_order_leaves_no_position_and_no_unrealised(fills: list[Fill], price: Decimal) -> None:
    account = booked(fills)
    close = account.close_position("A")
    if close is None:
        assert account.position("A") is None
        return
    equity = account.equity("A", price)
    account.book(close.sym, close.signed_qty, price)
    assert account.position("A") is None
    assert account.unrealised("A", price) == 0
    assert account.balance() == equity


@given(st.lists(st.tuples(st.decimals(-1000, 1000, places=8).filter(bool), PRICE, PRICE), max_size=20))
def test_opened_and_closed_in_one_piece_it_is_exact(trades: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    account = Account(START)
    for qty, entry, leave in trades:
        account.book("A", qty, entry)
        account.book("A", -qty, leave)
    exact = Fraction(START) + sum(Fraction(qty) * (Fraction(leave) - Fraction(entry)) for qty, entry, leave in trades)
    assert Fraction(account.balance()) == exact


def test_adding_averages_reducing_realises_beyond_flips() -> None:
    account = Account(Decimal(1000))
    assert account.book("A", Decimal(1), Decimal(100)) == 0
    assert account.book("A", Decimal(3), Decimal(120)) == 0
    assert account.position("A") == Position("A", Decimal(4), Decimal(115))
    assert account.book("A", Decimal(-1), Decimal(125)) == 10
    assert account.position("A") == Position("A", Decimal(3), Decimal(115))
    assert account.book("A", Decimal(-5), Decimal(105), Decimal(2)) == -30
    assert account.position("A") == Position("A", Decimal(-2), Decimal(105))
    assert account.balance() == 978
    assert account.unrealised("A", Decimal(100)) == 10
    assert account.equity("A", Decimal(100)) == 988


def test_closing_gives_the_order_and_keeps_the_position_until_its_fill_is_booked() -> None:
    account = Account(Decimal(100))
    account.open_position("A", Decimal(2), Decimal(10))
    close = account.close_position("A")
    assert close == Order("A", Decimal(-2))
    assert close is not None
    assert close.leg is Leg.CLOSE
    assert account.position("A") is not None
    assert account.close_position("B") is None


def test_update_changes_the_balance_only() -> None:
    account = Account(Decimal(100))
    account.open_position("A", Decimal(2), Decimal(10))
    account.update(Decimal("-0.5"))
    assert account.balance() == Decimal("99.5")
    assert account.position("A") == Position("A", Decimal(2), Decimal(10))


@pytest.mark.parametrize(
    ("qty", "price", "commission"),
    [("0", "1", "0"), ("NaN", "1", "0"), ("1", "0", "0"), ("1", "NaN", "0"), ("1", "-1", "0"), ("1", "1", "Infinity")],
)
def test_a_fill_that_is_none_is_refused_and_changes_nothing(qty: str, price: str, commission: str) -> None:
    account = booked([Fill("A", Decimal(1), Decimal(10), Decimal(0))])
    before = repr(account)
    with pytest.raises(ValueError, match="finite"):
        account.book("A", Decimal(qty), Decimal(price), Decimal(commission))
    assert repr(account) == before


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_money_that_is_not_finite_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Account(Decimal(number))
    with pytest.raises(ValueError, match="must be finite"):
        Account(Decimal(1)).update(Decimal(number))


@given(FILLS)
def test_state_is_everything(fills: list[Fill]) -> None:
    account, other = booked(fills), Account(Decimal(0))
    other.restore(account.state())
    assert repr(other) == repr(account)


def saved(**other: object) -> dict[str, object]:
    held = {"A": {"signed_qty": Decimal(1), "price": Decimal(2)}}
    return {"v": WIRE, "balance": Decimal(1), "positions": held, "dust": ["A"]} | other


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {"balance": Decimal(1), "positions": {}, "dust": []},
        saved(balance=1.0),
        saved(balance=Decimal("NaN")),
        saved(positions={"A": {"signed_qty": Decimal(1)}}),
        saved(positions={"A": {"signed_qty": Decimal(1), "price": Decimal(0)}}),
        saved(dust="A"),
        saved(dust=["B"]),
        saved(dust=[1]),
        saved(dust=None),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state: object) -> None:
    account = Account(Decimal(5))
    with pytest.raises(ValueError, match=r"AccountSnapshot|must be|dust"):
        account.restore(state)  # type: ignore[arg-type]
    assert repr(account) == repr(Account(Decimal(5)))


def test_a_copy_is_the_same_and_books_its_own() -> None:
    account = Account(Decimal(100))
    account.fund(Decimal(150))
    account.book("A", Decimal(2), Decimal(50))
    account.book("B", Decimal(1), Decimal(50))
    account.leave("B")
    other, before = account.copy(), account.state()
    assert (other.state(), other.capital) == (before, Decimal(150))
    other.book("A", Decimal(-2), Decimal(60))
    other.book("B", Decimal(1), Decimal(60))
    assert account.state() == before
    assert other.state() != before


def test_the_capital_stays_what_it_was_made_with() -> None:
    account = Account(Decimal(100))
    account.update(Decimal(5))
    assert (account.capital, account.balance()) == (Decimal(100), Decimal(105))
    other = Account(Decimal(7))
    other.restore(account.state())
    assert (other.capital, other.balance()) == (Decimal(7), Decimal(105))


def test_capital_that_is_given_moves_the_balance_and_no_profit() -> None:
    account = Account(Decimal(100))
    account.update(Decimal(5))
    account.fund(Decimal(40))
    assert (account.capital, account.balance()) == (Decimal(40), Decimal(45))
    with pytest.raises(ValueError, match="must be finite"):
        account.fund(Decimal("NaN"))


def test_dust_is_flat_for_a_decision_and_stays_in_the_book() -> None:
    account = Account(Decimal(100))
    account.book("A", Decimal("0.3"), Decimal(10))
    account.leave("A")
    account.leave("B")  # of which there is nothing
    assert (account.position("A"), account.close_position("A"), account.dust("B")) == (None, None, 0)
    assert account.held("A") == Position("A", Decimal("0.3"), Decimal(10))
    assert account.dust("A") == Decimal("0.3")
    assert account.equity("A", Decimal(50)) == 97  # it is no money to trade with
    assert account.unrealised("A", Decimal(50)) == 12  # but it is worth something
    other = Account(Decimal(0))
    other.restore(account.state())
    assert (other.position("A"), other.state()) == (None, account.state())
    account.book("A", Decimal("0.7"), Decimal(20))  # joins what is bought next, at what both have cost
    assert account.position("A") == Position("A", Decimal("1.0"), Decimal(17))
    assert AccountSnapshot.of(account.state()).dust == []
