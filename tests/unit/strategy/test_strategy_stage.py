"""StrategyStage: decisions, orders in flight, booking, gaps, stable ids, and a state that goes on where it stopped."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from services.strategy.order_writer import NAMED, client_order_id
from services.strategy.price_limits import PriceLimits
from services.strategy.stage import StrategyStage
from shared.account import Account, Order
from shared.account.paper_fill import PaperFill
from shared.drift.twin import Costs, Twin, TwinSnapshot
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    GapCause,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    Prediction,
    Reason,
    Stream,
    TimeInForce,
    decode,
    encode,
)
from shared.messages.codec import pack, unpack
from shared.strategies import BasicTaker
from shared.strategies.decider import AnyPrediction
from shared.user_code import WrongDecision

SYM, BOOK = "BTCUSDT", "replay|paper|paper|basic_taker|run1"
Y_HAT = st.one_of(st.floats(-0.1, 0.1), st.sampled_from([0.0, math.nan]))
PREDICTIONS = st.lists(st.tuples(Y_HAT, st.decimals("10", 1_000, places=2)), max_size=12)


def strategy(netting: bool = False, book: str = BOOK) -> StrategyStage:
    return StrategyStage(SYM, BasicTaker(netting=netting), Decimal(100), book)


def paper() -> PaperStage:
    return PaperStage(Decimal("0.0003"), Decimal(0))


def prediction(n: int, y_hat: float = 0.01, price: Decimal | int = 50) -> Prediction:
    return Prediction(
        n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{10 * n}:{n + 3}", tick_n=n + 3, price=Decimal(price), y_hat=y_hat,
        model="m",
    )  # fmt: skip


def decided(stage: StrategyStage, val: Prediction) -> tuple[Decision, list[OrderIntent]]:
    made = stage.on_tick(val)
    assert made is not None
    decision, *orders = made
    assert isinstance(decision, Decision)
    return decision, [order for order in orders if isinstance(order, OrderIntent)]


def test_what_is_decided_anew_at_one_tick_is_a_revision_of_its_order() -> None:
    """An order of the tick missed: the second one of that leg has a name of its own, also after a restart."""
    stage, first = strategy(), prediction(1)
    _, [order] = decided(stage, first)
    for revision in (1, 2):
        missed = {"status": OrderStatus.CANCELED, "last_qty": Decimal(0), "last_px": None}
        stage.on_tick(fills([order], paper())[0].model_copy(update={**missed, "n": revision}))
        restored = strategy()
        restored.restore(unpack(pack(stage.state())))
        again = first.model_copy(update={"n": revision + 1})
        _, [order] = decided(stage, again)
        assert decided(restored, again)[1] == [order]
        assert order.client_order_id == client_order_id(BOOK, first.tr, Leg.OPEN, revision=revision)


def test_however_many_orders_a_tick_has_none_of_them_takes_the_id_of_another() -> None:
    """Decided anew at one tick, behind a restart, too; of earlier ticks some are kept."""
    stage, ids = strategy(), list[str]()
    many = [Order(SYM, Decimal(1), Leg.OPEN) for _ in range(2 * NAMED)]
    for _ in range(2):
        made = stage._intents(many, prediction(1), Origin.TICK)
        ids += [order.client_order_id for order in made if isinstance(order, OrderIntent)]
        stage = restored(stage, False)
    assert len(set(ids)) == len(ids) == 4 * NAMED
    stage._intents(many[:1], prediction(2), Origin.TICK)
    assert stage._writer.named[:-1] == tuple(ids[-NAMED:])


class Astray(BasicTaker):
    """An author's that wants to trade another symbol than it was asked about."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        return [Order("ETHUSDT", Decimal(1))]


def test_what_is_no_decision_for_its_symbol_is_no_order() -> None:
    stage = StrategyStage(SYM, Astray(), Decimal(100), BOOK)
    with pytest.raises(WrongDecision, match="return a list of Order for BTCUSDT, or a Reason"):
        stage.on_tick(prediction(1))


def fills(orders: list[OrderIntent], gateway: PaperStage) -> list[ExecutionReport]:
    return [r for order in orders for r in gateway.on_tick(order) or [] if isinstance(r, ExecutionReport)]


