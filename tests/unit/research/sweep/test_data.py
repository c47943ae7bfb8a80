"""The cuts of a file."""

import pickle
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.sweep.data import MIN_BARS, BarSeries, periods
from shared.errors import ConfigError
from shared.history import HistoryBar
from tests.unit.research.train.market import HOUR_NS, hourly


@given(st.integers(2, 400), st.integers(1, 20), st.floats(0.01, 0.9))
def test_folds_and_holdout_follow_each_other_to_the_last_bar(n: int, folds: int, share: float) -> None:
    ts = np.arange(n) * 7 + 1000
    held = round(n * share)
    if held < MIN_BARS or n - held < MIN_BARS * (folds + 1):
        with pytest.raises(ConfigError, match="each part needs 3 bars"):
            periods(ts, folds, share)
        return
    found = periods(ts, folds, share)
    spans = [*found.folds, found.holdout]
    assert len(spans) == folds + 1
    assert all(before.end_ns == after.start_ns for before, after in pairwise(spans))
    assert spans[0].start_ns >= ts[MIN_BARS]
    assert spans[-1].end_ns == ts[-1] + 1
    sizes = [np.count_nonzero((ts >= span.start_ns) & (ts < span.end_ns)) for span in spans]
    assert sizes[-1] == held
    assert min(sizes) >= MIN_BARS


def test_too_little_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"a hold-out of 0\.2 and 9 folds in 30 bars: each part needs 3 bars"):
        periods(np.arange(30), 9, 0.2)


# BarSeries that travel keep their digits.

PRICE = st.decimals("1e-18", "1e18", allow_nan=False, allow_infinity=False)


@given(st.lists(PRICE, max_size=20), st.integers(0, 25))
def test_there_and_back(prices: list[Decimal], first: int) -> None:
    found: BarSeries = pickle.loads(pickle.dumps(BarSeries.of("1h", hourly(prices))))
    bars = list(found.bars(first))
    assert [(bar.ts_event, str(bar.close)) for bar in bars] == [
        ((at + 1) * HOUR_NS, str(price)) for at, price in enumerate(prices)
    ][first:]
    assert [close.close for close in found.closes()] == [float(price) for price in prices]


def test_until_a_time_is_without_that_time() -> None:
    found = BarSeries.of("1h", hourly([Decimal(1), Decimal(2), Decimal(3)]))
    assert [len(found.until(ts)) for ts in (0, HOUR_NS, HOUR_NS + 1, 3 * HOUR_NS, 9 * HOUR_NS)] == [0, 0, 1, 2, 3]


AMOUNT = st.none() | st.decimals(0, "1e18", allow_nan=False, allow_infinity=False)
ALONE = st.builds(lambda close: (close, close, close, close, True), PRICE)
WHOLE = st.builds(
    lambda low, high, first, last: (first, high, low, last, False),
    st.just(Decimal("1e-18")), st.just(Decimal("1e18")), PRICE, PRICE,
)  # fmt: skip
ROW = st.tuples(st.one_of(ALONE, WHOLE), st.tuples(*[AMOUNT] * 8), st.none() | st.integers(0, 10**9))
ROWS = st.lists(ROW, max_size=6)


@given(ROWS, st.integers(0, 5))
def test_whole_bars_there_and_back(rows: list[Any], first: int) -> None:
    made = []
    for at, ((*prices, alone), (volume, quote, taker, *book, funding), trades) in enumerate(rows):
        made.append(HistoryBar(at + 1, *prices, at, alone, volume, quote, trades, taker, *book, funding))
    found: BarSeries = pickle.loads(pickle.dumps(BarSeries.of("1h", made, whole=True)))
    assert [tuple(map(str, bar)) for bar in found.bars(first)] == [tuple(map(str, bar)) for bar in made[first:]]
    cut = found.until(len(made))
    assert list(cut.bars()) == made[: max(len(made) - 1, 0)]
