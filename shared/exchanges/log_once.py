"""The log names an exchange's trouble when it begins or changes and when it is over, not at every attempt."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

SILENT_S = 8.0  # a person is told within 10 s
SAID_AGAIN_S = 10.0
UNANSWERED_S = 3.0
PROBE_S = 4.0  # after so long without a word an exchange is asked for its time
log = structlog.get_logger()


class LogOnce:
    """A LogOnce writes one line when a trouble begins or changes, and one when it is over.

    - said: all lines of trouble so far, the newest last, bounded
    - silence: of the exchange as a whole

    Troubles are told apart by what they are about, e.g. a symbol.

    >>> troubles = LogOnce("binance")
    >>> [troubles.new("BTCUSDT", why) for why in ("no network", "no network", "banned")]
    [True, False, True]
    """

    KEPT = 100

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._now: dict[str, str] = {}
        self.said: list[str] = []
        self.silence = FeedSilence(venue)

    def new(self, about: str, why: str) -> bool:
        """Remembers a trouble; says whether it is another one than before."""
        known, self._now[about] = self._now.get(about), why
        return known != why

    def say(self, about: str, why: str) -> None:
        """Writes the line, if it is new."""
        line = " ".join(why.split())[:400]
        if self.new(about, line):
            self.said = [*self.said[1 - self.KEPT :], f"{about}: {line}"]
            log.warning("market data", venue=self._venue, about=about, why=line)

    def over(self, about: str) -> None:
        """Writes that it goes on again."""
        if self._now.pop(about, None) is not None:
            log.info("market data again", venue=self._venue, about=about)


class FeedSilence:
    """A FeedSilence says when nothing comes from an exchange at all, once, and when it is back.

    Nothing was heard for SILENT_S, and what was asked has no answer: a market in which nobody trades is no silence. Its
    lines are `exchange silent` with `since_s`, and `exchange is back` with `after_s`; seconds.
    """

    def __init__(self, venue: str) -> None:
        self._venue, self._why = venue, ""
        self.heard_ms = 0  # the wall clock at the last word; 0 before the first
        self._heard_s = time.monotonic()
        self._asked_s = 0.0  # what is not answered; 0: nothing
        self._said = False

    @property
    def lasts_s(self) -> float:
        """Returns for how long nothing came."""
        return time.monotonic() - self._heard_s

    @property
    def begins(self) -> bool:
        """Says whether it is time to ask something."""
        return self.lasts_s >= PROBE_S and not self._asked_s

    def heard(self) -> None:
        """Takes that something came: data, or an answer."""
        if self._said:
            self._said = False
            log.info("exchange is back", venue=self._venue, after_s=round(self.lasts_s))
        self._heard_s, self._asked_s, self._why = time.monotonic(), 0.0, ""
        self.heard_ms = time.time_ns() // 1_000_000

    def asked(self) -> None:
        """Takes that a question was sent."""
        self._asked_s = self._asked_s or time.monotonic()

    def failed(self, why: str) -> None:
        """Takes that it had no answer."""
        self._why = why

    def look(self) -> None:
        """Writes the line when it is time."""
        unanswered = self._asked_s and time.monotonic() - self._asked_s >= UNANSWERED_S
        if not self._said and unanswered and self.lasts_s >= SILENT_S:
            self._said = True
            why = self._why or "no data come, and it does not answer"
            log.warning("exchange silent", venue=self._venue, since_s=round(self.lasts_s), why=why)


class Timer(Protocol):
    """A Timer stands for what has not happened yet."""

    def cancel(self) -> None:
        """Makes it never happen."""


class LoopClock(Protocol):
    """A LoopClock is an event loop, as far as it is a clock."""

    def time(self) -> float:
        """Returns the time, s."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Timer":
        """Calls back after a delay, s."""


class Silence:
    """A Silence says when an exchange answers no question, for how long, and when it is back.

    It is silent when a question was asked and none has been answered since, by whatever endpoint. Time-outs, lost
    connections and 5xx are no answers; a refusal is one.
    """

    def __init__(self, exchange: str, clock: LoopClock | None = None) -> None:
        self._exchange, self._clock = exchange, clock
        self._since: float | None = None  # when the first was asked that nothing has answered
        self._open = self._answers = 0
        self._failing = False
        self._told = False
        self._timer: Timer | None = None

    @property
    def since_s(self) -> float | None:
        """Returns for how long a question has waited for an answer; None where none waits."""
        return None if self._since is None else self._now() - self._since

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Holds while a question is on its way."""
        before = self._answers
        self._open += 1
        if self._since is None:
            self._begin()
        try:
            yield
        except BaseException:
            self._failing |= self._answers == before
            raise
        finally:
            self._open -= 1
            if not self._open and not self._failing:
                self.close()

    def heard(self) -> None:
        """Takes that the exchange has answered something."""
        now, since, told = self._now(), self._since, self._told
        self._answers += 1
        self.close()
        if told and since is not None:
            log.info("exchange is back", exchange=self._exchange, after_s=round(now - since))
        if self._open > 1:  # others than the one that was answered just now
            self._begin()

    def close(self) -> None:
        """Ends it: nothing is asked any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._since, self._told, self._failing = None, None, False, False

    def _begin(self) -> None:
        self._since = self._now()
        self._timer = self._loop().call_later(SILENT_S, self._tell)

    def _tell(self) -> None:
        if self._since is None:
            return
        self._told = True
        log.warning("exchange silent", exchange=self._exchange, since_s=round(self._now() - self._since))
        self._timer = self._loop().call_later(SAID_AGAIN_S, self._tell)

    def _now(self) -> float:
        return self._loop().time()

    def _loop(self) -> LoopClock:
        return asyncio.get_running_loop() if self._clock is None else self._clock
