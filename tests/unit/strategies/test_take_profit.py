"""The take-profit by hand and by property: at the first price that is far enough beyond the entry."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import Reason
from shared.messages.codec import pack, unpack
from shared.strategies import BasicTaker, TakeProfit, TrailingStop
from tests.unit.strategies.market import SYM, Market, is_exit, price_bar, whole_bar


def entered(strategy: TakeProfit, qty: int, price: int) -> Market:
    market = Market(strategy.around(BasicTaker()))
    market.account.open_position(SYM, Decimal(qty), Decimal(price))
    return market


@pytest.mark.parametrize(
    ("qty", "prices", "at"),
    [(1, (109, 90, 110), [2]), (1, (109, 109.9), []), (-1, (91, 110, 90), [2]), (-1, (90.1,), []), (1, (150,), [0])],
)
def test_on_prices_by_hand(qty: int, prices: tuple[float, ...], at: list[int]) -> None:
    market = entered(TakeProfit(gain=0.1), qty, 100)
    assert [n for n, price in enumerate(prices) if is_exit(market.tick(price_bar(n, price))[0])] == at


@pytest.mark.parametrize(
    ("qty", "bar", "hit"),
    [
        (1, (110, 95, 100), True),
        (1, (109.9, 95, 100), False),
        (-1, (105, 90, 100), True),
        (-1, (115, 90.1, 100), False),
    ],
)
def test_on_a_bar_its_best_price_counts(qty: int, bar: tuple[float, float, float], hit: bool) -> None:
    market = entered(TakeProfit(gain=0.1, bars=True), qty, 100)
    assert is_exit(market.tick(whole_bar(0, *bar))[0]) is hit


@given(st.integers(50, 200), st.lists(st.integers(50, 200), max_size=20), st.sampled_from((1, -1)),
       st.decimals("0.01", "0.9", places=2))  # fmt: skip
def test_it_is_the_first_price_beyond(entry: int, prices: list[int], qty: int, gain: Decimal) -> None:
    reached = [n for n, price in enumerate(prices) if qty * price >= qty * entry * (1 + qty * gain)]
    market = entered(TakeProfit(gain=gain), qty, entry)
    fired = []
    for n, price in enumerate(prices):
        again = Market(TakeProfit(gain=gain).around(BasicTaker()))  # stopped and started again at every tick
        again.account.restore(market.account.state())
        again.strategy.restore(unpack(pack(market.strategy.state())))
        market = again
        fired += [n] if is_exit(market.tick(price_bar(n, price))[0]) else []
    assert fired == reached[:1]


def test_around_a_stop_each_closes_where_it_is_reached() -> None:
    market = Market(TakeProfit(gain=0.2).around(TrailingStop(distance=0.1).around(BasicTaker())))
    market.tick(price_bar(0, 100), 0.01)
    assert is_exit(market.tick(price_bar(1, 90), 0.01)[0])  # the stop
    market.tick(price_bar(2, 100), 0.01)
    ticked, predicted = market.tick(price_bar(3, 120), 0.01)  # the take-profit
    assert (is_exit(ticked), predicted) == (True, Reason.STOPPED)
    market.tick(price_bar(4, 100), 0.01)
    assert not is_exit(market.tick(price_bar(5, 91), 0.01)[0])  # the stop's level is of the new entry, not 108
    assert is_exit(market.tick(price_bar(6, 90), 0.01)[0])
