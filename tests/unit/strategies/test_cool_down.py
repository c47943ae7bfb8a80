"""The cool-down: so many ticks without an entry after the position is gone, whatever closed it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.account import Order
from shared.account.account import book_report
from shared.bar import Bar
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.codec import pack, unpack
from shared.strategies import BasicTaker, CoolDown, Made, StatefulStrategy, TakeProfit, TrailingStop
from shared.strategies.cool_down import reducing
from tests.unit.strategies.market import SYM, Market, is_exit, prediction, price_bar


def answers(market: Market, first: int, prices: list[int]) -> list[str]:
    """What became of each tick's prediction, which is always for a long."""
    said = []
    for n, price in enumerate(prices, first):
        _, predicted = market.tick(price_bar(n, price), 0.01)
        said.append(str(predicted) if isinstance(predicted, Reason) else "orders")
    return said


@pytest.mark.parametrize("inside", [True, False])
def test_after_a_stop_by_hand(inside: bool) -> None:
    """The stop may be within it or around it."""
    strategy: StatefulStrategy = (
        CoolDown(ticks=2).around(TrailingStop(distance=0.1).around(BasicTaker()))
        if inside
        else TrailingStop(distance=0.1).around(CoolDown(ticks=2).around(BasicTaker()))
    )
    said = answers(Market(strategy), 0, [100, 90, 90, 90, 90, 80, 80])
    assert said == ["orders", "STOPPED", "COOLING_DOWN", "COOLING_DOWN", "orders", "STOPPED", "COOLING_DOWN"]


def test_legs_that_close_and_open_at_once_do_not_count() -> None:
    said = answers(Market(CoolDown(ticks=5).around(BasicTaker())), 0, [100] * 4)
    assert said == ["orders"] * 4


class Rule(StatefulStrategy):
    """Wants one unit at every tick."""

    def on_tick(self, bar: Bar) -> Made:
        return self.move_to(Decimal(1))


def test_an_entry_of_a_tick_is_held_back_too() -> None:
    market = Market(CoolDown(ticks=1).around(TakeProfit(gain=0.1).around(Rule())))
    made = [market.tick(price_bar(n, price))[0] for n, price in enumerate((100, 110, 110, 110))]
    assert isinstance(made[0], list)
    assert is_exit(made[1])
    assert made[2] is Reason.COOLING_DOWN
    assert isinstance(made[3], list)


def test_on_a_live_market_the_position_may_end_behind_the_tick() -> None:
    """The fill comes between on_tick and the prediction that waited: that one is the first to be held back."""
    market = Market(CoolDown(ticks=1).around(BasicTaker()))
    market.tick(price_bar(0, 100), 0.01)
    strategy = market.strategy
    strategy.on_tick(price_bar(1, 100))
    strategy.on_tick(price_bar(2, 100))
    market.account.book(SYM, Decimal(-1), Decimal(100))
    assert strategy.on_prediction(prediction(2, 0.01, Decimal(100))) is Reason.COOLING_DOWN
    strategy.on_tick(price_bar(3, 100))
    assert strategy.on_prediction(prediction(3, 0.01, Decimal(100))) is Reason.COOLING_DOWN
    strategy.on_tick(price_bar(4, 100))
    assert isinstance(strategy.on_prediction(prediction(4, 0.01, Decimal(100))), list)


def test_what_is_opened_and_stopped_between_two_ticks_counts() -> None:
    """As a stop at the exchange does it, or one that fires in the very next bar."""
    market = Market(CoolDown(ticks=1).around(BasicTaker()))
    strategy, account = market.strategy, market.account
    strategy.on_tick(price_bar(0, 100))
    assert isinstance(strategy.on_prediction(prediction(0, 0.01, Decimal(100))), list)
    for qty, leg in ((1, Leg.OPEN), (-1, Leg.STOP)):
        report = ExecutionReport(
            n=1, sym=SYM, ts_event=1, tr="t", tick_n=0, order_n=1, client_order_id="0" * 32, leg=leg,
            status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(100), commission=Decimal(0), reason=None,
        )  # fmt: skip
        book_report(account, report)
        strategy.on_execution(report)
    assert answers(market, 1, [100, 100]) == ["COOLING_DOWN", "orders"]


@pytest.mark.parametrize(
    ("held", "orders", "left"),
    [
        (2, [(-1, Leg.NET)], [-1]),
        (2, [(-2, Leg.NET)], [-2]),
        (2, [(-3, Leg.NET)], [-2]),  # what lies beyond flat adds: the rest is let out
        (2, [(-5, Leg.NET)], [-2]),
        (-2, [(-1, Leg.NET)], []),
        (2, [(1, Leg.OPEN)], []),
        (0, [(1, Leg.OPEN)], []),
        (-2, [(2, Leg.CLOSE), (3, Leg.OPEN)], [2]),
        (-2, [(2, Leg.CLOSE), (-1, Leg.OPEN)], [2, -1]),  # together they reduce
        (-2, [(2, Leg.CLOSE), (-3, Leg.OPEN)], [2]),
    ],
)
def test_what_only_reduces_passes(held: int, orders: list[tuple[int, Leg]], left: list[int]) -> None:
    made = [Order(SYM, Decimal(qty), leg) for qty, leg in orders]
    assert [order.signed_qty for order in reducing(made, Decimal(held))] == left


@given(st.lists(st.integers(50, 200), max_size=30), st.integers(1, 5), st.integers(0, 30))
def test_no_entry_comes_too_early_and_restored_is_never_stopped(prices: list[int], ticks: int, cut: int) -> None:
    def made() -> StatefulStrategy:
        return CoolDown(ticks=ticks).around(TrailingStop(distance=0.1).around(BasicTaker()))

    whole, parts, flat_for = Market(made()), Market(made()), ticks
    for n, price in enumerate(prices):
        if n == cut:
            again = Market(made())
            again.account.restore(parts.account.state())
            again.strategy.restore(unpack(pack(parts.strategy.state())))
            parts = again
        before = whole.held()
        said = whole.tick(price_bar(n, price), 0.01)
        assert said == parts.tick(price_bar(n, price), 0.01)
        if not before and n:
            assert (said[1] is Reason.COOLING_DOWN) == (flat_for < ticks)
            flat_for += 1
        elif before and not whole.held():
            flat_for = 0
