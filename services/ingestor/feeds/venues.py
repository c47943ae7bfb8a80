"""The venues of one ingestor share its symbols; it ends when none of them has ever worked."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import structlog

from shared.errors import ConfigError, TicklineError, VenueError
from shared.exchanges.backoff import Backoff
from shared.exchanges.client import RateLimit
from shared.exchanges.clock import ExchangeClock
from shared.exchanges.log_once import LogOnce
from shared.exchanges.market_data.events import Clock
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import VENUE, LiveVenue

log = structlog.get_logger()


class RestartingVenue:
    """A RestartingVenue makes a venue anew when it has ended, while others go on. Raises ConfigError as LiveVenue does.

    - venue: the one that works, or is about to be tried
    - limit: shared by all that ask the same exchange from here
    - ended: what it ended with last
    """

    def __init__(self, options: LiveOptions, clock: Callable[[int], ExchangeClock], limit: RateLimit) -> None:
        self.options, self._clock, self._limit = options, clock, limit
        self.troubles = LogOnce(options.venue)
        self.venue = self._made()
        self.ended: BaseException | None = None
        self._worked = False

    @property
    def worked(self) -> bool:
        """Says whether it could ever open symbols."""
        return self._worked or self.venue.ready

    def _made(self) -> LiveVenue:
        return LiveVenue(self.options, self._clock(self.options.skew_ns), self.troubles, self._limit)

    async def run(self, check: Callable[[], None]) -> None:
        """Tries again and again, at most MOST_S apart, later where the exchange wants silence.

        - check: raises when there is nothing to go on with.
        """
        backoff = Backoff()
        while True:
            lost, self.ended = self.venue, None
            running = asyncio.create_task(lost.run())
            try:
                await asyncio.wait({running})
            finally:
                running.cancel()
                await asyncio.wait({running})
            if lost.ready:
                self._worked = True
                backoff.reset()
            self.venue = self._made()  # at once: that closes the feeds of the lost one
            self.ended = VenueError("it was stopped") if running.cancelled() else running.exception()
            check()
            self._say(self.ended)
            await asyncio.sleep(backoff.next_s(at_least_s=lost.limit.silence_s))

    def _say(self, error: BaseException | None) -> None:
        why = str(error)
        if not isinstance(error, TicklineError):
            why = f"{type(error).__name__} {error}"
            log.error("market data", venue=self.options.venue, about=VENUE, exc_info=error)
        self.troubles.say(VENUE, f"{why}: it is tried again, and the other venues go on")


class Venues:
    """Venues are all of one ingestor; no symbol is in two of them. Raises ConfigError where one can never work.

    `run` works until cancelled. It ends as a venue does that is alone; of several, only with the errors of all, when
    none has ever worked. One that ends while others work, or are still tried, is tried again. clock: makes a venue's
    clock, given the bound of its skew in ns.
    """

    def __init__(self, options: Sequence[LiveOptions], clock: Callable[[int], ExchangeClock] = ExchangeClock) -> None:
        limits = defaultdict[tuple[str, str], RateLimit](
            RateLimit
        )  # an exchange asks an address for silence, not an instance
        self._restarting = [RestartingVenue(own, clock, limits[own.exchange, own.base_url]) for own in options]
        self._of = {sym: one for one in self._restarting for sym in one.options.markets}

    @property
    def symbols(self) -> list[str]:
        """Returns the symbols of all venues, sorted."""
        return sorted(self._of)

    @property
    def ready(self) -> bool:
        """Says whether any of them can open symbols."""
        return any(venue.ready for venue in self.each)

    @property
    def each(self) -> list[LiveVenue]:
        """Returns all of them."""
        return [one.venue for one in self._restarting]

    def of(self, sym: str) -> LiveVenue:
        """Returns the venue of a symbol; another object after it has ended."""
        return self._of[sym].venue

    def now(self) -> Mapping[LiveVenue, Clock]:
        """Returns the time of each that is ready."""
        return {venue: venue.now() for venue in self.each if venue.ready}

    async def run(self) -> None:
        """Keeps all of them."""
        tasks = [asyncio.create_task(one.run(self._check)) for one in self._restarting]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _check(self) -> None:
        errors = [one.ended for one in self._restarting if one.ended is not None]
        if len(errors) < len(self._restarting):
            return
        if len(errors) == 1:
            raise errors[0]
        if not any(one.worked for one in self._restarting):
            raise _all_of([one.options.venue for one in self._restarting], errors)


def _all_of(names: Sequence[str], errors: Sequence[BaseException]) -> BaseException:
    """Returns one of the kind that may be over at the next start, if there is one."""
    strange = next((error for error in errors if not isinstance(error, TicklineError)), None)
    if strange is not None:
        return strange
    kind = ConfigError if all(isinstance(error, ConfigError) for error in errors) else VenueError
    return kind("; ".join(f"{name}: {error}" for name, error in zip(names, errors, strict=True)))
