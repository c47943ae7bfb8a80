"""The strategy's stage on a live market: who waits, for how long, and what is booked."""

from decimal import Decimal

import pytest

from services.gateway.paper import PaperStage
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    GapCause,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    Prediction,
    Reason,
    Stream,
)
from shared.messages.codec import pack, unpack
from shared.strategies import BasicTaker

SYM = "BTCUSDT"
RULES = LiveRules(valid_ns=5, stale_ns=20, on_missing="flat")


def stage(rules: LiveRules = RULES) -> LiveStrategyStage:
    return LiveStrategyStage(SYM, BasicTaker(), Decimal(100), "live", rules)


def prediction(n: int, y_hat: float = 0.01) -> Prediction:
    return Prediction(
        n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{10 * n}:{n}", tick_n=n, price=Decimal(50), y_hat=y_hat, model="m"
    )


def gap(n: int) -> Gap:
    return Gap(
        n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{10 * n}:{n}", stream=Stream.PREDICTIONS, cause=GapCause.MISSED
    )


def orders(made: list[Message] | None) -> list[OrderIntent]:
    return [one for one in made or () if isinstance(one, OrderIntent)]


def reasons(made: list[Message] | None) -> list[tuple[int, Reason | None]]:
    return [(one.prediction_n, one.reason) for one in made or () if isinstance(one, Decision)]


class Venue:
    """Fills what it is given, at a time of its own."""

    def __init__(self) -> None:
        self._paper = PaperStage(Decimal(0), Decimal(0))

    def fill(self, order: OrderIntent, at: int) -> ExecutionReport:
        made = self._paper.on_tick(order)
        assert made is not None
        report = made[0].model_copy(update={"ts_event": at})
        assert isinstance(report, ExecutionReport)
        return report


def test_the_newest_waits_and_the_older_is_answered() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    assert reasons(live.on_tick(prediction(2))) == [(2, Reason.WAITING)]
    assert reasons(live.on_tick(prediction(3, -0.01))) == [(3, Reason.WAITING), (2, Reason.SUPERSEDED)]
    made = live.on_tick(venue.fill(first, at=45))
    assert reasons(made) == [(3, None)]
    assert [order.leg for order in orders(made)] == [Leg.CLOSE, Leg.OPEN]


def test_what_waited_too_long_is_not_decided_on() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(prediction(2))
    assert reasons(live.on_tick(venue.fill(first, at=41))) == [(2, Reason.STALE_PREDICTION)]
    assert reasons(live.on_tick(prediction(5))) == [(5, None)]


def test_an_order_says_until_when_it_may_be_sent() -> None:
    (order,) = orders(stage().on_tick(prediction(1)))
    assert order.valid_until == 15


@pytest.mark.parametrize(("on_missing", "closing"), [("flat", [Decimal(-2)]), ("hold", [])])
def test_a_missing_prediction(on_missing: str, closing: list[Decimal]) -> None:
    live, venue = stage(RULES._replace(on_missing=on_missing)), Venue()  # type: ignore[arg-type]
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(venue.fill(first, at=11))
    made = live.on_tick(gap(3))
    assert isinstance((made or [])[0], Gap)
    closed = orders(made)
    assert [order.signed_qty for order in closed] == closing
    assert all(order.reduce_only and order.valid_until == 0 for order in closed)


def test_the_close_of_a_gap_has_an_id_of_its_own() -> None:
    live, venue = stage(), Venue()
    ids = []
    for val in (prediction(1), prediction(2, -0.01), gap(4), prediction(5), prediction(6, -0.01)):
        made = orders(live.on_tick(val))
        ids += [order.client_order_id for order in made]
        for order in made:
            live.on_tick(venue.fill(order, at=val.ts_event))
    assert len(ids) == len(set(ids)) == 7


def test_a_gap_while_an_order_is_in_flight_closes_nothing_and_the_next_tick_does() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    assert orders(live.on_tick(gap(3))) == []
    live.on_tick(venue.fill(first, at=31))
    (close,) = orders(live.on_tick(prediction(4).model_copy(update={"y_hat": None})))
    assert (close.signed_qty, close.reduce_only) == (-2, True)


