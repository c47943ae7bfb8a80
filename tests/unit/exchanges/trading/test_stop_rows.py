"""Rows and errors about stops as exchanges' pages, and their users, have them, through ccxt's classes and ours."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from shared.exchanges.registry import stop_profile
from shared.exchanges.trading.orders import OrderLookup
from shared.exchanges.trading.stops import Stops
from shared.messages.reasons import Reason, StopKind
from shared.orders.answers import Absent, Ambiguous, Refused
from shared.orders.stops import Beyond, Occupied, StopPhase, StopReport, StopRequest
from tests.unit.exchanges.trading.raw import Raw

WAITING, TRIGGERING, TRIGGERED = StopPhase.WAITING, StopPhase.TRIGGERING, StopPhase.TRIGGERED
FAILED, CANCELED = StopPhase.FAILED, StopPhase.CANCELED
STOP, TAKE, TRAIL = StopKind.STOP, StopKind.TAKE_PROFIT, StopKind.TRAIL
# P: Query-Algo-Order has this row.
BINANCE = {
    "algoId": 2146760, "clientAlgoId": "6B2I9XVcJpCjqPAJ4YoFX7", "algoType": "CONDITIONAL",
    "orderType": "STOP_MARKET", "symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH", "timeInForce": "GTC",
    "quantity": "0.01", "algoStatus": "CANCELED", "actualOrderId": "", "actualPrice": "0.00000",
    "triggerPrice": "750.000", "price": "750.000", "icebergQuantity": None, "tpTriggerPrice": "0.000",
    "tpPrice": "0.000", "slTriggerPrice": "0.000", "slPrice": "0.000", "tpOrderType": "",
    "selfTradePreventionMode": "EXPIRE_MAKER", "workingType": "CONTRACT_PRICE", "priceMatch": "NONE",
    "closePosition": False, "priceProtect": False, "reduceOnly": False, "createTime": 1750485492076,
    "updateTime": 1750514545091, "triggerTime": 0, "goodTillDate": 0,
}  # fmt: skip
# P: Algo order details have this row.
OKX = {
    "activePx": "", "actualPx": "", "actualSide": "", "actualSz": "0", "algoClOrdId": "mine",
    "amendPxOnTriggerType": "0", "algoId": "1753184812254216192", "attachAlgoOrds": [], "cTime": "1724751378980",
    "callbackRatio": "", "callbackSpread": "", "ccy": "", "chaseType": "", "chaseVal": "", "clOrdId": "",
    "closeFraction": "", "failCode": "0", "instId": "BTC-USDT-SWAP", "instType": "SWAP", "isTradeBorrowMode": "",
    "last": "62916.5", "lever": "", "linkedOrd": {"ordId": ""}, "maxChaseType": "", "maxChaseVal": "",
    "moveTriggerPx": "", "ordId": "", "ordIdList": [], "ordPx": "", "ordType": "conditional", "posSide": "net",
    "pxLimit": "", "pxSpread": "", "pxVar": "", "quickMgnType": "", "reduceOnly": "true", "side": "sell",
    "slOrdPx": "-1", "slTriggerPx": "10000", "slTriggerPxType": "mark", "state": "live", "sz": "10", "szLimit": "",
    "tag": "", "tdMode": "isolated", "tgtCcy": "", "timeInterval": "", "tpOrdPx": "", "tpTriggerPx": "",
    "tpTriggerPxType": "", "triggerPx": "", "triggerPxType": "", "triggerTime": "", "tradeQuoteCcy": "USDT",
    "uTime": "1724751378980",
}  # fmt: skip
# P: open-order has a row of this form; createType and cancelType: enum.
BYBIT = {
    "orderId": "fd4300ae-7847-404e-b947-b46980a4d140", "orderLinkId": "", "blockTradeId": "", "symbol": "BTCUSDT",
    "price": "0", "qty": "0.10", "side": "Sell", "isLeverage": "", "positionIdx": 0, "orderStatus": "Untriggered",
    "createType": "CreateByStopLoss", "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "",
    "leavesQty": "0.10", "leavesValue": "160", "cumExecQty": "0.00", "cumExecValue": "0", "cumExecFee": "0",
    "timeInForce": "IOC", "orderType": "Market", "stopOrderType": "StopLoss", "orderIv": "", "triggerPrice": "1500.00",
    "takeProfit": "", "stopLoss": "", "tpslMode": "Full", "triggerDirection": 2, "triggerBy": "MarkPrice",
    "lastPriceOnCreated": "", "reduceOnly": True, "closeOnTrigger": True, "createdTime": "1684738540559",
    "updatedTime": "1684738540561",
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {"binance": BINANCE, "okx": OKX, "bybit": BYBIT}
PATHS = {"binance": "algoOrder", "okx": "order-algo", "bybit": "order/realtime"}
SENDS = {"binance": "algoOrder", "okx": "order-algo", "bybit": "trading-stop"}
Case = tuple[dict[str, Any], StopKind | None, StopPhase, str, str]
CASES: dict[str, list[Case]] = {
    "binance": [
        ({"algoStatus": "NEW"}, STOP, WAITING, "", "-0.01"),
        ({"algoStatus": "NEW", "closePosition": True, "quantity": "0"}, STOP, WAITING, "", "0"),
        ({"algoStatus": "NEW", "orderType": "TAKE_PROFIT_MARKET", "side": "BUY"}, TAKE, WAITING, "", "0.01"),
        ({"algoStatus": "NEW", "orderType": "TRAILING_STOP_MARKET"}, TRAIL, WAITING, "", "-0.01"),
        ({"algoStatus": "NEW", "orderType": "STOP"}, None, WAITING, "", "-0.01"),
        ({"algoStatus": "CANCELED"}, STOP, CANCELED, "", "-0.01"),
        # https://github.com/nautechsystems/nautilus_trader/discussions/5378: a day later it was still so
        ({"algoStatus": "TRIGGERING"}, STOP, TRIGGERING, "", "-0.01"),
        ({"algoStatus": "TRIGGERED"}, STOP, TRIGGERING, "", "-0.01"),
        # https://github.com/nautechsystems/nautilus_trader/issues/3287
        ({"algoStatus": "TRIGGERED", "actualOrderId": "88937381063"}, STOP, TRIGGERED, "88937381063", "-0.01"),
        ({"algoStatus": "FINISHED", "actualOrderId": "7"}, STOP, TRIGGERED, "7", "-0.01"),
        ({"algoStatus": "FINISHED"}, STOP, TRIGGERING, "", "-0.01"),
        ({"algoStatus": "REJECTED"}, STOP, FAILED, "", "-0.01"),
        ({"algoStatus": "EXPIRED"}, STOP, FAILED, "", "-0.01"),
    ],
    "okx": [
        ({}, STOP, WAITING, "", "-0.1"),
        ({"state": "pause"}, STOP, WAITING, "", "-0.1"),
        ({"closeFraction": "1", "sz": ""}, STOP, WAITING, "", "0"),
        ({"tpTriggerPx": "9", "slTriggerPx": "", "side": "buy"}, TAKE, WAITING, "", "0.1"),
        ({"ordType": "move_order_stop", "slTriggerPx": "", "moveTriggerPx": "9"}, TRAIL, WAITING, "", "-0.1"),
        ({"ordType": "oco", "tpTriggerPx": "11000"}, None, WAITING, "", "-0.1"),
        ({"state": "effective"}, STOP, TRIGGERING, "", "-0.1"),
        ({"state": "effective", "ordId": "8", "ordIdList": ["8"]}, STOP, TRIGGERED, "8", "-0.1"),
        ({"state": "effective", "ordIdList": ["8", "9"]}, STOP, TRIGGERED, "9", "-0.1"),
        ({"state": "partially_effective", "ordId": "8"}, STOP, TRIGGERED, "8", "-0.1"),
        ({"state": "canceled"}, STOP, CANCELED, "", "-0.1"),
        ({"state": "order_failed", "failCode": "51008"}, STOP, FAILED, "", "-0.1"),
        ({"state": "partially_failed", "failCode": "51008"}, STOP, FAILED, "", "-0.1"),
    ],
    "bybit": [
        ({}, STOP, WAITING, "", "0"),
        ({"stopOrderType": "TakeProfit", "side": "Buy"}, TAKE, WAITING, "", "0"),
        ({"stopOrderType": "TrailingStop"}, TRAIL, WAITING, "", "0"),
        ({"stopOrderType": "PartialStopLoss"}, STOP, WAITING, "", "-0.1"),
        ({"stopOrderType": "Stop"}, None, WAITING, "", "-0.1"),
        *(({"orderStatus": word}, STOP, TRIGGERED, "same", "0") for word in ("New", "Filled")),
        ({"orderStatus": "Triggered"}, STOP, TRIGGERING, "", "0"),
        ({"orderStatus": "PartiallyFilled", "cumExecQty": "0.05"}, STOP, TRIGGERED, "same", "0"),
        ({"orderStatus": "Cancelled", "cumExecQty": "0.05"}, STOP, TRIGGERED, "same", "0"),
        ({"orderStatus": "Rejected", "rejectReason": "EC_Others"}, STOP, FAILED, "", "0"),
        ({"orderStatus": "Cancelled", "rejectReason": "EC_NoImmediateQtyToFill"}, STOP, FAILED, "", "0"),
        # A user's record: "stopOrderType": "PartialStopLoss", "orderStatus": "Cancelled", and this cancelType
        ({"orderStatus": "Cancelled", "cancelType": "CancelByTpSlTsClear"}, STOP, CANCELED, "", "0"),
        ({"orderStatus": "Deactivated", "cancelType": "CancelByTpSlTsClear"}, STOP, CANCELED, "", "0"),
        *(
            ({"orderStatus": "Cancelled", "cancelType": word}, STOP, CANCELED, "", "0")
            for word in ("CancelByUser", "CancelAllBeforeLiq", "CancelByOCOSlCanceledByTpTriggered", "CancelByDCP")
        ),
        ({"orderStatus": "Cancelled", "cancelType": "CancelByReduceOnly"}, STOP, FAILED, "", "0"),
    ],
}


def wrapped(exchange: str, row: Mapping[str, Any]) -> Any:
    if exchange == "okx":
        return {"code": "0", "data": [row], "msg": ""}
    return {"retCode": 0, "retMsg": "OK", "result": {"list": [row]}} if exchange == "bybit" else row


def stops(exchange: str, answer: Any, path: str) -> Stops:
    raw = Raw(exchange, "swap", {path: lambda form: answer})
    lookup, rules = OrderLookup(raw.caller, raw.profile), {"S": raw.rules(raw.markets[0])}
    return Stops(raw.caller, stop_profile(exchange, "swap"), lookup, rules, lambda: 1000, 5.0)


async def find(exchange: str, changes: Mapping[str, Any]) -> StopReport | Absent | Ambiguous:
    answer = wrapped(exchange, {**ROWS[exchange], **changes})
    return await stops(exchange, answer, PATHS[exchange]).find("S", STOP, "mine", "7")


@pytest.mark.parametrize(
    ("exchange", "changes", "kind", "phase", "order_id", "qty"),
    [(name, *case) for name, cases in CASES.items() for case in cases],
)
async def test_what_each_row_is(
    exchange: str, changes: dict[str, Any], kind: StopKind | None, phase: StopPhase, order_id: str, qty: str
) -> None:
    found = await find(exchange, changes)
    assert isinstance(found, StopReport), found
    told = found.venue_id if order_id == "same" else order_id
    assert (found.sym, found.kind, found.phase, found.order_id, found.signed_qty, found.whole) == (
        "S", kind, phase, told, Decimal(qty), qty == "0",
    )  # fmt: skip
    assert found.text
    assert found.trigger_price is not None


@pytest.mark.parametrize(
    ("exchange", "changes"),
    [("binance", {"algoStatus": "PAUSED"}), ("okx", {"state": "paused"}), ("bybit", {"orderStatus": "Paused"})],
)
async def test_a_word_of_tomorrow_is_not_guessed(exchange: str, changes: dict[str, Any]) -> None:
    found = await find(exchange, changes)
    assert isinstance(found, Ambiguous)
    assert "aused" in found.cause or "PAUSED" in found.cause


def refusal(exchange: str, code: str, text: str) -> Any:
    if exchange == "okx":
        return {"code": "1", "msg": "All operations failed", "data": [{"algoId": "", "sCode": code, "sMsg": text}]}
    return (
        {"retCode": int(code), "retMsg": text, "result": {}}
        if exchange == "bybit"
        else {"code": int(code), "msg": text}
    )


NOTHING, NO, TOO_LATE = Reason.NOTHING_TO_REDUCE, Reason.VENUE_REFUSED, Reason.REQUEST_EXPIRED
ERRORS: list[tuple[str, str, str, Any]] = [
    ("binance", "-2021", "Order would immediately trigger.", Beyond),
    (
        "binance",
        "-4130",
        "An open stop or take profit order with GTE and closePosition in the direction is existing.",
        Occupied,
    ),
    ("binance", "-1106", "Parameter 'reduceonly' sent when not required.", NO),
    ("binance", "-4045", "Reach max stop order limit.", NO),
    ("binance", "-4509", "Time in Force (TIF) GTE can only be used with open positions or open orders.", NOTHING),
    ("binance", "-1021", "Timestamp for this request is outside of the recvWindow.", TOO_LATE),
    ("binance", "-4116", "ClientOrderId is duplicated.", Ambiguous),
    ("binance", "-1007", "Timeout waiting for response from backend server.", Ambiguous),
    ("okx", "51277", "TP trigger price can not be higher than the last price", Beyond),
    ("okx", "51278", "SL trigger price can not be lower than the last price", Beyond),
    ("okx", "51279", "TP trigger price can not be lower than the last price", Beyond),
    ("okx", "51280", "SL trigger price can not be higher than the last price", Beyond),
    ("okx", "51327", "closeFraction is only available for futures and perpetual swaps", NO),
    ("okx", "51330", "closeFraction is only available for stop market orders", NO),
    ("okx", "51088", "You can only place 1 TP/SL order to close an entire position", Occupied),
    ("okx", "51058", "No available position for this algo order", NOTHING),
    ("okx", "51169", "Order failed because you don't have any positions in this direction for this contract", NOTHING),
    ("okx", "51205", "Reduce Only is not available.", NO),
    ("okx", "51148", "Failed to place order. The new order may execute an opposite trading direction", NO),
    ("okx", "51100", "Unable to place order. Take profit/Stop loss conditions cannot be added", NO),
    ("okx", "51100", "Trading amount does not meet the min tradable amount", Reason.BELOW_MINIMUM),
    ("okx", "51016", "Client order ID already exists.", Ambiguous),
    ("okx", "50026", "System error. Try again later", Ambiguous),
    (
        "bybit",
        "10001",
        "StopLoss:420000000 set for Buy position should lower than base_price:410000000??LastPrice",
        Beyond,
    ),
    ("bybit", "10001", "TakeProfit:1 set for Buy position should be higher than base_price:2??MarkPrice", Beyond),
    ("bybit", "10001", "can not set tp/sl/ts for zero position", NOTHING),
    ("bybit", "10001", "params error: price invalid", NO),
    ("bybit", "110092", "expect Rising, but trigger_price[195000000] <= current[201470000]??LastPrice", Beyond),
    ("bybit", "34040", "not modified", StopReport),
    ("bybit", "10016", "Internal server error.", Ambiguous),
]


@pytest.mark.parametrize(("exchange", "code", "text", "what"), ERRORS)
async def test_what_each_refusal_of_a_stop_is(exchange: str, code: str, text: str, what: Any) -> None:
    account = stops(exchange, refusal(exchange, code, text), SENDS[exchange])
    request = StopRequest("S", "mine", STOP, Decimal("0.1"), Decimal(41_000), at_ms=1000, validity_ms=5000)
    answer = await account.place(request)
    if isinstance(what, Reason):
        assert isinstance(answer, Refused), answer
        assert answer.reason is what
    else:
        assert isinstance(answer, what), answer


ONLY_REDUCES: list[tuple[str, dict[str, Any], bool]] = [
    ("binance", {"reduceOnly": True}, True),
    ("binance", {"reduceOnly": False}, False),
    ("binance", {"reduceOnly": False, "closePosition": True}, True),
    ("okx", {"reduceOnly": "true"}, True),
    ("okx", {"reduceOnly": "false"}, False),
    ("okx", {"reduceOnly": ""}, False),
    ("okx", {"reduceOnly": "true", "closeFraction": "1"}, True),
    ("bybit", {}, True),
    ("bybit", {"stopOrderType": "Stop", "reduceOnly": False}, False),
]


@pytest.mark.parametrize(("exchange", "changes", "reduces"), ONLY_REDUCES)
async def test_whether_it_only_reduces_is_as_its_row_says(
    exchange: str, changes: dict[str, Any], reduces: bool
) -> None:
    found = await find(exchange, changes)
    assert isinstance(found, StopReport) and found.reduce_only is reduces


@pytest.mark.parametrize(
    ("qty", "whole", "said"),
    [("0.1", False, "at least 0.2"), ("5.1", False, "at most 5"), ("0.2", False, ""), ("5", False, ""),
     ("0.1", True, ""), ("5.1", True, ""), ("0.15", True, "no multiple of 0.1")],
)  # fmt: skip
@pytest.mark.parametrize("exchange", ["binance", "okx"])
async def test_a_quantity_is_one_of_the_markets(exchange: str, qty: str, whole: bool, said: str) -> None:
    ok = {"okx": {"code": "0", "data": [{"algoId": "1", "sCode": "0"}], "msg": ""}, "binance": {"algoId": 1}}[exchange]
    account = stops(exchange, ok, SENDS[exchange])
    bounds = {"step": Decimal("0.1"), "min_qty": Decimal("0.2"), "most_qty": Decimal(5)}
    account._rules = {"S": account._rules["S"]._replace(**bounds)}
    request = StopRequest("S", "mine", STOP, Decimal(qty), Decimal(41_000), whole=whole, at_ms=1000, validity_ms=5000)
    answer = await account.place(request)
    assert isinstance(answer, Refused if said else StopReport), answer
    assert not isinstance(answer, Refused) or (answer.reason is Reason.NOT_SENT and said in answer.text)


async def test_where_no_step_of_prices_is_known_the_price_is_sent_as_it_is() -> None:
    account = stops("okx", {"code": "0", "data": [{"algoId": "1", "sCode": "0"}], "msg": ""}, SENDS["okx"])
    account._rules = {"S": account._rules["S"]._replace(price_tick=Decimal(0))}
    request = StopRequest("S", "mine", STOP, Decimal("0.1"), Decimal("41000.123"), at_ms=1000, validity_ms=5000)
    answer = await account.place(request)
    assert isinstance(answer, StopReport) and answer.trigger_price == Decimal("41000.123")


@pytest.mark.parametrize("exchange", ["binance", "okx"])  # Bybit's tells no id
async def test_an_answer_about_another_stop_is_no_answer(exchange: str) -> None:
    other: dict[str, Any] = {
        "binance": {"algoId": 1, "clientAlgoId": "theirs"},
        "okx": {"code": "0", "data": [{"algoId": "1", "algoClOrdId": "theirs", "sCode": "0"}], "msg": ""},
    }
    account = stops(exchange, other[exchange], SENDS[exchange])
    request = StopRequest("S", "mine", STOP, Decimal("0.1"), Decimal(41_000), at_ms=1000, validity_ms=5000)
    assert isinstance(await account.place(request), Ambiguous)
