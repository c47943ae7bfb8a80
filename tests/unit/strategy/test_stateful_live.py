"""A strategy with a memory on a live market: its ticks never wait, its predictions do, and nothing is decided twice."""

import random
from collections import deque
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.execution.records import content_of
from services.gateway.paper import PaperStage
from services.strategy.live_stage import LiveRules, LiveStrategySnapshot, LiveStrategyStage
from services.strategy.price_limits import PriceLimits
from shared.account import Order
from shared.bar import Bar
from shared.messages import (
    Decision,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    Reason,
)
from shared.messages.codec import pack, unpack
from shared.record import at_wire
from shared.strategies import BasicTaker, Made, StatefulStrategy, TrailingStop
from tests.unit.strategy.noted import SYM, Noted, gap, prediction
from tests.unit.strategy.test_stateful_stage import Scripted, buy, decisions, fills, orders, strategy_of

RULES = LiveRules(valid_ns=5, stale_ns=40, on_missing="hold")
FLAT = RULES._replace(on_missing="flat")


def live(strategy: StatefulStrategy, rules: LiveRules = RULES) -> LiveStrategyStage:
    return LiveStrategyStage(SYM, strategy, Decimal(100), "live", rules)


def test_on_tick_runs_at_once_and_what_it_wants_while_orders_are_in_flight_is_not_sent() -> None:
    made = live(Scripted(ticked=buy(1)))
    assert decisions(made.on_tick(prediction(1, None))) == [(1, Origin.TICK, None, 1)]
    written = made.on_tick(prediction(2, None))
    assert decisions(written) == [(2, Origin.TICK, Reason.IN_FLIGHT, 0)]
    decision = (written or [])[0]
    assert isinstance(decision, Decision)
    assert decision.target == 1  # what it wanted
    assert decisions(made.on_tick(prediction(3, 0.01))) == [(3, Origin.TICK, Reason.IN_FLIGHT, 0)]  # and it waits
    assert decisions(made.on_tick(prediction(4, history=True))) == [(4, Origin.TICK, Reason.HISTORY, 0)]


def test_a_prediction_may_be_taken_up_behind_later_ticks_and_leaves_a_second_decision() -> None:
    made = live(Noted(seed=0, quiet=True))
    first = live(Scripted(predicted=buy(1)))  # what puts an order in flight
    (order,) = orders(first.on_tick(prediction(1)))
    made._in_flight = [order.client_order_id]
    assert decisions(made.on_tick(prediction(2))) == [(2, Origin.TICK, Reason.WAITING, 0)]
    assert decisions(made.on_tick(prediction(3, None))) == [(3, Origin.TICK, Reason.NO_CHANGE, 0)]
    written = made.on_tick(fills([order])[0])
    assert decisions(written) == [(2, Origin.PREDICTION, Reason.NO_CHANGE, 0)]
    calls = [note.split(" ")[:2] for note in strategy_of(made).notes()]
    assert calls == [["tick", "20"], ["tick", "30"], ["execution", "1"], ["prediction", "2"]]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_stop_does_not_wait_for_an_entry_and_goes_once_at_a_time(stopped: bool) -> None:
    """Nobody may know for long what became of that entry; it is closed when it is known."""

    def stop_around() -> LiveStrategyStage:
        return live(TrailingStop(distance=0.1).around(Scripted(predicted=buy(1))))

    made = stop_around()
    (first,) = orders(made.on_tick(prediction(1, price=Decimal(100))))
    made.on_tick(fills([first])[0])
    (entry,) = orders(made.on_tick(prediction(2, price=Decimal(100))))  # adds one more, and is slow
    written = made.on_tick(prediction(3, 0.01, price=Decimal(90)))
    (stop,) = orders(written)
    assert decisions(written) == [(3, Origin.TICK, None, 1)]
    assert (stop.signed_qty, stop.reduce_only, stop.type) == (-1, True, OrderType.MARKET)
    assert set(made.in_flight) == {entry.client_order_id, stop.client_order_id}
    if stopped:
        again = stop_around()
        again.restore(unpack(pack(made.state())))
        made = again
    assert orders(made.on_tick(prediction(4, None, price=Decimal(89)))) == [], "one stop is under way"
    assert made.on_tick(fills([entry])[0]) == []
    (rest,) = orders(made.on_tick(fills([stop])[0]))  # the prediction that waited is answered with it
    assert (rest.signed_qty, rest.reduce_only) == (-1, True)


