"""The moving-average cross by hand, and against means over the whole series."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import Reason
from shared.messages.codec import pack, unpack
from shared.strategies import MovingAverageCross
from tests.unit.strategies.market import Market, gap, price_bar, reason


def test_by_hand() -> None:
    """Means of 1 and 2 prices."""
    market = Market(MovingAverageCross(fast=1, slow=2))
    held = []
    for n, price in enumerate((100, 110, 110, 105, 105, 120)):
        market.tick(price_bar(n, price))
        held.append(market.held())
    long = Decimal(100) / 110
    short = -(Decimal(100) - 5 * long) / 105
    assert held[:5] == [0, pytest.approx(long), pytest.approx(long), pytest.approx(short), pytest.approx(short)]
    assert held[5] > 0


def test_long_only_is_flat_instead_of_short() -> None:
    market = Market(MovingAverageCross(fast=1, slow=2, long_only=True))
    made = [market.tick(price_bar(n, price))[0] for n, price in enumerate((100, 110, 100, 90))]
    assert market.held() == 0
    assert [reason(one) for one in made] == [Reason.WARMING_UP, None, None, Reason.NO_CHANGE]


def test_a_gap_begins_anew() -> None:
    market = Market(MovingAverageCross(fast=1, slow=2))
    market.tick(price_bar(0, 100))
    market.strategy.on_gap(gap(1))
    assert market.tick(price_bar(2, 110))[0] is Reason.WARMING_UP


@given(
    st.lists(st.decimals("1", "1000", places=2), max_size=40), st.integers(1, 5), st.integers(1, 5), st.integers(0, 40)
)
def test_the_position_is_on_the_side_of_the_means(prices: list[Decimal], fast: int, more: int, cut: int) -> None:
    """The means here are exact; where they differ by a float's last digit only, nothing is said."""
    slow = fast + more
    market = Market(MovingAverageCross(fast=fast, slow=slow))
    for n, price in enumerate(prices):
        if n == cut:
            again = Market(MovingAverageCross(fast=fast, slow=slow))
            again.account.restore(market.account.state())
            again.strategy.restore(unpack(pack(market.strategy.state())))
            market = again
        made, _ = market.tick(price_bar(n, price))
        seen = [Fraction(one) for one in prices[: n + 1]]
        if len(seen) < slow:
            assert made is Reason.WARMING_UP
            continue
        quick, slower = sum(seen[-fast:]) / fast, sum(seen[-slow:]) / slow
        if abs(quick - slower) > Fraction(1, 10**9) and market.account.equity("BTCUSDT", price) > 0:
            assert (market.held() > 0) == (quick > slower)
            assert market.held() != 0
