"""A venue that is made anew when it has ended, while others go on."""

import asyncio
from collections.abc import Callable

import structlog

from shared.errors import TicklineError, VenueError
from shared.exchanges.market_data.client import Limit
from shared.exchanges.market_data.exchange_clock import VenueClock
from shared.exchanges.market_data.log_once import LogOnce
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import VENUE, LiveVenue
from shared.retry import FIRST_S, MOST_S, jittered

log = structlog.get_logger()


class RestartingVenue:
    """venue: the one that works, or is about to be tried. Raises ConfigError as LiveVenue does.

    limit: shared by all that ask the same exchange from here.
    ended: what it ended with last.
    """

    def __init__(self, options: LiveOptions, clock: Callable[[int], VenueClock], limit: Limit) -> None:
        self.options, self._clock, self._limit = options, clock, limit
        self.complaints = LogOnce(options.venue)
        self.venue = self._made()
        self.ended: BaseException | None = None
        self._worked = False

    @property
    def worked(self) -> bool:
        """Whether symbols of it could ever be opened."""
        return self._worked or self.venue.ready

    def _made(self) -> LiveVenue:
        return LiveVenue(self.options, self._clock(self.options.skew_ns), self.complaints, self._limit)

    async def run(self, check: Callable[[], None]) -> None:
        """Try again and again, at most MOST_S apart, later where the venue wants silence.

        check: raises when there is nothing to go on with.
        """
        pause_s = FIRST_S
        while True:
            lost, self.ended = self.venue, None
            running = asyncio.create_task(lost.run())
            try:
                await asyncio.wait({running})
            finally:
                running.cancel()
                await asyncio.wait({running})
            if lost.ready:
                self._worked, pause_s = True, FIRST_S
            self.venue = self._made()  # at once: that closes the feeds of the lost one
            self.ended = VenueError("it was stopped") if running.cancelled() else running.exception()
            check()
            self._say(self.ended)
            await asyncio.sleep(jittered(max(pause_s, lost.limit.silence_s)))
            pause_s = min(2 * pause_s, MOST_S)

    def _say(self, error: BaseException | None) -> None:
        why = str(error)
        if not isinstance(error, TicklineError):
            why = f"{type(error).__name__} {error}"
            log.error("market data", venue=self.options.venue, about=VENUE, exc_info=error)
        self.complaints.say(VENUE, f"{why}: it is tried again, and the other venues go on")
