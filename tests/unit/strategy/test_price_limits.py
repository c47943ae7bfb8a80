"""PriceLimits: what adds is bound, what only reduces is not, what does both is two orders."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.strategy.price_limits import PriceLimits, SentOrder
from shared.account import Order
from shared.messages import Leg

D = Decimal
SYM, PRICE = "BTCUSDT", D(100)
QTY = st.decimals("-9", "9", places=3).filter(bool)
BPS = st.decimals(0, 9_999, places=2)
LEGS = st.sampled_from([Leg.OPEN, Leg.NET])


def sent(limits: PriceLimits, held: str, *orders: Order) -> list[SentOrder]:
    return list(limits.sent(orders, D(held), PRICE))


@pytest.mark.parametrize(("qty", "limit"), [("2", "100.5"), ("-2", "99.5")])
def test_what_adds_takes_no_price_beyond_its_limit(qty: str, limit: str) -> None:
    for leg in (Leg.OPEN, Leg.NET):
        assert sent(PriceLimits(D(50)), "0", Order(SYM, D(qty), leg)) == [SentOrder(leg, D(qty), False, D(limit))]


def test_legs_are_a_close_at_any_price_and_an_open_within_its_limit() -> None:
    orders = Order(SYM, D(-2), Leg.CLOSE), Order(SYM, D(-3), Leg.OPEN)
    assert sent(PriceLimits(D(50)), "2", *orders) == [
        SentOrder(Leg.CLOSE, D(-2), True, None),
        SentOrder(Leg.OPEN, D(-3), False, D("99.5")),
    ]


@pytest.mark.parametrize(
    ("held", "qty", "parts"),
    [
        ("2", "-5", [(Leg.CLOSE, "-2", True, None), (Leg.OPEN, "-3", False, "99.5")]),
        ("-2", "5", [(Leg.CLOSE, "2", True, None), (Leg.OPEN, "3", False, "100.5")]),
        ("2", "-2", [(Leg.NET, "-2", True, None)]),
        ("2", "-1", [(Leg.NET, "-1", True, None)]),
        ("2", "1", [(Leg.NET, "1", False, "100.5")]),
    ],
)
def test_what_reduces_and_adds_is_two_orders(held: str, qty: str, parts: list[tuple[Leg, str, bool, str]]) -> None:
    found = sent(PriceLimits(D(50)), held, Order(SYM, D(qty), Leg.NET))
    assert found == [SentOrder(leg, D(q), reduces, limit and D(limit)) for leg, q, reduces, limit in parts]


def test_with_ioc_what_reduces_is_bound_likewise() -> None:
    limits = PriceLimits(D(50), reducing=True)
    assert [one.limit_price for one in sent(limits, "2", Order(SYM, D(-5), Leg.NET))] == [D("99.5"), D("99.5")]
    assert [one.limit_price for one in sent(limits, "-2", Order(SYM, D(2), Leg.CLOSE))] == [D("100.5")]


@pytest.mark.parametrize(
    ("qty", "own", "limit"), [("1", "100.2", "100.2"), ("1", "101", "100.5"), ("-1", "99", "99.5")]
)
def test_of_two_limits_the_tighter_one_counts(qty: str, own: str, limit: str) -> None:
    assert sent(PriceLimits(D(50)), "0", Order(SYM, D(qty), limit_price=D(own)))[0].limit_price == D(limit)


def test_an_author_bounds_what_reduces_and_what_nothing_else_bounds() -> None:
    order = Order(SYM, D(-1), limit_price=D(99))
    assert [one.limit_price for one in sent(PriceLimits(D(50)), "2", order)] == [D(99)]
    assert [one.limit_price for one in sent(PriceLimits(), "0", order)] == [D(99)]


def test_without_a_limit_orders_are_sent_as_they_are() -> None:
    """As before wire 5, also what reduces and adds."""
    assert sent(PriceLimits(), "2", Order(SYM, D(-5), Leg.NET)) == [SentOrder(Leg.NET, D(-5), False, None)]


@given(st.lists(st.tuples(QTY, LEGS), max_size=4), st.decimals(-9, 9, places=3), BPS, st.booleans())
def test_parts_are_the_orders_and_nothing_adds_without_a_limit(
    made: list[tuple[Decimal, Leg]], held: Decimal, bps: Decimal, reducing: bool
) -> None:
    orders = [Order(SYM, qty, leg) for qty, leg in made]
    parts = list(PriceLimits(bps, reducing=reducing).sent(orders, held, PRICE))
    assert sum(one.signed_qty for one in parts) == sum(order.signed_qty for order in orders)
    for leg, qty, reduces, limit in parts:
        after = held + qty
        if reduces:
            assert abs(after) <= abs(held)
            assert after * held >= 0
        else:
            assert abs(after) == abs(held) + abs(qty)
            assert limit is not None
        if limit is not None:
            assert (limit - PRICE) * 10_000 == bps * PRICE * (1 if qty > 0 else -1)
        assert leg in (Leg.CLOSE, Leg.OPEN, Leg.NET)
        held = after