def test_of_what_turns_a_position_only_the_way_out_passes_an_order_in_flight() -> None:
    made = live(Scripted(ticked=buy(2)))
    (entry,) = orders(made.on_tick(prediction(1, None)))
    made.on_tick(fills([entry])[0])
    made._in_flight = ["f" * 32]  # an entry whose answer was lost
    strategy_of(made).__dict__["ticked"] = [Order(SYM, Decimal(-5), Leg.NET)]
    written = made.on_tick(prediction(2, None))
    (out,) = orders(written)
    assert (out.leg, out.signed_qty, out.reduce_only) == (Leg.CLOSE, Decimal(-2), True)
    decision = (written or [])[0]
    assert isinstance(decision, Decision)
    assert (decision.orders, decision.target) == ((out.client_order_id,), 0)


def test_what_a_missing_prediction_leads_out_of_does_not_wait_for_an_entry() -> None:
    made = live(Scripted(ticked=buy(2)), FLAT)
    (entry,) = orders(made.on_tick(prediction(1, None)))
    made.on_tick(fills([entry])[0])
    made._in_flight = ["f" * 32]
    (out,) = orders(made.on_tick(gap(2)))
    assert (out.signed_qty, out.reduce_only, out.valid_until) == (-2, True, 0)
    assert orders(made.on_tick(gap(3))) == [], "it is under way"
    refused = fills([out])[0].model_copy(update={"status": OrderStatus.REJECTED, "last_qty": Decimal(0)})
    made.on_tick(refused.model_copy(update={"last_px": None}))
    (once_more,) = orders(made.on_tick(prediction(4, None)))
    assert once_more.signed_qty == -2


def held_long(qty: int = 2, rules: LiveRules = RULES, **given: Any) -> LiveStrategyStage:
    """A stage that holds, and has an entry in flight whose answer was lost."""
    made = LiveStrategyStage(SYM, Scripted(ticked=buy(qty)), Decimal(100), "live", rules, **given)
    (entry,) = orders(made.on_tick(prediction(1, None)))
    made.on_tick(fills([entry])[0])
    made._in_flight = ["f" * 32]
    return made


def test_a_close_of_which_nothing_is_heard_keeps_the_next_away_for_a_while_and_each_for_twice_as_long() -> None:
    """The gateway lets no more through than reduces; without a bound nothing would ever close."""
    made = held_long(rules=RULES._replace(again_ns=30))
    strategy_of(made).__dict__["ticked"] = buy(-2, Leg.CLOSE)
    sent = list[int]()
    for n in range(2, 30):
        again = live(Scripted(), RULES._replace(again_ns=30))
        again.restore(unpack(pack(made.state())))
        strategy_of(again).__dict__["ticked"] = buy(-2, Leg.CLOSE)
        made = again
        sent += [n for _ in orders(made.on_tick(prediction(n, None)))]
    assert sent == [2, 5, 11, 23], "10 ns from tick to tick: 30, 60, 120 ns"
    assert len(made.in_flight) == 5
    for name in made.in_flight[1:]:
        ended = report_of(name)
        made.on_tick(ended)
    assert len(orders(made.on_tick(prediction(30, None)))) == 1, "they have ended: one goes at once"


def test_a_gap_and_what_follows_it_close_again_likewise() -> None:
    made = held_long(rules=FLAT._replace(again_ns=30))
    assert [n for n in range(2, 12) for _ in orders(made.on_tick(gap(n)))] == [2, 5, 11]
    made = held_long(rules=FLAT._replace(again_ns=30))
    made.on_tick(gap(2))
    closes = [order for n in range(3, 9) for order in orders(made.on_tick(prediction(n, None)))]
    assert [order.ts_event for order in closes] == [50]
    assert [(order.signed_qty, order.valid_until, order.limit_price) for order in closes] == [(-2, 0, None)]


def report_of(name: str) -> ExecutionReport:
    """It ended with nothing filled."""
    return ExecutionReport(
        n=99, sym=SYM, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=name, leg=Leg.CLOSE,
        status=OrderStatus.EXPIRED, last_qty=Decimal(0), last_px=None, commission=Decimal(0), reason=None,
    )  # fmt: skip


