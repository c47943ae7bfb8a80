"""Says when an exchange answers nothing, for how long, and when it is back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

log = structlog.get_logger()

FIRST_S = 8.0  # a person is told within 10 s
AGAIN_S = 10.0


class Timer(Protocol):
    """What has not happened yet."""

    def cancel(self) -> None:
        """It never will."""


class Clock(Protocol):
    """An event loop, as far as it is a clock."""

    def time(self) -> float:
        """Now, s."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Timer":
        """Later."""


class Silence:
    """An exchange is silent when a question was asked and none has been answered since, by whatever endpoint.

    Time-outs, lost connections and 5xx are no answers; a refusal is one.
    """

    def __init__(self, exchange: str, clock: Clock | None = None) -> None:
        self._exchange, self._clock = exchange, clock
        self._since: float | None = None  # when the first was asked that nothing has answered
        self._open = self._answers = 0
        self._failing = False
        self._told = False
        self._timer: Timer | None = None

    @property
    def since_s(self) -> float | None:
        """For how long nothing has been answered that was asked; None: all was."""
        return None if self._since is None else self._now() - self._since

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A question is on its way."""
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
        """The exchange has answered something."""
        now, since, told = self._now(), self._since, self._told
        self._answers += 1
        self.close()
        if told and since is not None:
            log.info("exchange is back", exchange=self._exchange, after_s=round(now - since))
        if self._open > 1:  # others than the one that was answered just now
            self._begin()

    def close(self) -> None:
        """Nothing is asked any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._since, self._told, self._failing = None, None, False, False

    def _begin(self) -> None:
        self._since = self._now()
        self._timer = self._loop().call_later(FIRST_S, self._tell)

    def _tell(self) -> None:
        if self._since is None:
            return
        self._told = True
        log.warning("exchange silent", exchange=self._exchange, since_s=round(self._now() - self._since))
        self._timer = self._loop().call_later(AGAIN_S, self._tell)

    def _now(self) -> float:
        return self._loop().time()

    def _loop(self) -> Clock:
        return asyncio.get_running_loop() if self._clock is None else self._clock