def run(stage: StrategyStage, gateway: PaperStage, predictions: list[Prediction]) -> list[Message]:
    """Everything both of them say, each prediction answered before the next."""
    said: list[Message] = []
    for val in predictions:
        assert stage.ready(val)
        decision, orders = decided(stage, val)
        reports = fills(orders, gateway)
        for report in reports:
            stage.on_tick(report)
        said += [decision, *orders, *reports]
    return said


def test_a_decision_says_what_it_saw_and_what_it_ordered() -> None:
    stage = strategy()
    decision, (order,) = decided(stage, prediction(1))
    assert (decision.n, decision.tick_n, decision.prediction_n, decision.booked_n) == (1, 4, 1, 0)
    assert (decision.y_hat, decision.balance, decision.signed_qty, decision.reason) == (
        0.01,
        Decimal(100),
        Decimal(0),
        None,
    )
    assert decision.orders == (order.client_order_id,)
    assert (order.n, order.leg, order.signed_qty, order.reduce_only) == (1, Leg.OPEN, Decimal(2), False)
    assert (order.price, order.tick_n, order.tr, order.ts_event) == (Decimal(50), 4, f"v:{SYM}:10:4", 10)


def test_predictions_wait_while_orders_are_in_flight_and_reports_never_do() -> None:
    stage, gateway = strategy(), paper()
    run(stage, gateway, [prediction(1)])
    _, orders = decided(stage, prediction(2, y_hat=-0.01))
    close, open_ = fills(orders, gateway)
    assert [order.leg for order in orders] == [Leg.CLOSE, Leg.OPEN]
    assert [order.reduce_only for order in orders] == [True, False]
    gap = Gap(n=3, sym=SYM, ts_event=0, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED)
    for report in (close, open_):
        assert not stage.ready(prediction(3))
        assert not stage.ready(gap)
        assert stage.ready(report)
        stage.on_tick(report)
    assert stage.ready(prediction(3))


def test_the_next_decision_names_the_last_execution_it_knew() -> None:
    stage, gateway = strategy(), paper()
    run(stage, gateway, [prediction(1), prediction(2, y_hat=-0.01)])
    decision, _ = decided(stage, prediction(3))
    assert decision.booked_n == 3
    assert decision.signed_qty < 0
    assert decision.balance < 100  # fees


@pytest.mark.parametrize(
    ("y_hat", "reason", "shown"),
    [(math.nan, Reason.NAN_PREDICTION, None), (0.0, Reason.ZERO_PREDICTION, 0.0)],
)
def test_a_prediction_that_trades_nothing_has_its_reason(y_hat: float, reason: Reason, shown: float | None) -> None:
    stage = strategy()
    decision, orders = decided(stage, prediction(1, y_hat=y_hat))
    assert (decision.reason, decision.orders, decision.y_hat, orders) == (reason, (), shown, [])
    assert stage.ready(prediction(2))
    assert decode(decision.TAG, encode(decision)) == decision


def test_history_is_answered_with_its_reason_and_leaves_the_position_alone() -> None:
    stage = strategy()
    run(stage, paper(), [prediction(1)])
    held = stage.account.position(SYM)
    decision, orders = decided(stage, prediction(2, y_hat=-0.01).model_copy(update={"history": True}))
    assert (decision.reason, decision.orders, orders) == (Reason.HISTORY, (), [])
    assert stage.account.position(SYM) == held
    assert decided(stage, prediction(3, y_hat=-0.01))[1]


@pytest.mark.parametrize("y_hat", [math.inf, -math.inf])
def test_a_decision_on_an_infinite_prediction_can_be_read(y_hat: float) -> None:
    decision, _ = decided(strategy(), prediction(1, y_hat=y_hat))
    assert decode(decision.TAG, encode(decision)) == decision


