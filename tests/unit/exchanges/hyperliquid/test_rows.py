"""What an order's row and its fills mean together, by each word that the exchange has for an order's state."""

from decimal import Decimal
from typing import Any

import pytest

from shared.exchanges.client import Unreadable
from shared.exchanges.hyperliquid.facts import FACTS
from shared.exchanges.hyperliquid.rows import (
    EVER_LATE_MS,
    best_of,
    fills_of,
    held_modes,
    order_row,
    payment_of,
    requests_left,
    sides_of,
)
from shared.exchanges.trading import parse
from shared.exchanges.trading.profile import Modes
from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import OrderPhase

D = Decimal
STEP = D("0.1")
RULES = MarketRules("swap", "X/USDC:USDC", "X", "USDC", STEP, STEP, None, D(10), STEP, D(1))


def told(status: str, rest: str, *, side: str = "B") -> dict[str, Any]:
    """orderStatus of an order of 10, as it is recorded in the official SDK's tests."""
    order = {"oid": 7, "cloid": "0x" + "0" * 31 + "a", "side": side, "sz": rest, "origSz": "10.0", "timestamp": 5}
    return {"order": order, "status": status, "at_ms": 1_000}


def fills(*amounts: str) -> list[dict[str, str]]:
    return [{"amount": amount, "price": "2.0"} for amount in amounts]


def read(
    status: str, rest: str, amounts: tuple[str, ...], now_ms: int = 1_001, answered_qty: Decimal | None = None
) -> tuple[OrderPhase, Decimal, Decimal]:
    row = order_row(told(status, rest), fills(*amounts), now_ms, answered_qty)
    found = parse.snapshot(FACTS, RULES, row)
    return found.phase, found.filled_qty, found.paid


LATE_MS = 1_000 + EVER_LATE_MS


@pytest.mark.parametrize(
    ("status", "rest", "amounts", "phase"),
    [
        ("open", "10.0", (), OrderPhase.NEW),
        ("open", "10.0", ("4.0",), OrderPhase.PARTIALLY_FILLED),
        ("open", "10.0", ("4.0", "6.0"), OrderPhase.FILLED),  # its state is behind
        ("filled", "0.0", ("4.0", "6.0"), OrderPhase.FILLED),
        ("filled", "10.0", ("10.0",), OrderPhase.FILLED),  # `sz` of its begin
        ("filled", "6.0", ("4.0",), OrderPhase.CANCELED),  # filled in part, and over
        ("canceled", "6.0", ("4.0",), OrderPhase.CANCELED),
        ("iocCancelRejected", "6.0", ("4.0",), OrderPhase.CANCELED),
        ("marginCanceled", "6.0", ("4.0",), OrderPhase.CANCELED),
        ("perpMarginRejected", "6.0", ("4.0",), OrderPhase.CANCELED),  # what has fills was taken
        ("perpMarginRejected", "10.0", (), OrderPhase.REJECTED),
        ("minTradeNtlRejected", "10.0", (), OrderPhase.REJECTED),
    ],
)
def test_what_an_order_is(status: str, rest: str, amounts: tuple[str, ...], phase: OrderPhase) -> None:
    filled = sum(map(D, amounts), D(0))
    assert read(status, rest, amounts) == (phase, filled, 2 * filled)


@pytest.mark.parametrize(
    "status", ["canceled", "marginCanceled", "iocCancelRejected", "marketOrderNoLiquidityRejected", "selfTradeCanceled"]
)
def test_an_end_with_no_fill_is_none_until_its_fills_would_be_there(status: str) -> None:
    """No page says what an IOC is called that was filled in part, and its `sz` may be that of its begin."""
    for now_ms in (1_001, LATE_MS - 1):
        with pytest.raises(Unreadable, match="not all are there yet"):
            read(status, "10.0", (), now_ms)
    assert read(status, "10.0", (), LATE_MS) == (OrderPhase.CANCELED, 0, 0)
    assert read(status, "10.0", ("4.0",), LATE_MS) == (OrderPhase.CANCELED, 4, 8)


@pytest.mark.parametrize(
    ("status", "rest", "amounts"),
    [("filled", "0.0", ()), ("filled", "0.0", ("4.0",)), ("canceled", "6.0", ("1.0",)), ("canceled", "6.0", ())],
)
def test_fewer_fills_than_the_row_has_counted_are_never_all(status: str, rest: str, amounts: tuple[str, ...]) -> None:
    """A person decides then, however long ago it was: `tickline resolve`."""
    for now_ms in (1_001, LATE_MS, 10**15):
        with pytest.raises(Unreadable, match="not all are there yet"):
            read(status, rest, amounts, now_ms)


@pytest.mark.parametrize(("status", "rest", "amounts"), [("filled", "10.0", ("4.0",)), ("canceled", "10.0", ("4.0",))])
def test_an_end_whose_count_is_of_its_begin_waits(status: str, rest: str, amounts: tuple[str, ...]) -> None:
    with pytest.raises(Unreadable, match="not all are there yet"):
        read(status, rest, amounts)
    assert read(status, rest, amounts, LATE_MS) == (OrderPhase.CANCELED, 4, 8)
    assert read(status, rest, amounts, answered_qty=D(4)) == (OrderPhase.CANCELED, 4, 8), "the answer has told already"
    with pytest.raises(Unreadable):
        read(status, rest, amounts, LATE_MS, answered_qty=D(5))


def test_filled_with_no_fill_is_never_believed() -> None:
    with pytest.raises(Unreadable):
        read("filled", "10.0", (), 10**15)


def test_a_word_of_tomorrow_is_no_end() -> None:
    with pytest.raises(Unreadable, match="status is 'halted'"):
        read("halted", "10.0", ())


def test_a_sale_is_one() -> None:
    found = parse.snapshot(FACTS, RULES, order_row(told("filled", "0.0", side="A"), fills("10.0"), 6))
    assert (found.filled_qty, found.paid, found.venue_order_id) == (D(-10), D(20), "7")


def test_a_fill_is_known_by_its_orders_id() -> None:
    rows = [{"info": {"clientOrderId": name}} for name in ("0a", None, "0b")]
    assert fills_of(rows, "0b") == [rows[2]]


def test_a_payment_is_known_by_coin_and_time() -> None:
    row = {"time": 9, "hash": "0x0", "delta": {"type": "funding", "coin": "ETH", "usdc": "-3.5", "szi": "1.0"}}
    assert payment_of({"ETH": "ETHUSDT"}, row) == ("ETH:9", "ETHUSDT", D("-3.5"), 9)


def test_positions_of_two_ways_are_unreadable() -> None:
    position = {"coin": "ETH", "leverage": {"type": "isolated", "value": 3}}
    told = held_modes({"assetPositions": [{"type": "oneWay", "position": position}]})
    assert told == {"ETH": Modes(hedged=False, margin="isolated", leverage=D(3))}
    with pytest.raises(Unreadable, match="twoWay"):
        held_modes({"assetPositions": [{"type": "twoWay", "position": position}]})


def test_reserved_requests_count_and_an_empty_side_has_no_price() -> None:
    assert requests_left({"nRequestsUsed": 9_990, "nRequestsCap": 10_000, "nRequestsSurplus": 500}) == 510
    one_sided = {"levels": [[{"px": "1"}], []], "time": 1}
    with pytest.raises(Unreadable, match="empty"):
        best_of(one_sided)
    assert sides_of(one_sided) == ("1", None)
