"""Simulated markets as sources: one of any pace from 2025 on, and the simulator's own, at the present time."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice

from services.ingestor.source import Feed, Quote
from shared.errors import ConfigError
from shared.intervals import NS_PER_S, interval_ns
from shared.messages.market import Group
from shared.simulated_market import EPOCH_NS, PHI, SIGMA, PresentMarket, ReturnProcess

SYMBOLS = ("SIM-A", "SIM-B", "SIM-C", "SIM-D", "SIM-E", "SIM-F", "SIM-G", "SIM-H")
START_PRICE = Decimal("100.00")
_ROUNDING_S = 1e-9


class PricesAlone:
    """A source of prices alone gives no group, and so none of its fields."""

    groups: frozenset[Group] = frozenset()
    fields: frozenset[str] = frozenset()

    def __init__(self, symbols: Sequence[str]) -> None:
        self._known = frozenset(symbols)
        self._symbols = tuple(sorted(self._known))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Returns all symbols, sorted."""
        return self._symbols


class SimulatedSource(PricesAlone):
    """The source gives prices of the process in shared/simulated_market.py, always the same for the same seed.

    Tick n is at 2025-01-01T00:00:00Z + n · interval. seed, sym and n fix its price (with phi, sigma and start_price),
    wherever the series was opened. Raises ConfigError for parameters out of range, ValueError for the interval.

    - ticks_per_s: pace of each symbol from the moment it is opened, the first tick then; 0 is as fast as taken.
    - limit: the number of ticks of each symbol in all; None goes on for ever.
    - clock: seconds that never go back.

    >>> source = SimulatedSource(seed=7, interval="1s", ticks_per_s=0, limit=10_000_001)
    >>> source.open("SIM-A", 0).take(2)
    [Quote(sym='SIM-A', ts_event=1735689601000000000, price=Decimal('99.95'), ...), Quote(...)]
    >>> source.open("SIM-A", 10_000_000).take(5)
    [Quote(sym='SIM-A', ts_event=1745689601000000000, price=Decimal('...'), ...)]
    """

    venue = "simulated"  # in trace ids

    def __init__(
        self,
        symbols: Sequence[str] = SYMBOLS,
        seed: int = 1,
        interval: str = "1s",
        ticks_per_s: float = 1.0,
        limit: int | None = None,
        phi: float = PHI,
        sigma: float = SIGMA,
        start_price: Decimal = START_PRICE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(symbols)
        _require(bool(self._symbols) and all(self._symbols), "symbols: name at least one")
        _require(0 <= seed < 2**64, f"seed {seed}: use 0 to 2^64 - 1")
        _require(0 <= ticks_per_s < float("inf"), f"ticks_per_s {ticks_per_s}: use 0 (as fast as possible) or more")
        _require(limit is None or limit >= 0, f"limit {limit}: use 0 or more, or none")
        _require(-1 < phi < 1, f"phi {phi}: use a number between -1 and 1; below 0 the returns revert")
        _require(0 < sigma <= 0.1, f"sigma {sigma}: use a number above 0, at most 0.1")
        _require(1 <= start_price <= 1_000_000, f"start_price {start_price}: use 1 to 1000000")
        self._seed, self._interval_ns, self._clock = seed, interval_ns(interval), clock
        self._ticks_per_s, self._limit = ticks_per_s, limit
        self._phi, self._sigma, self._start_price = phi, sigma, float(start_price)

    def open(self, sym: str, position: int) -> Feed:
        """Returns the ticks from n = position + 1 on; it takes as long for ten million as for none."""
        if sym not in self._known:
            raise ConfigError(f"the simulated market has no {sym}: it has {', '.join(self._symbols)}")
        if position < 0:
            raise ValueError(f"position {position} is negative")
        process = ReturnProcess(self._seed, sym, self._phi, self._sigma, self._start_price)
        pace = Pace(self._ticks_per_s, self._clock)
        return SimulatedFeed(sym, process, position, self._interval_ns, self._limit, pace)


class Pace:
    """The pace says when ticks are due: the first at once, the others at a fixed rate (0: all of them at once).

    >>> now = 5.0
    >>> pace = Pace(10.0, lambda: now)
    >>> pace.due(taken=0, limit=100), pace.due(taken=1, limit=100), pace.due_in_s(taken=1)
    (1, 0, 0.1)
    """

    def __init__(self, ticks_per_s: float, clock: Callable[[], float]) -> None:
        self._ticks_per_s = ticks_per_s
        self._clock = clock
        self._opened_s = clock()

    def due(self, taken: int, limit: int) -> int:
        """Returns how many more are due now, after `taken` ones, at most `limit`."""
        if not self._ticks_per_s:
            return limit
        elapsed_s = self._clock() - self._opened_s + _ROUNDING_S
        return max(0, min(limit, int(elapsed_s * self._ticks_per_s) + 1 - taken))

    def due_in_s(self, taken: int) -> float:
        """Returns the seconds until the next is due."""
        if self.due(taken, 1):
            return 0.0
        return max(_ROUNDING_S, taken / self._ticks_per_s - (self._clock() - self._opened_s))


class SimulatedFeed:
    """The feed gives one symbol's ticks from a position on."""

    def __init__(
        self, sym: str, process: ReturnProcess, position: int, interval_ns: int, limit: int | None, pace: Pace
    ) -> None:
        self._sym, self._cents, self._interval_ns, self._pace = sym, process.cents(position), interval_ns, pace
        self._opened_at = self._position = position
        self._left = max(0, limit - position) if limit is not None else None

    def take(self, limit: int) -> list[Quote]:
        """Returns the next ticks that are due, at most `limit`."""
        if self._left is not None:
            limit = min(limit, self._left)
        count = self._pace.due(self._position - self._opened_at, limit)
        sym, interval_ns, first_ns = self._sym, self._interval_ns, EPOCH_NS + (self._position + 1) * self._interval_ns
        taken = [
            Quote(sym, first_ns + i * interval_ns, Decimal(cents).scaleb(-2))
            for i, cents in enumerate(islice(self._cents, count))
        ]
        self._position += len(taken)
        if self._left is not None:
            self._left -= len(taken)
        return taken

    def due_in_s(self) -> float | None:
        """Returns the seconds until the next tick; None after the last."""
        return None if self._left == 0 else self._pace.due_in_s(self._position - self._opened_at)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConfigError(f"simulated market: {otherwise}")


_SOON_S = 1e-3


class PresentSource(PricesAlone):
    """The source gives the simulator's own market: one tick an interval, when the clock says so.

    What was not taken in time is not made up for after a restart.

    - limit: the number of ticks of each symbol in all; None goes on for ever.
    - clock: ns since 1970 UTC.
    """

    venue = "fake"  # in trace ids

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        interval: str,
        limit: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(symbols)
        self._market = PresentMarket(seed, interval_ns(interval))
        self._limit, self._clock = limit, clock

    def open(self, sym: str, position: int) -> Feed:
        """Returns the ticks from the newest on, wherever the last run stopped."""
        left = None if self._limit is None else max(0, self._limit - position)
        return PresentFeed(sym, self._market, left, self._clock)


class PresentFeed:
    """The feed gives one symbol's ticks from now on.

    >>> from shared.simulated_market import EPOCH_NS
    >>> now = EPOCH_NS + 5 * 10**9
    >>> feed = PresentFeed("BTCUSDT", PresentMarket(1, 10**9), None, lambda: now)
    >>> [(quote.ts_event - EPOCH_NS) // 10**9 for quote in feed.take(10)], feed.take(10), feed.due_in_s()
    ([5], [], 1.0)
    """

    def __init__(self, sym: str, market: PresentMarket, left: int | None, clock: Callable[[], int]) -> None:
        self._sym, self._market, self._left, self._clock = sym, market, left, clock
        self._next = market.n_at(clock())

    def take(self, limit: int) -> list[Quote]:
        """Returns the next ticks that are due, at most `limit`."""
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
        """Returns the seconds until the next tick; None after the last."""
        if self._left == 0:
            return None
        wait_s = (self._market.at_ns(self._next) - self._clock()) / NS_PER_S
        return max(_SOON_S, wait_s) if wait_s > 0 else 0.0
