"""What symbols counted, added up while they come and go."""

from services.ingestor.feeds.feed_report import FeedCounters


def test_only_what_was_counted_meanwhile_is_added() -> None:
    tally = FeedCounters()
    tally.begin("A", {"ticks": 10})
    tally.begin("B", {"ticks": 5, "holes": 1})
    tally.see("A", {"ticks": 12})
    tally.see("A", {"ticks": 13, "holes": 2})
    tally.see("B", {"ticks": 6, "holes": 1})
    assert tally.news() == {"holes": 2, "ticks": 4}


def test_a_symbol_that_comes_back_may_have_lost_or_won_some() -> None:
    """It was reloaded, or another process had it."""
    tally = FeedCounters()
    for began in (10, 8, 30):
        tally.begin("A", {"ticks": began})
        tally.see("A", {"ticks": began + 3})
    assert tally.news() == {"ticks": 9}


def test_there_are_news_only_after_a_change() -> None:
    tally = FeedCounters()
    assert tally.news() is None
    tally.begin("A", {"ticks": 0})
    tally.see("A", {"ticks": 0, "late": 0})
    assert tally.news() is None
    tally.see("A", {"ticks": 1, "late": 0})
    assert tally.news() == {"ticks": 1}
    assert tally.news() is None
