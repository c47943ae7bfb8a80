"""Bars out of trades: of every interval the last price, when the interval is over."""

from decimal import Decimal
from typing import Protocol, TypeAlias

from services.ingestor.live.bar_join import Close, Cut
from services.ingestor.live.saved_events import SavedBar, SavedPrice, saved_bar, saved_price
from shared.exchanges.market_data.events import ClosedBar, Late, Lost, MissingTrades, Sampled, Watermark
from shared.messages.reasons import GapCause
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

MOST_BARS = 10_000  # closed at once; a longer jump of time is left to whoever fetches bars
REMEMBERED = 8


class Priced(Protocol):
    """Whatever has a price and a time can be sampled, e.g. a Trade or a Mid."""

    @property
    def ts_event(self) -> int:
        """Returns when the price became known, in ns since 1970 UTC."""

    @property
    def price(self) -> Decimal:
        """Finite and positive."""


Sampling: TypeAlias = Priced | Watermark | MissingTrades


class SamplerSnapshot(Snapshot):
    """The saved form of a Sampler, by the names of its attributes."""

    late: int
    end: int
    first: int
    price: Decimal | None
    ahead: list[SavedPrice]
    before: Decimal | None
    before_end: int
    unsure_end: int
    closed: list[SavedBar]
    remembered: int


_snapshot = fields_of(SamplerSnapshot)


