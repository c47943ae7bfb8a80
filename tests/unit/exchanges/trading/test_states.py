"""Each word that an exchange has for an order's state, through ccxt's own parser and ours."""

from decimal import Decimal
from typing import Any

import pytest

from shared.exchanges.client import Unreadable
from shared.exchanges.hyperliquid.facts import FACTS as HYPERLIQUID_FACTS
from shared.exchanges.hyperliquid.rows import order_row
from shared.exchanges.trading import parse
from shared.messages.reasons import OrderPhase
from shared.orders.answers import OrderStatusReport
from tests.unit.exchanges.trading.raw import Raw

NEW, PARTLY, FILLED, CANCELED, REJECTED, EXPIRED = (
    OrderPhase.NEW, OrderPhase.PARTIALLY_FILLED, OrderPhase.FILLED, OrderPhase.CANCELED, OrderPhase.REJECTED,
    OrderPhase.EXPIRED,
)  # fmt: skip
# (word, filled of 10, what it is); the words: P, at the pages that the profiles cite
WORDS: dict[str, list[tuple[str, str, OrderPhase]]] = {
    "binance": [
        ("NEW", "0", NEW), ("PENDING_NEW", "0", NEW), ("PARTIALLY_FILLED", "4", PARTLY), ("FILLED", "10", FILLED),
        ("CANCELED", "0", CANCELED), ("CANCELED", "4", CANCELED), ("PENDING_CANCEL", "4", PARTLY),
        ("REJECTED", "0", REJECTED), ("EXPIRED", "0", EXPIRED), ("EXPIRED", "4", EXPIRED),
        ("EXPIRED_IN_MATCH", "4", EXPIRED), ("NEW_INSURANCE", "0", NEW), ("NEW_ADL", "4", PARTLY),
    ],
    "okx": [
        ("live", "0", NEW), ("partially_filled", "4", PARTLY), ("filled", "10", FILLED), ("canceled", "0", CANCELED),
        ("canceled", "4", CANCELED), ("mmp_canceled", "4", CANCELED),
    ],
    "bybit": [
        ("New", "0", NEW), ("Created", "0", NEW), ("PartiallyFilled", "4", PARTLY), ("Filled", "10", FILLED),
        ("Cancelled", "4", CANCELED), ("PartiallyFilledCanceled", "4", CANCELED), ("Rejected", "0", REJECTED),
        ("Deactivated", "0", CANCELED), ("Untriggered", "0", NEW), ("Triggered", "0", NEW), ("Active", "4", PARTLY),
    ],
}  # fmt: skip


def row(exchange: str, kind: str, word: str, filled: str) -> dict[str, Any]:
    """An order of 10, as the exchange's look-up gives it."""
    if exchange == "binance":
        cost = {"cumQuote": filled, "positionSide": "BOTH"} if kind == "swap" else {"cummulativeQuoteQty": filled}
        return {
            "symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "c", "status": word, "side": "BUY", "type": "MARKET",
            "origQty": "10", "executedQty": filled, "price": "0", "time": 1, **cost,
        }  # fmt: skip
    if exchange == "okx":
        return {
            "instId": "BTC-USDT-SWAP" if kind == "swap" else "BTC-USDT", "instType": kind.upper(), "ordId": "7",
            "clOrdId": "c", "state": word, "side": "buy", "ordType": "market", "sz": "10", "accFillSz": filled,
            "avgPx": "1", "cTime": "1", "uTime": "1", "tgtCcy": "base_ccy",
        }  # fmt: skip
    return {
        "symbol": "BTCUSDT", "orderId": "7", "orderLinkId": "c", "orderStatus": word, "side": "Buy",
        "orderType": "Market", "qty": "10", "cumExecQty": filled, "cumExecValue": filled, "createdTime": "1",
        "updatedTime": "1", "marketUnit": "baseCoin", "leavesQty": "0",
    }  # fmt: skip


