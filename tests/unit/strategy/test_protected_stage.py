"""The protected stage: a stop's order, what waits for it, what comes after it; a restart at any tick is nothing."""

import random
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.protected_stage import ProtectedStage
from services.strategy.stage import StrategyStage
from shared.messages import (
    Decision,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    Origin,
    Prediction,
    Reason,
    StopKind,
)
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup
from shared.messages.protect import ProtectTerms
from shared.strategies import AnyStrategy, BasicTaker
from shared.strategies.after_stop import AfterStop
from tests.unit.strategy.noted import SYM, Line, Noted, gap, prediction

D = Decimal
TERMS = ProtectTerms(stop_bps=D(500), take_profit_bps=D(1_000))


def stage(strategy: AnyStrategy | None = None, terms: ProtectTerms = TERMS) -> ProtectedStage:
    made = AfterStop(after="next_bar").around(strategy or BasicTaker())
    return ProtectedStage(SYM, made, D(100), "book", terms)


def seen(n: int, close: float, low: float, y_hat: float = 0.01, high: float = 0, opened: float = 0) -> Prediction:
    top = max(high, opened, close, low)
    group = BarGroup(open=opened or close, high=top, low=low, volume=1.0)
    return prediction(n, y_hat, price=D(str(close)), bar=group)


class Paper:
    """A stage, and the paper venue that fills its orders at once, or later."""

    def __init__(self, stage: StrategyStage, slippage_bps: int = 0) -> None:
        self.stage, self._venue = stage, PaperStage(D(0), D(slippage_bps))
        self.due: list[ExecutionReport] = []

    def take(self, message: Message) -> list[Message]:
        made = self.stage.on_tick(message) or []
        for one in made:
            if isinstance(one, OrderIntent):
                self.due += [each for each in self._venue.on_tick(one) or [] if isinstance(each, ExecutionReport)]
        return made

    def fill(self) -> list[Message]:
        made: list[Message] = []
        while self.due:
            report = self.due.pop(0)
            made += [report, *self.take(report)]
        return made

    def bar(self, message: Prediction) -> list[Message]:
        return [*self.take(message), *self.fill()]


def of(kind: type[Any], made: list[Message]) -> list[Any]:
    return [one for one in made if isinstance(one, kind)]


def test_a_bar_that_fires_a_stop_is_decided_on_when_that_is_booked() -> None:
    line = Paper(stage(), slippage_bps=10)
    line.bar(seen(1, 100, 100))
    assert line.stage.account.position(SYM) is not None
    (order,) = line.take(seen(2, 97, 94))
    assert isinstance(order, OrderIntent)
    assert (order.leg, order.stop, order.signed_qty, order.reduce_only) == (Leg.STOP, StopKind.STOP, D(-1), True)
    assert (order.price, order.trigger_price, order.origin, order.valid_until) == (D(95), D(95), Origin.TICK, 0)
    assert order.human() == f"SELL 1 {SYM} (stop) at 95.00"
    assert not line.stage.ready(seen(3, 98, 97))
    report, decision = line.fill()
    assert isinstance(report, ExecutionReport) and isinstance(decision, Decision)
    assert (report.leg, report.status, report.reason) == (Leg.STOP, OrderStatus.FILLED, Reason.STOPPED_OUT)
    assert report.last_px == D(95) * (1 - D(10) / 10_000)
    assert (decision.signed_qty, decision.booked_n, decision.prediction_n) == (D(0), report.n, 2)
    assert decision.reason is Reason.STOPPED_OUT, "the bar in which it fired adds nothing"
    decision, order = line.take(seen(3, 98, 97))
    assert isinstance(decision, Decision) and isinstance(order, OrderIntent)
    assert (decision.reason, order.leg) == (None, Leg.OPEN)


@pytest.mark.parametrize(
    ("message", "kind", "price", "reason"),
    [
        (seen(2, 93, 92, opened=94), StopKind.STOP, D(94), Reason.STOPPED_OUT),
        (seen(2, 100, 99, high=110), StopKind.TAKE_PROFIT, D(110), Reason.PROFIT_TAKEN),
        (prediction(2, 0.01, price=D(90)), StopKind.STOP, D(90), Reason.STOPPED_OUT),
        (prediction(2, None, price=D(90), history=True), StopKind.STOP, D(90), Reason.STOPPED_OUT),
    ],
)
def test_where_it_fires(message: Prediction, kind: StopKind, price: Decimal, reason: Reason) -> None:
    """A price alone counts where there is no bar; a bar that is history has fired the stop all the same."""
    line = Paper(stage())
    line.bar(seen(1, 100, 100))
    made = line.bar(message)
    (order,), (report,) = of(OrderIntent, made), of(ExecutionReport, made)
    assert (order.stop, order.price, report.last_px, report.reason) == (kind, price, price, reason)
    assert len(of(Decision, made)) == 1


