import json

import pytest
from aiohttp import ClientConnectorError, ServerDisconnectedError
from aiohttp.client_reqrep import ConnectionKey

from shared.exchanges.binance.profile import FUTURES_FACTS as BINANCE
from shared.exchanges.bybit.facts import FACTS as BYBIT
from shared.exchanges.client import codes_in
from shared.exchanges.okx.profile import FACTS as OKX
from shared.exchanges.profile import TradingFacts
from shared.exchanges.trading.client import Overdue, Stamp
from shared.exchanges.trading.orders import failed
from shared.messages.reasons import Reason
from shared.orders.answers import Ambiguous, Refused

ERROR = RuntimeError("whatever ccxt makes of it")


def answered(facts: TradingFacts, status: int | None, body: object) -> Refused | Ambiguous:
    text = body if isinstance(body, str) else json.dumps(body)
    return failed(facts, Stamp(status, text, signed=True), ERROR)


def okx(code: str, text: str = "") -> dict[str, object]:
    return {"code": "1", "msg": "All operations failed", "data": [{"sCode": code, "sMsg": text, "ordId": ""}]}


@pytest.mark.parametrize(
    ("facts", "status", "body", "reason"),
    [
        (BINANCE, 400, {"code": -2019, "msg": "Margin is insufficient."}, Reason.NO_MARGIN),
        (BINANCE, 400, {"code": -1021, "msg": "outside of the recvWindow"}, Reason.REQUEST_EXPIRED),
        (BINANCE, 400, {"code": -2022, "msg": "ReduceOnly Order is rejected."}, Reason.NOTHING_TO_REDUCE),
        (BINANCE, 400, {"code": -4164, "msg": "notional"}, Reason.BELOW_MINIMUM),
        (BINANCE, 401, {"code": -2015, "msg": "Invalid API-key"}, Reason.KEY_REFUSED),
        (BINANCE, 503, {"code": -1008, "msg": "Request throttled by system-level protection."}, Reason.RATE_LIMITED),
        (BINANCE, 429, "", Reason.RATE_LIMITED),
        (BINANCE, 418, "<html>", Reason.RATE_LIMITED),
        (BYBIT, 200, {"retCode": 110007, "retMsg": "ab not enough"}, Reason.NO_MARGIN),
        (BYBIT, 200, {"retCode": 10002, "retMsg": "request expired"}, Reason.REQUEST_EXPIRED),
        (OKX, 200, okx("51008"), Reason.NO_MARGIN),
        (OKX, 200, okx("51008_1000"), Reason.NO_MARGIN),
        (OKX, 200, okx("50036"), Reason.REQUEST_EXPIRED),
        (OKX, 401, {"code": "50102", "msg": "Timestamp request expired.", "data": []}, Reason.REQUEST_EXPIRED),
    ],
)  # fmt: skip
def test_what_is_listed_is_definite(facts: TradingFacts, status: int, body: object, reason: Reason) -> None:
    fate = answered(facts, status, body)
    assert isinstance(fate, Refused) and fate.reason is reason


@pytest.mark.parametrize(
    ("facts", "status", "body"),
    [
        (BINANCE, None, ""),
        (BINANCE, 200, "<html>log in</html>"),
        (BINANCE, 200, '{"orderId": 1'),
        (BINANCE, 400, {"code": -1006, "msg": "Execution status unknown."}),
        (BINANCE, 408, {"code": -1007, "msg": "Send status unknown; execution status unknown."}),
        (BINANCE, 503, "Service Unavailable"),
        (BINANCE, 400, {"code": -99999, "msg": "a code of tomorrow"}),
        (BINANCE, 400, {"code": -4116, "msg": "ClientOrderId is duplicated."}),
        (BINANCE, 400, {"code": -2010, "msg": "Duplicate order sent."}),
        (BYBIT, 200, {"retCode": 110072, "retMsg": "OrderLinkedID is duplicate"}),
        (BYBIT, 200, {"retCode": 10000, "retMsg": "Server Timeout"}),
        (OKX, 200, okx("51016", "Duplicated client order ID.")),
        (OKX, 200, okx("51149", "Order timed out.")),
        (OKX, 400, {"code": "50004", "msg": "does not mean that the request was successful or failed", "data": []}),
        (TradingFacts(), 400, {"code": -2019, "msg": "Margin is insufficient."}),
        (TradingFacts(), 429, ""),
    ],
)  # fmt: skip
def test_all_else_is_known_to_nobody(facts: TradingFacts, status: int | None, body: object) -> None:
    assert isinstance(answered(facts, status, body), Ambiguous)


def test_what_was_never_signed_or_never_connected_was_not_sent() -> None:
    unsigned = failed(BINANCE, Stamp(), ERROR)
    by_get = failed(BINANCE, Stamp(gone={"GET /order"}), ERROR)
    assert isinstance(by_get, Ambiguous)
    assert isinstance(unsigned, Refused) and unsigned.reason is Reason.NOT_SENT
    late = failed(BINANCE, Stamp(), Overdue("valid until 5"))
    assert isinstance(late, Refused) and late.reason is Reason.REQUEST_EXPIRED
    key = ConnectionKey("h", 1, False, True, None, None, None)
    refused = RuntimeError("ccxt's")
    refused.__cause__ = ClientConnectorError(key, OSError(111, "refused"))
    unconnected = failed(BINANCE, Stamp(signed=True), refused)
    assert isinstance(unconnected, Refused) and unconnected.reason is Reason.NOT_SENT
    lost = RuntimeError("ccxt's")
    lost.__cause__ = ServerDisconnectedError()
    assert isinstance(failed(BINANCE, Stamp(signed=True), lost), Ambiguous)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ('{"code":200,"msg":"success"}', []),
        ('{"code":"0","data":[{"sCode":"0"}]}', []),
        ('{"retCode":0}', []),
        ('[{"code":-1,"msg":"x"}]', [("-1", "x")]),
        ('{"code":"1","msg":"all","data":[{"sCode":"51000","sMsg":"sz"}]}', [("51000", "sz"), ("1", "all")]),
        ("", []),
        ("nonsense", []),
        ("7", []),
    ],
)
def test_codes(body: str, codes: list[tuple[str, str]]) -> None:
    assert list(codes_in(body)) == codes
