"""What makes two orders of one id the same, for as long as there are journals; an order's turn; what of it is sent."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.execution.records import (
    OrderTrades,
    Readiness,
    content_of,
    ending,
    following,
    open_order_of,
    readiness,
    row_of,
    to_send,
)
from services.gateway.risk.check import Pass
from shared.exchanges.trading.venue import MarketRules
from shared.later_fields import Since
from shared.messages import Leg, OrderIntent, OrderPhase, OrderType, Reason, TimeInForce
from shared.orders import OrderState
from shared.record import WIRE

D = Decimal
FIELDS = {
    "n": 7, "sym": "BTCUSDT", "ts_event": 1_730_203_200_000_000_000, "tr": "replay:BTCUSDT:1730203200000000000:1",
    "tick_n": 1, "client_order_id": "0123456789abcdef", "leg": Leg.OPEN, "signed_qty": Decimal("0.0013997"),
    "reduce_only": False, "price": Decimal("71440.10"), "valid_until": 0, "after": None,
}  # fmt: skip
CONTENT = "1be76d148d7b91419db122488ea208e55beffd61123ccd664776d2bf2e3da30e"


class Later(OrderIntent):
    """As a newer Tickline may know it."""

    added: Annotated[str, Since(WIRE + 1)] = ""


def test_the_content_of_an_order_is_the_same_in_every_version() -> None:
    assert content_of(OrderIntent.model_validate(FIELDS)) == CONTENT
    assert content_of(Later.model_validate(FIELDS)) == CONTENT
    assert content_of(Later.model_validate(FIELDS | {"added": "x"})) != CONTENT


@pytest.mark.parametrize(
    ("field", "value"), [("n", 8), ("price", Decimal("71440.1")), ("price", Decimal("71440.11")), ("after", "0" * 16)]
)
def test_all_but_the_number_on_the_stream_is_content(field: str, value: object) -> None:
    """And but for how a number is written."""
    same = field == "n" or FIELDS[field] == value
    assert (content_of(OrderIntent.model_validate(FIELDS | {field: value})) == CONTENT) == same


def opened(**changed: object) -> Any:
    """An open order with this row."""
    return open_order_of(row_of(OrderIntent.model_validate(FIELDS), "book", 1, 1)._replace(**changed))  # type: ignore[arg-type]


def test_an_order_waits_for_the_one_that_it_comes_after_and_for_no_other() -> None:
    first, second, third = opened(), opened(client_order_id="b"), opened(client_order_id="c", after="b")
    every = [first, second, third]
    turns = [readiness(order, every, {}, 1) for order in every]
    assert turns == [Readiness.GO, Readiness.GO, Readiness.WAIT]


@pytest.mark.parametrize(
    ("ended", "dust", "turn"),
    [
        ({}, False, Readiness.GO),
        ({"close": OrderPhase.FILLED}, False, Readiness.GO),
        ({"close": OrderPhase.CANCELED}, False, Reason.CLOSE_NOT_FILLED),
        ({"close": OrderPhase.CANCELED}, True, Readiness.GO),
    ],
)
def test_an_order_after_another_goes_when_that_one_has_closed(
    ended: dict[str, OrderPhase], dust: bool, turn: object
) -> None:
    """Or has left what cannot be sold."""
    order = opened(after="close")
    assert readiness(order, [order], ended, 1, dust=dust) is turn


def test_an_order_that_waited_past_its_time_expires_wherever_it_stands() -> None:
    first = opened()
    second = opened(client_order_id="b", valid_until_ns=5, after=first.name)
    assert readiness(second, [first, second], {}, 5) is Readiness.WAIT
    assert readiness(second, [first, second], {}, 6) is Reason.PAST_VALID_UNTIL


SPOT = MarketRules("spot", "BTC/USDT", "BTC", "USDT", D("0.001"), D("0.001"), D(10), D(10), D("0.01"), D(1))
SWAP = SPOT._replace(kind="swap")


@pytest.mark.parametrize(
    ("rules", "verdict", "free", "sent"),
    [
        (SPOT, Pass(D("0.1"), False, None, ()), D("-0.2"), (D("0.1"), None)),
        (SPOT, Pass(D("-0.1"), True, None, ()), D("-0.2"), (Reason.NO_SHORT_ON_SPOT, None)),
        (SWAP, Pass(D("-0.5"), False, None, ()), D("0.2"), (D("-0.5"), None)),
        (SPOT, Pass(D("-0.5"), False, None, ()), D("0.2"), (D("-0.2"), Reason.NO_SHORT_ON_SPOT)),
        (SPOT, Pass(D("-0.5"), False, None, ()), D(0), (Reason.NO_SHORT_ON_SPOT, None)),
        (SWAP, Pass(D("-0.2"), True, Reason.LEVERAGE, ()), D("0.2"), (D("-0.2"), Reason.LEVERAGE)),
        (SWAP, Pass(D("-15"), True, None, ()), D(15), (D("-10"), Reason.ABOVE_MAXIMUM)),
        (SWAP, Pass(D("0.0001"), False, None, ()), D(0), (Reason.BELOW_MINIMUM, None)),
        (SPOT, Pass(D("-0.0001"), True, None, ()), D("0.0001"), (Reason.BELOW_MINIMUM, None)),
    ],
)
def test_what_of_an_order_is_sent_and_why_it_is_less(
    rules: MarketRules, verdict: Pass, free: Decimal, sent: object
) -> None:
    assert to_send(opened().row, verdict, rules, free, free) == sent


@given(
    qty=st.decimals(-20, 20, places=4).filter(bool),
    held=st.decimals(-20, 20, places=4),
    taken=st.decimals(0, 20, places=4),
    rules=st.sampled_from([SPOT, SWAP]),
    reduces=st.booleans(),
)
def test_what_is_sent_is_of_the_orders_side_and_no_more_than_the_check_let_pass(
    qty: Decimal, held: Decimal, taken: Decimal, rules: MarketRules, reduces: bool
) -> None:
    """Whatever is held, and whatever others may sell of it."""
    free = held - taken
    sent, _ = to_send(opened().row, Pass(qty, reduces, None, ()), rules, held, free)
    if isinstance(sent, Decimal):
        assert 0 < sent * (1 if qty > 0 else -1) <= abs(qty)
        assert rules is SWAP or sent > 0 or -sent <= free


@pytest.mark.parametrize(("qty", "sent"), [("0.1", D("0.1")), ("-0.1", Reason.BELOW_MINIMUM)])
def test_a_limit_orders_value_counts_at_its_limit(qty: str, sent: object) -> None:
    """As the exchange counts it: 0.1 for 100 is the least, and a sale's limit is below that."""
    row = opened(signed_qty=D(qty), price=D(100), limit_price=D(100) + (D(1) if D(qty) > 0 else D(-1))).row
    assert to_send(row, Pass(D(qty), False, None, ()), SWAP, D(0), D(0)) == (sent, None)


