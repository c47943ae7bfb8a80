"""The fake exchange's market: the simulated one at the present time, as the fake exchange itself quotes it."""

import time
from collections.abc import Callable, Sequence

from services.ingestor.source import Feed, Quote
from shared.intervals import NS_PER_S, interval_ns
from shared.simulated.present import PresentMarket

_SOON_S = 1e-3


class PresentSource:
    """One tick an interval, when the clock says so. What was not taken in time is not made up for after a restart.

    limit: the number of ticks of each symbol in all; None goes on for ever. clock: ns since 1970 UTC.
    """

    def __init__(
        self, symbols: Sequence[str], seed: int, interval: str, limit: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        self._symbols = tuple(sorted(set(symbols)))
        self._market = PresentMarket(seed, interval_ns(interval))
        self._limit, self._clock = limit, clock

    @property
    def venue(self) -> str:
        """The name in trace ids."""
        return "fake"

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, sorted."""
        return self._symbols

    def open(self, sym: str, position: int) -> Feed:
        """From the newest tick on, wherever the last run stopped."""
        left = None if self._limit is None else max(0, self._limit - position)
        return PresentFeed(sym, self._market, left, self._clock)


class PresentFeed:
    """One symbol's ticks from now on.

    >>> from shared.simulated.market import EPOCH_NS
    >>> now = EPOCH_NS + 5 * 10**9
    >>> feed = PresentFeed("BTCUSDT", PresentMarket(1, 10**9), None, lambda: now)
    >>> [(quote.ts_event - EPOCH_NS) // 10**9 for quote in feed.take(10)], feed.take(10), feed.due_in_s()
    ([5], [], 1.0)
    """

    def __init__(self, sym: str, market: PresentMarket, left: int | None, clock: Callable[[], int]) -> None:
        self._sym, self._market, self._left, self._clock = sym, market, left, clock
        self._next = market.n_at(clock())

    def take(self, limit: int) -> list[Quote]:
        """The next ticks that are due, at most `limit`."""
        if self._left is not None:
            limit = min(limit, self._left)
        until = min(self._market.n_at(self._clock()), self._next + limit - 1)
        market, sym = self._market, self._sym
        taken = [Quote(sym, market.at_ns(n), market.price(sym, n)) for n in range(self._next, until + 1)]
        self._next += len(taken)
        if self._left is not None:
            self._left -= len(taken)
        return taken

    def due_in_s(self) -> float | None:
        """Seconds until the next tick; None after the last."""
        if self._left == 0:
            return None
        wait_s = (self._market.at_ns(self._next) - self._clock()) / NS_PER_S
        return max(_SOON_S, wait_s) if wait_s > 0 else 0.0