def test_a_gap_goes_on_to_the_decisions() -> None:
    stage = strategy()
    run(stage, paper(), [prediction(1)])
    gap = Gap(n=9, sym=SYM, ts_event=90, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.FAILED)
    assert stage.on_tick(gap) == [
        Gap(n=2, sym=SYM, ts_event=90, tr="t", stream=Stream.DECISIONS, cause=GapCause.FAILED)
    ]
    decision, _ = decided(stage, prediction(10))
    assert decision.n == 3


def test_an_order_that_was_not_filled_frees_the_symbol_and_books_nothing() -> None:
    stage = strategy()
    _, (order,) = decided(stage, prediction(1))
    report = ExecutionReport(
        n=1, sym=SYM, ts_event=10, tr=order.tr, tick_n=4, order_n=1, client_order_id=order.client_order_id,
        leg=Leg.OPEN, status=OrderStatus.EXPIRED, last_qty=Decimal(0), last_px=None, commission=Decimal(0),
        reason=Reason.END_OF_DATA,
    )  # fmt: skip
    assert stage.on_tick(report) == []
    assert stage.ready(prediction(2))
    assert stage.account.position(SYM) is None
    assert decided(stage, prediction(2))[0].booked_n == 1


def test_an_execution_of_an_order_that_is_not_in_flight_is_refused() -> None:
    stage, gateway = strategy(), paper()
    _, orders = decided(stage, prediction(1))
    (report,) = fills(orders, gateway)
    stage.on_tick(report)
    with pytest.raises(ValueError, match="not in flight"):
        stage.on_tick(report)


def test_order_ids_are_the_same_whenever_the_same_decision_is_made_again() -> None:
    first, again = (run(strategy(), paper(), [prediction(1), prediction(2)]) for _ in range(2))
    assert first == again
    ids = [m.client_order_id for m in first if isinstance(m, OrderIntent)]
    assert len(set(ids)) == len(ids) == 3


def test_order_ids_differ_by_book_tick_and_leg() -> None:
    ids = {client_order_id(book, tr, leg) for book in ("run1", "run2") for tr in ("t:A:1:1", "t:A:1:2") for leg in Leg}
    assert len(ids) == 2 * 2 * len(Leg)
    assert all(len(i) == 32 for i in ids)


@given(PREDICTIONS, st.booleans())
def test_the_books_add_up(made: list[tuple[float, Decimal]], netting: bool) -> None:
    """Equity is the capital, plus each position's move from price to price, less the fees."""
    stage, gateway = strategy(netting), paper()
    predictions = [prediction(n, *values) for n, values in enumerate(made, 1)]
    equity, held, last, fees = Decimal(100), Decimal(0), Decimal(0), Decimal(0)
    for val in predictions:
        equity += held * (val.price - last)
        reports = [m for m in run(stage, gateway, [val]) if isinstance(m, ExecutionReport)]
        for report in reports:
            fees += report.commission
            held += report.last_qty
        last = val.price
        assert stage.equity() == pytest.approx(equity - fees, abs=Decimal("1e-18"))
        assert stage.fees == fees
    position = stage.account.position(SYM)
    assert (position.signed_qty if position else 0) == pytest.approx(held, abs=Decimal("1e-20"))


@given(PREDICTIONS, st.integers(0, 12), st.booleans(), st.integers(0, 2))
def test_restored_is_never_stopped(made: list[tuple[float, Decimal]], cut: int, netting: bool, answered: int) -> None:
    """Also when it is stopped with orders in flight."""
    predictions = [prediction(n, *values) for n, values in enumerate(made, 1)]
    whole, stage, gateway = strategy(netting), strategy(netting), paper()
    expected = run(whole, paper(), predictions)
    said = run(stage, gateway, predictions[:cut])
    if cut < len(predictions):
        decision, orders = decided(stage, predictions[cut])
        reports = fills(orders, gateway)
        for report in reports[:answered]:
            stage.on_tick(report)
        stage = restored(stage, netting)
        for report in reports[answered:]:
            stage.on_tick(report)
        said += [decision, *orders, *reports]
    stage = restored(stage, netting)
    assert said + run(stage, gateway, predictions[cut + 1 :]) == expected
    assert pack(stage.state()) == pack(whole.state())


def restored(stage: StrategyStage, netting: bool) -> StrategyStage:
    other = strategy(netting)
    other.restore(unpack(pack(stage.state())))
    return other


