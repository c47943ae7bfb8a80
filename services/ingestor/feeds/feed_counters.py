"""What the symbols of one venue did since this process began, added up."""

from collections import Counter
from collections.abc import Mapping


class FeedCounters:
    """Counts of symbols that come and go, each with a past of its own; only what is counted meanwhile is added.

    What was lost with a commit and is done again is counted again.

    >>> tally = FeedCounters()
    >>> tally.begin("BTCUSDT", {"ticks": 100, "holes": 0})
    >>> tally.see("BTCUSDT", {"ticks": 103, "holes": 0, "remade": 1})
    >>> tally.news(), tally.news()
    ({'remade': 1, 'ticks': 3}, None)
    """

    def __init__(self) -> None:
        self._total: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._seen: dict[str, Mapping[str, int]] = {}

    def begin(self, sym: str, counts: Mapping[str, int]) -> None:
        """From these on."""
        self._seen[sym] = counts

    def see(self, sym: str, counts: Mapping[str, int]) -> None:
        """So far it is now."""
        before, self._seen[sym] = self._seen[sym], counts
        self._total.update({name: count - before.get(name, 0) for name, count in counts.items()})

    def news(self) -> dict[str, int] | None:
        """All counts that are not 0, by name; None when none is another than the last time."""
        if self._total == self._told:
            return None
        self._told = self._total.copy()
        return {name: count for name, count in sorted(self._total.items()) if count}
