"""All venues of one ingestor: which symbol is of which, and when there is none to go on with."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from services.ingestor.feeds.restarting_venue import RestartingVenue
from shared.errors import ConfigError, TicklineError, VenueError
from shared.exchanges.market_data.client import Limit
from shared.exchanges.market_data.events import Clock
from shared.exchanges.market_data.exchange_clock import VenueClock
from shared.exchanges.market_data.options import LiveOptions
from shared.exchanges.market_data.venue import LiveVenue


class Venues:
    """Raises ConfigError where one of them can never work. No symbol is in two of them.

    `run` works until cancelled. It ends as a venue does that is alone; of several, only with the errors of all, when
    none has ever worked. One that ends while others work, or are still tried, is tried again. clock: makes a venue's
    clock, given the bound of its skew in ns.
    """

    def __init__(self, options: Sequence[LiveOptions], clock: Callable[[int], VenueClock] = VenueClock) -> None:
        limits = defaultdict[tuple[str, str], Limit](Limit)  # an exchange asks an address for silence, not an instance
        self._kept = [RestartingVenue(own, clock, limits[own.exchange, own.base_url]) for own in options]
        self._of = {sym: kept for kept in self._kept for sym in kept.options.markets}

    @property
    def symbols(self) -> list[str]:
        """Those of all venues, sorted."""
        return sorted(self._of)

    @property
    def ready(self) -> bool:
        """Whether symbols of any of them can be opened."""
        return any(venue.ready for venue in self.each)

    @property
    def each(self) -> list[LiveVenue]:
        """All of them."""
        return [kept.venue for kept in self._kept]

    def of(self, sym: str) -> LiveVenue:
        """The venue of a symbol; another object after it has ended."""
        return self._of[sym].venue

    def now(self) -> Mapping[LiveVenue, Clock]:
        """The time of each that is ready."""
        return {venue: venue.now() for venue in self.each if venue.ready}

    async def run(self) -> None:
        """Keep all of them."""
        tasks = [asyncio.create_task(kept.run(self._check)) for kept in self._kept]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _check(self) -> None:
        errors = [kept.ended for kept in self._kept if kept.ended is not None]
        if len(errors) < len(self._kept):
            return
        if len(errors) == 1:
            raise errors[0]
        if not any(kept.worked for kept in self._kept):
            raise _all_of([kept.options.venue for kept in self._kept], errors)


def _all_of(names: Sequence[str], errors: Sequence[BaseException]) -> BaseException:
    """One of the kind that may be over at the next start, if there is one."""
    strange = next((error for error in errors if not isinstance(error, TicklineError)), None)
    if strange is not None:
        return strange
    kind = ConfigError if all(isinstance(error, ConfigError) for error in errors) else VenueError
    return kind("; ".join(f"{name}: {error}" for name, error in zip(names, errors, strict=True)))