class Sampler(Tick[Sampling, list[Sampled]]):
    """The sampler turns prices, watermarks and missing trades into finished bars, each once, aligned to UTC.

    - A bar ends at a multiple of `interval_ns`; its price is the last one before its end, in the order of arrival. It
      closes when a price or a Watermark reaches end + `grace_ns`.
    - A bar in which nothing traded has the price before it, or None where that is not known.
    - The bar in which the sampler begins is Lost, as are bars that MissingTrades may reach into and that have no price
      behind it.
    - A price for a bar that was closed before (counted in `late`) never changes it. Late says that it would have, or
      may have, where MissingTrades reach into it.

    >>> from shared.exchanges.market_data.events import Trade
    >>> sampler = Sampler(interval_ns=10, grace_ns=2)
    >>> [sampler.on_tick(Trade(ts, ts, Decimal(ts), Decimal(1))) for ts in (5, 12, 19, 21)]
    [None, [Lost(ts_event=10)], None, None]
    >>> [(bar.ts_event, bar.price) for bar in sampler.on_tick(Watermark(33))]
    [(20, Decimal('19')), (30, Decimal('21'))]
    """

    def __init__(self, interval_ns: int, grace_ns: int) -> None:
        if interval_ns <= 0 or grace_ns < 0:
            raise ValueError(f"sampling every {interval_ns} ns with {grace_ns} ns of grace is not possible")
        self.late = 0
        self._interval_ns, self._grace_ns = interval_ns, grace_ns
        self._end = 0  # of the bar that closes next; 0 before the first value
        self._first = 0  # end of the first whole bar
        self._price: Decimal | None = None  # last one in that bar
        self._ahead: dict[int, Decimal] = {}  # last ones in the bars after it
        self._before: Decimal | None = None  # last one before that bar
        self._before_end = 0  # of the bar that it was in
        self._unsure_end = 0  # bars until here without a price are not known
        self._closed: dict[int, Decimal | None] = {}  # the last bars that were given, and are not Late yet
        self._remembered = 0  # of a bar that ended before it nobody knows

    def on_tick(self, val: Sampling) -> list[Sampled] | None:
        """Takes one value; None when nothing follows from it."""
        ts_event, end = val.ts_event, self._end
        if isinstance(val, Watermark | MissingTrades):
            return self._reach(ts_event) if isinstance(val, Watermark) else self._doubt(ts_event, val.since)
        if ts_event < end:
            if ts_event >= end - self._interval_ns:
                self._price = val.price
                return None
            return self._too_late(ts_event, val.price)
        if not end:
            self._begin(ts_event)
            end = self._end
        bar = ts_event - ts_event % self._interval_ns + self._interval_ns
        if bar == end:
            self._price = val.price
            return None
        self._ahead[bar] = val.price
        return self._reach(ts_event)

    def _begin(self, ts_event: int) -> None:
        interval_ns = self._interval_ns
        self._end = ts_event - ts_event % interval_ns + interval_ns
        self._first = self._remembered = self._end + interval_ns if ts_event % interval_ns else self._end

    def _reach(self, ts_event: int) -> list[Sampled] | None:
        """Closes each bar that ends early enough."""
        if not self._end:
            self._begin(ts_event)
        if ts_event < self._end + self._grace_ns:
            return None
        closed: list[Sampled] = []
        if (ts_event - self._end) // self._interval_ns >= MOST_BARS:
            closed.append(Lost(self._end))
            self._jump(ts_event)
        while ts_event >= self._end + self._grace_ns:
            closed.append(self._close())
        return closed

    def _close(self) -> Sampled:
        end = self._end
        unsure = self._price is None and end <= self._unsure_end
        if self._price is not None or unsure:
            self._before, self._before_end = self._price, end
        self._end = end + self._interval_ns
        self._price = self._ahead.pop(self._end, None)
        if unsure or end < self._first:
            return Lost(end)
        self._closed[end] = self._before
        if len(self._closed) > REMEMBERED:
            forgotten = next(iter(self._closed))
            del self._closed[forgotten]
            self._remembered = forgotten + 1
        return ClosedBar(end, self._before)

    def _jump(self, ts_event: int) -> None:
        """Begins anew at the last of the bars: time went on by too many of them."""
        self._pass()
        self._closed.clear()
        self._end = self._remembered = ts_event - ts_event % self._interval_ns + self._interval_ns
        for end in sorted(self._ahead):
            if end < self._end:
                self._before, self._before_end = self._ahead.pop(end), end
        self._price = self._ahead.pop(self._end, None)

    def _doubt(self, ts_event: int, since: int) -> list[Sampled] | None:
        """Notes that missed prices may lie in any bar until that of `ts_event`, or in the next within the grace."""
        doubted = self._committed_in_doubt(since)
        if self._end:
            newest = max(ts_event + self._grace_ns, self._end - 1, *(end - 1 for end in self._ahead))
            self._pass()
            self._ahead.clear()
            self._unsure_end = newest - newest % self._interval_ns + self._interval_ns
        return [Late(end) for end in doubted] or None

    def _committed_in_doubt(self, since: int) -> list[int]:
        """Returns the ends of the bars that went out though prices of theirs may be missing, as far as known."""
        first = since - self._grace_ns + 1
        doubted = [end for end in self._closed if end >= first]
        for end in doubted:
            del self._closed[end]
        forgotten = self._first <= first < self._remembered
        return doubted or ([self._end - self._interval_ns] if forgotten else [])

    def _pass(self) -> None:
        if self._price is not None:
            self._before, self._before_end, self._price = self._price, self._end, None

    def _too_late(self, ts_event: int, price: Decimal) -> list[Sampled] | None:
        """Its bar is Late, if its close was another one, and so are the bars behind it that had only that close."""
        self.late += 1
        end = ts_event - ts_event % self._interval_ns + self._interval_ns
        newest, was = end >= self._before_end, self._closed.get(end)
        wrong = [
            later
            for later, closed in self._closed.items()
            if later >= end
            and closed != price
            and (newest or later == end or (later < self._before_end and closed == was))
        ]
        if newest:
            self._before, self._before_end = price, end
        for later in wrong:
            del self._closed[later]
        if self._first <= end < self._remembered:
            wrong.insert(0, end)  # nobody remembers what that bar was
        return [Late(later) for later in wrong] or None

    def state(self) -> State:
        """Returns the bars that are open and the last that were closed."""
        return _snapshot(
            late=self.late,
            end=self._end,
            first=self._first,
            price=self._price,
            ahead=[saved_price(ts_event=end, price=price) for end, price in sorted(self._ahead.items())],
            before=self._before,
            before_end=self._before_end,
            unsure_end=self._unsure_end,
            closed=[saved_bar(ts_event=end, price=price) for end, price in self._closed.items()],
            remembered=self._remembered,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = SamplerSnapshot.of(state)
        self.late, self._end, self._first, self._price = saved.late, saved.end, saved.first, saved.price
        self._ahead = {bar.ts_event: bar.price for bar in saved.ahead}
        self._before, self._before_end, self._unsure_end = saved.before, saved.before_end, saved.unsure_end
        self._closed, self._remembered = {bar.ts_event: bar.price for bar in saved.closed}, saved.remembered


class EachTradeSnapshot(Snapshot):
    """The saved form of an EachTrade."""

    last_ns: int


_each_trade = fields_of(EachTradeSnapshot)


class EachTrade(Tick[Priced | Watermark | MissingTrades, list[Close | Cut]]):
    """An EachTrade makes each price a tick of its own, known when its turn comes; MissingTrades give a Cut.

    >>> from decimal import Decimal
    >>> from shared.exchanges.market_data.events import Trade
    >>> each = EachTrade()
    >>> [each.on_tick(Trade(i, ts, Decimal(ts), Decimal(1))) for i, ts in enumerate((5, 4))]
    [[Close(ts_event=5, price=Decimal('5'), ...)], [Close(ts_event=5, price=Decimal('4'), ...)]]
    """

    def __init__(self) -> None:
        self._last_ns = 0

    def on_tick(self, val: Priced | Watermark | MissingTrades) -> list[Close | Cut] | None:
        """Takes one value; None for a Watermark."""
        if isinstance(val, Watermark):
            return None
        self._last_ns = max(self._last_ns, val.ts_event)
        if isinstance(val, MissingTrades):
            return [Cut(self._last_ns, GapCause.UNFILLED)]
        return [Close(self._last_ns, val.price)]

    def state(self) -> State:
        """Returns the last time."""
        return _each_trade(last_ns=self._last_ns)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        self._last_ns = EachTradeSnapshot.of(state).last_ns
