"""An order's way in sentences: what met a limit is told once, by the step that it met it in."""

from decimal import Decimal

from services.gateway.risk import Pass
from shared.config import Settings
from shared.explain.executions import REFUSED, Executed, OrderLife, order_lines
from shared.messages import OrderPhase, Reason, StopKind
from shared.orders import Expire, Refused
from shared.wall_time import UTC_TIME
from tests.unit.explain.order_cases import (
    LIVE,
    SENT_MS,
    SWAP,
    Order,
    closing,
    fired,
    intent,
    sold,
    stopped,
    traded,
)
from tests.unit.explain.order_cases import answered as shown

D = Decimal
PAPER = Settings().gateway


def told(order: Order) -> dict[str, str]:
    return dict(
        order_lines(Executed(order.asked, order.ended(), LIVE, UTC_TIME, OrderLife(order.row, tuple(order.noted))))
    )


def test_what_the_risk_check_refused_is_told_once() -> None:
    refused = Order(intent()).note(REFUSED, "0 is armed, it would add 420").see(Refused(Reason.NOT_ARMED, ""))
    assert told(refused) == {
        "risk": "not sent: NOT_ARMED: no person has armed the account: 0 is armed, it would add 420",
        "report": "REJECTED: NOT_ARMED, as told",
    }


def test_an_order_behind_a_stop_asks_for_no_limit_and_was_never_sent() -> None:
    way = dict(order_lines(Executed(fired().asked, None, LIVE, UTC_TIME, OrderLife(fired().row))))
    assert way == {
        "risk": "no limit is asked: its stop lay at the exchange, and has fired there",
        "exchange": "its stop was last known to lie there at 2025-11-24 12:00:00.000 UTC, and became order 78: its "
        "price was reached, and the exchange has made an order of another id of it",
    }
    steps = told(sold(fired(), "0.010"))
    assert steps["report"] == (
        "FILLED: -0.01 at 40900, +12.21 bps against its stop's price 40950 (slippage_bps 0), fee 0.1 = 2.44 bps (fee "
        "3.00 bps), no decision asked for it: a stop of the position fired: STOPPED_OUT: a stop of the position has "
        "closed it: its trigger is 40950"
    )


def test_what_closes_instead_of_a_stop_says_why_whatever_becomes_of_it() -> None:
    order = closing(Reason.STOP_FAILED)
    assert order.on_its_way() == "INTENT: it stands in the journal and was not sent yet"
    why = "STOP_FAILED: stop at 40950 did not close 0.010: closed at market"
    steps = told(sold(order.send(), "0.010"))
    assert steps["risk"] == f"no limit is asked: the gateway closes the position by itself: {why}"
    assert steps["exchange"] == "sent -0.01 at 2025-11-24 12:00:00.000 UTC, the exchange's order 78: it was filled"
    assert steps["report"].endswith(
        "(fee 3.00 bps), STOP_FAILED: its stop was triggered and did not close it, so it was closed at market: -0.01 "
        "of -0.01 was filled"
    )
    most = SWAP._replace(most_qty=D("0.006"))
    cut = Order(closing(Reason.STOP_FAILED).asked, most, "0.010", closing(Reason.STOP_FAILED).row)
    cut.sized(Pass(D("-0.010"), True, None, ()))
    assert "by itself; cut: only -0.006 of -0.010 is sent: ABOVE_MAXIMUM (it was cut to the most" in cut.on_its_way()
    late = told(closing(Reason.STOP_BEYOND).see(Expire(Reason.PAST_VALID_UNTIL)))
    assert late["risk"].startswith("not sent: PAST_VALID_UNTIL: it waited longer than its validity and was never sent")
    assert late["report"] == "EXPIRED: PAST_VALID_UNTIL, as told"


def test_on_paper_a_stop_fills_at_the_market() -> None:
    (risk,) = [text for step, text in order_lines(Executed(stopped(StopKind.STOP), None, PAPER, UTC_TIME))]
    assert risk == "on paper no limit is asked; it fills at the market's price, slippage_bps 0 worse"


def test_what_the_exchange_refused_had_passed_the_risk_check() -> None:
    steps = told(Order(intent()).refused(400, {"code": -2019, "msg": "Margin is insufficient."}))
    assert steps["risk"].startswith("passed all limits: 420 at the decision's price (max_order_notional 10000, ")
    assert steps["exchange"].startswith("sent +0.01 at 2025-11-24 12:00:00.000 UTC, not shown by the exchange")
    assert steps["report"].endswith("the account has too little free money for it: -2019 Margin is insufficient.")


def test_a_fill_is_told_beside_what_was_assumed() -> None:
    order = Order(intent()).send()
    order.fills.append(traded("0.010"))
    steps = told(order.see(shown(OrderPhase.FILLED, "0.010", SENT_MS + 1, "420")))
    assert "the exchange's order 77: it was filled" in steps["exchange"]
    assert steps["report"] == (
        "FILLED: +0.01 at 42000, +0.00 bps against the decision's price 42000 (slippage_bps 0), "
        "fee 0.1 = 2.38 bps (fee 3.00 bps), to open the new position"
    )