@pytest.mark.parametrize("told", [{"y_hat": float("nan")}, {"history": True}], ids=["no number", "history"])
def test_what_is_no_prediction_of_now_does_not_end_the_way_out(told: dict[str, object]) -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(venue.fill(first, at=11))
    (lost,) = orders(live.on_tick(gap(3)))
    nothing = {
        "status": OrderStatus.EXPIRED,
        "reason": Reason.NOT_SENT,
        "last_qty": Decimal(0),
        "commission": Decimal(0),
    }
    live.on_tick(venue.fill(lost, at=31).model_copy(update=nothing))
    then = prediction(4).model_copy(update=told), prediction(5).model_copy(update={"y_hat": None})
    (again,) = [order for message in then for order in orders(live.on_tick(message))]
    assert (again.signed_qty, again.reduce_only) == (-2, True)


def test_a_report_of_an_order_that_is_not_remembered_is_booked() -> None:
    (order,) = orders(stage().on_tick(prediction(1)))
    live = stage()
    live.on_tick(Venue().fill(order, at=11))
    position = live.account.position(SYM)
    assert position is not None
    assert position.signed_qty == 2


def test_what_waits_is_part_of_the_state() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(prediction(2))
    again = stage()
    again.restore(unpack(pack(live.state())))
    assert pack(again.state()) == pack(live.state())
    assert reasons(again.on_tick(venue.fill(first, at=21))) == [(2, None)]


def capital_report(n: int, capital: int) -> ExecutionReport:
    return ExecutionReport(
        n=n, sym=SYM, ts_event=1, tr=f"capital:{n}", tick_n=0, order_n=0, client_order_id=f"{n:032}", leg=Leg.CAPITAL,
        status=OrderStatus.FILLED, last_qty=Decimal(0), last_px=None, commission=Decimal(0), reason=None,
        capital=Decimal(capital),
    )  # fmt: skip


def test_capital_counts_from_its_place_in_the_sequence_also_while_an_order_is_out() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(prediction(2, -0.01))
    assert live.on_tick(capital_report(1, 250)) == []  # the prediction waits for the order, not for this
    made = live.on_tick(venue.fill(first, at=25).model_copy(update={"n": 2}))
    close, opened = orders(made)
    assert (close.signed_qty, opened.signed_qty) == (-2, -5)  # 100 / 50 was bought; 250 / 50 is sold
    assert live.fees == 0
    again = stage()
    again.restore(unpack(pack(live.state())))
    assert (again.account.capital, again.account.balance()) == (250, 250)
    assert again.state() == live.state()


def test_dust_is_no_position_to_close_and_no_money_to_buy_with() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(venue.fill(first, at=15))
    close, opened = orders(live.on_tick(prediction(2)))
    sold = venue.fill(close, at=25).model_copy(update={"last_qty": Decimal("-1.9"), "dust": Decimal("0.1")})
    live.on_tick(sold)
    bought = venue.fill(opened, at=25).model_copy(update={"status": OrderStatus.REJECTED, "last_qty": Decimal(0)})
    live.on_tick(bought.model_copy(update={"last_px": None, "reason": Reason.NO_MARGIN}))
    made = live.on_tick(prediction(3))
    (order,) = orders(made)
    assert (order.leg, order.signed_qty) == (Leg.OPEN, Decimal("1.9"))
    assert live.on_tick(gap(4)) is not None  # on_missing: there is nothing to close
    (decision,) = (one for one in made or () if isinstance(one, Decision))
    assert decision.signed_qty == Decimal("0.1")  # it is shown


def test_a_close_that_found_only_dust_leaves_it_so() -> None:
    live, venue = stage(), Venue()
    (first,) = orders(live.on_tick(prediction(1)))
    live.on_tick(venue.fill(first, at=15))
    close, opened = orders(live.on_tick(prediction(2)))
    nothing = {"status": OrderStatus.REJECTED, "last_qty": Decimal(0), "last_px": None, "reason": Reason.DUST}
    live.on_tick(venue.fill(close, at=25).model_copy(update={**nothing, "dust": Decimal(2)}))
    live.on_tick(venue.fill(opened, at=25))
    held = live.account.position(SYM)
    assert held is not None
    assert held.signed_qty == 4  # sold together
