"""Bars out of trades with what was traded: the sampler's, each with the group that its trades add up to."""

from decimal import Decimal
from typing import Any

from services.ingestor.live.sampler import Sampler, Sampling
from shared.exchanges.market_data.events import ClosedBar, MissingTrades, Sampled, Short, Trade
from shared.exchanges.market_data.traded import TradeSum, silent_group
from shared.record import Record, Snapshot, fields_of
from shared.tick import State, Tick


class SavedSum(Record):
    """A snapshot keeps a TradeSum so; ts_event: its bar's end."""

    ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


class TradedBarsSnapshot(Snapshot):
    """The saved form of TradedBars, by the names of its attributes."""

    sampler: Any
    sums: list[SavedSum]
    closed: int
    unsure_end: int
    begun: bool


_saved_sum, _snapshot = fields_of(SavedSum), fields_of(TradedBarsSnapshot)


class TradedBars(Tick[Sampling, list[Sampled]]):
    """The stage gives what its sampler gives, and to each bar its group. interval_ns, grace_ns: the sampler's.

    A bar that MissingTrades may reach into has its close alone, and so has that of the first trade of all: others may
    have been before it. A trade that comes after its bar changes nothing in it:
    the sampler counts it, and Short says so to whoever still holds the bar.

    >>> bars = TradedBars(Sampler(interval_ns=10, grace_ns=2), interval_ns=10, grace_ns=2)
    >>> _ = [bars.on_tick(Trade(ts, ts, Decimal(ts), Decimal("0.1"))) for ts in (5, 12, 19)]
    >>> (closed,) = bars.on_tick(Trade(22, 22, Decimal(22), Decimal(1)))
    >>> closed.price, closed.bar.open, closed.bar.volume, closed.bar.trades
    (Decimal('19'), 12.0, 0.2, 2)
    """

    def __init__(self, sampler: Sampler, interval_ns: int, grace_ns: int) -> None:
        self._sampler, self._interval_ns, self._grace_ns = sampler, interval_ns, grace_ns
        self._sums: dict[int, TradeSum] = {}
        self._closed = 0  # bars until here are out
        self._unsure_end = 0  # bars until here may lack trades
        self._begun = False

    @property
    def late(self) -> int:
        """Returns how many trades came after their bar."""
        return self._sampler.late

    def on_tick(self, val: Sampling) -> list[Sampled] | None:
        """Takes one value; None when nothing follows from it."""
        if isinstance(val, Trade) and not self._add(val):
            return [Short(self._end(val.ts_event)), *(self._sampler.on_tick(val) or ())]
        sampled = self._sampler.on_tick(val)
        if isinstance(val, MissingTrades):
            self._unsure_end = max(self._unsure_end, self._end(val.ts_event + self._grace_ns), *self._sums)
        return None if sampled is None else [self._with_group(one) for one in sampled]

    def _add(self, trade: Trade) -> bool:
        """Adds it to its bar; False where that was given."""
        end = self._end(trade.ts_event)
        if not self._begun:
            self._begun, self._unsure_end = True, max(self._unsure_end, end)
        if end <= self._closed:
            return False
        if end in self._sums:
            self._sums[end].add(trade)
        else:
            self._sums[end] = TradeSum.of(trade)
        return True

    def _end(self, ts_event: int) -> int:
        return ts_event - ts_event % self._interval_ns + self._interval_ns

    def _with_group(self, sampled: Sampled) -> Sampled:
        end = sampled.ts_event
        made = self._sums.pop(end, None)
        if end > self._closed:
            self._closed = end
            self._sums = {later: made for later, made in self._sums.items() if later > end}
        if not isinstance(sampled, ClosedBar) or sampled.price is None or end <= self._unsure_end:
            return sampled
        return sampled._replace(bar=silent_group(sampled.price) if made is None else made.group())

    def state(self) -> State:
        """Returns the sampler's state and the sums of the bars that are open."""
        return _snapshot(
            sampler=self._sampler.state(),
            sums=[_saved_sum(ts_event=end, **vars(self._sums[end])) for end in sorted(self._sums)],
            closed=self._closed,
            unsure_end=self._unsure_end,
            begun=self._begun,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = TradedBarsSnapshot.of(state)
        self._sampler.restore(saved.sampler)
        self._closed, self._unsure_end, self._begun, self._sums = saved.closed, saved.unsure_end, saved.begun, {}
        for one in saved.sums:
            self._sums[one.ts_event] = TradeSum(one.open, one.high, one.low, one.volume, one.quote_volume, one.trades)
