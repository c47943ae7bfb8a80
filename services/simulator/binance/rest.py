"""All of Binance's REST shares this: its hosts, the form of an error; key, signature and time of a request.

https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info#signed-trade-and-user_data-endpoint-security
"""

import hashlib
import hmac
from collections.abc import Mapping

from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, Handler, HttpRequest

HOSTS = ("", "demo-")  # demo trading has hosts of its own
FUTURES = "fapi.binance.com/fapi"
AHEAD_MS = 1000
DEFAULT_MS = 5000
MOST_MS = 60_000


def api_error(code: int, text: str, status: int = 400) -> ApiError:
    """Returns an error in Binance's form."""
    return ApiError(status, {"code": code, "msg": text})


def signed(state: SimulatorState, handler: Handler) -> Handler:
    """Wraps a handler: requests must be signed with the account's keys, and in time."""

    def checked(request: HttpRequest) -> object:
        if request.headers.get("x-mbx-apikey") != state.keys.key:
            raise api_error(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        payload, _, signature = (request.raw_query + request.body).rpartition("&signature=")
        wanted = hmac.new(state.keys.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, wanted):
            raise api_error(-1022, "Signature for this request is not valid.")
        stamp_ms, window_ms = int(request.form["timestamp"]), int(request.form.get("recvWindow", DEFAULT_MS))
        if not 0 < window_ms <= MOST_MS:
            raise api_error(-1131, "recvWindow must be less than 60000")
        now_ms = state.now_ms()
        if stamp_ms >= now_ms + AHEAD_MS:
            raise api_error(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - stamp_ms > window_ms:
            raise api_error(-1021, "Timestamp for this request is outside of the recvWindow.")
        if state.keys.reads_only and request.method != "GET":
            raise api_error(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return handler(request)

    return checked


def at_hosts(table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns handlers by `METHOD HOST/PATH`, at the real hosts and at those of demo trading."""
    return {
        " ".join((method, host + rest)): handler
        for (method, _, rest), handler in ((route.partition(" "), handler) for route, handler in table.items())
        for host in HOSTS
    }


def private(state: SimulatorState, table: Mapping[str, Handler]) -> dict[str, Handler]:
    """Returns the same of requests that must be signed."""
    return at_hosts({route: signed(state, handler) for route, handler in table.items()})
