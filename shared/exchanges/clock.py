"""An exchange's clock: how far it is from ours, measured by asking for the time again and again."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from shared.exchanges.market_data.events import Clock
from shared.record import Record, Snapshot, fields_of
from shared.tick import State, Tick


class TimeAnswer(NamedTuple):
    """A TimeAnswer holds our clock before and after a request, and the exchange's in between; ns."""

    sent: int
    received: int
    venue: int


class Skew(NamedTuple):
    """A Skew says that the exchange's clock is ours + `offset_ns`, give or take `error_ns`."""

    offset_ns: int
    error_ns: int

    def within(self, bound_ns: int) -> bool:
        """Says whether our clock is surely within the bound.

        >>> Skew(40, 10).within(50), Skew(-45, 10).within(50)
        (True, False)
        """
        return abs(self.offset_ns) + self.error_ns <= bound_ns


class SavedAnswer(Record):
    """A SavedAnswer is a TimeAnswer in a snapshot."""

    sent: int
    received: int
    venue: int


class ClockSkewSnapshot(Snapshot):
    """A ClockSkewSnapshot holds what a ClockSkew remembers; the answers as they came."""

    refused: int
    answers: list[SavedAnswer]


_answer, _snapshot = fields_of(SavedAnswer), fields_of(ClockSkewSnapshot)


