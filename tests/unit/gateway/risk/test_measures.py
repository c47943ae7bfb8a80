"""What the risk check says of an order that does not go out whole: the number, and the limit that it met."""

from decimal import Decimal

import pytest

from services.gateway.risk import Pass
from services.gateway.risk.measures import MEASURES
from shared.messages import Reason
from tests.unit.gateway.risk.open_gates import BUY, GATES, RULES, Gate, verdict

# The number and the limit, of the gates whose limit is a number.
SAID = {
    Reason.UNKNOWN_ORDER: ("1 order UNKNOWN", "the limit is none"),
    Reason.REDUCE_ONLY: ("would add 10", "the limit is 0"),
    Reason.NOT_REDUCING: ("10 was to reduce a position of 0", "at most 0"),
    Reason.NOT_ARMED: ("would add 1001", "0 is armed"),
    Reason.ORDER_NOTIONAL: ("1001", "max_order_notional is 1000"),
    Reason.POSITION_NOTIONAL: ("1001", "max_position_notional is 1000"),
    Reason.ARMED_NOTIONAL: ("1001", "armed is 1000"),
    Reason.CAPITAL_ABOVE_EQUITY: ("10001", "equity is 10000, max_capital_share is 1"),
    Reason.ORDERS_PER_MINUTE: ("3 orders", "orders_per_minute is 3"),
    Reason.STALE_TICK: ("60.000000001 s old", "max_tick_age_s is 60"),
    Reason.STALE_PREDICTION: ("30.000000001 s old", "max_prediction_age_s is 30"),
    Reason.ARMED_FOR_OTHER_CONFIG: ("armed for config other", "this is hash"),
    Reason.SYMBOL_NOT_ALLOWED: ("BTCUSDT is not among ETHUSDT",),
    Reason.PRICE_COLLAR: ("51.0 bps from the decision price 100", "collar_bps is 50"),
}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.check}-{gate.reason}")
def test_a_closed_gate_is_measured(gate: Gate) -> None:
    said = verdict(*gate.change(BUY, RULES)).why
    if gate.check == "blocked":
        assert said == "", "whoever blocked it says so in words of its own"
        return
    assert said
    if gate.reason is Reason.STALE_TICK and gate.change(BUY, RULES)[0].ts_event > BUY.ts_event:
        assert "the tick was -60.000000001 s old" in said
        return
    for part in SAID.get(gate.reason, ()):
        assert part in said


def test_every_reason_of_a_gate_has_a_measure() -> None:
    assert {gate.reason for gate in GATES if gate.check != "blocked"} == set(MEASURES)


def test_what_is_cut_is_measured_too() -> None:
    own = BUY.context._replace(position=Decimal(-5), arming=None)
    made = verdict(BUY._replace(signed_qty=Decimal(15), context=own))
    assert isinstance(made, Pass)
    assert made.why == "0 is armed, it would add 1001"


def test_what_goes_out_whole_met_no_limit() -> None:
    assert verdict(BUY).why == ""