@pytest.mark.parametrize(
    ("row", "phase", "reason"),
    [
        ({}, OrderPhase.CANCELED, Reason.ENDED_BY_VENUE),
        ({"time_in_force": TimeInForce.IOC}, OrderPhase.CANCELED, Reason.BEYOND_LIMIT),
        ({"time_in_force": TimeInForce.GTC}, OrderPhase.CANCELED, Reason.ENDED_BY_VENUE),
        ({"time_in_force": TimeInForce.IOC}, OrderPhase.REJECTED, Reason.ENDED_BY_VENUE),
    ],
)
def test_an_order_that_missed_its_limit_says_so(row: dict[str, object], phase: OrderPhase, reason: Reason) -> None:
    order = opened(at_ms=1, **row)
    state = OrderState(D("0.5"), phase, at_ms=1, reason=Reason.ENDED_BY_VENUE)
    end = ending(order.row, state, OrderTrades(), SWAP, seq=1, epoch=1, now_ms=1)
    assert end is not None
    assert (end.report.status.value, end.report.reason) == (phase.value, reason)
    assert (end.row.state, end.row.reason) == (phase, reason)


@pytest.mark.parametrize("other", [{"cause": "EXPIRED_IN_MATCH"}, {"canceled_ms": 2}])
def test_what_ended_by_another_cause_has_missed_no_limit(other: dict[str, Any]) -> None:
    """Self-trade prevention, missing margin; or we have cancelled it."""
    state = OrderState(D("0.5"), OrderPhase.CANCELED, at_ms=1, reason=Reason.ENDED_BY_VENUE, **other)
    row = opened(at_ms=1, time_in_force=TimeInForce.IOC).row
    end = ending(row, state, OrderTrades(), SWAP, seq=1, epoch=1, now_ms=1)
    assert end is not None
    assert end.report.reason is Reason.ENDED_BY_VENUE


def test_an_order_keeps_its_limit_in_the_journal() -> None:
    limit = {"type": OrderType.LIMIT, "limit_price": D("71797.3"), "time_in_force": TimeInForce.IOC}
    row = row_of(OrderIntent.model_validate(FIELDS | limit), "book", 1, 1)
    assert (row.type, row.limit_price, row.time_in_force, row.sent_price) == (*limit.values(), None)
    assert row.content != CONTENT


def test_a_close_that_only_dust_is_left_of_is_refused_as_dust() -> None:
    row = opened(reduce_only=True).row
    assert to_send(row, Pass(D("-0.0001"), True, None, ()), SPOT, D("0.0001"), D("0.0001")) == (Reason.DUST, None)


def test_what_another_order_leaves_of_a_position_is_no_dust() -> None:
    """Should the other be cancelled, all of it is there again; nobody may take the position for flat."""
    row = opened(reduce_only=True, intended_qty=D("-1.0001"), price=D(100)).row
    sent = to_send(row, Pass(D("-1.0001"), True, None, ()), SPOT, D("1.0001"), D("0.0001"))
    assert sent == (Reason.BELOW_MINIMUM, None) or sent == (Reason.BELOW_MINIMUM, Reason.NO_SHORT_ON_SPOT)


@pytest.mark.parametrize(("held", "dust"), [("0.0001", "0.0001"), ("1.0001", "0")])
def test_a_report_calls_nothing_dust_that_the_venue_sells(held: str, dust: str) -> None:
    row = opened(reduce_only=True, intended_qty=D("-2"), price=D(100)).row
    state = OrderState(D(0), OrderPhase.REJECTED, reason=Reason.DUST)
    end = ending(row, state, OrderTrades(), SPOT, seq=1, epoch=1, now_ms=1, held=D(held))
    assert end is not None
    assert end.report.dust == D(dust)


def test_an_order_is_the_same_whoever_decided_on_it() -> None:
    """So one that an edited strategy decides on again, after the bus has lost it, is known and not sent twice."""
    made = OrderIntent.model_validate(FIELDS)
    assert content_of(made) == content_of(made.model_copy(update={"by": "0123456789abcdef"}))
    assert row_of(made.model_copy(update={"by": "0123456789abcdef"}), "b", 1, 1).by == "0123456789abcdef"


def test_the_journal_keeps_that_a_cancel_was_taken_and_what_an_order_has_become() -> None:
    one = opened(state=OrderPhase.NEW, venue_order_id="v", signed_qty=D(1), at_ms=1)
    state = replace(one.state, phase=OrderPhase.TRIGGERED, canceled_ms=7, became="w")
    assert open_order_of(following(one.row, state, 1, 1)).state == state
