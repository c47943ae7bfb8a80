"""What is booked of an ended order moves the book as it moved the wallet."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Account
from shared.messages import OrderPhase, OrderStatus, Reason
from shared.orders import OrderOutcome, OrderState, VenueFill, outcome

PRICES = {"BNB": Decimal(600)}
FILLS = st.lists(
    st.tuples(st.integers(1, 1_000), st.integers(1, 100_000), st.integers(-50, 50), st.sampled_from("BQT")),
    min_size=1,
    max_size=8,
)


def fill(number: int, qty: Decimal, price: Decimal, fee: Decimal, currency: str) -> VenueFill:
    return VenueFill(f"{number}", "v", "a", "BTCUSDT", qty, price, fee, currency, 0)


def ended(state: str, fills: list[VenueFill], reason: Reason | None = None) -> OrderState:
    qty = sum((f.signed_qty for f in fills), Decimal(0))
    paid = sum((abs(f.signed_qty) * f.price for f in fills), Decimal(0))
    return OrderState(qty, OrderPhase(state), qty, paid, reason=reason)


@given(FILLS, st.sampled_from([1, -1]))
def test_position_and_cash_move_as_the_wallet_does(parts: list[tuple[int, int, int, str]], side: int) -> None:
    currencies = {"B": "BTC", "Q": "USDT", "T": "BNB"}
    fills = [
        fill(n, Decimal(side * qty) / 1_000, Decimal(price) / 10, Decimal(fee) / 1_000_000, currencies[kind])
        for n, (qty, price, fee, kind) in enumerate(parts)
    ]
    booked = outcome(ended("FILLED", fills), fills, "USDT", "BTC", PRICES)
    assert booked is not None and booked.last_px is not None
    base = sum((f.signed_qty - (f.fee if f.fee_currency == "BTC" else 0) for f in fills), Decimal(0))
    worth = {"USDT": Decimal(1), "BNB": PRICES["BNB"], "BTC": Decimal(0)}
    cash = -sum((f.signed_qty * f.price + f.fee * worth[f.fee_currency] for f in fills), Decimal(0))
    assert booked.last_qty == base
    assert abs(-booked.last_qty * booked.last_px - booked.commission - cash) < Decimal("1e-18")


def test_one_price_is_exact_and_an_average_has_28_digits() -> None:
    fills = [fill(n, Decimal(1), Decimal(price), Decimal(0), "USDT") for n, price in enumerate((50, 50, 51))]
    assert outcome(ended("FILLED", fills[:2]), fills[:2], "USDT") == (OrderStatus.FILLED, 2, 50, 0, None)
    booked = outcome(ended("FILLED", fills), fills, "USDT")
    assert booked is not None and booked.last_px == Decimal("50.33333333333333333333333333")


def test_a_partial_fill_keeps_its_end_and_its_reason() -> None:
    fills = [fill(1, Decimal(-1), Decimal(50), Decimal("0.02"), "USDT")]
    booked = outcome(ended("EXPIRED", fills, Reason.ENDED_BY_VENUE), [*fills, *fills], "USDT")
    assert booked == (OrderStatus.EXPIRED, -1, 50, Decimal("0.02"), Reason.ENDED_BY_VENUE)


def test_nothing_filled_is_booked_as_nothing() -> None:
    order = OrderState(Decimal(1), OrderPhase.REJECTED, reason=Reason.NOT_ON_VENUE)
    assert outcome(order, [], "USDT") == (OrderStatus.REJECTED, 0, None, 0, Reason.NOT_ON_VENUE)


def test_there_is_no_outcome_before_the_end_and_before_all_trades_are_there() -> None:
    fills = [fill(n, Decimal(1), Decimal(50), Decimal(0), "USDT") for n in range(2)]
    assert outcome(OrderState(Decimal(2), OrderPhase.PARTIALLY_FILLED, Decimal(2)), fills, "USDT") is None
    assert outcome(ended("FILLED", fills), fills[:1], "USDT") is None
    assert outcome(ended("CANCELED", []), fills, "USDT") is None


def test_the_trades_make_the_price_not_the_venues_rounded_sum() -> None:
    fills = [fill(1, Decimal(3), Decimal("50.01"), Decimal(0), "USDT")]
    order = OrderState(Decimal(3), OrderPhase.FILLED, Decimal(3), Decimal(150))
    booked = outcome(order, fills, "USDT")
    assert booked is not None and booked.last_px == Decimal("50.01")


def test_what_a_person_resolved_is_booked_as_said() -> None:
    order = OrderState(Decimal(3), OrderPhase.CANCELED, Decimal(2), Decimal(100), reason=Reason.RESOLVED)
    one = fill(1, Decimal(1), Decimal(40), Decimal("0.1"), "USDT")
    assert outcome(order, [one], "USDT") == OrderOutcome(
        OrderStatus.CANCELED, Decimal(2), Decimal(50), Decimal("0.1"), Reason.RESOLVED
    )


def test_dust_stays_in_the_book_as_in_the_wallet() -> None:
    """Bought 1 with a fee of 0.0011 of it; the step is 0.001, so 0.998 can be sold."""
    account = Account(Decimal(100))
    bought = [fill(1, Decimal(1), Decimal(50), Decimal("0.0011"), "BTC")]
    sold = [fill(2, Decimal("-0.998"), Decimal(60), Decimal("0.06"), "USDT")]
    for fills in (bought, sold):
        booked = outcome(ended("FILLED", fills), fills, "USDT", "BTC")
        assert booked is not None and booked.last_px is not None
        account.book("BTCUSDT", booked.last_qty, booked.last_px, booked.commission)
    left, cash = account.position("BTCUSDT"), 100 - 50 + Decimal("0.998") * 60 - Decimal("0.06")
    assert left is not None and left.signed_qty == Decimal("0.0009")
    assert account.equity("BTCUSDT", Decimal(60)) == cash + left.signed_qty * 60


@pytest.mark.parametrize(("state", "over"), [("NEW", False), ("UNKNOWN", False), ("CANCELED", True)])
def test_an_order_without_trades_has_an_outcome_when_it_is_over(state: str, over: bool) -> None:
    assert (outcome(OrderState(Decimal(1), OrderPhase(state)), [], "USDT") is not None) is over
