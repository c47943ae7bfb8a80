"""After a stop: what may enter when, in a backtest and on a live market, where its report comes at any time."""

from decimal import Decimal
from typing import Any

import pytest

from shared.bar import Bar
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.messages.codec import pack, unpack
from shared.strategies import BasicTaker, Made, StatefulStrategy
from shared.strategies.after_stop import NS_PER_MINUTE, AfterStop
from tests.unit.strategies.market import SYM, Market, prediction, price_bar

LONG, SHORT = 0.01, -0.01


def stopped(market: Market, ts_event: int, qty: Decimal | None = None, leg: Leg = Leg.STOP) -> None:
    """A stop closes what is held, or does what qty says."""
    qty = -market.held() if qty is None else qty
    market.account.book(SYM, qty, Decimal(90))
    market.strategy.on_execution(
        ExecutionReport(
            n=1, sym=SYM, ts_event=ts_event, tr="t", tick_n=1, order_n=1, client_order_id="0" * 32, leg=leg,
            status=OrderStatus.FILLED, last_qty=qty, last_px=Decimal(90), commission=Decimal(0),
            reason=Reason.STOPPED_OUT,
        )
    )  # fmt: skip


def answers(market: Market, wants: list[tuple[int, float]]) -> list[str]:
    """What became of the prediction of each bar, by the time at which it ends; what is opened is closed again."""
    said = []
    for n, y_hat in wants:
        _, made = market.tick(price_bar(n, 100), y_hat)
        said.append(str(made) if isinstance(made, Reason) else "long" if market.held() > 0 else "short")
    return said


def market_of(after: Any, strategy: StatefulStrategy | None = None) -> Market:
    market = Market(AfterStop(after=after).around(strategy or BasicTaker()))
    market.tick(price_bar(10, 100), LONG)
    return market


def test_next_bar_in_a_backtest_and_live() -> None:
    """In a backtest the report has the time of the bar's end; live it is of any time in it, and may come late."""
    for at in (20, 15, 11):
        market = market_of("next_bar")
        stopped(market, at)
        assert answers(market, [(20, LONG), (30, LONG)]) == ["STOPPED_OUT", "long"]
    market = market_of("next_bar")
    market.tick(price_bar(20, 100))
    stopped(market, 15)  # told when that bar was over
    assert answers(market, [(30, LONG)]) == ["long"]
    market = market_of("next_bar")
    market.tick(price_bar(20, 100))
    stopped(market, 15)
    waited = prediction(20, LONG, Decimal(100))
    assert market.strategy.on_prediction(waited) is Reason.STOPPED_OUT, "it is of the bar within which it fired"


def test_minutes_count_from_the_end_of_the_bar() -> None:
    for at in (NS_PER_MINUTE + 1, 2 * NS_PER_MINUTE):
        market = Market(AfterStop(after=2).around(BasicTaker()))
        market.tick(price_bar(NS_PER_MINUTE, 100), LONG)
        stopped(market, at)
        ends = [NS_PER_MINUTE * n for n in (2, 3, 4)]
        assert answers(market, [(end, LONG) for end in ends]) == ["STOPPED_OUT", "STOPPED_OUT", "long"]


def test_flip_waits_for_the_other_side() -> None:
    market = market_of("flip")
    stopped(market, 20)
    assert answers(market, [(20, LONG), (30, LONG), (40, LONG), (50, SHORT)]) == [*["STOPPED_OUT"] * 3, "short"]
    assert answers(market, [(60, LONG)]) == ["long"]
    market = market_of("flip")
    stopped(market, 20)
    assert answers(market, [(20, SHORT), (30, LONG)]) == ["STOPPED_OUT", "long"], "it wanted the other side"


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.CLOSE])
def test_flip_is_not_undone_by_what_a_stop_has_opened(leg: Leg) -> None:
    """OKX: what an entry carries may open the reverse, which is closed again at once, at market, or by the strategy."""
    market = market_of("flip")
    held = market.held()
    stopped(market, 15)
    stopped(market, 16, -held)
    stopped(market, 17, held, leg)
    assert answers(market, [(20, LONG), (30, LONG), (40, SHORT)]) == ["STOPPED_OUT", "STOPPED_OUT", "short"]
    stopped(market, 45)
    assert answers(market, [(50, SHORT), (60, SHORT), (70, LONG)]) == ["STOPPED_OUT", "STOPPED_OUT", "long"]


class LongOrFlat(StatefulStrategy):
    """Never short: a positive prediction is a long, any other is none."""

    def on_prediction(self, prediction: Any) -> Made:
        return self.move_to(Decimal(1 if prediction.y_hat > 0 else 0))


def test_flip_of_a_strategy_that_is_never_short_waits_until_it_wants_nothing() -> None:
    market = market_of("flip", LongOrFlat())
    stopped(market, 20)
    wants = [(20, LONG), (30, LONG), (40, SHORT), (50, LONG)]
    assert answers(market, wants) == ["STOPPED_OUT", "STOPPED_OUT", "NO_CHANGE", "long"]


@pytest.mark.parametrize("after", ["next_bar", "flip", 5])
def test_only_a_stop_counts_and_reducing_passes(after: Any) -> None:
    market = market_of(after)
    report = {
        "n": 1, "sym": SYM, "ts_event": 15, "tr": "t", "tick_n": 1, "order_n": 1, "client_order_id": "0" * 32,
        "status": OrderStatus.FILLED, "last_qty": Decimal(-1), "last_px": Decimal(9), "commission": Decimal(0),
        "reason": None,
    }  # fmt: skip
    market.strategy.on_execution(ExecutionReport(leg=Leg.CLOSE, **report))
    assert answers(market, [(20, LONG)]) == ["long"]
    market.strategy.on_execution(ExecutionReport(leg=Leg.STOP, **report | {"ts_event": 25}))  # it closed a part
    _, made = market.tick(price_bar(30, 100), SHORT)
    assert isinstance(made, list) and [order.leg for order in made] == [Leg.CLOSE]


@pytest.mark.parametrize("after", ["next_bar", "flip", 3])
@pytest.mark.parametrize("cut", range(5))
def test_its_memory_is_in_the_snapshot(after: Any, cut: int) -> None:
    def said(restart: bool) -> list[str]:
        market, found = market_of(after), []
        stopped(market, 15)
        for at, (n, y_hat) in enumerate([(20, LONG), (30, LONG), (40, SHORT), (NS_PER_MINUTE * 4, LONG)]):
            if restart and at == cut:
                state = unpack(pack(market.strategy.state()))
                market.strategy = AfterStop(after=after).around(BasicTaker()).bind(SYM, market.account)
                market.strategy.restore(state)
            found += answers(market, [(n, y_hat)])
        return found

    assert said(restart=True) == said(restart=False)


def test_an_order_of_a_tick_is_held_back_too() -> None:
    class Always(StatefulStrategy):
        def on_tick(self, bar: Bar) -> Made:
            return self.move_to(Decimal(1))

    market = Market(AfterStop(after="next_bar").around(Always()))
    market.tick(price_bar(10, 100))
    stopped(market, 20)
    made = [market.tick(price_bar(n, 100))[0] for n in (20, 30)]
    assert made[0] is Reason.STOPPED_OUT
    assert isinstance(made[1], list)
