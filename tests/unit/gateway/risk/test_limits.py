"""Each gate by itself: an order that adds does not pass it closed, and what only reduces passes all but two."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.risk import Hold, InFlight, Pass, ProposedOrder, Refusal
from services.gateway.risk.limits import LIMITS
from shared.config import Mode
from shared.messages import Reason
from tests.unit.gateway.risk.open_gates import BUY, GATES, JUST_OPEN, RULES, WITH_THE_ORDER, Change, Gate, verdict

BY_NAME = {check.name: check for check in LIMITS}
SELL = BUY._replace(signed_qty=Decimal(-10))


def holding(asked: ProposedOrder, position: int, *in_flight: int) -> ProposedOrder:
    orders = asked.context.in_flight + tuple(InFlight(Decimal(qty)) for qty in in_flight)
    return asked._replace(context=asked.context._replace(position=Decimal(position), in_flight=orders))


def test_every_check_of_the_table_is_tried() -> None:
    assert {gate.check for gate in GATES} == set(BY_NAME)


def test_an_order_that_passes_all() -> None:
    made = verdict(BUY)
    assert isinstance(made, Pass)
    assert (made.signed_qty, made.reduce_only, made.cut_by) == (Decimal(10), False, None)


@pytest.mark.parametrize("change", JUST_OPEN)
def test_a_gate_that_is_just_open(change: Change) -> None:
    assert isinstance(verdict(*change(BUY, RULES)), Pass)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.check}-{gate.reason}")
def test_what_adds_does_not_pass(gate: Gate) -> None:
    made = verdict(*gate.change(BUY, RULES))
    kind = Hold if BY_NAME[gate.check].defers else Refusal
    assert isinstance(made, kind)
    assert made.reason is gate.reason


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.check}-{gate.reason}")
def test_what_only_reduces_is_let_out(gate: Gate) -> None:
    made = verdict(*gate.change(holding(SELL, 10), RULES))
    if gate.reason is Reason.HALTED:
        assert isinstance(made, Refusal)
    elif gate.reason is Reason.UNKNOWN_ORDER:
        assert isinstance(made, Hold)
    else:
        assert isinstance(made, Pass)
        assert (made.signed_qty, made.reduce_only, made.cut_by) == (Decimal(-10), True, None)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.check}-{gate.reason}")
def test_a_flip_is_cut_to_what_reduces(gate: Gate) -> None:
    flip = holding(BUY._replace(signed_qty=Decimal(15)), -5)  # it adds 10, as BUY does
    made = verdict(*gate.change(flip, RULES))
    if gate.reason is Reason.HALTED:
        assert isinstance(made, Refusal)
    elif gate.reason is Reason.NO_STOP:  # which the close itself makes good
        assert isinstance(made, Pass) and made.signed_qty == flip.signed_qty
    elif BY_NAME[gate.check].defers and gate.reason is not Reason.STOP_CLEARING:  # which the close itself ends
        assert isinstance(made, Hold)
    else:
        assert isinstance(made, Pass)
        assert (made.signed_qty, made.reduce_only, made.cut_by) == (Decimal(5), True, gate.reason)


def test_a_flip_passes_open_gates_whole() -> None:
    made = verdict(holding(BUY._replace(signed_qty=Decimal(15)), -5))
    assert isinstance(made, Pass)
    assert (made.signed_qty, made.reduce_only, made.cut_by) == (Decimal(15), False, None)


def test_what_joins_dust_opens_a_position_and_what_joins_a_position_does_not() -> None:
    """An older position's stops hold the former; the latter has its own, which the exchange has."""
    clearing = BUY.context._replace(clearing=True, position=Decimal(1))
    assert isinstance(verdict(BUY._replace(context=clearing)), Pass)
    held = verdict(BUY._replace(context=clearing._replace(dust=Decimal(1))))
    assert isinstance(held, Hold) and held.reason is Reason.STOP_CLEARING


