"""Stops go wrong at random by a seed: they fail when they are triggered, their ids come late, some stay.

Unlike RandomFaults, these are on unless a tester switches them off. Each was seen:

- `fails`: no order comes of one that is triggered. Binance's REJECTED (Event-Algo-Order-Update, P), OKX's order_failed
  (Algo order details, P), Bybit's Rejected and Cancelled (create-order, P: margin that is not there)
- `expires`: its order ends without a fill: market orders are IOC within a band (Bybit's create-order, P)
- `short`: its order is filled in part and ends
- `sticks`: it is triggered for ever: https://github.com/nautechsystems/nautilus_trader/discussions/5378
- `late`: reads know nothing of it at first (https://github.com/freqtrade/freqtrade/issues/12681), its order comes late,
  or that order's id is told late (https://github.com/nautechsystems/nautilus_trader/issues/3287)
- `orphan`: it stays when its position is closed, where the exchange says that it cancels it
  (https://github.com/okxapi/python-okx/issues/112)
- `unattached`: an entry is filled and its stop is not placed: `failCode` of attachAlgoOrds (OKX's order details, P)
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

FATES = ("fails", "expires", "short", "sticks")
DEFAULTS = {
    "fails": 0.1, "expires": 0.04, "short": 0.04, "sticks": 0.02, "late": 0.3, "orphan": 0.5, "unattached": 0.05,
}  # fmt: skip


class StopFate(NamedTuple):
    """A fate says what befalls one stop.

    - at_trigger: one of FATES; empty: it becomes an order
    - shown_ms: so long reads do not know it; order_ms: so long after the trigger comes its order; told_ms: its id then
    - orphan, unattached: as above
    """

    at_trigger: str = ""
    shown_ms: int = 0
    order_ms: int = 0
    told_ms: int = 0
    orphan: bool = False
    unattached: bool = False


@dataclass
class StopFaults:
    """Draws a fate for each stop, out of the seed, the stop's words, and how often they were drawn for.

    - chances: by name, each between 0 and 1; empty: every stop is as it should be.
    - late_ms: at most so long, each.
    """

    seed: int = 1
    chances: dict[str, float] = field(default_factory=lambda: dict(DEFAULTS))
    late_ms: int = 300
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        unknown = set(self.chances) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"no such fault of stops: {', '.join(sorted(unknown))}")

    def fate(self, words: str) -> StopFate:
        """Returns what befalls the next stop of these words."""
        self.counts[words] += 1
        dice = random.Random(f"{self.seed}|stop {words}|{self.counts[words]}")
        lot, drawn = dice.random(), ""
        for name in FATES:
            lot -= self.chances.get(name, 0.0)
            if lot < 0:
                drawn = name
                break
        first, second, third = (self._late(dice) for _ in range(3))
        return StopFate(drawn, first, second, third, self._strikes("orphan", dice), self._strikes("unattached", dice))

    def _late(self, dice: random.Random) -> int:
        return dice.randint(1, max(self.late_ms, 1)) if self._strikes("late", dice) else 0

    def _strikes(self, name: str, dice: random.Random) -> bool:
        return dice.random() < self.chances.get(name, 0.0)
