"""What the feed did, for a person: one line for each venue, now and then and at the end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import structlog

from services.ingestor.feeds.feed import LiveFeed
from services.ingestor.feeds.feed_counters import FeedCounters
from shared.exchanges.market_data.venue import LiveVenue

EVERY_S = 60.0
NS_PER_MS = 1_000_000
log = structlog.get_logger()


class FeedReport:
    """Lines at least `every_s` apart, each with all counts since the start, and none where nothing was counted."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._due_s = 0.0
        self._tallies: dict[str, FeedCounters] = defaultdict(FeedCounters)

    def begin(self, sym: str, feed: LiveFeed) -> None:
        """It was opened."""
        self._tallies[feed.venue.options.venue].begin(sym, feed.counts)

    def see(self, sym: str, feed: LiveFeed) -> None:
        """Look at what it has counted."""
        self._tallies[feed.venue.options.venue].see(sym, feed.counts)

    def due(self, now_s: float) -> bool:
        """Whether it is time; not before the first `every_s` are over."""
        if not self._due_s:
            self._due_s = now_s + self._every_s
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._every_s
        return True

    def tell(self, venues: Iterable[LiveVenue], feeds: Mapping[str, LiveFeed]) -> None:
        """Write the lines. open: so many feeds. clock_ms: how far the venue's clock is ahead, to clock_error_ms."""
        for sym, feed in feeds.items():
            self.see(sym, feed)
        for venue in venues:
            news = self._tallies[venue.options.venue].news()
            if news is not None:
                opened = sum(feed.venue is venue for feed in feeds.values())
                log.info("feed", venue=venue.options.venue, open=opened, **_clock(venue), **news)


def _clock(venue: LiveVenue) -> dict[str, float]:
    skew = venue.clock.skew
    if skew is None:
        return {}
    return {"clock_ms": round(skew.offset_ns / NS_PER_MS, 1), "clock_error_ms": round(skew.error_ns / NS_PER_MS, 1)}