@given(PREDICTIONS, st.booleans())
def test_every_message_goes_over_the_wire(made: list[tuple[float, Decimal]], netting: bool) -> None:
    predictions = [prediction(n, *values) for n, values in enumerate(made, 1)]
    for message in run(strategy(netting), paper(), predictions):
        assert decode(message.TAG, encode(message)) == message


@pytest.mark.parametrize(
    ("field", "value"),
    [("v", None), ("capital", Decimal("NaN")), ("in_flight", [1]), ("fees", 1.0), ("numbers", []), ("unknown", 1)],
)
def test_a_state_that_does_not_fit_is_refused(field: str, value: object) -> None:
    saved = unpack(pack(strategy().state()))
    strategy().restore(saved)
    with pytest.raises(ValueError, match=r"BookSnapshot|numbers"):
        strategy().restore(saved | {field: value})
    with pytest.raises(ValueError, match="BookSnapshot"):
        strategy().restore([])


@pytest.mark.parametrize("leg", [Leg.LIQUIDATION, Leg.FUNDING])
def test_what_a_venue_does_by_itself_is_booked_though_nothing_is_in_flight(leg: Leg) -> None:
    stage, gateway = strategy(), paper()
    run(stage, gateway, [prediction(1)])
    held, balance = stage.account.position(SYM), stage.account.balance()
    assert held is not None
    liquidated = leg is Leg.LIQUIDATION
    report = ExecutionReport(
        n=2, sym=SYM, ts_event=10, tr="venue", tick_n=4, order_n=0, client_order_id="0" * 32, leg=leg,
        status=OrderStatus.FILLED, last_qty=-held.signed_qty if liquidated else Decimal(0),
        last_px=held.price - 1 if liquidated else None, commission=Decimal("0.25"), reason=None,
    )  # fmt: skip
    fees = stage.fees
    assert decode(report.TAG, encode(report)) == report
    assert stage.on_tick(report) == []
    assert stage.fees - fees == Decimal("0.25")
    assert stage.account.position(SYM) == (None if liquidated else held)
    assert stage.account.balance() == balance - (held.signed_qty if liquidated else 0) - Decimal("0.25")
    assert decided(stage, prediction(2))[0].booked_n == 2


# Prices of orders.


def bound(netting: bool = False, **limits: Any) -> StrategyStage:
    return StrategyStage(
        SYM, BasicTaker(netting=netting), Decimal(100), BOOK, limits=PriceLimits(Decimal(50), **limits)
    )


def test_what_adds_is_a_limit_order_and_what_closes_a_market_order() -> None:
    stage = bound()
    run(stage, paper(), [prediction(1)])
    _, (close, opened) = decided(stage, prediction(2, y_hat=-0.01, price=40))
    assert (close.leg, close.type, close.limit_price, close.time_in_force) == (Leg.CLOSE, OrderType.MARKET, None, None)
    assert (opened.leg, opened.type, opened.time_in_force) == (Leg.OPEN, OrderType.LIMIT, TimeInForce.IOC)
    assert (opened.limit_price, opened.after) == (Decimal("39.8"), close.client_order_id)
    for order in (close, opened):
        assert decode(order.TAG, encode(order)) == order


def test_a_turn_of_one_order_is_two_of_which_the_second_waits_for_the_first() -> None:
    stage, whole = bound(netting=True), strategy(netting=True)
    for one in (stage, whole):
        run(one, paper(), [prediction(1)])
    decision, (close, opened) = decided(stage, prediction(2, y_hat=-0.01))
    _, (net,) = decided(whole, prediction(2, y_hat=-0.01))
    assert (close.signed_qty, close.reduce_only, close.after) == (-2, True, None)
    assert (opened.signed_qty, opened.reduce_only, opened.after) == (net.signed_qty + 2, False, close.client_order_id)
    assert decision.orders == (close.client_order_id, opened.client_order_id)
    assert decision.target == opened.signed_qty
    assert not stage.ready(prediction(3))


