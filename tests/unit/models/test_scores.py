"""Scores, by hand and against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.vector import FeatureVector
from shared.models.dataset import Seen, samples
from shared.models.scores import baselines, mean_scores, score, score_sides
from shared.models.training import Scores

RETURN = st.integers(-(10**9), 10**9).map(lambda units: units / 1e10)
RETURNS = st.lists(st.tuples(RETURN, RETURN), min_size=1, max_size=30)


def test_by_hand() -> None:
    found = score(np.array([0.01, -0.02, 0.0, 0.01]), np.array([0.03, 0.01, -0.02, 0.0]), fee=0.001, delta=0.015)
    assert found.model_dump() == {
        "samples": 4,
        "l1": 0.02,  # errors of 2, 3, 2 and 1 %
        "huber": pytest.approx((0.015 * (0.0125 + 0.0225 + 0.0125) + 0.0001 / 2) / 4, rel=1e-5),
        "mse": 0.00045,
        "hit_rate": 0.333333,  # of 3 outcomes that moved; a prediction of 0 misses
        "ic": pytest.approx(np.corrcoef([0.01, -0.02, 0, 0.01], [0.03, 0.01, -0.02, 0])[0, 1], rel=1e-5),
        "r2_zero": pytest.approx(1 - 18 / 14, rel=1e-5),
        "gross": 0.02,  # 3 - 1 + 0 + 0
        "net_legs": 0.014,  # three positions, opened and closed
        "net_netted": 0.014,  # opened, turned (two), closed, opened, closed
    }


@given(RETURNS)
def test_losses_against_numpy(pairs: list[tuple[float, float]]) -> None:
    y_hat, y = np.array(pairs).T
    found = score(y_hat, y, fee=0.0, delta=0.01)
    assert found.l1 == pytest.approx(np.abs(y - y_hat).mean(), rel=1e-5)
    assert found.mse == pytest.approx(np.square(y - y_hat).mean(), rel=1e-5)
    assert found.huber is not None
    assert found.huber <= found.mse / 2 * (1 + 1e-5)
    if np.ptp(y_hat) and np.ptp(y):
        assert found.ic == pytest.approx(np.corrcoef(y_hat, y)[0, 1], rel=1e-4, abs=1e-5)
    assert found.net_legs == found.net_netted == found.gross


def test_what_is_undefined_is_none() -> None:
    still = score(np.zeros(3), np.zeros(3), fee=0.1, delta=0.0)
    assert (still.hit_rate, still.ic, still.r2_zero, still.net_legs) == (None, None, None, 0.0)
    assert score(np.array([0.1]), np.array([0.1]), fee=0.0, delta=1.0).ic is None


def test_directions_have_no_loss() -> None:
    found = score_sides(np.array([1.0, 1.0, -1.0]), np.array([0.01, -0.01, -0.02]), fee=0.001)
    assert (found.l1, found.huber, found.mse, found.r2_zero) == (None,) * 4
    assert (found.gross, found.net_legs, found.net_netted) == (0.02, 0.014, 0.016)


def test_the_mean_is_over_those_that_have_the_score() -> None:
    mean = mean_scores([Scores(samples=2, l1=0.1, ic=0.5), Scores(samples=3, l1=0.3)])
    assert mean == Scores(samples=5, l1=0.2, ic=0.5)


def test_baselines() -> None:
    prices = [100.0, 110.0, 121.0, 110.0, 132.0, 99.0, 120.0]
    data = samples([Seen(hour, price) for hour, price in enumerate(prices)], FeatureVector(["log_return_lags(1)"]))
    found = baselines(data.part(slice(0, 4)), data.part(slice(4, 5)), fee=0.0, delta=0.1)
    assert list(found) == ["always_long", "flat", "last_sign", "least_squares"]
    long, flat, last, squares = (each.in_sample for each in found.values())
    assert long.gross == pytest.approx(np.log(99 / 110), rel=1e-5)
    assert (long.hit_rate, flat.hit_rate, last.hit_rate) == (0.5, None, 0.25)
    assert flat.l1 == pytest.approx(np.abs(data.y[:4]).mean(), rel=1e-5)
    assert squares.mse == pytest.approx(np.linalg.lstsq(np.c_[data.x[:4], np.ones(4)], data.y[:4])[1][0] / 4, rel=1e-5)
    outside = found["last_sign"].out_of_sample
    assert outside is not None
    assert outside.gross == pytest.approx(-np.log(120 / 99), rel=1e-5)  # it fell, so: short; and it rose
    assert baselines(data, None, fee=0.0, delta=0.1)["flat"].out_of_sample is None
