"""What goes wrong between a client and a venue, by switch."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from aiohttp import web

from services.simulator.engine.events import FillPlan
from services.simulator.http.request import HttpRequest

# Whose turn it is to be struck by a trouble that was switched on.


class SwitchedFault:
    """skip: so many pass first; times: so many are struck then; struck: so many were."""

    skip: int
    times: int
    struck: int

    def turn(self) -> bool:
        """Whether the next one is struck; counts."""
        if self.struck >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


HALF = 2
LIMITED = '{"code":-1003,"msg":"Too many requests."}'


class FaultMode(StrEnum):
    """STATUS: another status. DROP: no answer. CUT: half of one. HTML: a proxy's page, with status 200. HOLD: wait.

    SLOW: after `delay_ms` as if nothing were. LATE: no answer, and the venue gets the request `delay_ms` later.
    """

    STATUS = "STATUS"
    DROP = "DROP"
    CUT = "CUT"
    HTML = "HTML"
    HOLD = "HOLD"
    SLOW = "SLOW"
    LATE = "LATE"


@dataclass
class Fault(SwitchedFault):
    """Strikes requests whose path contains `path`: lets `skip` of them pass, then strikes `times`.

    after: the venue has taken the request before it strikes. method: only requests of that one. text: the body that
    comes with the status, e.g. an error of the venue's.
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
        """Whether it is this request's turn; counts."""
        return self.path in path and self.method in ("", method) and self.turn()

    async def answer(self, request: web.Request, good: web.Response | None) -> web.StreamResponse:
        """What the client gets instead of the good answer. good: None where the venue has not seen the request."""
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


# What goes wrong at random: a request's lot is drawn by the seed, what it asks for, and how often that was asked.

AT_ONCE = FillPlan()
TROUBLES = (
    "limit",  # 429 with Retry-After 0
    "status_before",  # 5xx, and the venue has not seen the request
    "status_after",  # 5xx, and the venue has taken it
    "drop_before",  # no answer, the venue has not seen it
    "drop_after",  # no answer, the venue has taken it
    "late",  # no answer, and the venue gets it later
    "slow",  # the answer comes late
    "html",  # a page instead of JSON, the venue has taken it
)
ORDERS = ("reject", "partial", "expire")  # for want of margin; in parts over time; in part only
READS = ("stale",)  # as it was `stale_ms` ago


@dataclass
class RandomFaults:
    """chances: of TROUBLES, ORDERS and READS, each between 0 and 1. late_ms, slow_ms, apart_ms: at most so long.

    stale_ms: how old a stale answer is. The same seed and the same questions give the same troubles.
    """

    seed: int = 1
    chances: dict[str, float] = field(default_factory=dict)
    late_ms: int = 200
    slow_ms: int = 50
    apart_ms: int = 30
    stale_ms: int = 100
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        unknown = set(self.chances) - {*TROUBLES, *ORDERS, *READS}
        if unknown:
            raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}")

    def fault(self, request: HttpRequest) -> Fault | None:
        """What befalls this request on its way."""
        dice = self._dice(f"{request.method} {request.path} {request.client_id}")
        lot = dice.random()
        for trouble in TROUBLES:
            lot -= self.chances.get(trouble, 0.0)
            if lot < 0:
                return self._fault(trouble, dice)
        return None

    def plan(self, client_id: str) -> FillPlan:
        """How this order is filled."""
        dice = self._dice(f"plan {client_id}")
        lot = dice.random()
        if (lot := lot - self.chances.get("partial", 0.0)) < 0:
            return FillPlan(dice.randint(2, 4), dice.randint(1, max(self.apart_ms, 1)))
        if lot - self.chances.get("expire", 0.0) < 0:
            return FillPlan(
                dice.randint(1, 3), dice.randint(1, max(self.apart_ms, 1)), Decimal(dice.randint(1, 9)) / 10
            )
        return AT_ONCE

    def rejects(self, client_id: str) -> bool:
        """Whether the venue finds too little margin."""
        return self._dice(f"reject {client_id}").random() < self.chances.get("reject", 0.0)

    def stale(self, request: HttpRequest) -> int:
        """How many ms old this read's answer is."""
        dice = self._dice(f"stale {request.path} {request.client_id}")
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

    def _dice(self, what: str) -> random.Random:
        if not self.chances:
            return random.Random(0)
        self.counts[what] += 1
        return random.Random(f"{self.seed}|{what}|{self.counts[what]}")