class ClockSkew(Tick[TimeAnswer, Skew]):
    """A ClockSkew turns answers into the skew, by the quickest of the last `count` of them.

    Half the way back is taken off (Cristian's algorithm). An answer that came before it was asked for, since our clock
    was set back, is left out and counted in `refused`, and so is all that was measured before it: None until the next
    one.

    >>> skew = ClockSkew(count=8)
    >>> skew.on_tick(TimeAnswer(sent=100, received=140, venue=1_120)), skew.on_tick(TimeAnswer(200, 210, 1_206))
    (Skew(offset_ns=1000, error_ns=20), Skew(offset_ns=1001, error_ns=5))
    """

    def __init__(self, count: int = 16) -> None:
        if count < 1:
            raise ValueError(f"a skew of {count} answers is not possible")
        self.refused = 0
        self._answers: deque[TimeAnswer] = deque(maxlen=count)

    def on_tick(self, val: TimeAnswer) -> Skew | None:
        """Takes an answer."""
        if val.received < val.sent:
            self.refused += 1
            self._answers.clear()
            return None
        self._answers.append(val)
        sent, received, venue = min(reversed(self._answers), key=_way)
        return Skew(venue - (sent + received) // 2, (received - sent + 1) // 2)

    def state(self) -> State:
        """Returns the last answers and the count."""
        return _snapshot(refused=self.refused, answers=[_answer(**answer._asdict()) for answer in self._answers])

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = ClockSkewSnapshot.of(state)
        self.refused = saved.refused
        self._answers.clear()
        self._answers.extend(TimeAnswer(answer.sent, answer.received, answer.venue) for answer in saved.answers)


def _way(answer: TimeAnswer) -> int:
    return answer.received - answer.sent


NS_PER_MS = 1_000_000
SLOW_MS = 1_000


def ahead_ms(before_ms: int, told_ms: int, after_ms: int, known_ms: int | None) -> int:
    """Returns how far the exchange's clock is ahead of ours.

    - before_ms, after_ms: ours, around the answer told_ms
    - known_ms: what was known until now

    Half the way is taken off:

    >>> ahead_ms(1_000, 3_020, 1_040, 5)
    2000

    An answer that took long may have waited anywhere on the way: what was known stays, as far as the answer allows it.

    >>> ahead_ms(1_000, 8_010, 8_020, 5), ahead_ms(1_000, 8_010, 8_020, -700)
    (5, -10)
    """
    if known_ms is None or after_ms - before_ms <= SLOW_MS:
        return told_ms - (before_ms + after_ms) // 2
    return min(max(known_ms, told_ms - after_ms), told_ms - before_ms)


STEP_NS = 50_000_000
STUBBORN = 3


class Now(NamedTuple):
    """A Now holds our two clocks at one moment; ns."""

    wall: int
    monotonic: int


def our_clocks() -> Now:
    """Reads this machine's clocks."""
    return Now(time.time_ns(), time.monotonic_ns())


class ExchangeClock:
    """An ExchangeClock turns answers of an exchange into its time.

    Prices are read by `heard` and `read`: an answer that does not fit to those before it is not believed until so many
    in a row say the same; meanwhile the clock goes on as before, by our monotonic clock, and is not sure. When our own
    clock is set, all is measured anew. Orders are stamped by `told` and `now_ms`, which follow every answer at once, on
    our wall clock. bound_ns: how far our clock may be away to be sure.

    >>> ours = Now(5_000, 0)
    >>> clock = ExchangeClock(bound_ns=1_000, clocks=lambda: ours)
    >>> clock.known, clock.heard(sent=4_000, venue=4_700), clock.known
    (False, True, True)
    >>> clock.read()
    Clock(now=5200, sure=True)
    """

    def __init__(self, bound_ns: int = 0, clocks: Callable[[], Now] = our_clocks) -> None:
        self._bound_ns, self._clocks = bound_ns, clocks
        self._measured = ClockSkew()
        self._doubted = ClockSkew()
        self._against = 0
        self._asked: Now | None = None
        self._skew: Skew | None = None
        self._at = clocks()

    @property
    def known(self) -> bool:
        """Says whether the clock was ever measured, or the measuring was given up."""
        return self._skew is not None

    @property
    def skew(self) -> Skew | None:
        """Returns the difference of the clocks."""
        return self._skew

    @property
    def doubted(self) -> bool:
        """Says whether the clock did not believe the last answer, so that it needs another one soon."""
        return self._against > 0

    def ask(self) -> int:
        """Returns our time, right before the exchange is asked."""
        now = self._clocks()
        before = self._asked
        if before is not None and abs((now.wall - before.wall) - (now.monotonic - before.monotonic)) > STEP_NS:
            self._measured, self._doubted, self._against = ClockSkew(), ClockSkew(), 0
        self._asked = now
        return now.wall

    def unasked(self) -> None:
        """Takes our time for that of an exchange that does not tell its own."""
        self._take(Skew(0, 0))

    def heard(self, sent: int, venue: int) -> bool:
        """Takes the exchange's answer; says whether it is believed."""
        now = self._clocks()
        answer = TimeAnswer(sent, now.wall, venue)
        alone = ClockSkew().on_tick(answer)
        if alone is None:
            return False
        if self._skew is not None and self._measured.state() != ClockSkew().state() and not _meet(self._skew, alone):
            return self._doubt(answer)
        self._against = 0
        skew = self._measured.on_tick(answer)
        if skew is not None:
            self._take(skew)
        return True

    def told(self, sent_ms: int, exchange_ms: int, received_ms: int) -> None:
        """Believes an answer at once. sent_ms, received_ms: our clock around it."""
        known_ms = None if self._skew is None else self._skew.offset_ns // NS_PER_MS
        ahead = ahead_ms(sent_ms, exchange_ms, received_ms, known_ms)
        self._take(Skew(ahead * NS_PER_MS, (received_ms - sent_ms) * NS_PER_MS // 2))

    @property
    def ahead_ms(self) -> int:
        """Returns how far the exchange's clock is ahead of ours, ms; 0 before it is known."""
        return 0 if self._skew is None else self._skew.offset_ns // NS_PER_MS

    def now_ms(self) -> int:
        """Returns the exchange's time by our wall clock, which goes on while a machine is suspended."""
        return self._clocks().wall // NS_PER_MS + self.ahead_ms

    def read(self) -> Clock:
        """Returns the exchange's time by our monotonic clock, and whether it is sure.

        The monotonic clock stands while a machine is suspended: where the wall clock is further by more than the bound,
        so may the exchange's be.
        """
        now, at = self._clocks(), self._at
        passed = now.monotonic - at.monotonic
        offset = 0 if self._skew is None else self._skew.offset_ns
        sure = self._skew is not None and not self._against and self._skew.within(self._bound_ns)
        return Clock(at.wall + passed + offset, sure and now.wall - at.wall - passed <= self._bound_ns)

    def _doubt(self, answer: TimeAnswer) -> bool:
        self._doubted = ClockSkew() if not self._against else self._doubted
        self._against += 1
        skew = self._doubted.on_tick(answer)
        if self._against < STUBBORN or skew is None:
            return False
        self._measured, self._doubted, self._against = self._doubted, ClockSkew(), 0
        self._take(skew)
        return True

    def _take(self, skew: Skew) -> None:
        self._skew, self._at = skew, self._clocks()


def _meet(one: Skew, other: Skew) -> bool:
    """Says whether both can be true, the clocks drifting a little."""
    return abs(one.offset_ns - other.offset_ns) <= one.error_ns + other.error_ns + STEP_NS
