"""How sure a mean is, against statsmodels, arch, scipy and simulation."""

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from services.research.statistics import Floats, andrews_bandwidth, bootstrap_mean, mean_test, student_quantile


def depending(n: int, rho: float, seed: int, mean: float = 0.0) -> Floats:
    """Values of which each leans on the one before."""
    noise = np.random.default_rng(seed).standard_normal(n)
    values = np.empty(n)
    values[0] = noise[0] / np.sqrt(1 - rho * rho)
    for at in range(1, n):
        values[at] = rho * values[at - 1] + noise[at]
    return values + mean


def noted() -> Floats:
    """The series of which statsmodels 0.15.0 and arch 8.0.0 were asked."""
    noise = np.random.default_rng(7).standard_normal(200)
    values = np.empty(200)
    values[0] = noise[0]
    for at in range(1, 200):
        values[at] = 0.4 * values[at - 1] + noise[at]
    return np.round(0.1 + values, 3)


def test_the_error_is_that_of_statsmodels() -> None:
    """OLS(x, ones).fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True})."""
    found = mean_test(noted(), bandwidth=6)
    assert found is not None
    assert (found.mean, found.error, found.t) == pytest.approx(
        (-0.125145, 0.09406202922091793, -1.3304518415829552), rel=1e-12
    )


def test_the_interval_is_that_of_arch() -> None:
    """StationaryBootstrap(8, x, seed=1).conf_int(np.mean, 20_000, method="percentile"), but for the dice."""
    found = bootstrap_mean(noted(), block=8, resamples=20_000)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-0.32533925, 0.06374812), abs=0.006)


def test_without_dependence_t_is_the_textbooks() -> None:
    values = np.tile([1.0, 2.0, 4.0, 2.0, 0.0, -1.0], 9)
    found = mean_test(values, bandwidth=0.9)
    assert found is not None
    assert found.t == pytest.approx(scipy.stats.ttest_1samp(values, 0.0).statistic, rel=1e-12)


@pytest.mark.parametrize("rho", [-0.6, -0.1, 0.1, 0.3, 0.6])
def test_the_bandwidth_is_that_of_andrews(rho: float) -> None:
    n = 20_000
    alpha = 4 * rho**2 / ((1 - rho) ** 2 * (1 + rho) ** 2)
    assert andrews_bandwidth(depending(n, rho, 3)) == pytest.approx(1.1447 * (alpha * n) ** (1 / 3), rel=0.12)


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5])
def test_few_series_without_a_mean_are_called_sure(rho: float) -> None:
    """A plain t would reject every fifth series of rho 0.5; 0.05 is what is promised, and what HAC comes near to."""
    needed, runs = student_quantile(0.975, 299), 400
    tests = [mean_test(depending(300, rho, seed)) for seed in range(runs)]
    wrong = sum(test is not None and abs(test.t) > needed for test in tests) / runs
    assert wrong < 0.05 + 0.04
    plain = np.mean([abs(depending(300, 0.5, seed).mean() / depending(300, 0.5, seed).std()) * 300**0.5 > needed
                     for seed in range(100)])  # fmt: skip
    assert plain > 0.15


@pytest.mark.parametrize("freedom", [29, 60, 171, 5_000])
@pytest.mark.parametrize("probability", [0.9, 0.975])
def test_students_quantile_is_that_of_scipy(probability: float, freedom: int) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(scipy.stats.t.ppf(probability, freedom), abs=1e-4)


@given(st.lists(st.integers(-500, 500), min_size=3, max_size=80), st.integers(-3, 3))
def test_the_unit_of_the_values_does_not_matter(moves: list[int], power: int) -> None:
    values = np.array(moves) / 1e4
    one, other = mean_test(values), mean_test(values * 2.0**power)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert other.t == pytest.approx(one.t, rel=1e-9, abs=1e-12)
        first, second = bootstrap_mean(values, resamples=50), bootstrap_mean(values * 2.0**power, resamples=50)
        assert first is not None and second is not None
        assert second.low == pytest.approx(first.low * 2.0**power, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("values", [[], [0.1], [0.1] * 40, [0.0] * 40])
def test_where_nothing_varies_there_is_no_t(values: list[float]) -> None:
    assert mean_test(np.array(values)) is None
