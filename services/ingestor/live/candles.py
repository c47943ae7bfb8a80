"""Bars out of a stream of candles, of which the last one is never finished."""

from decimal import Decimal

from shared.exchanges.market_data.events import (
    Candle,
    Clock,
    ClosedBar,
    Connected,
    Disconnected,
    Event,
    FeedSilent,
    Lost,
    Sampled,
)
from shared.record import Record, Snapshot, fields_of
from shared.tick import State, Tick


class SavedCandle(Record):
    """A candle that is over has its start and its last price; None where that was not heard, or not believed."""

    start: int
    close: Decimal | None


class CandlesSnapshot(Snapshot):
    """The saved form of a Candles, by the names of its attributes."""

    old: int
    other: int
    deaf: int
    now: int
    heard_now: int
    listening: bool
    start: int
    close: Decimal | None
    before: SavedCandle


_candle, _snapshot = fields_of(SavedCandle), fields_of(CandlesSnapshot)


class Candles(Tick[Event, list[Sampled | FeedSilent]]):
    """The stage takes one symbol's candles as the venue updates them, and gives a bar when the venue ends it.

    Where the venue does not say that a bar is finished, a later candle ends it; but with `grouped` what was traded may
    have grown since its last update, so that it is Lost: it must be fetched. So is one of which nothing of that comes
    until `grace_ns` after its end, or of which the connection was lost since the last update. Where no candle at all
    comes for three bars, or three times `silence_ns`, the feed is silent (FeedSilent), once for each connection.

    - begins: with the first Clock, without a candle: all bars are fetched.

    It counts updates of bars that are over (`old`), those of them with another price (`other`), and how often the feed
    was silent (`deaf`).

    >>> candles = Candles(interval_ns=10, grace_ns=2)
    >>> updates = [Candle(10, Decimal(1)), Candle(10, Decimal(2), finished=True), Candle(20, Decimal(3))]
    >>> [candles.on_tick(val) for val in updates], candles.on_tick(Clock(32))
    ([None, [ClosedBar(ts_event=20, price=Decimal('2'), bar=None)], None], [Lost(ts_event=30)])
    """

    def __init__(
        self, interval_ns: int, grace_ns: int, silence_ns: int = 0, grouped: bool = False, begins: bool = False
    ) -> None:
        self.old = self.other = self.deaf = 0
        self._most_ns = 3 * max(silence_ns, interval_ns) + grace_ns  # without a candle
        self._now = self._heard_now = 0
        self._listening = False  # over a connection that is not known to be deaf
        self._interval_ns, self._grace_ns = interval_ns, grace_ns
        self._grouped, self._begins = grouped, begins
        self._start = 0  # of the candle that is open; 0 before the first
        self._close: Decimal | None = None  # its last price; None: not heard, or not believed
        self._before: tuple[int, Decimal | None] = (0, None)

    def on_tick(self, val: Event) -> list[Sampled | FeedSilent] | None:
        """Takes one event; None when nothing follows from it."""
        match val:
            case Candle():
                self._heard_now = self._now
                return self._candle(val)
            case Clock(now):
                self._now = max(self._now, now)
                return self._clock(now) or None
            case Connected():
                self._close, self._listening, self._heard_now = None, True, self._now
            case Disconnected():
                self._close, self._listening = None, False
            case _:
                pass
        return None

    def _clock(self, now: int) -> list[Sampled | FeedSilent]:
        given: list[Sampled | FeedSilent] = []
        if self._begins and not self._start:
            self._start = now - now % self._interval_ns
        if self._start and now >= self._start + self._interval_ns + self._grace_ns:
            self._close = None
            given += self._over(now - now % self._interval_ns)
        if self._listening and self._now - self._heard_now > self._most_ns:
            self._listening = False
            self.deaf += 1
            given.append(FeedSilent())
        return given

    def _candle(self, candle: Candle) -> list[Sampled | FeedSilent] | None:
        if candle.start < self._start:
            self.old += 1
            self.other += self._before[0] == candle.start and self._before[1] not in (None, candle.close)
            return None
        given = self._over(candle.start) if self._start and candle.start > self._start else []
        self._start = candle.start
        self._close = candle.close if candle.finished is None and not self._grouped else None
        if candle.finished:
            end = candle.start + self._interval_ns
            given.append(ClosedBar(end, candle.close, candle.bar))
            self._before, self._start = (candle.start, candle.close), end
        return given or None

    def _over(self, start: int) -> list[Sampled | FeedSilent]:
        """Ends the open candle, since time is at `start`; what lies between was not heard."""
        end, close = self._start + self._interval_ns, self._close
        given: list[Sampled | FeedSilent] = [Lost(end) if close is None else ClosedBar(end, close)]
        if start > end:
            given.append(Lost(start))
        self._before, self._start, self._close = (self._start, close), start, None
        return given

    def state(self) -> State:
        """Returns the open candle, the one before, the counts, what was heard last."""
        start, close = self._before
        return _snapshot(
            old=self.old,
            other=self.other,
            deaf=self.deaf,
            now=self._now,
            heard_now=self._heard_now,
            listening=self._listening,
            start=self._start,
            close=self._close,
            before=_candle(start=start, close=close),
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = CandlesSnapshot.of(state)
        self.old, self.other, self.deaf = saved.old, saved.other, saved.deaf
        self._now, self._heard_now, self._listening = saved.now, saved.heard_now, saved.listening
        self._start, self._close = saved.start, saved.close
        self._before = (saved.before.start, saved.before.close)
