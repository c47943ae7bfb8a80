"""Falls in pieces against a walk over the whole series, one value after the other."""

import numpy as np
import pytest
from hypothesis import given

from services.research.metrics.equity_curve import Fall, Falls
from tests.unit.research.metrics.series import MOVES, PIECE, Floats, in_pieces, values_of


def walked(start: float, values: Floats) -> tuple[Fall | None, int]:
    """The deepest fall, and the longest time from a peak until it was reached again or until the end. The time of the
    start is 0, that of value i is i + 1.
    """
    deepest: Fall | None = None
    peak, peak_at, below, longest = start, 0, False, 0
    for at, value in enumerate(values.tolist(), start=1):
        if below or value < peak:
            longest = max(longest, at - peak_at)
        if value >= peak:
            if deepest and deepest.recovery_ts is None:
                deepest = deepest._replace(recovery_ts=at)
            peak, peak_at, below = value, at, False
            continue
        below = True
        if (depth := (peak - value) / peak) > (deepest.depth if deepest else 0):
            deepest = Fall(depth, peak - value, peak_at, at, None)
    return deepest, longest


@given(MOVES, PIECE)
def test_any_pieces_give_the_falls_of_the_whole(moves: list[int], piece: int) -> None:
    values, falls = values_of(moves), Falls(100.0, 0)
    in_pieces(falls.add, piece, np.arange(1, len(values) + 1), values)
    assert (falls.deepest, falls.longest) == walked(100.0, values)


def test_a_loss_of_more_than_everything() -> None:
    falls = Falls(100.0, 0)
    falls.add(np.array([1, 2, 3]), np.array([200.0, -50.0, 10.0]))
    assert falls.deepest == Fall(1.25, 250.0, 1, 2, None)
    assert falls.longest == 2


def test_a_series_that_only_rises_or_stands_still_never_fell() -> None:
    falls = Falls(100.0, 0)
    falls.add(np.arange(1, 4), np.array([100.0, 101.0, 101.0]))
    falls.add(np.arange(4, 6), np.array([101.0, 102.0]))
    assert (falls.deepest, falls.longest) == (None, 0)


def test_the_first_of_two_falls_of_one_depth_counts() -> None:
    falls = Falls(100.0, 0)
    falls.add(np.arange(1, 5), np.array([90.0, 100.0, 90.0, 95.0]))
    assert falls.deepest == Fall(pytest.approx(0.1), 10.0, 0, 1, 2)