@pytest.mark.parametrize("leg", [Leg.OPEN, Leg.NET])
def test_an_order_of_any_leg_against_the_position_is_a_close_under_way(leg: Leg) -> None:
    """A flip that nothing splits closes as well; beside it another close could let it open more."""
    made = held_long(3, RULES._replace(again_ns=30))
    made._in_flight = []
    strategy_of(made).__dict__["ticked"] = buy(-5, leg)
    (flip,) = orders(made.on_tick(prediction(2, None)))
    assert not flip.reduce_only
    strategy_of(made).__dict__["ticked"] = buy(-3, Leg.CLOSE)
    assert orders(made.on_tick(prediction(3, None))) == []
    assert len(orders(made.on_tick(prediction(5, None)))) == 1


def test_of_a_snapshot_from_before_wire_5_each_order_in_flight_may_be_a_close() -> None:
    made = held_long(rules=RULES._replace(again_ns=30))
    made.on_tick(prediction(2, 0.01))
    saved = at_wire(LiveStrategySnapshot.of(unpack(pack(made.state()))), 4)
    assert "closing" not in saved
    again = live(Scripted(ticked=buy(-2, Leg.CLOSE)), RULES._replace(again_ns=30))
    again.restore(unpack(pack(saved)))
    assert orders(again.on_tick(prediction(3, None))) == []
    assert len(orders(again.on_tick(prediction(5, None)))) == 1


@pytest.mark.parametrize("in_flight", [True, False])
def test_what_a_gap_leads_out_of_goes_at_any_price_and_any_time(in_flight: bool) -> None:
    made = held_long(rules=FLAT, limits=PriceLimits(Decimal(50), reducing=True))
    if not in_flight:
        made._in_flight = []
    made._missing = True
    (out,) = orders(made.on_tick(prediction(2, None)))
    assert (out.signed_qty, out.type, out.limit_price, out.time_in_force, out.valid_until) == (
        -2, OrderType.MARKET, None, None, 0,
    )  # fmt: skip


@pytest.mark.parametrize("most", [Decimal(50), None])
def test_while_an_older_tickline_takes_part_nothing_is_sent_that_adds_within_a_limit(most: Decimal | None) -> None:
    """Its wire has no word for the limit: the order would go out at any price. What reduces may."""
    made = LiveStrategyStage(SYM, Scripted(ticked=buy(2)), Decimal(100), "live", RULES, limits=PriceLimits(most))
    made.takes_limits = False
    written = made.on_tick(prediction(1, None))
    if most is None:
        assert len(orders(written)) == 1, "no limit is lost"
        return
    assert decisions(written) == [(1, Origin.TICK, Reason.NO_LIMIT_PRICE, 0)]
    decision = (written or [])[0]
    assert isinstance(decision, Decision)
    assert decision.target == 2, "what it wanted"
    made.takes_limits = True
    (entry,) = orders(made.on_tick(prediction(2, None)))
    made.on_tick(fills([entry])[0])
    made.takes_limits = False
    strategy_of(made).__dict__["ticked"] = buy(-5, Leg.NET)
    (out,) = orders(made.on_tick(prediction(3, None)))
    assert (out.signed_qty, out.reduce_only, out.limit_price) == (-2, True, None)


def test_while_an_older_tickline_takes_part_what_reduces_goes_at_any_price() -> None:
    """As the older one would send it; so the same order has the same content for whoever reads it."""
    made = held_long(limits=PriceLimits(Decimal(50), reducing=True))
    made.takes_limits = False
    strategy_of(made).__dict__["ticked"] = buy(-2, Leg.CLOSE)
    (out,) = orders(made.on_tick(prediction(2, None)))
    assert (out.signed_qty, out.type, out.limit_price) == (-2, OrderType.MARKET, None)
    assert content_of(out) == content_of(OrderIntent.model_validate(at_wire(out, 4)))


def test_what_waited_since_before_a_stop_does_not_enter_again_behind_it() -> None:
    made = live(TrailingStop(distance=0.1).around(BasicTaker()))
    (entry,) = orders(made.on_tick(prediction(1, price=Decimal(100))))
    made.on_tick(fills([entry])[0])
    (stop,) = orders(made.on_tick(prediction(2, 0.01, price=Decimal(80))))  # it fires, and the prediction waits
    assert decisions(made.on_tick(prediction(3, None, price=Decimal(79)))) == [(3, Origin.TICK, Reason.IN_FLIGHT, 0)]
    assert decisions(made.on_tick(fills([stop])[0])) == [(2, Origin.PREDICTION, Reason.STOPPED, 0)]
    assert len(orders(made.on_tick(prediction(4, 0.01, price=Decimal(79))))) == 1  # the next may enter