def test_an_order_that_missed_is_over_and_the_next_prediction_is_decided_anew() -> None:
    stage, dear = bound(), PaperStage(Decimal(0), Decimal(60))
    _, (order,) = decided(stage, prediction(1))
    (report,) = fills([order], dear)
    assert (report.status, report.reason) == (OrderStatus.CANCELED, Reason.BEYOND_LIMIT)
    stage.on_tick(report)
    assert (stage.in_flight, stage.account.position(SYM), stage.account.balance()) == ((), None, 100)
    decision, (again,) = decided(stage, prediction(2))
    assert decision.booked_n == 1
    assert again.client_order_id != order.client_order_id


@given(PREDICTIONS, st.booleans(), st.booleans())
def test_with_limits_the_same_is_traded_where_nothing_misses(
    made: list[tuple[float, Decimal]], netting: bool, reducing: bool
) -> None:
    """Cut in other parts, which no money can tell."""
    predictions = [prediction(n, *values) for n, values in enumerate(made, 1)]
    free, tied = strategy(netting), bound(netting, reducing=reducing)
    for one in (free, tied):
        run(one, paper(), predictions)
    assert tied.equity() == pytest.approx(free.equity(), abs=Decimal("1e-20"))
    assert tied.fees == pytest.approx(free.fees, abs=Decimal("1e-20"))


class Picky(BasicTaker):
    """An author's that takes no price worse than the decision's, at some predictions."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        made = super().decide(prediction, account)
        if isinstance(made, Reason) or abs(prediction.y_hat) > 0.05:
            return made
        return [Order(SYM, order.signed_qty, order.leg, limit_price=prediction.price) for order in made]


@given(PREDICTIONS, st.booleans(), st.booleans())
def test_the_paper_twin_holds_what_paper_holds_also_where_an_order_misses(
    made: list[tuple[float, Decimal]], netting: bool, reducing: bool
) -> None:
    """At an assumed slippage of 2 bps, which an author's limit may not let through."""
    slip = Decimal(2)
    fill = PaperFill(Decimal(0), slip)
    limits = PriceLimits(Decimal(50), reducing=reducing, fill=fill)
    stage = StrategyStage(SYM, Picky(netting=netting), Decimal(100), BOOK, limits=limits)
    venue, twin, missed = PaperStage(Decimal(0), slip), Twin(SYM, Costs(0.0, float(slip), not netting)), 0
    for n, values in enumerate(made, 1):
        val = prediction(n, *values)
        decision, orders = decided(stage, val)
        for one in (val, decision):
            twin.on_tick(one)
        for report in fills(orders, venue):
            missed += report.reason is Reason.BEYOND_LIMIT
            stage.on_tick(report)
        position = stage.account.position(SYM)
        held = 0 if position is None else 1 if position.signed_qty > 0 else -1
        state = twin.state()
        assert isinstance(state, TwinSnapshot)
        assert state.side == held
    event("some missed" if missed else "none missed")


@pytest.mark.parametrize(("price", "left"), [("99.99995", "0.0001"), ("99.999949", "0.000102")])
def test_what_is_left_of_a_millionth_of_the_capital_is_no_equity(price: str, left: str) -> None:
    """A short of all the money at 50, and the price all but doubles. Of the millionth only the way out is taken."""
    stage, venue = strategy(), PaperStage(Decimal(0), Decimal(0))
    legs: list[list[Leg]] = []
    reasons: list[Reason | None] = []
    for n, at in enumerate(("50", price, price), 1):
        decision, *orders = stage.on_tick(prediction(n, -0.01, Decimal(at))) or []
        assert isinstance(decision, Decision)
        reasons.append(decision.reason)
        legs.append([order.leg for order in orders if isinstance(order, OrderIntent)])
        for order in orders:
            stage.on_tick((venue.on_tick(order) or [])[0])
    assert stage.account.balance() == Decimal(left)
    both = [Leg.CLOSE, Leg.OPEN]
    if left == "0.0001":
        assert (legs, reasons) == ([[Leg.OPEN], [Leg.CLOSE], []], [None, None, Reason.NO_EQUITY])
    else:
        assert (legs, reasons) == ([[Leg.OPEN], both, both], [None, None, None])
