"""The bench's market and its orders: each symbol buys, then sells what it has bought."""

import time
from collections import Counter
from decimal import Decimal
from typing import Any

from services.strategy.order_writer import client_order_id
from shared.messages import Leg, OrderIntent
from shared.messages.reasons import OrderType, TimeInForce

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "LTCUSDT")
CASH = 10_000_000
QTY = Decimal("0.010")
PRICE = Decimal("42000.00")
LIMIT = Decimal("1.005")
VALID_NS = 60_000_000_000
BY = "00000000000be9c4"  # of the code that is armed


class Orders:
    """The next order of a symbol."""

    def __init__(self) -> None:
        self._n: Counter[str] = Counter()

    def holds(self, sym: str) -> bool:
        """Says whether the symbol's next order closes what the last one has bought."""
        return self._n[sym] % 2 == 1

    def next(self, sym: str, *, ioc: bool = False) -> OrderIntent:
        """Numbers and times as the strategy gives them. ioc: with a limit, where it opens."""
        self._n[sym] += 1
        n, now = self._n[sym], time.time_ns()
        leg = Leg.OPEN if n % 2 else Leg.CLOSE
        tr = f"bench:{sym}:{now}:{n}"
        limited: dict[str, Any] = {
            "type": OrderType.LIMIT, "limit_price": PRICE * LIMIT, "time_in_force": TimeInForce.IOC,
        }  # fmt: skip
        return OrderIntent(
            n=n, sym=sym, ts_event=now, tr=tr, tick_n=n, client_order_id=client_order_id("bench", tr, leg), leg=leg,
            signed_qty=QTY if leg is Leg.OPEN else -QTY, reduce_only=leg is Leg.CLOSE, price=PRICE,
            valid_until=now + VALID_NS, after=None, by=BY, **(limited if ioc and leg is Leg.OPEN else {}),
        )  # fmt: skip