class Entering(StatefulStrategy):
    """Wants to be long at every tick."""

    def on_tick(self, bar: Bar) -> Made:
        return None if self.held() else self.move_to(Decimal(1))


@pytest.mark.parametrize(("model", "entries"), [("m", 1), ("", 10)])
def test_out_of_the_market_it_stays_until_the_model_predicts_again(model: str, entries: int) -> None:
    """A tick without a group that the model needs is a gap each time: entering at each would pay for each."""
    made, sent = live(Entering(), FLAT), list[OrderIntent]()
    for n in range(1, 11):
        for message in (prediction(2 * n, None, model=model), gap(2 * n + 1)):
            written = orders(made.on_tick(message))
            sent += written
            again = live(Entering(), FLAT)
            again.restore(unpack(pack(made.state())))
            made = again
            for report in fills(written):
                made.on_tick(report)
    assert [order.signed_qty for order in sent] == [1, -1] * entries
    (entry,) = orders(made.on_tick(prediction(30, 0.0)))
    assert entry.signed_qty == 1


def test_what_the_gap_could_not_close_a_later_tick_closes() -> None:
    made = live(Entering(), FLAT)
    (entry,) = orders(made.on_tick(prediction(1, None)))
    made.on_tick(prediction(2, 0.01))  # waits
    assert decisions(made.on_tick(gap(3))) == [(2, Origin.PREDICTION, Reason.SUPERSEDED, 0)]
    assert made.on_tick(fills([entry])[0]) == []
    (close,) = orders(made.on_tick(prediction(4, None)))
    assert (close.signed_qty, close.reduce_only) == (-1, True)
    refused = fills([close])[0].model_copy(update={"status": OrderStatus.REJECTED, "last_qty": Decimal(0)})
    made.on_tick(refused.model_copy(update={"last_px": None}))
    (once_more,) = orders(made.on_tick(prediction(5, None)))
    assert (once_more.signed_qty, once_more.client_order_id != close.client_order_id) == (-1, True)


MARKET = st.lists(st.sampled_from(("y_hat", "y_hat", "none", "history", "gap", "fill", "fill", "late")), max_size=25)


@given(MARKET, st.integers(0, 5), st.integers(), st.sampled_from(("flat", "hold")))
def test_each_tick_is_taken_once_in_order_and_each_prediction_answered_at_most_once(
    kinds: list[str], seed: int, luck: int, on_missing: str
) -> None:
    rules = RULES._replace(on_missing=on_missing)  # type: ignore[arg-type]
    whole, parts = live(Noted(seed=seed), rules), live(Noted(seed=seed), rules)
    dice, venue, due = random.Random(luck), PaperStage(Decimal("0.001"), Decimal(0)), deque[Message]()
    said: list[Message] = []
    took: list[int] = []
    for n, kind in enumerate(kinds, 1):
        if kind in ("fill", "late"):
            if not due:
                continue
            message = due.popleft().model_copy(update={"ts_event": 10 * n + (100 if kind == "late" else 0)})
        elif kind == "gap":
            message = gap(n)
        else:
            message = prediction(n, None if kind == "none" else 0.01, history=kind == "history")
            took.append(n)
        if dice.random() < 0.3:
            again = live(Noted(seed=seed), rules)
            again.restore(unpack(pack(parts.state())))
            parts = again
        written = whole.on_tick(message) or []
        assert (parts.on_tick(message) or []) == written
        said += written
        for one in written:
            if isinstance(one, OrderIntent):
                due += venue.on_tick(one) or []
    made = [one for one in said if isinstance(one, Decision) and ":missing:" not in one.tr]
    first: dict[int, Decision] = {}
    later: dict[int, Decision] = {}
    for decision in made:
        where = later if decision.prediction_n in first else first
        assert decision.prediction_n not in where
        where[decision.prediction_n] = decision
    assert list(first) == took
    notes = [note.split(" ")[:2] for note in strategy_of(whole).notes()]
    assert [int(at) // 10 for call, at in notes if call == "tick"] == took
    asked = [int(n) for call, n in notes if call == "prediction"]
    assert asked == sorted(set(asked))
    own = {n for n, decision in (first | later).items() if decision.origin is Origin.PREDICTION}
    assert set(asked) == {
        n
        for n in own
        if (later.get(n) or first[n]).reason not in (Reason.SUPERSEDED, Reason.STALE_PREDICTION, Reason.HISTORY)
    }
    ids = [order.client_order_id for order in orders(said)]
    assert len(ids) == len(set(ids))
