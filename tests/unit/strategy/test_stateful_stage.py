"""The stage drives a strategy with a memory: the order of its calls, who waits, and what every message leaves."""

import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from services.strategy.order_writer import client_order_id
from services.strategy.stage import StrategyStage
from shared.account import Account, Order
from shared.bar import Bar
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    Leg,
    Message,
    OrderIntent,
    Origin,
    Prediction,
    Reason,
)
from shared.messages.codec import decode, encode, pack, unpack
from shared.messages.market import BarGroup
from shared.strategies import (
    AnyPrediction,
    AnyStrategy,
    BasicTaker,
    CoolDown,
    Decider,
    Made,
    StatefulStrategy,
    TrailingStop,
)
from shared.user_code import WrongDecision
from shared.user_code.hash import decided_by
from tests.unit.strategy.noted import SYM, Line, Noted, gap, prediction


def stage(strategy: AnyStrategy, **given: Any) -> StrategyStage:
    return StrategyStage(SYM, strategy, Decimal(100), "book", **given)


def strategy_of(made: StrategyStage) -> Any:
    return made._stateful


def decisions(written: list[Message] | None) -> list[tuple[int, Origin, Reason | None, int]]:
    return [(d.prediction_n, d.origin, d.reason, len(d.orders)) for d in written or () if isinstance(d, Decision)]


def orders(written: list[Message] | None) -> list[OrderIntent]:
    return [one for one in written or () if isinstance(one, OrderIntent)]


def fills(made: list[OrderIntent]) -> list[ExecutionReport]:
    venue = PaperStage(Decimal(0), Decimal(0))
    return [r for order in made for r in venue.on_tick(order) or [] if isinstance(r, ExecutionReport)]


# The order of the calls.


def test_on_tick_comes_first_then_on_prediction_where_there_is_a_y_hat() -> None:
    made = stage(Noted(quiet=True))
    bar = BarGroup(open=50.0, high=52.0, low=49.0, volume=1.0)
    made.on_tick(prediction(1, None))
    made.on_tick(prediction(2, 0.01, bar=bar))
    assert [note.split(" 0 ")[0] for note in strategy_of(made).notes()] == [
        "tick 10 None",
        "tick 20 52.0",
        "prediction 2 0.01",
    ]


def test_a_gap_is_told_before_the_next_tick_the_last_of_several() -> None:
    made = stage(Noted(quiet=True))
    for message in (gap(1), gap(2), prediction(3, None)):
        assert isinstance((made.on_tick(message) or [])[0], Gap if isinstance(message, Gap) else Decision)
    assert [note.split(" ")[:2] for note in strategy_of(made).notes()] == [["gap", "2"], ["tick", "30"]]


class Scripted(StatefulStrategy):
    """Answers with what its class attributes say."""

    ticked: Any = None
    predicted: Any = None
    told: Any = None

    def on_tick(self, bar: Bar) -> Made:
        return self.ticked() if callable(self.ticked) else self.ticked  # type: ignore[no-any-return]

    def on_prediction(self, prediction: Prediction) -> Made:
        return self.predicted() if callable(self.predicted) else self.predicted  # type: ignore[no-any-return]

    def on_execution(self, report: ExecutionReport) -> None:
        return self.told  # type: ignore[no-any-return]

    def on_gap(self, gap: Gap) -> None:
        return self.told  # type: ignore[no-any-return]


def buy(qty: int = 1, leg: Leg = Leg.OPEN, sym: str = SYM) -> Callable[[], list[Order]]:
    return lambda: [Order(sym, Decimal(qty), leg)]


@pytest.mark.parametrize(
    ("ticked", "predicted", "y_hat", "left"),
    [
        (None, None, 0.01, (Origin.PREDICTION, Reason.NO_CHANGE, 0)),
        (None, buy(), 0.01, (Origin.PREDICTION, None, 1)),
        (None, Reason.STOPPED, 0.01, (Origin.PREDICTION, Reason.STOPPED, 0)),
        (Reason.WARMING_UP, buy(), 0.01, (Origin.PREDICTION, None, 1)),
        (None, buy(), None, (Origin.TICK, Reason.NO_PREDICTION, 0)),
        (Reason.WARMING_UP, buy(), None, (Origin.TICK, Reason.WARMING_UP, 0)),
        (buy(), buy(), None, (Origin.TICK, None, 1)),
        (buy(), buy(), 0.01, (Origin.TICK, None, 1)),  # the prediction waits until that order is done
    ],
)
def test_every_message_leaves_one_decision(ticked: Any, predicted: Any, y_hat: float | None, left: Any) -> None:
    made = stage(Scripted(ticked=ticked, predicted=predicted))
    written = made.on_tick(prediction(1, y_hat))
    assert decisions(written) == [(1, *left)]
    assert [order.origin for order in orders(written)] == [left[0]] * left[2]
    for message in written or ():
        assert decode(message.TAG, encode(message)) == message


def test_orders_in_a_list_of_another_kind_are_orders() -> None:
    class Several(list[Order]):
        pass

    made = stage(Scripted(ticked=lambda: Several(buy(1)()), predicted=None))
    assert decisions(made.on_tick(prediction(1))) == [(1, Origin.TICK, None, 1)]


