"""The ingestor's Tick stage: a source's quotes in, numbered market ticks out."""

from typing import Any, cast

from services.ingestor.source import Datum, Quote
from shared.messages import Gap, MarketTick, Message, Stream
from shared.messages.market import trace_id
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import SequenceNumbers
from shared.tick import State, Tick

_TICKS = Stream.TICKS  # a member at hand: to look it up in its enum costs as much as a dict's look-up


class IngestSnapshot(Snapshot):
    """The saved form of an IngestStage."""

    position: int
    last_ts_event: int
    stale: int
    numbers: Any


_market_tick, _snapshot = unvalidated(MarketTick), fields_of(IngestSnapshot)


class IngestStage(Tick[Datum, list[Message]]):
    """The stage turns one symbol's quotes into its ticks, numbered from 1 without a hole.

    A quote that is not newer than the last one is no tick: it gives an empty list and is counted in `stale`.
    `position` counts all quotes taken, so a Source opened there goes on with the next one. A recording's messages are
    written as they were: history stays history, a Gap is one again.

    - venue, sym: as they stand in the ticks and their trace ids.

    >>> from decimal import Decimal
    >>> stage = IngestStage("replay", "BTCUSDT")
    >>> [tick.human() for tick in stage.on_tick(Quote("BTCUSDT", 10, Decimal("71440.1")))]
    ['BTCUSDT 71440.1']
    >>> stage.on_tick(Quote("BTCUSDT", 10, Decimal("71440.2"))), stage.position, stage.stale
    ([], 2, 1)
    """

    def __init__(self, venue: str, sym: str) -> None:
        self._venue = venue
        self._sym = sym
        self._numbers = SequenceNumbers()
        self._position = 0
        self._last_ts_event = -1
        self._stale = 0

    @property
    def position(self) -> int:
        """Returns how many quotes were taken."""
        return self._position

    @property
    def stale(self) -> int:
        """Returns how many quotes were not newer than the one before."""
        return self._stale

    def on_tick(self, val: Datum) -> list[Message]:
        """Returns the tick of a quote; raises ValueError for another symbol's quote or an impossible price."""
        if val.__class__ is not Quote:
            return [self._again(cast(MarketTick | Gap, val))]
        sym, ts_event, price, bar, quote, funding = val
        if sym != self._sym:
            raise ValueError(f"a quote of {sym} was given to {self._sym}")
        if ts_event <= self._last_ts_event:
            self._stale += 1
            self._position += 1
            return []
        if not price.is_finite() or not price or price.is_signed():
            raise ValueError(f"a price of {sym} must be finite and positive, not {price}")
        n, venue = self._numbers.next(_TICKS), self._venue
        self._last_ts_event = ts_event
        self._position += 1
        trace = trace_id(venue, sym, ts_event, n)
        if bar is None and quote is None and funding is None:
            return [_market_tick(n=n, sym=sym, ts_event=ts_event, tr=trace, venue=venue, price=price, history=False)]
        return [
            _market_tick(
                n=n, sym=sym, ts_event=ts_event, tr=trace, venue=venue, price=price, history=False,
                bar=bar, quote=quote, funding=funding,
            )
        ]  # fmt: skip

    def _again(self, recorded: MarketTick | Gap) -> Message:
        """Returns the message under this line's number, which is the last part of its trace."""
        if recorded.sym != self._sym:
            raise ValueError(f"a recording's {recorded.sym} was given to {self._sym}")
        n = self._numbers.next(_TICKS)
        self._last_ts_event = max(self._last_ts_event, recorded.ts_event)
        self._position += 1
        return recorded.model_copy(update={"n": n, "tr": f"{recorded.tr.rpartition(':')[0]}:{n}"})

    def state(self) -> State:
        """Returns position, last time, number of stale quotes, stream numbers."""
        return _snapshot(
            position=self._position, last_ts_event=self._last_ts_event, stale=self._stale, numbers=self._numbers.state()
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = IngestSnapshot.of(state)
        self._numbers.restore(saved.numbers)
        self._position, self._last_ts_event, self._stale = saved.position, saved.last_ts_event, saved.stale