def test_the_stop_hangs_on_the_decision_price_and_not_on_the_fill() -> None:
    line = Paper(stage(), slippage_bps=40)
    line.bar(seen(1, 100, 100))
    held = line.stage.account.position(SYM)
    assert held is not None and held.price == D("100.4")
    assert isinstance(line.stage, ProtectedStage)
    assert line.stage.stop.triggers() == {StopKind.STOP: D(95), StopKind.TAKE_PROFIT: D(110)}


def test_what_fired_is_booked_before_the_strategy_is_told_of_the_tick() -> None:
    noted = Noted(quiet=True)
    made = stage(noted)
    made.account.open_position(SYM, D(1), D(100))
    made.stop.follow(D(1), D(100))
    line = Paper(made)
    line.bar(seen(1, 97, 94))
    inner: Any = made._stateful
    calls = [note.split(" ")[:2] for note in inner.inner.notes()]
    assert calls == [["execution", "1"], ["tick", "10"], ["prediction", "1"]]


BARS = st.lists(
    st.tuples(*[st.floats(80, 125).map(lambda p: round(p, 2))] * 4, st.none() | st.floats(-0.1, 0.1)), max_size=14
)


@given(BARS, st.integers(0, 3), st.booleans(), st.sampled_from(["next_bar", "flip", 1]), st.integers(0, 2**32))
def test_a_restart_at_any_message_gives_the_same_executions(
    bars: list[tuple[float, float, float, float, float | None]], seed: int, plain: bool, after: Any, dice: int
) -> None:
    """Whatever the strategy wants, however late the reports come: to the bit, and the money, too."""
    messages: list[Message] = []
    for n, (opened, one, other, close, y_hat) in enumerate(bars, 1):
        if n % 5 == 0:
            messages.append(gap(n))
            continue
        prices = (opened, one, other, close)
        group = BarGroup(open=opened, high=max(prices), low=min(prices), volume=None)
        messages.append(prediction(n, y_hat, price=D(str(close)), bar=group))
    inner: AnyStrategy = BasicTaker() if plain else Noted(seed=seed)
    terms = ProtectTerms(D(300), D(600), D(400))
    make = partial(ProtectedStage, SYM, AfterStop(after=after).around(inner), D(1_000), "book", terms)
    straight = Line(make, random.Random(dice))
    written = straight.run(list(messages))
    for restarts in (0.3, 1.0):
        again = Line(make, random.Random(dice + 1), restarts=restarts)
        assert again.run(list(messages)) == written
        assert pack(again.stage.state()) == pack(straight.stage.state())
    stops = [one for one in written if isinstance(one, OrderIntent) and one.leg is Leg.STOP]
    assert len({one.client_order_id for one in stops}) == len(stops)


def test_live_the_gateway_s_report_is_booked_and_what_may_come_after_it_is_the_same() -> None:
    """The exchange fires it within the second bar, on paper that bar does; in both the third one enters again."""
    live = LiveStrategyStage(
        SYM, AfterStop(after="next_bar").around(BasicTaker()), D(100), "book", LiveRules(10**9, 10**9, "flat")
    )
    line, paper = Paper(live), Paper(stage())
    for each in (line, paper):
        each.bar(seen(1, 100, 100))
    held = live.account.position(SYM)
    assert held is not None
    report = ExecutionReport(
        n=2, sym=SYM, ts_event=15, tr=f"v:{SYM}:10:1", tick_n=1, order_n=0, client_order_id="stop" + "a" * 28,
        leg=Leg.STOP, status=OrderStatus.FILLED, last_qty=-held.signed_qty, last_px=D("94.8"), commission=D(0),
        reason=Reason.STOPPED_OUT,
    )  # fmt: skip
    assert line.take(report) == []
    assert live.account.position(SYM) is None
    decided = [of(Decision, each.bar(seen(2, 97, 94)))[0] for each in (line, paper)]
    assert [(one.reason, one.signed_qty, one.booked_n) for one in decided] == [(Reason.STOPPED_OUT, D(0), 2)] * 2
    entered = [of(OrderIntent, each.take(seen(3, 98, 97)))[0] for each in (line, paper)]
    assert [(one.leg, one.price) for one in entered] == [(Leg.OPEN, D(98))] * 2


def test_a_protection_that_is_taken_away_loses_no_message() -> None:
    """Paper that is stopped between a stop's order and its report, and goes on without [strategy.protect]."""
    line = Paper(stage())
    line.bar(seen(1, 100, 100))
    line.take(seen(2, 97, 94))
    other = StrategyStage(SYM, BasicTaker(), D(100), "book")
    other.restore(unpack(pack(line.stage.state())))
    line.stage = other
    assert [decision.prediction_n for decision in of(Decision, line.fill())] == [2]


def test_a_protection_that_comes_later_protects_what_is_held() -> None:
    line = Paper(StrategyStage(SYM, BasicTaker(), D(100), "book"), slippage_bps=100)
    line.bar(seen(1, 100, 100))
    protected = stage()
    protected.restore(unpack(pack(line.stage.state())))
    assert protected.stop.triggers()[StopKind.STOP] == D(101) * D("0.95"), "its decision price is not known any more"
