"""What a question to Hyperliquid weighs, and how fast they may go.

P: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/rate-limits-and-user-limits: 1200 a minute and IP
address. ccxt counts a half of most, a fifth of a question about candles, and nothing of what an answer's rows weigh.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

WEIGHTS = {
    **dict.fromkeys(
        ("l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"), 2
    ),
    "userRole": 60,
}
OTHERS_WEIGH = 20
ACTION_WEIGHS = 1  # of fewer than 40 orders or cancels
ROWS = {  # so many rows of an answer weigh one more
    **dict.fromkeys(
        ("recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding"), 20
    ),
    "candleSnapshot": 60,
}


class RequestPace(NamedTuple):
    """A pace allows so much weight in any window of so many ms."""

    window_ms: float
    most: int


# Neither takes all: orders do not queue, and the two may share an address.
ACCOUNT_PACE = RequestPace(20_000.0, 300)  # within one, a look-up need not wait for what was asked before
MARKET_PACE = RequestPace(60_000.0, 900)  # at its start a feed asks many things at once


def asked_weight(path: str, params: Mapping[str, Any]) -> int:
    """Returns what a question or an action weighs before its answer is there.

    >>> asked_weight("info", {"type": "l2Book"}), asked_weight("info", {"type": "meta"}), asked_weight("exchange", {})
    (2, 20, 1)
    """
    return WEIGHTS.get(str(params.get("type")), OTHERS_WEIGH) if path == "info" else ACTION_WEIGHS


def answer_weight(kind: str, answer: object) -> int:
    """Returns what an answer's rows weigh beside that.

    >>> answer_weight("userFillsByTime", [{}] * 500), answer_weight("candleSnapshot", [{}] * 59)
    (25, 0)
    """
    return len(answer) // ROWS[kind] if kind in ROWS and isinstance(answer, list) else 0


def paced_client(parent: Any, pace: RequestPace) -> Any:
    """Makes a subclass of ccxt's class that keeps to a pace. What an answer weighs is paid by the next question."""

    class Paced(parent):  # type: ignore[misc]
        owed = 0

        def describe(self) -> Any:
            config = {
                "rateLimit": pace.window_ms / pace.most, "rollingWindowSize": pace.window_ms,
                "rateLimiterAlgorithm": "rollingWindow",
            }  # fmt: skip
            return self.deep_extend(super().describe(), config)

        def calculate_rate_limiter_cost(self, api: Any, method: Any, path: Any, params: Any, config: Any = None) -> Any:
            return asked_weight(path, params)

        async def throttle(self, cost: Any = None) -> Any:
            owed, self.owed = self.owed, 0
            return await super().throttle(min((cost or ACTION_WEIGHS) + owed, pace.most))

        async def request(
            self, path: Any, api: Any = "public", method: Any = "GET", params: Any = None, *rest: Any, **named: Any
        ) -> Any:
            answer = await super().request(path, api, method, params or {}, *rest, **named)
            if path == "info":
                self.owed = min(self.owed + answer_weight(str((params or {}).get("type")), answer), pace.most)
            return answer

    Paced.__name__ = Paced.__qualname__ = parent.__name__
    return Paced
