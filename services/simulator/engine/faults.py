"""Requests go wrong by switch (Fault), or at random by a seed (RandomFaults)."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from aiohttp import web

from services.simulator.engine.events import FillPlan, Lags
from services.simulator.http.request import HttpRequest

HALF = 2
LIMITED = "Too Many Requests"  # a proxy before the exchange answers so, without a code; `text` has an exchange's own


class SwitchedFault:
    """Counts whom a fault that was switched on strikes.

    - skip: so many pass first.
    - times: so many are struck then.
    - struck: so many were.
    """

    skip: int
    times: int
    struck: int

    def turn(self) -> bool:
        """Returns whether the next one is struck, and counts it."""
        if self.struck >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


class FaultMode(StrEnum):
    """A mode says what a fault does to a request."""

    STATUS = "STATUS"  # another status
    DROP = "DROP"  # no answer
    CUT = "CUT"  # half of the answer
    HTML = "HTML"  # a proxy's page, with status 200
    HOLD = "HOLD"  # the answer comes when `release` is set
    SLOW = "SLOW"  # the answer comes `delay_ms` later
    LATE = "LATE"  # no answer, and the simulator gets the request `delay_ms` later


@dataclass
class Fault(SwitchedFault):
    """Strikes requests whose path contains `path`: lets `skip` of them pass, then strikes `times`.

    - method: strikes requests of this method only.
    - after: strikes when the simulator has taken the request.
    - status, headers, text: of a STATUS; a text is e.g. an error in the exchange's form.
    """

    mode: FaultMode
    path: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    method: str = ""
    delay_ms: int = 0
    text: str = ""
    struck: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def strikes(self, path: str, method: str = "") -> bool:
        """Returns whether the fault strikes this request, and counts it."""
        return self.path in path and self.method in ("", method) and self.turn()

    async def answer(self, request: web.Request, good: web.Response | None) -> web.StreamResponse:
        """Returns what the client gets instead of the good answer.

        - good: None where the simulator has not seen the request.
        """
        if self.mode is FaultMode.STATUS:
            text = LIMITED if self.status in (418, 429) else "down for maintenance"
            return web.Response(status=self.status, text=self.text or text, headers=self.headers)
        if self.mode is FaultMode.HTML:
            return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        if self.mode is FaultMode.HOLD and good is not None:
            await self.release.wait()
            return good
        assert request.transport is not None
        if self.mode is FaultMode.CUT and good is not None:
            body = good.body
            assert isinstance(body, bytes)
            half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
            await half.prepare(request)
            await half.write(body[: len(body) // HALF])
        request.transport.close()
        return good or web.Response()


AT_ONCE = FillPlan()
TROUBLES = (
    "limit",  # 429 with Retry-After 0
    "status_before",  # 5xx, and the simulator has not seen the request
    "status_after",  # 5xx, and the simulator has taken it
    "drop_before",  # no answer, the simulator has not seen it
    "drop_after",  # no answer, the simulator has taken it
    "late",  # no answer, and the simulator gets it later
    "slow",  # the answer comes late
    "html",  # a page instead of JSON, the simulator has taken it
)
ORDERS = ("reject", "partial", "expire")  # for want of margin; in parts over time; in part only
IOCS = ("miss", "short")  # nothing is left within its limit; a part of it only
LATE = ("late_row", "late_trades")  # reads see its row, its end, its trades up to `rows_ms` after the fact
READS = ("stale",)  # as it was `stale_ms` ago
# What befalls orders unless somebody says otherwise: exchanges do all of this on any day. That reads lag behind the
# engine: https://developers.binance.com/docs/binance-spot-api-docs/faqs/data_sources (P: matching engine, memory,
# database), `The ack ... indicates that the request is successfully accepted` (P: Bybit, order/create-order).
USUAL = {"miss": 0.05, "short": 0.1, "late_row": 0.2, "late_trades": 0.2}


@dataclass
class RandomFaults:
    """Draws what befalls each request, out of the seed, the request, and how often it was made.

    The same seed and the same requests give the same troubles.

    - chances: of TROUBLES, ORDERS, IOCS, LATE and READS by name, each between 0 and 1; {}: fair weather.
    - late_ms, slow_ms, apart_ms, rows_ms: at most so long.
    - stale_ms: how old a stale answer is.
    - counts: how often each draw was made.
    """

    seed: int = 1
    chances: dict[str, float] = field(default_factory=lambda: dict(USUAL))
    late_ms: int = 200
    slow_ms: int = 50
    apart_ms: int = 30
    stale_ms: int = 100
    rows_ms: int = 120
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        unknown = set(self.chances) - {*TROUBLES, *ORDERS, *IOCS, *LATE, *READS}
        if unknown:
            raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}")

    def fault(self, request: HttpRequest) -> Fault | None:
        """Returns what befalls this request on its way, if anything."""
        if self._calm(TROUBLES):
            return None
        dice = self._dice(f"{request.method} {request.target} {request.client_id}")
        lot = dice.random()
        for trouble in TROUBLES:
            lot -= self.chances.get(trouble, 0.0)
            if lot < 0:
                return self._fault(trouble, dice)
        return None

    def plan(self, client_id: str) -> FillPlan:
        """Returns how this market order is filled."""
        if self._calm(ORDERS):
            return AT_ONCE
        dice = self._dice(f"plan {client_id}")
        lot = dice.random()
        if (lot := lot - self.chances.get("partial", 0.0)) < 0:
            return FillPlan(dice.randint(2, 4), dice.randint(1, max(self.apart_ms, 1)))
        if lot - self.chances.get("expire", 0.0) < 0:
            return FillPlan(
                dice.randint(1, 3), dice.randint(1, max(self.apart_ms, 1)), Decimal(dice.randint(1, 9)) / 10
            )
        return AT_ONCE

    def ioc_plan(self, client_id: str) -> FillPlan:
        """Returns how much of this IOC is there within its limit, and in how many parts."""
        if self._calm(IOCS):
            return self.plan(client_id)
        dice = self._dice(f"ioc {client_id}")
        lot = dice.random()
        if (lot := lot - self.chances.get("miss", 0.0)) < 0:
            return FillPlan(share=Decimal(0))
        if lot - self.chances.get("short", 0.0) < 0:
            return FillPlan(dice.randint(1, 3), 0, Decimal(dice.randint(1, 9)) / 10)
        return self.plan(client_id)

    def lags(self, client_id: str) -> Lags:
        """Returns how late reads see this order."""
        if self._calm(LATE):
            return Lags()
        dice = self._dice(f"lags {client_id}")
        rows = sorted(dice.randint(0, self.rows_ms) for _ in range(2))
        row_ms, end_ms = rows if dice.random() < self.chances.get("late_row", 0.0) else (0, 0)
        late = dice.random() < self.chances.get("late_trades", 0.0)
        return Lags(row_ms, end_ms, dice.randint(0, self.rows_ms) if late else 0)

    def rejects(self, client_id: str) -> bool:
        """Returns whether this order is declined for want of margin."""
        if self._calm(("reject",)):
            return False
        return self._dice(f"reject {client_id}").random() < self.chances.get("reject", 0.0)

    def stale(self, request: HttpRequest) -> int:
        """Returns how many ms old this read's answer is."""
        if self._calm(READS):
            return 0
        dice = self._dice(f"stale {request.target} {request.client_id}")
        return self.stale_ms if dice.random() < self.chances.get("stale", 0.0) else 0

    def _fault(self, trouble: str, dice: random.Random) -> Fault:
        after = trouble.endswith("_after")
        if trouble.startswith("status"):
            return Fault(FaultMode.STATUS, status=dice.choice((500, 502, 503, 504)), after=after)
        if trouble.startswith("drop"):
            return Fault(FaultMode.DROP, after=after)
        if trouble == "limit":
            return Fault(FaultMode.STATUS, status=429, headers={"Retry-After": "0"})
        if trouble == "html":
            return Fault(FaultMode.HTML, after=True)
        if trouble == "late":
            return Fault(FaultMode.LATE, delay_ms=dice.randint(1, max(self.late_ms, 1)))
        return Fault(FaultMode.SLOW, delay_ms=dice.randint(1, max(self.slow_ms, 1)))

    def _calm(self, names: Iterable[str]) -> bool:
        return not any(self.chances.get(name) for name in names)

    def _dice(self, what: str) -> random.Random:
        self.counts[what] += 1
        return random.Random(f"{self.seed}|{what}|{self.counts[what]}")
