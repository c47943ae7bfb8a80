"""Predictions beside outcomes: in pieces against scipy over the whole series."""

import numpy as np
import pytest
import scipy  # which loads its parts when they are asked for
from hypothesis import given
from hypothesis import strategies as st

from services.research.metrics.forecasts import Forecasts
from services.research.metrics.results import Estimate, Model
from tests.unit.research.metrics.series import PIECE, in_pieces

BARS = st.lists(st.tuples(st.integers(90, 110), st.none() | st.integers(-3, 3)), min_size=1, max_size=60)
UNKNOWN = Estimate(value=None, low=None, high=None)


@given(BARS, PIECE)
def test_any_pieces_give_what_the_whole_gives(bars: list[tuple[int, int | None]], piece: int) -> None:
    prices = np.array([price for price, _ in bars], dtype=float)
    y_hats = np.array([np.nan if y_hat is None else y_hat for _, y_hat in bars])
    forecasts = Forecasts(resamples=0)
    in_pieces(forecasts.add, piece, prices, y_hats)
    model = forecasts.model()

    outcome, made = np.log(prices[1:] / prices[:-1]), ~np.isnan(y_hats[:-1])
    x, y = y_hats[:-1][made], outcome[made]
    assert model.predictions == len(x)
    moved = y != 0
    hits = (np.sign(x) == np.sign(y))[moved]
    assert model.hit_rate == (pytest.approx(hits.mean()) if moved.any() else None)
    assert model.sampled is None
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        assert model.ic == model.rank_ic == UNKNOWN
    else:
        assert model.ic.value == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-9)
        # Log returns of equal price ratios may differ in the last digit, so ranks are compared on the same values.
        assert model.rank_ic.value == pytest.approx(scipy.stats.spearmanr(x, np.diff(np.log(prices))[made]).statistic)


def test_more_predictions_than_are_kept_are_sampled_and_say_so() -> None:
    rng = np.random.default_rng(6)
    n = 150_000
    y_hats = rng.normal(size=n)
    prices = np.exp(np.cumsum(np.concatenate([[0.0], (0.1 * y_hats + rng.normal(size=n))[:-1] / 1_000])))
    forecasts = [Forecasts(seed=1, resamples=50) for _ in range(2)]
    for one, piece in zip(forecasts, (16_384, 50_000), strict=True):
        in_pieces(one.add, piece, prices, y_hats)
    model, other = (one.model() for one in forecasts)

    assert model.predictions == n - 1
    assert model.sampled == 65_536
    outcome = np.diff(np.log(prices))
    assert model.ic.value == pytest.approx(scipy.stats.pearsonr(y_hats[:-1], outcome).statistic)
    assert model.rank_ic.value == pytest.approx(scipy.stats.spearmanr(y_hats[:-1], outcome).statistic, abs=0.01)
    for estimate, size in ((model.ic, n), (model.rank_ic, 65_536)):
        assert estimate.value is not None and estimate.low is not None and estimate.high is not None
        assert estimate.low < estimate.value < estimate.high
        assert estimate.high - estimate.low == pytest.approx(2 * 1.96 / size**0.5, rel=0.4)
    assert other.rank_ic == model.rank_ic
    assert other.ic.low == pytest.approx(model.ic.low)


def test_nothing_seen() -> None:
    nothing = Model(predictions=0, ic=UNKNOWN, rank_ic=UNKNOWN, hit_rate=None, sampled=None)
    forecasts = Forecasts()
    assert forecasts.model() == nothing
    forecasts.add(np.array([100.0]), np.array([0.1]))  # its outcome is not known yet
    assert forecasts.model() == nothing
