"""All of Bybit's REST shares this: envelope, errors, signature; ids, categories, pages, windows of time.

https://bybit-exchange.github.io/docs/v5/guide#authentication
https://bybit-exchange.github.io/docs/v5/rate-limit, for the headers
https://bybit-exchange.github.io/docs/v5/order/open-order, for `limit` and `cursor`
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import NAMESPACE_OID, UUID, uuid5

from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, Handler, HttpAnswer, HttpRequest

HOSTS = ("api.bybit.com", "api-demo.bybit.com")  # demo trading has a host of its own
AHEAD_MS = 1000
DEFAULT_MS = 5000
MOST_MS = 60_000
A_SECOND = 50


class BybitError(Exception):
    """Bybit's errors are HTTP 200 with a code, unless `status` says otherwise.

    - result: what comes with it.
    """

    def __init__(self, code: int, text: str, status: int = 200, result: object = None) -> None:
        super().__init__(code, text)
        self.code, self.text, self.status, self.result = code, text, status, result or {}


def public(state: SimulatorState, handler: Handler) -> Handler:
    """Wraps a handler: its answer, or its BybitError, goes into Bybit's envelope."""

    def enveloped(request: HttpRequest) -> object:
        now_ms = state.now_ms()
        headers = {
            "X-Bapi-Limit": str(A_SECOND), "X-Bapi-Limit-Status": str(A_SECOND - 1),
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms), "Timenow": str(now_ms),
        }  # fmt: skip
        try:
            body = {"retCode": 0, "retMsg": "OK", "result": handler(request), "retExtInfo": {}, "time": now_ms}
        except BybitError as failed:
            body = {"retCode": failed.code, "retMsg": failed.text, "result": failed.result, "retExtInfo": {}}
            raise ApiError(failed.status, {**body, "time": now_ms}) from failed
        return HttpAnswer(body, headers)

    return enveloped


def signed(state: SimulatorState, handler: Handler) -> Handler:
    """Wraps a handler as `public` does; requests must be signed with the account's keys, and in time."""

    def checked(request: HttpRequest) -> object:
        keys, headers = state.keys, request.headers
        if headers.get("x-bapi-api-key") != keys.key:
            raise BybitError(10003, "API key is invalid.", 401)
        stamp, window = headers["x-bapi-timestamp"], headers.get("x-bapi-recv-window", str(DEFAULT_MS))
        payload = f"{stamp}{keys.key}{window}{request.body if request.method == 'POST' else request.raw_query}"
        wanted = hmac.new(keys.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get("x-bapi-sign", ""), wanted):
            raise BybitError(10004, "error sign! origin_string[hidden]")
        now_ms, stamp_ms, window_ms = state.now_ms(), int(stamp), int(window)
        if window_ms > MOST_MS or stamp_ms >= now_ms + AHEAD_MS or stamp_ms < now_ms - window_ms:
            raise BybitError(
                10002,
                "invalid request, please check your server timestamp or recv_window param. req_timestamp"
                f"[{stamp_ms}],server_timestamp[{now_ms}],recv_window[{window_ms}]",
            )
        if keys.reads_only and request.method == "POST":
            raise BybitError(10005, "Permission denied, please check your API key permissions.")
        return handler(request)

    return public(state, checked)


def at_hosts(table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns handlers by `METHOD PATH` as those by `METHOD HOST/PATH`."""
    return {route.replace(" ", f" {host}/v5/", 1): handler for route, handler in table.items() for host in HOSTS}


def private(state: SimulatorState, table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns the same of requests that must be signed."""
    return at_hosts({route: signed(state, handler) for route, handler in table.items()})


T = TypeVar("T")
WEEK_MS = 7 * 86_400_000
SPOT_FIRST = 1_538_686_353_240_000_000


def order_id(id_: int, kind: str = "swap") -> str:
    """Returns an order's id: of a contract a UUID, of spot a number.

    >>> order_id(1_000_001), order_id(1_000_001, "spot")
    ('000f4241-0000-4000-8000-0000000f4241', '1538686353241000001')
    """
    return str(SPOT_FIRST + id_) if kind == "spot" else str(UUID(f"{id_:08x}-0000-4000-8000-{id_:012x}"))


def number_of(order: str) -> int:
    """Returns the engine's number of an order's id; 0: it is none."""
    try:
        return int(order) - SPOT_FIRST if order.isdigit() else int(order.rpartition("-")[2], 16)
    except ValueError:
        return 0


def exec_id(id_: int, kind: str = "swap") -> str:
    """Returns a trade's id: of a contract a random UUID, which tells nothing of the order in time; of spot a number.

    C: ccxt's bybit.parse_trade has both forms, recorded.
    """
    return f"22100000{id_:011d}" if kind == "spot" else str(uuid5(NAMESPACE_OID, str(id_)))


def listing_of(state: SimulatorState, fields: Mapping[str, str]) -> Listing:
    """Returns the market that a request names. Raises BybitError."""
    found = state.engine.listings.get(fields.get("symbol", ""))
    if found is None or category(found) != fields.get("category"):
        raise BybitError(10001, "params error: symbol invalid")
    return found


def category(listing: Listing) -> str:
    """Returns a market's product type."""
    return "linear" if listing.kind == "swap" else "spot"


def checked_category(fields: Mapping[str, str]) -> str:
    """Returns the product type that a request names; of inverse and option there are no markets here."""
    wanted = fields.get("category", "")
    if wanted not in ("linear", "spot", "inverse", "option"):
        raise BybitError(10001, "Illegal category")
    return wanted


def page(rows: Sequence[T], fields: Mapping[str, str], default: int, most: int) -> tuple[list[T], str]:
    """Returns one page, and the cursor of the next; there is none behind the last row."""
    limit, start = int(fields.get("limit", default)), int(fields.get("cursor", "0").removeprefix("page_token=") or 0)
    if not 1 <= limit <= most:
        raise BybitError(10001, "params error: limit invalid")
    end = start + limit
    return list(rows[start:end]), f"page_token={end}" if end < len(rows) else ""


def window(fields: Mapping[str, str], now_ms: int, most_ms: int = WEEK_MS) -> tuple[int, int]:
    """Returns from when until when a request asks for history: without times, the last seven days."""
    start, end = fields.get("startTime"), fields.get("endTime")
    if start is None:
        end_ms = now_ms if end is None else int(end)
        return end_ms - most_ms, end_ms
    start_ms = int(start)
    end_ms = start_ms + most_ms if end is None else int(end)
    if end_ms - start_ms > most_ms:
        raise BybitError(10001, "The time range between startTime and endTime cannot exceed 7 days.")
    return start_ms, end_ms
