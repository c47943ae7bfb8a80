"""What symbols counted, added up while they come and go."""

from services.ingestor.feeds.feed_report import FeedCounters


def test_only_what_was_counted_meanwhile_is_added() -> None:
    counters = FeedCounters()
    counters.begin("A", {"ticks": 10})
    counters.begin("B", {"ticks": 5, "holes": 1})
    counters.see("A", {"ticks": 12})
    counters.see("A", {"ticks": 13, "holes": 2})
    counters.see("B", {"ticks": 6, "holes": 1})
    assert counters.news() == {"holes": 2, "ticks": 4}


def test_a_symbol_that_comes_back_may_have_lost_or_won_some() -> None:
    """It was reloaded, or another process had it."""
    counters = FeedCounters()
    for began in (10, 8, 30):
        counters.begin("A", {"ticks": began})
        counters.see("A", {"ticks": began + 3})
    assert counters.news() == {"ticks": 9}


def test_there_are_news_only_after_a_change() -> None:
    counters = FeedCounters()
    assert counters.news() is None
    counters.begin("A", {"ticks": 0})
    counters.see("A", {"ticks": 0, "late": 0})
    assert counters.news() is None
    counters.see("A", {"ticks": 1, "late": 0})
    assert counters.news() == {"ticks": 1}
    assert counters.news() is None
