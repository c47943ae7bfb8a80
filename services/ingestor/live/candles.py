"""Bars out of a stream of candles, whose last one is never finished."""

from decimal import Decimal

from services.ingestor.live.events import Bar, Candle, Clock, Connected, Disconnected, Event, Lost, Sampled
from shared.tick import State, Tick


class Candles(Tick[Event, list[Sampled]]):
    """Candles of one symbol as the venue updates them in; a bar out when a later candle shows that it is finished.

    Is none heard until `grace_ns` after the bar's end, or was the connection lost since the candle's last update, the
    bar is Lost: it must be fetched. old: updates of bars that are over. other: how many of these had another price.

    >>> candles = Candles(interval_ns=10, grace_ns=2)
    >>> updates = [Candle(10, Decimal(1)), Candle(10, Decimal(2)), Candle(20, Decimal(3))]
    >>> [candles.on_tick(val) for val in updates], candles.on_tick(Clock(32))
    ([None, None, [Bar(ts_event=20, price=Decimal('2'))]], [Lost(ts_event=30)])
    """

    def __init__(self, interval_ns: int, grace_ns: int) -> None:
        self.old = self.other = 0
        self._interval_ns, self._grace_ns = interval_ns, grace_ns
        self._start = 0  # of the candle that is open; 0 before the first
        self._close: Decimal | None = None  # its last price; None: not heard, or not believed
        self._before: tuple[int, Decimal | None] = (0, None)

    def on_tick(self, val: Event) -> list[Sampled] | None:
        """Take one event; None when nothing follows from it."""
        match val:
            case Candle():
                return self._candle(val)
            case Clock(now) if self._start and now >= self._start + self._interval_ns + self._grace_ns:
                self._close = None
                return self._over(now - now % self._interval_ns)
            case Connected() | Disconnected():
                self._close = None
            case _:
                pass
        return None

    def _candle(self, candle: Candle) -> list[Sampled] | None:
        if candle.start < self._start:
            self.old += 1
            self.other += self._before[0] == candle.start and self._before[1] not in (None, candle.close)
            return None
        given = self._over(candle.start) if self._start and candle.start > self._start else None
        self._start, self._close = candle.start, candle.close
        return given

    def _over(self, start: int) -> list[Sampled]:
        """The open candle is over, since time is at `start`; what lies between was not heard."""
        end, close = self._start + self._interval_ns, self._close
        given: list[Sampled] = [Lost(end) if close is None else Bar(end, close)]
        if start > end:
            given.append(Lost(start))
        self._before, self._start, self._close = (self._start, close), start, None
        return given

    def state(self) -> State:
        """The open candle, the one before, the counts."""
        return [self.old, self.other, self._start, self._close, list(self._before)]

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        match state:
            case [
                int() as old, int() as other, int() as start, (Decimal() | None) as close,
                [int() as before, (Decimal() | None) as price],
            ]:  # fmt: skip
                self.old, self.other, self._start, self._close, self._before = old, other, start, close, (before, price)
            case _:
                raise ValueError(f"the state of candles is not {state!r:.80}")