def test_a_prediction_whose_tick_gave_orders_is_decided_on_when_they_are_done() -> None:
    made = stage(Scripted(ticked=buy(1), predicted=buy(2)))
    (first,) = orders(made.on_tick(prediction(1)))
    assert not made.ready(prediction(2))
    (report,) = fills([first])
    written = made.on_tick(report)
    assert decisions(written) == [(1, Origin.PREDICTION, None, 1)]
    decision = (written or [])[0]
    assert isinstance(decision, Decision)
    assert (decision.booked_n, decision.signed_qty, decision.target) == (1, 1, 3)
    (second,) = orders(written)
    assert (second.tr, second.price) == (first.tr, first.price)
    assert second.client_order_id != first.client_order_id
    assert not made.ready(prediction(2))


@pytest.mark.parametrize(
    ("ticked", "predicted", "y_hat", "reason", "target"),
    [
        (buy(2), None, 0.01, Reason.HISTORY, 2),
        (None, buy(2), 0.01, Reason.HISTORY, None),
        (Reason.WARMING_UP, buy(2), None, Reason.HISTORY, None),
    ],
)
def test_history_warms_the_memory_and_trades_nothing(
    ticked: Any, predicted: Any, y_hat: float | None, reason: Reason, target: int | None
) -> None:
    made = stage(Scripted(ticked=ticked, predicted=predicted))
    (decision,) = made.on_tick(prediction(1, y_hat, history=True)) or []
    assert isinstance(decision, Decision)
    assert (decision.reason, decision.orders, decision.target) == (reason, (), target)
    assert made.ready(prediction(2))
    noted = stage(Noted(quiet=True))
    noted.on_tick(prediction(1, history=True))
    assert [note.split(" ")[0] for note in strategy_of(noted).notes()] == ["tick"]


@pytest.mark.parametrize(
    ("strategy", "reason", "target"),
    [
        (Scripted(predicted=Reason.BELOW_THRESHOLD), Reason.BELOW_THRESHOLD, 0),  # the position stays
        (Scripted(predicted=buy(3)), None, 3),
        (BasicTaker(), None, Decimal(100) / 51),
    ],
)
def test_a_decision_says_the_target_also_without_an_order(
    strategy: AnyStrategy, reason: Reason | None, target: Decimal
) -> None:
    decision = (stage(strategy).on_tick(prediction(1)) or [])[0]
    assert isinstance(decision, Decision)
    assert (decision.reason, decision.target) == (reason, target)


