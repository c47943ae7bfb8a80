"""The report tells a person what the feeds did: one line for each exchange, now and then and at the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import structlog

from services.ingestor.feeds.feed import LiveFeed
from shared.exchanges.market_data.venue import LiveVenue


class FeedCounters:
    """FeedCounters add up what the symbols of one exchange did since this process began.

    Symbols come and go, each with a past of its own; only what is counted meanwhile is added. What was lost with a
    commit and is done again is counted again.

    >>> counters = FeedCounters()
    >>> counters.begin("BTCUSDT", {"ticks": 100, "holes": 0})
    >>> counters.see("BTCUSDT", {"ticks": 103, "holes": 0, "remade": 1})
    >>> counters.news(), counters.news()
    ({'remade': 1, 'ticks': 3}, None)
    """

    def __init__(self) -> None:
        self._total: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._seen: dict[str, Mapping[str, int]] = {}

    def begin(self, sym: str, counts: Mapping[str, int]) -> None:
        """Counts from these on."""
        self._seen[sym] = counts

    def see(self, sym: str, counts: Mapping[str, int]) -> None:
        """Takes how far it is now."""
        before, self._seen[sym] = self._seen[sym], counts
        self._total.update({name: count - before.get(name, 0) for name, count in counts.items()})

    @property
    def total(self) -> Mapping[str, int]:
        """Returns all counts by now."""
        return self._total

    def news(self) -> dict[str, int] | None:
        """Returns all counts that are not 0, by name; None when none is another than the last time."""
        if self._total == self._told:
            return None
        self._told = self._total.copy()
        return {name: count for name, count in sorted(self._total.items()) if count}


EVERY_S = 60.0
NS_PER_MS = 1_000_000
log = structlog.get_logger()


class FeedReport:
    """A FeedReport writes lines at least `every_s` apart, each with all counts since the start."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._due_s = 0.0
        self._counters: dict[str, FeedCounters] = defaultdict(FeedCounters)

    def begin(self, sym: str, feed: LiveFeed) -> None:
        """Takes that a feed was opened."""
        self._counters[feed.venue.options.venue].begin(sym, feed.counts)

    def see(self, sym: str, feed: LiveFeed) -> None:
        """Looks at what it has counted."""
        self._counters[feed.venue.options.venue].see(sym, feed.counts)

    def totals(self) -> dict[str, Mapping[str, int]]:
        """Returns all counts by exchange, as of when its feeds were looked at."""
        return {venue: counters.total for venue, counters in self._counters.items()}

    def due(self, now_s: float) -> bool:
        """Says whether it is time; not before the first `every_s` are over."""
        if not self._due_s:
            self._due_s = now_s + self._every_s
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._every_s
        return True

    def tell(self, venues: Iterable[LiveVenue], feeds: Mapping[str, LiveFeed]) -> None:
        """Writes the lines. open: so many feeds. clock_ms: how far the exchange's clock is ahead, to clock_error_ms."""
        for sym, feed in feeds.items():
            self.see(sym, feed)
        for venue in venues:
            news = self._counters[venue.options.venue].news()
            if news is not None:
                opened = sum(feed.venue is venue for feed in feeds.values())
                log.info("feed", venue=venue.options.venue, open=opened, **_clock(venue), **news)


def _clock(venue: LiveVenue) -> dict[str, float]:
    skew = venue.clock.skew
    if skew is None:
        return {}
    return {"clock_ms": round(skew.offset_ns / NS_PER_MS, 1), "clock_error_ms": round(skew.error_ns / NS_PER_MS, 1)}