def read(exchange: str, kind: str, order: dict[str, Any]) -> OrderStatusReport:
    raw = Raw(exchange, kind, {})
    rules = raw.rules(raw.markets[0])
    parsed = raw.client.parse_order(order, raw.client.markets[raw.markets[0]])
    return parse.snapshot(raw.profile.facts, rules, parsed)


@pytest.mark.parametrize("kind", ["swap", "spot"])
@pytest.mark.parametrize(
    ("exchange", "word", "filled", "state"), [(name, *one) for name, words in WORDS.items() for one in words]
)
def test_what_each_word_is(exchange: str, kind: str, word: str, filled: str, state: OrderPhase) -> None:
    found = read(exchange, kind, row(exchange, kind, word, filled))
    size = Decimal("0.01") if (exchange, kind) == ("okx", "swap") else Decimal(1)
    assert (found.phase, found.filled_qty) == (state, Decimal(filled) * size)


@pytest.mark.parametrize("kind", ["swap", "spot"])
@pytest.mark.parametrize(("word", "filled"), [("EXPIRED", "0"), ("EXPIRED", "4"), ("EXPIRED_IN_MATCH", "4")])
def test_an_ioc_that_ends_short_is_canceled_also_where_that_is_called_expired(
    kind: str, word: str, filled: str
) -> None:
    ioc = {"type": "LIMIT", "timeInForce": "IOC", "price": "1"}
    found = read("binance", kind, {**row("binance", kind, word, filled), **ioc})
    assert (found.phase, found.filled_qty) == (CANCELED, Decimal(filled))
    resting = read("binance", kind, {**row("binance", kind, word, filled), **ioc, "timeInForce": "GTC"})
    assert resting.phase is EXPIRED


# (what the row says, what it is, and the cause). P: the pages that the profiles cite; SDKs have the same words:
# https://docs.rs/patisson-bybit-sdk/0.3.0/bybit/enum.RejectReason.html, OkxSpreadOrderCancelSource of burakoner/OKX.Api
ENDS: dict[str, list[tuple[dict[str, str], OrderPhase, str]]] = {
    "binance": [
        ({"status": "EXPIRED"}, CANCELED, ""),
        ({"status": "EXPIRED_IN_MATCH"}, CANCELED, "EXPIRED_IN_MATCH"),
        ({"status": "REJECTED"}, REJECTED, ""),
    ],
    "okx": [
        ({"state": "canceled"}, CANCELED, ""),
        ({"state": "canceled", "cancelSource": "14"}, CANCELED, ""),
        ({"state": "canceled", "cancelSource": "1"}, CANCELED, ""),
        ({"state": "canceled", "cancelSource": "34"}, CANCELED, "34"),
    ],
    "bybit": [
        ({"orderStatus": "Cancelled", "rejectReason": "EC_NoImmediateQtyToFill"}, CANCELED, ""),
        ({"orderStatus": "Rejected", "rejectReason": "EC_NoImmediateQtyToFill"}, CANCELED, ""),
        ({"orderStatus": "Rejected", "rejectReason": "EC_NoError"}, REJECTED, ""),
        ({"orderStatus": "Rejected", "rejectReason": "EC_BySelfMatch"}, REJECTED, "EC_BySelfMatch"),
        ({"orderStatus": "Cancelled", "rejectReason": "EC_PerCancelRequest"}, CANCELED, ""),
        ({"orderStatus": "Cancelled", "cancelType": "CancelByUser"}, CANCELED, ""),
        ({"orderStatus": "Cancelled", "cancelType": "CancelBySmp"}, CANCELED, "CancelBySmp"),
        ({"orderStatus": "Cancelled", "rejectReason": "EC_BySelfMatch", "cancelType": "CancelBySmp"}, CANCELED,
         "EC_BySelfMatch, CancelBySmp"),
    ],
}  # fmt: skip
IOC = {
    "binance": {"type": "LIMIT", "timeInForce": "IOC", "price": "1"},
    "okx": {"ordType": "ioc", "px": "1"},
    "bybit": {"orderType": "Limit", "timeInForce": "IOC", "price": "1"},
}


