"""Several orders of a symbol at once: what may go beside what, what counts, and what is cancelled."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.execution.records import OpenOrder, open_order_of
from services.gateway.risk import Context, Hold, InFlight, Pass, ProposedOrder, Refusal, RiskCheck, Verdict
from services.gateway.risk.check import exposure
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import LIMITS
from shared.control.books import Books
from shared.messages import ExecutionReport, Leg, OrderPhase, OrderStatus, OrderType, Reason, TimeInForce
from shared.orders import VenueQuote
from tests.journal_rows import order
from tests.unit.gateway.risk.open_gates import BUY, GATES, NOW_MS, RULES, Gate, verdict

BTC, ETH = "BTCUSDT", "ETHUSDT"
UNKNOWN, PASSING, RESTING = {"unknown": True}, {"passing": True}, dict[str, bool]()


def beside(qty: int, position: int, *others: tuple[int, dict[str, bool]], swap: bool = True) -> Verdict:
    """What becomes of an order over a position, beside others; the venue limits what reduces only on a swap."""
    in_flight = tuple(InFlight(Decimal(other), **how) for other, how in others)
    context = BUY.context._replace(position=Decimal(position), in_flight=in_flight, limited=swap)
    return verdict(BUY._replace(signed_qty=Decimal(qty), reduce_only=qty * position < 0, context=context))


def went(made: Verdict) -> tuple[int, bool] | None:
    return (int(made.signed_qty), made.reduce_only) if isinstance(made, Pass) else None


@pytest.mark.parametrize("how", [UNKNOWN, PASSING])
@pytest.mark.parametrize("swap", [True, False])
@pytest.mark.parametrize("other", [1, -1])
def test_what_adds_waits_for_an_order_without_an_answer(how: dict[str, bool], swap: bool, other: int) -> None:
    made = beside(5, 0, (other, how), swap=swap)
    assert isinstance(made, Hold)
    assert made.reason is Reason.UNKNOWN_ORDER


def test_what_adds_goes_beside_what_rests_and_both_count() -> None:
    assert went(beside(5, 0, (5, RESTING))) == (5, False)
    assert isinstance(beside(150, 0, (60, RESTING)), Refusal), "together more than the position may be"
    assert isinstance(beside(1, 0, (-201, RESTING)), Refusal), "whichever end is worse"


def test_what_the_venue_limits_to_reducing_goes_beside_an_unknown_order() -> None:
    """Also beside an unknown close of the same position: should that be filled first, the venue takes no second."""
    assert went(beside(-5, 5, (5, UNKNOWN))) == (-5, True)
    assert went(beside(-5, 5, (-5, UNKNOWN))) == (-5, True)
    assert went(beside(-8, 5, (-5, UNKNOWN))) == (-5, True), "never more than the position that is known"


@pytest.mark.parametrize("other", [5, -5])
def test_on_spot_nothing_goes_beside_an_unknown_order(other: int) -> None:
    assert isinstance(beside(-5, 5, (other, UNKNOWN), swap=False), Hold)


def test_a_close_goes_beside_an_order_on_its_way_where_that_changes_nothing_and_waits_where_it_might() -> None:
    assert went(beside(-5, 5, (5, PASSING))) == (-5, True)
    assert isinstance(beside(-5, 5, (-5, PASSING)), Hold)
    assert isinstance(beside(-8, 5, (3, PASSING)), Hold), "it may soon reduce more"


def test_of_a_flip_the_closing_part_goes_beside_an_unknown_order_and_all_of_it_waits_for_one_on_its_way() -> None:
    assert went(beside(-8, 5, (1, UNKNOWN))) == (-5, True)
    assert isinstance(beside(-8, 5, (1, UNKNOWN), (1, PASSING)), Hold)


@given(
    qty=st.integers(-6, 6).filter(bool),
    position=st.integers(-6, 6),
    unknown=st.lists(st.integers(-6, 6), max_size=3),
    others=st.lists(st.integers(-6, 6), max_size=3),
)
def test_beside_unknown_orders_no_more_goes_than_reduces_the_position_that_is_known(
    qty: int, position: int, unknown: list[int], others: list[int]
) -> None:
    made = exposure(Decimal(qty), Decimal(position), map(Decimal, others), map(Decimal, unknown))
    assert made.reduces == exposure(Decimal(qty), Decimal(position), map(Decimal, others)).reduces
    assert abs(made.worst) >= abs(exposure(Decimal(qty), Decimal(position), map(Decimal, others + unknown)).worst)


@pytest.mark.parametrize(
    ("largest", "goes"), [({}, True), ({"max_position_notional": Decimal(500)}, False), ({"max_leverage": 0}, False)]
)
def test_a_close_waits_for_an_unknown_flip_that_would_open_too_much_behind_it(largest: Any, goes: bool) -> None:
    """Of 3, 5 are sold by a flip of which nobody knows, and 3 by the close: should the flip come second, -5 are held.

    The flip was asked about -2; nobody limits it to reducing.
    """
    rules = RULES._replace(limits=RULES.limits.model_copy(update=largest))
    context = BUY.context._replace(position=Decimal(3), in_flight=(InFlight(Decimal(-5), unknown=True),), limited=True)
    asked = BUY._replace(signed_qty=Decimal(-3), reduce_only=True, context=context)
    made = verdict(asked, rules)
    assert (went(made) == (-3, True)) is goes
    if not goes:
        assert isinstance(made, Hold)
        assert made.reason is Reason.UNKNOWN_ORDER
        assert went(verdict(asked._replace(context=context._replace(in_flight=())), rules)) == (-3, True)
        known = context._replace(in_flight=(InFlight(Decimal(-3), unknown=True, limited=True),))
        assert went(verdict(asked._replace(context=known), rules)) == (-3, True), "the venue limits that one, too"


def test_of_a_flip_the_closing_part_waits_for_an_unknown_flip_likewise() -> None:
    rules = RULES._replace(limits=RULES.limits.model_copy(update={"max_position_notional": Decimal(500)}))
    context = BUY.context._replace(position=Decimal(3), in_flight=(InFlight(Decimal(-5), unknown=True),), limited=True)
    assert isinstance(verdict(BUY._replace(signed_qty=Decimal(-8), context=context), rules), Hold)


def reached(position: int, orders: list[tuple[int, bool]]) -> int:
    """The largest position, of either side, on any way through these orders; each is a quantity and reduce-only.

    They come in any order of arrival, and any of them may not be filled; the venue cuts what is reduce-only.
    """
    most = abs(position)
    for n, (qty, only_reduces) in enumerate(orders):
        allowed = min(abs(qty), max(-position * (1 if qty > 0 else -1), 0)) if only_reduces else abs(qty)
        after = position + (allowed if qty > 0 else -allowed)
        most = max(most, reached(after, orders[:n] + orders[n + 1 :]))
    return most


SOME = st.lists(st.tuples(st.integers(-6, 6).filter(bool), st.booleans()), max_size=3)


@given(qty=st.integers(-6, 6).filter(bool), position=st.integers(-6, 6), unknown=SOME)
def test_whatever_comes_first_what_is_let_through_reaches_no_more_than_was_asked_about(
    qty: int, position: int, unknown: list[tuple[int, bool]]
) -> None:
    """On a swap, beside UNKNOWN orders: what only reduces goes out reduce-only."""
    context = BUY.context._replace(
        position=Decimal(position), limited=True,
        in_flight=tuple(InFlight(Decimal(one), unknown=True, limited=limited) for one, limited in unknown),
    )  # fmt: skip
    made = verdict(BUY._replace(signed_qty=Decimal(qty), context=context))
    without = reached(position, unknown)
    if not isinstance(made, Pass):
        assert isinstance(made, Hold)
        return
    with_it = reached(position, [*unknown, (int(made.signed_qty), made.reduce_only)])
    parts = exposure(
        Decimal(qty), Decimal(position), [], *([Decimal(one) for one, limited in unknown if limited is kind]
        for kind in (True, False))
    )  # fmt: skip
    if not parts.lets_open and made.reduce_only:
        assert with_it == without, "nobody was asked about more"
    assert with_it <= max(without, abs(parts.worst)), "the limits of size were asked about that"


@given(
    qty=st.integers(-6, 6).filter(bool),
    position=st.integers(-6, 6),
    closes=st.lists(st.integers(-6, 6), max_size=3),
    flips=st.lists(st.integers(-6, 6).filter(bool), max_size=3),
)
def test_what_reduces_lets_nothing_open_but_what_is_said(
    qty: int, position: int, closes: list[int], flips: list[int]
) -> None:
    """Whatever of the unknown orders is filled after it: past flat they go by no more than they would without it."""
    made = exposure(Decimal(qty), Decimal(position), [], map(Decimal, closes), map(Decimal, flips))
    sure = made.reduces - made.lets_open
    assert sure * qty >= 0
    assert abs(sure) <= abs(made.reduces)
    sign = 1 if qty > 0 else -1
    behind = sum(flip for flip in flips if flip * sign > 0)
    with_it, without = (max((position + part + behind) * sign, 0) for part in (sure, 0))
    assert with_it == without
    assert bool(made.lets_open) <= bool(behind)


@pytest.mark.parametrize(
    ("limit", "others", "counts"),
    [
        (None, (), 1_000),
        ("100.4", (), 1_004),
        ("99.5", (), 1_000),  # a tighter one: the ask is higher
        (None, (InFlight(Decimal(0), limit_price=Decimal(101)),), 1_010),
    ],
)
def test_exposure_counts_at_the_worst_price_that_an_order_may_be_filled_at(
    limit: str | None, others: tuple[InFlight, ...], counts: int
) -> None:
    """10 are bought for 100, at the ask; within the limit they may cost more."""
    context = BUY.context._replace(quote=VenueQuote(BTC, Decimal(100), Decimal(100), NOW_MS), in_flight=others)
    asked = BUY._replace(context=context, limit_price=None if limit is None else Decimal(limit))
    for name, reason in {
        "max_order_notional": Reason.ORDER_NOTIONAL, "max_position_notional": Reason.POSITION_NOTIONAL
    }.items():  # fmt: skip
        for least, goes in ((counts, True), (counts - 1, False)):
            limits = RULES.limits.model_copy(update={name: Decimal(least)})
            made = verdict(asked, RULES._replace(limits=limits))
            assert isinstance(made, Pass) is goes
            assert goes or made.reason is reason  # type: ignore[union-attr]


def test_the_check_is_told_the_limits_of_an_order_and_of_those_in_flight() -> None:
    bound = {"type": OrderType.LIMIT, "limit_price": Decimal(101), "time_in_force": TimeInForce.IOC}
    other = in_flight(1, OrderPhase.UNKNOWN, "2", "1", ETH)
    other.row = other.row._replace(**bound)
    assert known(other).other_notional == 202
    same = in_flight(1, OrderPhase.UNKNOWN, "2")
    same.row, same.only_reduces = same.row._replace(**bound), True
    assert known(same).in_flight == (InFlight(Decimal(2), unknown=True, limited=True, limit_price=Decimal(101)),)
    heard = Heard()
    risk = RiskContext(heard, Books([BTC], Decimal(100)), {}, 60.0)  # type: ignore[arg-type]
    risk.judge(order(99)._replace(**bound))
    assert heard.asked.limit_price == 101


CANCELS = {limit.name for limit in LIMITS if limit.cancels}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.check}-{gate.reason}")
def test_what_rests_and_adds_is_cancelled_by_what_stops_adding_and_by_nothing_else(gate: Gate) -> None:
    asked, rules = gate.change(BUY, RULES)
    found = RiskCheck(rules).stopped(asked)
    if gate.check in CANCELS:
        assert found is not None
        assert found[0] is gate.reason
    else:
        assert found is None
    held = asked._replace(context=asked.context._replace(position=Decimal(-10)))
    assert RiskCheck(rules).stopped(held) is None, "it reduces"


class Heard:
    """A check that lets all pass, and keeps what it was asked."""

    def on_tick(self, asked: ProposedOrder) -> Verdict:
        self.asked = asked
        return Pass(asked.signed_qty, asked.reduce_only, None, ())


def in_flight(number: int, phase: OrderPhase, asked: str, filled: str = "0", sym: str = BTC) -> OpenOrder:
    row = order(number, sym=sym, state=phase, signed_qty=Decimal(asked), filled_qty=Decimal(filled), price=Decimal(100))
    return open_order_of(row)


def known(*orders: OpenOrder) -> Context:
    """What the check is told about another order of BTC."""
    heard, open_ = Heard(), {BTC: dict[str, OpenOrder](), ETH: dict[str, OpenOrder]()}
    for one in orders:
        open_[one.row.sym][one.name] = one
    risk = RiskContext(heard, Books([BTC, ETH], Decimal(100)), open_, 60.0, lambda sym: sym == BTC)  # type: ignore[arg-type]
    risk.see_quotes({ETH: VenueQuote(ETH, Decimal(100), Decimal(100), 0)})
    risk.judge(order(99))
    return heard.asked.context


def test_what_is_known_to_be_filled_is_position_and_the_rest_is_in_flight() -> None:
    """The books have it when the order is over."""
    part = in_flight(1, OrderPhase.PARTIALLY_FILLED, "3", "1")
    part.rests = True
    context = known(part, in_flight(2, OrderPhase.UNKNOWN, "-2"), in_flight(3, OrderPhase.SENT, "4"))
    assert context.position == 1
    assert context.in_flight == (
        InFlight(Decimal(2)), InFlight(Decimal(-2), unknown=True), InFlight(Decimal(4), passing=True),
    )  # fmt: skip
    assert context.limited


def test_other_symbols_count_with_their_orders_filled_or_not_whichever_is_worse() -> None:
    unknown = in_flight(1, OrderPhase.UNKNOWN, "3", "1", ETH)
    resting = in_flight(2, OrderPhase.NEW, "-8", sym=ETH)
    assert known(unknown).other_notional == 300
    assert known(unknown, resting).other_notional == 700


@pytest.mark.parametrize(("held", "free"), [("5", 2), ("2", 0)])
def test_on_spot_no_more_is_sold_than_other_orders_leave(held: str, free: int) -> None:
    """What is bought counts when it is booked; and nobody sells what is not there, whatever others may sell."""
    selling = in_flight(1, OrderPhase.UNKNOWN, "-3")
    buying = in_flight(2, OrderPhase.NEW, "5", "2")
    books = Books([BTC], Decimal(100))
    books.book(
        ExecutionReport(
            n=1, sym=BTC, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="a" * 32, leg=Leg.OPEN,
            status=OrderStatus.FILLED, last_qty=Decimal(held), last_px=Decimal(1), commission=Decimal(0), reason=None,
        )
    )  # fmt: skip
    open_ = {BTC: {one.name: one for one in (selling, buying)}}
    risk = RiskContext(RiskCheck(RULES), books, open_, 60.0)
    assert risk.free(order(99)) == free
