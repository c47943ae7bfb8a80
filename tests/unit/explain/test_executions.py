"""An order's way in sentences: what met a limit is told once, by the step that it met it in."""

from shared.explain.executions import REFUSED, Executed, OrderLife, order_lines
from shared.messages import OrderPhase, Reason
from shared.orders import Refused
from shared.wall_time import UTC_TIME
from tests.unit.explain.order_cases import LIVE, SENT_MS, Order, intent, traded
from tests.unit.explain.order_cases import answered as shown


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
