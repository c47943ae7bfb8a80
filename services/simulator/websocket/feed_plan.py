"""How much is traded on a fake venue, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.simulator.engine.clock import Clock, FloodClock
from services.simulator.engine.listing import Listing
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.websocket.frames import KEPT


@dataclass(frozen=True)
class FeedPlan:
    """rate: trades per second in each market, `count` of them (None: without end), from `start_ms` on (None: now).

    past_ms: so much was traded before, `past_rate` per second, for warm-up. flood: the venue's clock runs as fast as
    clients take what happens, from `start_ms`, once `waits_for` streams were subscribed to. kept: blocks of 512
    messages kept per stream.
    """

    rate: float = 20.0
    count: int | None = None
    start_ms: int | None = None
    past_ms: int = 0
    past_rate: float = 1.0
    flood: bool = False
    waits_for: int = 1
    kept: int = KEPT

    def begin(self, listings: Iterable[Listing], seed: int) -> tuple[Clock, dict[str, TradeHistory]]:
        """The venue's clock, and the tapes by the venue's id of the market."""
        clock = Clock()
        start_ms = clock.now_ms() if self.start_ms is None else self.start_ms
        tapes = {
            listing.id: TradeHistory(
                listing, seed, start_ms=start_ms, rate=self.rate, count=self.count, past_ms=self.past_ms,
                past_rate=self.past_rate,
            )
            for listing in listings
        }  # fmt: skip
        if self.flood:
            last_ms = None if self.count is None else max(tape.last_ms for tape in tapes.values())
            clock = FloodClock(start_ms - 1, until_ms=last_ms)
        return clock, tapes
