"""A seed gives all trades of one market, past and to come: a perfect feed sends them, and REST shows them."""

from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.simulator.engine.listing import Listing

CHUNK = 4096
FIRST_ID = 5_000_000
BEHIND = 4_000_000  # Binance numbers its aggregate trades by themselves: mixing up the two ids shows
AT_ONCE = 0.3  # so many trades come in the same millisecond as the one before
MOST_TICKS = 3
MOST_STEPS = 2000
S_MS = 1000.0


class MarketBar(NamedTuple):
    """A bar from `at_ms` until before `at_ms` + interval.

    - volume, taken: base units, all and what takers bought.
    - turnover, quote_taken: the same in quote units.
    """

    at_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal = Decimal(0)
    trades: int = 0
    taken: Decimal = Decimal(0)
    quote_taken: Decimal = Decimal(0)


class MarketTrade(NamedTuple):
    """A trade may be an aggregate of some. side: the taker's, `buy` or `sell`."""

    id: int
    at_ms: int
    price: Decimal
    amount: Decimal
    side: str


class TradeColumns(NamedTuple):
    """The columns hold some trades: id and time of each, price in ticks, quantity in steps, whether the taker sold."""

    ids: range
    at_ms: list[int]
    ticks: list[int]
    steps: list[int]
    sold: list[bool]