@pytest.mark.parametrize("kind", ["swap", "spot"])
@pytest.mark.parametrize(
    ("exchange", "said", "phase", "cause"), [(name, *one) for name, ends in ENDS.items() for one in ends]
)
def test_why_an_ioc_ended_where_it_was_not_its_limit(
    exchange: str, kind: str, said: dict[str, str], phase: OrderPhase, cause: str
) -> None:
    """A resting order that Bybit calls rejected is that; of an IOC that missed it is the usual end."""
    found = read(exchange, kind, {**row(exchange, kind, "NEW", "0"), **IOC[exchange], **said})
    assert (found.phase, found.cause) == (phase, cause)
    if said == {"orderStatus": "Rejected", "rejectReason": "EC_NoImmediateQtyToFill"}:
        resting = {**row(exchange, kind, "NEW", "0"), **IOC[exchange], **said, "timeInForce": "GTC"}
        assert read(exchange, kind, resting).phase is REJECTED


@pytest.mark.parametrize(
    ("status", "phase", "cause"),
    [
        ("canceled", CANCELED, ""), ("iocCancelRejected", CANCELED, ""), ("filled", CANCELED, ""),
        ("selfTradeCanceled", CANCELED, "selfTradeCanceled"), ("marginCanceled", CANCELED, "marginCanceled"),
        ("tickRejected", REJECTED, "tickRejected"),
    ],
)  # fmt: skip
def test_why_an_order_ended_at_hyperliquid(status: str, phase: OrderPhase, cause: str) -> None:
    """P: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint (order statuses)."""
    order = {"oid": 7, "cloid": None, "side": "B", "sz": "2.0", "origSz": "2.0", "tif": "Ioc", "timestamp": 5}
    fills = [{"amount": "1.0", "price": "10.0"}] if status == "filled" else []  # of two
    parsed = order_row({"order": order, "status": status, "at_ms": 5}, fills, 10**9)
    raw = Raw("binance", "swap", {})
    found = parse.snapshot(HYPERLIQUID_FACTS, raw.rules(raw.markets[0]), parsed)
    assert (found.phase, found.cause) == (phase, cause)


@pytest.mark.parametrize("exchange", WORDS)
def test_every_word_that_is_known_is_shown_here(exchange: str) -> None:
    for kind in ("swap", "spot"):
        facts = Raw(exchange, kind, {}).profile.facts
        shown = {word for word, _, _ in WORDS[exchange]}
        assert facts.states.keys() - shown <= {"PendingCancel"}


@pytest.mark.parametrize(("exchange", "word"), [("binance", "FILLED"), ("okx", "filled"), ("bybit", "Filled")])
def test_filled_in_part_is_never_filled(exchange: str, word: str) -> None:
    with pytest.raises(Unreadable, match="of 10"):
        read(exchange, "spot", row(exchange, "spot", word, "4"))


@pytest.mark.parametrize("exchange", WORDS)
def test_a_word_of_tomorrow_is_not_guessed(exchange: str) -> None:
    with pytest.raises(Unreadable, match="status is 'Paused'"):
        read(exchange, "spot", row(exchange, "spot", "Paused", "4"))


def test_of_an_exchange_without_known_words_closed_in_part_is_canceled() -> None:
    raw = Raw("binance", "spot", {})
    order = {"id": "1", "status": "closed", "side": "buy", "filled": "4", "amount": "10", "cost": "4", "info": {}}
    found = parse.snapshot(raw.profile.facts._replace(status_name=""), raw.rules(raw.markets[0]), order)
    assert (found.phase, found.filled_qty) == (CANCELED, Decimal(4))