class Careless(Decider):
    """Sells where a prediction is not above 0; so it would on NaN."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        return [Order(SYM, Decimal(1 if prediction.y_hat > 0 else -1))]


@pytest.mark.parametrize("y_hat", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("strategy", [Careless(), Scripted(predicted=buy()), CoolDown(ticks=1).around(Careless())])
def test_what_is_no_number_is_nobodys_to_trade(strategy: AnyStrategy, y_hat: float) -> None:
    made = stage(strategy)
    (decision,) = made.on_tick(prediction(1, y_hat)) or []
    assert isinstance(decision, Decision)
    assert (decision.reason, decision.target) == (Reason.NAN_PREDICTION, None)
    assert orders(made.on_tick(prediction(2)))


# Wrong decisions.


@pytest.mark.parametrize(
    ("strategy", "message", "said"),
    [
        (Scripted(ticked=buy(sym="ETHUSDT")), prediction(1), "return a list of Order for BTCUSDT, or a Reason"),
        (Scripted(ticked="BUY"), prediction(1), "it returned 'BUY'"),
        (Scripted(predicted=(1, 2)), prediction(1), "return a list of Order"),
        (CoolDown(ticks=1).around(Scripted(predicted=buy(sym="ETHUSDT"))), prediction(1), "Order for BTCUSDT"),
        (TrailingStop(distance=0.1).around(Scripted(ticked=5)), prediction(1), "it returned 5"),
    ],
)
def test_what_is_no_decision_is_refused(strategy: StatefulStrategy, message: Message, said: str) -> None:
    with pytest.raises(WrongDecision, match=said) as wrong:
        stage(strategy).on_tick(message)
    assert wrong.value.place.file == __file__


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_gives_no_orders_may_return_nothing(wrapped: bool) -> None:
    strategy: StatefulStrategy = Scripted(ticked=buy(), told=[Order(SYM, Decimal(1))])
    made = stage(CoolDown(ticks=1).around(strategy) if wrapped else strategy)
    (order,) = orders(made.on_tick(prediction(1, None)))
    with pytest.raises(WrongDecision, match="it gives no orders; on_tick and on_prediction do") as wrong:
        made.on_tick(fills([order])[0])
    assert wrong.value.place.function == "on_execution"
    made = stage(CoolDown(ticks=1).around(strategy) if wrapped else strategy)
    made.on_tick(gap(1))
    with pytest.raises(WrongDecision, match="it gives no orders") as wrong:
        made.on_tick(prediction(2, None))
    assert wrong.value.place.function == "on_gap"


# Names of orders.


def test_a_stop_and_a_decision_of_one_tick_have_different_ids() -> None:
    ids = {
        client_order_id("book", "v:A:1:1", leg, origin, k, revision)
        for leg in (Leg.CLOSE, Leg.OPEN)
        for origin in Origin
        for k in range(3)
        for revision in range(2)
    }
    assert len(ids) == 2 * 2 * 3 * 2


def test_the_first_order_of_a_leg_of_a_prediction_has_the_id_that_it_had_before() -> None:
    """So a decision that is made again by a newer version sends nothing twice."""
    made = stage(BasicTaker())
    (opened,) = orders(made.on_tick(prediction(1)))
    for report in fills([opened]):
        made.on_tick(report)
    close, opened = orders(made.on_tick(prediction(2)))
    assert close.client_order_id == client_order_id("book", close.tr, Leg.CLOSE)
    assert opened.client_order_id == client_order_id("book", close.tr, Leg.OPEN)
    twice = stage(Scripted(ticked=lambda: [*buy()(), *buy()()]))
    first, second = orders(twice.on_tick(prediction(1)))
    assert first.client_order_id != second.client_order_id


def test_orders_say_who_decided() -> None:
    made = stage(BasicTaker(), by="1234")
    said = prediction(1)
    assert [order.by for order in orders(made.on_tick(said))] == [decided_by("1234", said.model)]


@pytest.mark.parametrize("qty", [Decimal.from_float(0.013), Decimal.from_float(1e-9), Decimal("1.1") ** 40])
def test_a_quantity_of_any_length_can_be_read_again(qty: Decimal) -> None:
    """A Decimal of a float has up to 80 digits and more; the wire would not have given it back."""
    made = stage(Scripted(predicted=lambda: [Order(SYM, qty)]))
    written = made.on_tick(prediction(1))
    for message in written or ():
        assert decode(message.TAG, encode(message)) == message
    (order,) = orders(written)
    assert order.signed_qty == +qty
    for report in fills([order]):
        made.on_tick(report)
    again = stage(Scripted())
    again.restore(unpack(pack(made.state())))
    assert again.state() == made.state()


@pytest.mark.parametrize("qty", [Decimal("1e-200"), Decimal("-1e200")])
def test_what_is_no_quantity_is_refused(qty: Decimal) -> None:
    with pytest.raises(WrongDecision, match="return a list of Order"):
        stage(Scripted(predicted=lambda: [Order(SYM, qty)])).on_tick(prediction(1))


def test_a_quantity_has_its_step() -> None:
    made = stage(BasicTaker(netting=True), qty_step=Decimal("0.1"))
    (order,) = orders(made.on_tick(prediction(1)))
    assert order.signed_qty == Decimal("1.9")  # 100 / 51 = 1.96
    for report in fills([order]):
        made.on_tick(report)
    (decision,) = made.on_tick(prediction(2, price=Decimal("51.5"))) or []
    assert isinstance(decision, Decision)
    assert (decision.reason, decision.target) == (Reason.NO_CHANGE, Decimal("1.9"))


def test_what_is_restored_has_nothing_of_what_was_tried_before() -> None:
    """An entry on which the author's code failed is tried again from the state before it."""
    made, plain = stage(Noted(quiet=True)), stage(BasicTaker())
    made.on_tick(prediction(1))
    made.restore(stage(Noted(quiet=True)).state())
    assert strategy_of(made).notes() == []
    made.on_tick(prediction(1))
    made.restore(plain.state())  # the strategy of then had no memory
    assert strategy_of(made).notes() == []


# Whatever the timing.

MARKET = st.lists(st.sampled_from(("y_hat", "y_hat", "none", "history", "gap")), max_size=12)


def market(kinds: list[str]) -> list[Message]:
    made: list[Message] = []
    for n, kind in enumerate(kinds, 1):
        made.append(
            gap(n) if kind == "gap" else prediction(n, None if kind == "none" else 0.01, history=kind == "history")
        )
    return made


@given(MARKET, st.integers(0, 5), st.integers(), st.booleans())
def test_the_same_is_decided_for_any_timing_and_for_restarts_anywhere(
    kinds: list[str], seed: int, luck: int, wrapped: bool
) -> None:
    def make() -> StrategyStage:
        strategy: StatefulStrategy = Noted(seed=seed)
        if wrapped:
            strategy = CoolDown(ticks=1).around(TrailingStop(distance=0.02).around(strategy))
        return stage(strategy)

    prompt, late = Line(make, random.Random(0)), Line(make, random.Random(luck), restarts=0.3)
    said = prompt.run(market(kinds))
    assert late.run(market(kinds)) == said
    assert late.stage.state() == prompt.stage.state()
    answered = [d.prediction_n for d in said if isinstance(d, Decision)]
    assert answered == sorted(answered)
    assert set(answered) == {n for n, kind in enumerate(kinds, 1) if kind != "gap"}
    ids = [order.client_order_id for order in orders(said)]
    assert len(ids) == len(set(ids))
