"""The trailing stop by hand and against a brute-force one, on prices and on bars, by share and by true range."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.account import Account
from shared.bar import Bar
from shared.messages import Reason
from shared.messages.codec import pack, unpack
from shared.strategies import BarePrediction, BasicTaker, TrailingStop
from tests.unit.strategies.market import SYM, Market, gap, is_exit, prediction, price_bar, whole_bar

PRICES = st.lists(st.integers(50, 200), min_size=2, max_size=30)


def fired(market: Market, bars: list[Bar]) -> list[int]:
    """The ticks at which the stop closed the position."""
    return [bar.ts_event for bar in bars if is_exit(market.tick(bar)[0])]


def entered(strategy: TrailingStop, qty: int, price: float) -> Market:
    market = Market(strategy.around(BasicTaker()))
    market.account.open_position("BTCUSDT", Decimal(qty), Decimal(str(price)))
    return market


@pytest.mark.parametrize(
    ("qty", "prices", "at"),
    [
        (1, (100, 120, 109, 108.5), []),  # the level is 108
        (1, (100, 120, 109, 108), [3]),
        (1, (90,), [0]),  # from the entry price: 90
        (1, (91, 200, 181, 180.5, 180), [4]),
        (-1, (100, 80, 87, 88), [3]),
        (-1, (110,), [0]),
        (-1, (109, 50, 54, 55), [3]),
    ],
)
def test_on_prices_by_hand(qty: int, prices: tuple[float, ...], at: list[int]) -> None:
    market = entered(TrailingStop(distance=0.1), qty, 100)
    assert fired(market, [price_bar(n, price) for n, price in enumerate(prices)]) == at


@pytest.mark.parametrize(
    ("qty", "bars", "at"),
    [
        # The low of the very bar that made the high does not count: nobody knows which came first.
        (1, ((120, 105, 115),), []),
        # Its close does: it came last. The level is 108.
        (1, ((120, 105, 107),), [0]),
        (1, ((120, 110, 115), (118, 108, 117)), [1]),  # the low touches the level of the bar before
        (1, ((120, 110, 115), (130, 109, 129), (129, 117, 128)), [2]),  # now 117
        (-1, ((95, 80, 85), (88, 82, 87)), [1]),  # 80 x 1.1
        (-1, ((95, 80, 88),), [0]),
    ],
)
def test_on_bars_by_hand(qty: int, bars: tuple[tuple[float, float, float], ...], at: list[int]) -> None:
    market = entered(TrailingStop(distance=0.1, bars=True), qty, 100)
    assert fired(market, [whole_bar(n, *bar) for n, bar in enumerate(bars)]) == at


def test_a_tick_without_the_group_is_seen_by_its_price() -> None:
    market = entered(TrailingStop(distance=0.1, bars=True), 1, 100)
    assert fired(market, [whole_bar(0, 120, 110, 115), price_bar(1, 109), price_bar(2, 108)]) == [2]


def test_by_the_true_range_by_hand() -> None:
    """Ranges 4, 6 (to the close before), 2: seeded by (4 + 6) / 2 = 5, then Wilder's 5 + (2 - 5) / 2 = 3.5."""
    market = entered(TrailingStop(atr=2.0, window=2, bars=True), 1, 100)
    bars = [
        whole_bar(0, 102, 98, 100),  # no average yet: no level
        whole_bar(1, 106, 101, 104),  # the level is 106 - 10
        whole_bar(2, 105, 103, 104),  # 106 - 7
        whole_bar(3, 104, 99, 104),
    ]
    assert fired(market, bars) == [3]
    market = entered(TrailingStop(atr=2.0, window=2, bars=True), 1, 100)
    assert fired(market, [*bars[:3], whole_bar(3, 104, 99.1, 104)]) == []


def test_the_level_never_moves_back_when_the_range_grows() -> None:
    market = entered(TrailingStop(atr=1.0, window=1, bars=True), 1, 100)
    bars = [whole_bar(0, 101, 100, 101), whole_bar(1, 120, 101, 119), whole_bar(2, 119, 100, 118)]
    assert fired(market, bars) == [2]  # 100 is what 101 - 1 has left, though 120 - 19 is above it


def test_a_positions_first_bar_does_not_widen_the_stop_that_it_is_tested_against() -> None:
    market = Market(TrailingStop(atr=2.0, window=1, bars=True).around(BasicTaker()))
    market.tick(whole_bar(0, 101, 100, 100))
    market.account.open_position("BTCUSDT", Decimal(1), Decimal(100))
    crash = whole_bar(1, 101, 90, 97)
    assert fired(market, [crash]) == [1], "the level is 100 less twice the range before, not less twice its own"


def test_a_gap_leaves_out_the_range_across_it() -> None:
    market = entered(TrailingStop(atr=1.0, window=1, bars=True), 1, 100)
    market.tick(whole_bar(0, 101, 100, 101))
    market.strategy.on_gap(gap(1))
    market.tick(whole_bar(2, 201, 199, 200))  # its own range is 2, not 100: the level is 199
    assert fired(market, [whole_bar(3, 200, 198.9, 200)]) == [3]


