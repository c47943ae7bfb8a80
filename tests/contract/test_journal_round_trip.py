"""What is written comes back, digit for digit, on SQLite and on PostgreSQL."""

import asyncio
from decimal import Decimal
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, ExecutionRow, FillRow, FundingRow, LimitRow, OrderRow
from shared.messages import Leg, OrderPhase, OrderType, Reason, TimeInForce
from tests.examples import examples

AMOUNTS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**27), 10**27),
        st.integers(-400, 400),
    ),
    st.sampled_from([Decimal("-0"), Decimal("0E-18"), Decimal("1E+900"), Decimal("1.10"), Decimal("9" * 80)]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INTEGERS = st.integers(0, 2**63 - 1)
ORDERS = st.builds(
    OrderRow,
    **dict.fromkeys(("client_order_id", "book", "sym", "tr", "content", "after", "venue_order_id", "by"), TEXTS),
    **dict.fromkeys(("limit_price", "trigger_price", "sent_price"), st.none() | AMOUNTS), became=TEXTS, stop_id=TEXTS,
    **dict.fromkeys(("intended_qty", "price", "signed_qty", "filled_qty", "paid", "commission"), AMOUNTS),
    **dict.fromkeys(("tick_n", "ts_event", "valid_until_ns", "order_n", "at_ms", "valid_until_ms"), INTEGERS),
    **dict.fromkeys(("epoch", "updated_ms", "canceled_ms"), INTEGERS),
    type=st.sampled_from(OrderType), time_in_force=st.none() | st.sampled_from(TimeInForce),
    leg=st.sampled_from(Leg), state=st.sampled_from(OrderPhase), reduce_only=st.booleans(),
    reason=st.none() | st.sampled_from(Reason),
)  # fmt: skip
FILLS = st.builds(
    FillRow,
    **dict.fromkeys(("sym", "trade_id", "venue_order_id", "client_order_id", "fee_currency"), TEXTS),
    **dict.fromkeys(("signed_qty", "price", "fee"), AMOUNTS),
    at_ms=INTEGERS, extra_fees=st.none() | TEXTS,
)  # fmt: skip
FUNDING = st.builds(FundingRow, sym=TEXTS, payment_id=TEXTS, amount=AMOUNTS, at_ms=INTEGERS)
ARMINGS = st.builds(ArmingRow, AMOUNTS, INTEGERS, INTEGERS, TEXTS, TEXTS, TEXTS)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(ORDERS, max_size=8, unique_by=lambda row: row.client_order_id),
    fills=st.lists(FILLS, max_size=8, unique_by=lambda row: row[:3]),
    payments=st.lists(FUNDING, max_size=4, unique_by=lambda row: row[:2]),
    arming=ARMINGS,
    report=st.binary(max_size=100),
)
def test_rows_come_back_as_they_were_written(
    journal_url: str,
    orders: list[OrderRow],
    fills: list[FillRow],
    payments: list[FundingRow],
    arming: ArmingRow,
    report: bytes,
) -> None:
    async def go() -> None:
        async with await Journal.open(journal_url, uuid4().hex, durable=False) as journal:
            epoch = await journal.raise_epoch("me")
            execution = ExecutionRow("book", 1, "order1", report, 1)
            await journal.write([*orders, *fills, *payments, arming, execution, LimitRow("day", report)], epoch)
            await journal.write([*fills, *payments], epoch)  # again, and the same
            assert {text(row) for row in await journal.orders(open_only=False)} == {text(row) for row in orders}
            assert {text(row) for row in await journal.fills()} == {text(row) for row in fills}
            assert {text(row) for row in await journal.funding()} == {text(row) for row in payments}
            assert text(await journal.arming()) == text(arming)
            assert await journal.executions("book") == [execution]
            assert await journal.limits() == {"day": report}

    asyncio.run(go())


def text(row: object) -> str:
    """Every digit: equal Decimals may be written in different ways."""
    return repr(row)