def test_the_flag_alone_lets_nothing_out() -> None:
    armed_no_more = BUY.context._replace(arming=None)
    made = verdict(BUY._replace(reduce_only=True, context=armed_no_more))
    assert isinstance(made, Refusal)


def test_a_second_close_of_one_position_is_an_addition() -> None:
    made = verdict(holding(SELL._replace(reduce_only=True), 10, -10))
    assert isinstance(made, Refusal)
    assert made.reason is Reason.NOT_REDUCING
    made = verdict(holding(SELL._replace(reduce_only=True), 10, -4))
    assert isinstance(made, Pass)
    assert (made.signed_qty, made.cut_by) == (Decimal(-6), Reason.NOT_REDUCING)


def test_a_position_that_is_not_filled_yet_cannot_be_reduced() -> None:
    made = verdict(holding(SELL._replace(reduce_only=True), 0, 10))
    assert isinstance(made, Refusal)


@pytest.mark.parametrize("check", [check for check in LIMITS if not check.of_book], ids=lambda check: check.name)
def test_paper_and_replay_know_the_book_only(check: object) -> None:
    paper = RULES._replace(mode=Mode.PAPER)
    for gate in GATES:
        if BY_NAME[gate.check] is check:
            assert isinstance(verdict(*gate.change(BUY, paper)), Pass)


@pytest.mark.parametrize("check", [check for check in LIMITS if check.of_book], ids=lambda check: check.name)
def test_paper_and_replay_keep_the_limits_of_the_book(check: object) -> None:
    paper = RULES._replace(mode=Mode.PAPER)
    for gate in GATES:
        if BY_NAME[gate.check] is check:
            assert isinstance(verdict(*gate.change(BUY, paper)), Refusal)


@pytest.mark.parametrize("qty", ["0", "NaN", "Infinity"])
def test_a_quantity_that_is_none(qty: str) -> None:
    with pytest.raises(ValueError, match="finite and not 0"):
        verdict(BUY._replace(signed_qty=Decimal(qty)))


@given(
    gates=st.lists(st.sampled_from([g for g in GATES if g.check not in WITH_THE_ORDER]), min_size=1, max_size=4),
    qty=st.integers(-30, 30).filter(bool),
    position=st.integers(-30, 30),
    in_flight=st.lists(st.integers(-10, 10), max_size=3),
    flag=st.booleans(),
)
def test_no_order_adds_exposure_past_a_closed_gate(
    gates: list[Gate], qty: int, position: int, in_flight: list[int], flag: bool
) -> None:
    asked, rules = holding(BUY._replace(signed_qty=Decimal(qty), reduce_only=flag), position, *in_flight), RULES
    for gate in gates:
        asked, rules = gate.change(asked, rules)
    made = verdict(asked, rules)
    if isinstance(made, Pass):
        before = position + sum(other for other in in_flight if other * qty > 0)
        assert made.reduce_only
        assert abs(made.signed_qty) <= abs(qty)
        assert before * qty < 0, "with the position"
        assert (before + made.signed_qty) * before >= 0, "through zero"


@given(
    gates=st.lists(st.sampled_from(GATES), max_size=5),
    position=st.integers(1, 30),
    share=st.integers(1, 30),
    side=st.sampled_from([1, -1]),
)
def test_a_close_goes_out_whatever_else_is_closed(gates: list[Gate], position: int, share: int, side: int) -> None:
    qty = Decimal(-side * min(share, position))
    asked, rules = holding(BUY._replace(signed_qty=qty), side * position), RULES
    for gate in gates:
        asked, rules = gate.change(asked, rules)
    made = verdict(asked, rules)
    if {Reason.HALTED, Reason.UNKNOWN_ORDER} & {gate.reason for gate in gates}:
        assert not isinstance(made, Pass)
    else:
        assert isinstance(made, Pass)
        assert (made.signed_qty, made.reduce_only, made.cut_by) == (qty, True, None)
