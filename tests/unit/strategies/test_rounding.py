"""Quantities are rounded toward zero to a step; what is no change is no order; a whole position closes exactly."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.account import Account, Order
from shared.messages import Leg, Reason
from shared.strategies import BasicTaker
from shared.strategies.decider import BarePrediction
from shared.strategies.rounding import toward_zero, tradable

SYM = "BTCUSDT"
QTY = st.decimals("-1e12", "1e12", allow_nan=False, places=12)
STEPS = st.one_of(st.integers(-10, 6).map(lambda n: Decimal(1).scaleb(n)), st.decimals("0.00001", "5000", places=5))


def net(qty: Decimal | str | int) -> list[Order]:
    return [Order(SYM, Decimal(qty), Leg.NET)]


def quantities(made: list[Order] | Reason) -> list[Decimal] | Reason:
    return made if isinstance(made, Reason) else [order.signed_qty for order in made]


@given(QTY, STEPS)
def test_toward_zero_is_the_next_multiple_that_is_not_beyond(qty: Decimal, step: Decimal) -> None:
    found = toward_zero(qty, step)
    assert abs(found) <= abs(qty) < abs(found) + step
    assert found == 0 or (found % step == 0 and found * qty > 0)


@pytest.mark.parametrize(
    ("change", "held", "step", "expected"),
    [
        ("1.29", "0", "0.1", ["1.2"]),  # from flat the change is the target
        ("0.09", "0", "0.1", Reason.NO_CHANGE),
        ("0.13", "1.2", "0.1", ["0.1"]),  # target 1.33 -> 1.3
        ("0.07", "1.2", "0.1", Reason.NO_CHANGE),  # target 1.27 -> 1.2
        ("-0.13", "1.2", "0.1", ["-0.2"]),  # target 1.07 -> 1.0
        ("-2.49", "1.2", "0.1", ["-2.4"]),  # target -1.29 -> -1.2
        ("0.1", "1.234567", "0.1", Reason.NO_CHANGE),  # target 1.33 -> 1.3, which is no whole step away
        ("-1.234567", "1.234567", "0.1", ["-1.234567"]),  # the whole position
        ("-1.2", "1.234567", "0.1", ["-1.234567"]),  # target 0.03 -> 0: the whole position
        ("-0.01", "0.05", "0.1", Reason.NO_CHANGE),  # target 0.04 -> 0, but less than a step is left
        ("-0.05", "0.05", "0.1", ["-0.05"]),  # asked for: the whole position
        ("1e-20", "1", None, Reason.NO_CHANGE),
        ("-1e-13", "0.1", None, ["-1e-13"]),
        ("-0.9e-13", "0.1", None, Reason.NO_CHANGE),
        ("1e-20", "0", None, ["1e-20"]),  # of no position there is no 1e-12
        ("-1", "1", None, ["-1"]),
    ],
)
def test_a_net_order_by_hand(change: str, held: str, step: str | None, expected: list[str] | Reason) -> None:
    made = quantities(tradable(net(change), Decimal(held), None if step is None else Decimal(step)))
    assert made == (expected if isinstance(expected, Reason) else [Decimal(qty) for qty in expected])


@given(QTY, QTY, STEPS)
def test_a_net_order_leads_to_no_more_than_was_wanted_and_less_than_two_steps_off(
    change: Decimal, held: Decimal, step: Decimal
) -> None:
    assume(change)
    made = tradable(net(change), held, step)
    target = held + change
    if isinstance(made, Reason):
        assert made is Reason.NO_CHANGE
        assert abs(change) < 2 * step
        return
    (order,) = made
    after = held + order.signed_qty
    assert order.leg is Leg.NET
    assert after == 0 or order.signed_qty % step == 0
    assert abs(after - target) < 2 * step


@given(QTY, st.one_of(st.none(), STEPS))
def test_a_close_is_exact_and_an_open_leg_rounded(held: Decimal, step: Decimal | None) -> None:
    assume(held)
    orders = [Order(SYM, -held, Leg.CLOSE), Order(SYM, Decimal("1.29"), Leg.OPEN)]
    made = tradable(orders, held, step)
    assert not isinstance(made, Reason)
    assert made[0] == orders[0]
    opened = Decimal("1.29") if step is None else toward_zero(Decimal("1.29"), step)
    assert sum(order.signed_qty for order in made[1:]) == opened


@pytest.mark.parametrize(
    ("orders", "held", "expected"),
    [
        ([(Leg.CLOSE, "-2"), (Leg.NET, "-1.95")], "2", ["-2", "-1.9"]),  # the second one finds a flat book
        ([(Leg.NET, "-1.95"), (Leg.NET, "-0.05")], "2", ["-2"]),  # what the first was rounded to counts
        ([(Leg.OPEN, "-1.234567")], "1.234567", ["-1.234567"]),  # the whole position, by whatever leg
        ([(Leg.CLOSE, "-1.25"), (Leg.OPEN, "-1.25")], "1.25", ["-1.25", "-1.2"]),
    ],
)
def test_each_order_is_rounded_from_what_the_ones_before_it_leave(
    orders: list[tuple[Leg, str]], held: str, expected: list[str]
) -> None:
    made = tradable([Order(SYM, Decimal(qty), leg) for leg, qty in orders], Decimal(held), Decimal("0.1"))
    assert quantities(made) == [Decimal(qty) for qty in expected]


@given(st.decimals("1e-6", "1e6", places=6), st.decimals("0.01", "1e6", places=2), st.booleans())
def test_netting_at_the_same_price_again_orders_nothing(money: Decimal, price: Decimal, up: bool) -> None:
    """Of the last digit of a division, orders of 1e-20 went out."""
    account, strategy = Account(money), BasicTaker(netting=True)
    y_hat = 0.01 if up else -0.01
    for _ in range(3):
        made = strategy.decide(BarePrediction(SYM, y_hat, price), account)
        position = account.position(SYM)
        if isinstance(made, list):
            made = tradable(made, position.signed_qty if position else Decimal(0), None)
        if position is not None:
            assert made is Reason.NO_CHANGE
        else:
            assert isinstance(made, list)
            account.book(SYM, made[0].signed_qty, price)
