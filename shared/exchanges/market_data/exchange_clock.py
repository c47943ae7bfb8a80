"""The venue's time: ours with its skew taken off, advanced by a monotonic clock, asked for again and again."""

import time
from collections.abc import Callable
from typing import NamedTuple

from shared.exchanges.market_data.clock_skew import ClockSkew, Skew, TimeAnswer
from shared.exchanges.market_data.events import Clock

STEP_NS = 50_000_000
STUBBORN = 3


class Now(NamedTuple):
    """Our two clocks at one moment; ns."""

    wall: int
    monotonic: int


def our_clocks() -> Now:
    """This machine's."""
    return Now(time.time_ns(), time.monotonic_ns())


class VenueClock:
    """Answers of the venue in, its time out.

    An answer that does not fit to those before it is not believed until so many in a row say the same; meanwhile the
    clock goes on as before, and is not sure. When our own clock is set, all is measured anew.

    >>> ours = Now(5_000, 0)
    >>> clock = VenueClock(bound_ns=1_000, clocks=lambda: ours)
    >>> clock.known, clock.heard(sent=4_000, venue=4_700), clock.known
    (False, True, True)
    >>> clock.read()
    Clock(now=5200, sure=True)
    """

    def __init__(self, bound_ns: int, clocks: Callable[[], Now] = our_clocks) -> None:
        self._bound_ns, self._clocks = bound_ns, clocks
        self._measured = ClockSkew()
        self._doubted = ClockSkew()
        self._against = 0
        self._asked: Now | None = None
        self._skew: Skew | None = None
        self._at = clocks()

    @property
    def known(self) -> bool:
        """Whether it was ever measured, or given up to be."""
        return self._skew is not None

    @property
    def skew(self) -> Skew | None:
        """How far apart the clocks are."""
        return self._skew

    @property
    def doubted(self) -> bool:
        """Whether the last answer was not believed: better ask again soon."""
        return self._against > 0

    def ask(self) -> int:
        """Our time, right before the venue is asked."""
        now = self._clocks()
        before = self._asked
        if before is not None and abs((now.wall - before.wall) - (now.monotonic - before.monotonic)) > STEP_NS:
            self._measured, self._doubted, self._against = ClockSkew(), ClockSkew(), 0
        self._asked = now
        return now.wall

    def unasked(self) -> None:
        """The venue does not tell its time: ours is taken for it."""
        self._take(Skew(0, 0))

    def heard(self, sent: int, venue: int) -> bool:
        """The venue's answer; whether it is believed."""
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

    def read(self) -> Clock:
        """The venue's time now."""
        now = self._clocks()
        offset = 0 if self._skew is None else self._skew.offset_ns
        sure = self._skew is not None and not self._against and self._skew.within(self._bound_ns)
        return Clock(self._at.wall + now.monotonic - self._at.monotonic + offset, sure)

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
    """Whether both can be true, the clocks drifting a little."""
    return abs(one.offset_ns - other.offset_ns) <= one.error_ns + other.error_ns + STEP_NS
