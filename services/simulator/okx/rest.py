"""All of OKX's REST shares this: envelope and errors; key, signature, time and expiry of a request.

https://www.okx.com/docs-v5/en/#overview-rest-authentication
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, Handler, HttpRequest

HOST = "www.okx.com/api/v5"  # its demo trading has the same host
GOOD_FOR_MS = 30_000
# U: https://www.okx.com/docs-v5/en/#overview-transaction-timeouts: placing and amending orders, and no algo order
EXPIRING = frozenset(f"/api/v5/trade/{name}" for name in ("order", "batch-orders", "amend-order", "amend-batch-orders"))
MS = 1000


def api_error(code: str, text: str, status: int = 200) -> ApiError:
    """Returns an error in OKX's form."""
    return ApiError(status, {"code": code, "msg": text, "data": []})


def order_error(code: str, text: str, client_id: str = "") -> ApiError:
    """Returns an error in OKX's form where one order is meant."""
    row = {"clOrdId": client_id, "ordId": "", "sCode": code, "sMsg": text, "tag": ""}
    return ApiError(200, {"code": "1", "msg": "All operations failed", "data": [row]})


def signed(state: SimulatorState, handler: Handler) -> Handler:
    """Wraps a handler as `public` does; requests must be signed with the account's keys, and in time."""

    def checked(request: HttpRequest) -> object:
        keys, headers = state.keys, request.headers
        if headers.get("ok-access-key") != keys.key:
            raise api_error("50111", "Invalid OK-ACCESS-KEY.", 401)
        if headers.get("ok-access-passphrase") != keys.password:
            raise api_error("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
        stamp = headers["ok-access-timestamp"]
        path = "/" + request.path.partition("/")[2] + (f"?{request.raw_query}" if request.raw_query else "")
        payload = f"{stamp}{request.method}{path}{request.body}"
        wanted = base64.b64encode(hmac.new(keys.secret.encode(), payload.encode(), hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(headers.get("ok-access-sign", ""), wanted):
            raise api_error("50113", "Invalid signature.", 401)
        now_ms, stamp_ms = state.now_ms(), stamp_ms_of(request)
        if abs(now_ms - stamp_ms) > GOOD_FOR_MS:
            raise api_error("50102", "Timestamp request expired.", 401)
        if path in EXPIRING and "exptime" in headers and now_ms >= int(headers["exptime"]):
            raise order_error("50036", "The expTime can't be earlier than the current system time.")
        if state.keys.reads_only and request.method == "POST":
            raise api_error("50120", "This API key doesn't have permission to use this function", 401)
        return {"code": "0", "msg": "", "data": handler(request)}

    return checked


def stamp_ms_of(request: HttpRequest) -> int:
    """Returns the time that a request was signed with."""
    return round(datetime.fromisoformat(request.headers["ok-access-timestamp"]).timestamp() * MS)


def public(handler: Handler) -> Handler:
    """Wraps a handler: its answer goes into OKX's envelope."""
    return lambda request: {"code": "0", "msg": "", "data": handler(request)}


def at_host(table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns handlers by `METHOD PATH` as those by `METHOD HOST/PATH`."""
    return {route.replace(" ", f" {HOST}/", 1): handler for route, handler in table.items()}


def private(state: SimulatorState, table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns the same of requests that must be signed."""
    return at_host({route: signed(state, handler) for route, handler in table.items()})
