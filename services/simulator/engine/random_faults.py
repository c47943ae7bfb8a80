"""What goes wrong at random: a request's lot is drawn by the seed, what it asks for, and how often that was asked."""

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from services.simulator.engine.faults import Fault, Mode
from services.simulator.engine.order import Plan
from services.simulator.http.request import Asked

AT_ONCE = Plan()
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
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        unknown = set(self.chances) - {*TROUBLES, *ORDERS, *READS}
        if unknown:
            raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}")

    def fault(self, asked: Asked) -> Fault | None:
        """What befalls this request on its way."""
        dice = self._dice(f"{asked.method} {asked.path} {asked.client_id}")
        lot = dice.random()
        for trouble in TROUBLES:
            lot -= self.chances.get(trouble, 0.0)
            if lot < 0:
                return self._fault(trouble, dice)
        return None

    def plan(self, client_id: str) -> Plan:
        """How this order is filled."""
        dice = self._dice(f"plan {client_id}")
        lot = dice.random()
        if (lot := lot - self.chances.get("partial", 0.0)) < 0:
            return Plan(dice.randint(2, 4), dice.randint(1, max(self.apart_ms, 1)))
        if lot - self.chances.get("expire", 0.0) < 0:
            return Plan(dice.randint(1, 3), dice.randint(1, max(self.apart_ms, 1)), Decimal(dice.randint(1, 9)) / 10)
        return AT_ONCE

    def rejects(self, client_id: str) -> bool:
        """Whether the venue finds too little margin."""
        return self._dice(f"reject {client_id}").random() < self.chances.get("reject", 0.0)

    def stale(self, asked: Asked) -> int:
        """How many ms old this read's answer is."""
        dice = self._dice(f"stale {asked.path} {asked.client_id}")
        return self.stale_ms if dice.random() < self.chances.get("stale", 0.0) else 0

    def _fault(self, trouble: str, dice: random.Random) -> Fault:
        after = trouble.endswith("_after")
        if trouble.startswith("status"):
            return Fault(Mode.STATUS, status=dice.choice((500, 502, 503, 504)), after=after)
        if trouble.startswith("drop"):
            return Fault(Mode.DROP, after=after)
        if trouble == "limit":
            return Fault(Mode.STATUS, status=429, headers={"Retry-After": "0"})
        if trouble == "html":
            return Fault(Mode.HTML, after=True)
        if trouble == "late":
            return Fault(Mode.LATE, delay_ms=dice.randint(1, max(self.late_ms, 1)))
        return Fault(Mode.SLOW, delay_ms=dice.randint(1, max(self.slow_ms, 1)))

    def _dice(self, what: str) -> random.Random:
        if not self.chances:
            return random.Random(0)
        self.asked[what] += 1
        return random.Random(f"{self.seed}|{what}|{self.asked[what]}")
