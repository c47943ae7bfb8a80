"""A curve of bounded size, against plain computations over all bars."""

import math
from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.report import Curve
from services.research.report.curve import CHUNK, EveryKth
from tests.unit.research.metrics.booked import trip
from tests.unit.research.metrics.series import Floats, values_of

MOVE = st.integers(-400, 400)
BARS = st.lists(st.tuples(MOVE, MOVE, st.none() | st.integers(-9, 9)), min_size=1, max_size=80)


def watched(curve: Curve, price: Floats, equity: Floats, y_hat: Floats, looks: Collection[int] = ()) -> Curve:
    """All bars; `looks`: after which of them somebody asks for the points."""
    for bar in range(len(price)):
        curve.on_mark(1_000 + bar, float(price[bar]), float(equity[bar]), 1.0, float(y_hat[bar]), 0.0)
        if bar in looks:
            curve.points()
    return curve


def require_whole(curve: Curve, price: Floats, equity: Floats, y_hat: Floats, limit: int) -> None:
    """The curve is that of all bars, taken together `bars_per_point` at a time."""
    n, k, points = len(price), curve.bars_per_point, curve.points()
    assert curve.bars == n
    assert len(points.bar) == -(-n // k) <= limit
    assert k == 1 or -(-n // (k // 2)) > limit  # no coarser than it must be
    last = np.minimum(np.arange(k - 1, n + k - 1, k), n - 1)
    assert points.ts_event.tolist() == (1_000 + last).tolist()
    assert points.price.tolist() == price[last].tolist()
    assert points.equity.tolist() == equity[last].tolist()

    fall = equity / np.maximum.accumulate(np.append(curve.start_equity, equity))[1:] - 1
    assert points.drawdown == pytest.approx([fall[at : at + k].min() for at in range(0, n, k)], abs=1e-12)

    x, y = np.append(np.nan, y_hat[:-1]), np.append(np.nan, np.log(price[1:] / price[:-1]))
    pairs = np.isfinite(x)
    assert points.pairs.sum(axis=0) == pytest.approx(
        [
            pairs.sum(),
            x[pairs].sum(),
            y[pairs].sum(),
            (x[pairs] ** 2).sum(),
            (y[pairs] ** 2).sum(),
            (x * y)[pairs].sum(),
        ]
    )
    assert [points.pairs[i, 0] for i in range(len(last))] == [pairs[at : at + k].sum() for at in range(0, n, k)]
    signs = list(zip(np.sign(x[pairs]).astype(int), np.sign(y[pairs]).astype(int), strict=True))
    assert all(count == signs.count(corner) for corner, count in curve.quadrants().items())
    assert [dot.y_hat for dot in curve.dots()][:: max(1, len(curve.dots()))] == x[pairs][:1].tolist()


@given(BARS, st.integers(1, 20), st.sets(st.integers(0, 80)))
def test_a_curve_is_that_of_all_bars(bars: list[tuple[int, int, int | None]], limit: int, looks: set[int]) -> None:
    price_moves, moves, said = zip(*bars, strict=True)
    y_hat = np.array([math.nan if y is None else float(y) for y in said])
    price, equity = values_of(price_moves, 50.0), values_of(moves)
    curve = watched(Curve(100.0, points=limit), price, equity, y_hat, looks)
    require_whole(curve, price, equity, y_hat, limit)


def test_many_bars_are_few_points() -> None:
    """More than are taken at once, and more than there are points and dots."""
    dice = np.random.default_rng(3)
    n = 2 * CHUNK + 17
    price = 50 * np.exp(np.cumsum(dice.normal(0, 0.01, n)))
    equity = 100 * np.exp(np.cumsum(dice.normal(0, 0.01, n)))
    y_hat = dice.normal(0, 0.01, n)
    curve = watched(Curve(100.0, points=100, dots=50), price, equity, y_hat)
    require_whole(curve, price, equity, y_hat, 100)
    assert len(curve.dots()) <= 51 < n // curve.dot_step + 51
    assert curve.dots()[1].y_hat == y_hat[curve.dot_step]


def test_round_trips_are_added_up_and_sampled() -> None:
    curve = Curve(100.0, dots=4)
    for number in range(1, 11):
        curve.on_trip(trip(1, "2", "0.5")._replace(exit_datetime=number))
    assert curve.trips == 10
    assert [tuple(paid) for paid in curve.paid()] == [(1, 2.0, 0.5), (5, 10.0, 2.5), (9, 18.0, 4.5), (10, 20.0, 5.0)]
    assert curve.paid_step == 4


def test_a_curve_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Curve(100.0, points=0)


# Every k-th item, whatever the pieces.


@given(st.lists(st.integers(0, 30)), st.integers(1, 9))
def test_every_kth_and_the_last_whatever_the_pieces(pieces: list[int], limit: int) -> None:
    items = list(range(sum(pieces)))
    every, left = EveryKth[int](limit), items
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
        EveryKth[int](0)