class TradeHistory:
    """Makes trades as they are asked for: with consecutive ids, in order of time, the same however they are asked for.

    An index counts the trades from 0, those of the past included.

    - rate: trades per second from `start_ms` on, at random times.
    - count: so many of them; None: without end.
    - past_ms, past_rate: so long before the start trades come, at so many per second.
    """

    def __init__(
        self,
        listing: Listing,
        seed: int = 1,
        *,
        start_ms: int,
        rate: float,
        count: int | None = None,
        past_ms: int = 0,
        past_rate: float = 1.0,
    ) -> None:
        self.listing, self.start_ms, self.rate = listing, start_ms, rate
        self._dice = np.random.default_rng([seed, crc32(listing.id.encode())])
        self._size = 0
        self._at = np.empty(CHUNK, np.int64)
        self._ticks = np.empty(CHUNK, np.int64)
        self._steps = np.empty(CHUNK, np.int64)
        self._sold = np.empty(CHUNK, np.bool_)
        self._exact_ms, self._last_tick = float(start_ms), int(listing.price / listing.tick)
        past = np.sort(self._dice.uniform(start_ms - past_ms, start_ms, int(past_ms * past_rate / S_MS)))
        self._put(past.astype(np.int64))
        self.past = self._size
        self.end: int | None = None if count is None else self.past + count

    def upto(self, now_ms: int) -> int:
        """Returns how many trades have been by this time."""
        while (self._size == 0 or self._exact_ms < now_ms + 1) and not self._ended:
            self._draw()
        return int(np.searchsorted(self._at[: self._size], now_ms, "right"))

    def before(self, at_ms: int, now_ms: int) -> int:
        """Returns how many of the trades that have been by now were before this time."""
        count = self.upto(now_ms)  # first: it may put the columns elsewhere
        return int(np.searchsorted(self._at[:count], at_ms, "left"))

    def due_ms(self, index: int) -> int | None:
        """Returns the time of the trade with this index; None where there is none."""
        while index >= self._size and not self._ended:
            self._draw()
        return int(self._at[index]) if index < self._size else None

    @property
    def last_ms(self) -> int:
        """Returns the time of the last trade. Only of a history with a `count`."""
        assert self.end is not None
        last = self.due_ms(self.end - 1)
        return self.start_ms if last is None else last

    def index(self, id_: int) -> int:
        """Returns the index of the trade with this id."""
        return id_ - FIRST_ID

    def rows(self, first: int, last: int) -> TradeColumns:
        """Returns trades by index, `last` not included, as columns. Makes them if need be."""
        if last > first:
            self.due_ms(last - 1)
        part = slice(first, min(last, self._size))
        ids = range(FIRST_ID + first, FIRST_ID + max(part.stop, first))
        return TradeColumns(
            ids, self._at[part].tolist(), self._ticks[part].tolist(), self._steps[part].tolist(),
            self._sold[part].tolist(),
        )  # fmt: skip

    def trades(self, first: int, last: int) -> list[MarketTrade]:
        """Returns the same trades as values."""
        tick, step = self.listing.tick, self.listing.step
        return [
            MarketTrade(id_, at_ms, ticks * tick, steps * step, "sell" if sold else "buy")
            for id_, at_ms, ticks, steps, sold in zip(*self.rows(first, last), strict=True)
        ]

    def price(self, now_ms: int) -> Decimal:
        """Returns the price of the last trade by this time."""
        index = self.upto(now_ms) - 1
        return int(self._ticks[index]) * self.listing.tick if index >= 0 else self.listing.price

    def bar(self, at_ms: int, interval_ms: int, now_ms: int) -> tuple[MarketBar, int, int]:
        """Returns the bar that begins there, as far as it is by now, and the indices of its trades: from and until.

        A bar in which nothing traded stands at the last price.
        """
        first, last = self.before(at_ms, now_ms), self.before(at_ms + interval_ms, now_ms)
        if first == last:
            still = self.price(at_ms)
            return MarketBar(at_ms, still, still, still, still, 0 * self.listing.step), first, last
        ticks, steps, tick, step = (
            self._ticks[first:last],
            self._steps[first:last],
            self.listing.tick,
            self.listing.step,
        )
        begin, high, low, end = (int(value) * tick for value in (ticks[0], ticks.max(), ticks.min(), ticks[-1]))
        bought, paid = ~self._sold[first:last], ticks * steps
        volume, taken = int(steps.sum()) * step, int(steps[bought].sum()) * step
        turnover, quote_taken = int(paid.sum()) * tick * step, int(paid[bought].sum()) * tick * step
        return (
            MarketBar(at_ms, begin, high, low, end, volume, turnover, last - first, taken, quote_taken),
            first,
            last,
        )

    def bars(self, interval_ms: int, from_ms: int, until_ms: int, now_ms: int) -> list[MarketBar]:
        """Returns the bars that begin within [from_ms, until_ms) and have begun by now; the last may be unfinished.

        The first bar is that of the first trade.
        """
        born_ms = self.due_ms(0)
        if born_ms is None:
            return []
        first_ms = max(-(-from_ms // interval_ms), born_ms // interval_ms) * interval_ms
        return [
            self.bar(at_ms, interval_ms, now_ms)[0] for at_ms in range(first_ms, min(until_ms, now_ms + 1), interval_ms)
        ]

    @property
    def _ended(self) -> bool:
        return self.end is not None and self._size >= self.end

    def _draw(self) -> None:
        """Makes always as many at once, so that it does not matter how they are asked for."""
        apart = self._dice.exponential(S_MS / self.rate / (1 - AT_ONCE), CHUNK)
        apart[self._dice.random(CHUNK) < AT_ONCE] = 0.0
        exact = self._exact_ms + np.cumsum(apart)
        self._exact_ms = float(exact[-1])
        at = exact.astype(np.int64)
        self._put(at, None if self.end is None else self.end - self._size)

    def _put(self, at: NDArray[np.int64], most: int | None = None) -> None:
        count = len(at)
        moves = self._dice.integers(-MOST_TICKS, MOST_TICKS, count, endpoint=True)
        ticks = np.abs(self._last_tick + np.cumsum(moves)) + 1
        steps = self._dice.integers(1, MOST_STEPS, count, endpoint=True)
        sold = self._dice.random(count) < 0.5
        kept = count if most is None else min(most, count)
        size = self._size + kept
        while size > len(self._at):
            self._at, self._ticks, self._steps = (
                np.concatenate((column, np.empty_like(column))) for column in (self._at, self._ticks, self._steps)
            )
            self._sold = np.concatenate((self._sold, np.empty_like(self._sold)))
        part = slice(self._size, size)
        self._at[part], self._ticks[part] = at[:kept], ticks[:kept]
        self._steps[part], self._sold[part] = steps[:kept], sold[:kept]
        self._size = size
        if count:
            self._last_tick = int(ticks[-1])
