"""Who may ask Bybit: key, signature, time; and the form of its answers.

https://bybit-exchange.github.io/docs/v5/guide#authentication
https://bybit-exchange.github.io/docs/v5/rate-limit, for the headers
"""

import hashlib
import hmac

from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked
from services.simulator.http.server import Answer, Refused, Told

AHEAD_MS = 1000
DEFAULT_MS = 5000
MOST_MS = 60_000
A_SECOND = 50


class Failed(Exception):
    """An error of Bybit's: HTTP 200 with a code, unless `status` says otherwise. result: what comes with it."""

    def __init__(self, code: int, text: str, status: int = 200, result: object = None) -> None:
        super().__init__(code, text)
        self.code, self.text, self.status, self.result = code, text, status, result or {}


def public(floor: SimulatorState, answer: Answer) -> Answer:
    """`answer` in Bybit's envelope."""

    def told(asked: Asked) -> object:
        now_ms = floor.now_ms()
        headers = {
            "X-Bapi-Limit": str(A_SECOND), "X-Bapi-Limit-Status": str(A_SECOND - 1),
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms), "Timenow": str(now_ms),
        }  # fmt: skip
        try:
            body = {"retCode": 0, "retMsg": "OK", "result": answer(asked), "retExtInfo": {}, "time": now_ms}
        except Failed as failed:
            body = {"retCode": failed.code, "retMsg": failed.text, "result": failed.result, "retExtInfo": {}}
            raise Refused(failed.status, {**body, "time": now_ms}) from failed
        return Told(body, headers)

    return told


def signed(floor: SimulatorState, answer: Answer) -> Answer:
    """The same, for requests that are signed with the account's keys and in time."""

    def checked(asked: Asked) -> object:
        keys, told = floor.keys, asked.headers
        if told.get("x-bapi-api-key") != keys.key:
            raise Failed(10003, "API key is invalid.", 401)
        stamp, window = told["x-bapi-timestamp"], told.get("x-bapi-recv-window", str(DEFAULT_MS))
        payload = f"{stamp}{keys.key}{window}{asked.body if asked.method == 'POST' else asked.raw_query}"
        wanted = hmac.new(keys.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(told.get("x-bapi-sign", ""), wanted):
            raise Failed(10004, "error sign! origin_string[hidden]")
        now_ms, stamp_ms, window_ms = floor.now_ms(), int(stamp), int(window)
        if window_ms > MOST_MS or stamp_ms >= now_ms + AHEAD_MS or stamp_ms < now_ms - window_ms:
            raise Failed(
                10002,
                "invalid request, please check your server timestamp or recv_window param. req_timestamp"
                f"[{stamp_ms}],server_timestamp[{now_ms}],recv_window[{window_ms}]",
            )
        if keys.reads_only and asked.method == "POST":
            raise Failed(10005, "Permission denied, please check your API key permissions.")
        return answer(asked)

    return public(floor, checked)
