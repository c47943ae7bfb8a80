"""A whole exchange from which nothing comes: said soon, once, and that it is back."""

import time

import structlog

SAID_S = 8.0
UNANSWERED_S = 3.0
PROBE_S = 4.0  # after so long without a word it is asked for its time
log = structlog.get_logger()


class Silence:
    """Nothing was heard for SAID_S, and what was asked has no answer: a market in which nobody trades is no silence.

    Its lines are `exchange silent` with `since_s`, and `exchange is back` with `after_s`; seconds.
    """

    def __init__(self, venue: str) -> None:
        self._venue, self._why = venue, ""
        self._heard_s = time.monotonic()
        self._asked_s = 0.0  # what is not answered; 0: nothing
        self._said = False

    @property
    def lasts_s(self) -> float:
        """How long nothing was heard."""
        return time.monotonic() - self._heard_s

    @property
    def begins(self) -> bool:
        """Whether it is time to ask something."""
        return self.lasts_s >= PROBE_S and not self._asked_s

    def heard(self) -> None:
        """Something came: data, or an answer."""
        if self._said:
            self._said = False
            log.info("exchange is back", venue=self._venue, after_s=round(self.lasts_s))
        self._heard_s, self._asked_s, self._why = time.monotonic(), 0.0, ""

    def asked(self) -> None:
        """A question was sent."""
        self._asked_s = self._asked_s or time.monotonic()

    def failed(self, why: str) -> None:
        """It had no answer."""
        self._why = why

    def look(self) -> None:
        """Say it when it is time."""
        unanswered = self._asked_s and time.monotonic() - self._asked_s >= UNANSWERED_S
        if not self._said and unanswered and self.lasts_s >= SAID_S:
            self._said = True
            why = self._why or "no data come, and it does not answer"
            log.warning("exchange silent", venue=self._venue, since_s=round(self.lasts_s), why=why)