@given(PRICES, st.sampled_from((1, -1)), st.decimals("0.01", "0.5", places=3))
def test_on_prices_it_is_the_brute_force_one(prices: list[int], qty: int, distance: Decimal) -> None:
    """The first price that is `distance` away from the best one since entry, the entry among them."""
    entry, *later = prices
    expected: list[int] = []
    for n in range(len(later)):
        seen = (entry, *later[: n + 1])
        level = max(seen) * (1 - distance) if qty > 0 else min(seen) * (1 + distance)
        if (later[n] <= level) if qty > 0 else (later[n] >= level):
            expected = [n]
            break
    market = entered(TrailingStop(distance=distance), qty, entry)
    assert fired(market, [price_bar(n, price) for n, price in enumerate(later)]) == expected


@given(PRICES, st.integers(0, 29), st.booleans())
def test_restored_is_never_stopped(prices: list[int], cut: int, by_range: bool) -> None:
    def stop() -> TrailingStop:
        return TrailingStop(atr=1.5, window=2) if by_range else TrailingStop(distance=0.1)

    whole, parts = entered(stop(), 1, prices[0]), entered(stop(), 1, prices[0])
    for n, price in enumerate(prices[1:]):
        if n == cut:
            state = unpack(pack(parts.strategy.state()))
            again = Market(stop().around(BasicTaker()))
            again.account.restore(parts.account.state())
            again.strategy.restore(state)
            parts = again
        assert whole.tick(price_bar(n, price)) == parts.tick(price_bar(n, price))
    assert pack(whole.strategy.state()) == pack(parts.strategy.state())


def test_the_prediction_of_its_tick_is_answered_and_the_next_may_enter_again() -> None:
    market = Market(TrailingStop(distance=0.1).around(BasicTaker()))
    assert market.tick(price_bar(0, 50), 0.01)[1] is not None
    assert market.held() == 2
    ticked, predicted = market.tick(price_bar(1, 45), 0.01)
    assert is_exit(ticked)
    assert (predicted, market.held()) == (Reason.STOPPED, 0)
    assert isinstance(market.tick(price_bar(2, 45), 0.01)[1], list)
    assert market.held() > 0
    assert not is_exit(market.tick(price_bar(3, 41))[0])  # its level begins at the new entry: 40.5
    assert is_exit(market.tick(price_bar(4, 40))[0])


def test_legs_that_close_and_open_the_same_side_go_on_with_it() -> None:
    """BasicTaker does so at every prediction; the stop would never trail."""
    market = Market(TrailingStop(distance=0.1).around(BasicTaker()))
    for n, price in enumerate((100, 120, 110)):
        assert not is_exit(market.tick(price_bar(n, price), 0.01)[0])
    assert is_exit(market.tick(price_bar(3, 108), 0.01)[0])


def test_the_other_side_begins_anew() -> None:
    market = Market(TrailingStop(distance=0.1).around(BasicTaker(netting=True)))
    for n, (price, y_hat) in enumerate(((100, 0.01), (120, 0.01), (110, -0.01))):
        assert not is_exit(market.tick(price_bar(n, price), y_hat)[0])
    assert market.held() < 0
    assert not is_exit(market.tick(price_bar(3, 120))[0])  # 110 x 1.1 = 121
    assert is_exit(market.tick(price_bar(4, 121))[0])


def test_what_was_not_filled_fires_again_until_it_is() -> None:
    """An order that is refused, or dropped while others are in flight; also where the price is back."""
    market = entered(TrailingStop(distance=0.1), 1, 100)
    stop = market.strategy
    for n, price in enumerate((90, 95, 101)):
        assert is_exit(stop.on_tick(price_bar(n, price)))
    made = stop.on_prediction(prediction(3, 0.01, Decimal(101)))
    assert is_exit(made)
    market.fill(made, Decimal(101))
    assert not is_exit(stop.on_prediction(prediction(4, 0.01, Decimal(101))))


@given(
    st.lists(st.integers(101, 200), min_size=2, max_size=30),
    st.lists(st.sampled_from((0.01, -0.01, 0.0)), min_size=30, max_size=30),
)
def test_where_no_price_reaches_it_it_changes_nothing(prices: list[int], y_hats: list[float]) -> None:
    market, account = Market(TrailingStop(distance=0.99).around(BasicTaker())), Account(100)
    for n, (price, y_hat) in enumerate(zip(prices, y_hats, strict=False)):
        plain = BasicTaker().decide(BarePrediction(SYM, y_hat, Decimal(price)), account)
        for order in plain if isinstance(plain, list) else []:
            account.book(SYM, order.signed_qty, Decimal(price))
        assume(account.equity(SYM, Decimal(price)) > 0)
        assert market.tick(price_bar(n, price), y_hat) == (None, plain)
