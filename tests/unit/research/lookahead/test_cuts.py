"""Where the cuts are."""

from services.research.lookahead.cuts import choose_cuts


def test_cuts_are_drawn_without_repetition_and_the_same_each_time() -> None:
    found = choose_cuts(range(1000), 50)
    assert len(set(found)) == 50
    assert found == sorted(found) == choose_cuts(range(1000), 50)
    assert {0, 250, 500, 750, 999} < set(found)
