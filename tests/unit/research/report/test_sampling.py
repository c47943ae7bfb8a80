"""Every k-th item, whatever the pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.report.sampling import Every


@given(st.lists(st.integers(0, 30)), st.integers(1, 9))
def test_every_kth_and_the_last_whatever_the_pieces(pieces: list[int], limit: int) -> None:
    items = list(range(sum(pieces)))
    every, left = Every[int](limit), items
    for size in pieces:
        every.extend(left[:size])
        left = left[size:]
    kept = items[:: every.step]
    assert every.values() == kept + [item for item in items[-1:] if item not in kept]
    assert len(kept) <= limit
    assert every.step == 1 or len(items[:: every.step // 2]) > limit  # no more was dropped than had to be
    assert every.seen == len(items)


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Every[int](0)
