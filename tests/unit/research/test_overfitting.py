"""How far the best of many was found by luck, against arch, the definitions and simulation."""

from itertools import combinations

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from services.research.overfitting import (
    GROUPS,
    Ints,
    one_step_values,
    overfitting_probability,
    stationary_variance,
    stepdown_p_values,
    studentised_draws,
)
from services.research.statistics import Floats, stationary_pieces

TRIALS = 6
VARIANCES = [2.193337163167379, 7.815390481987444, 1.216472374690602, 0.8470478170112845, 1.3840546400481768,
             13.914028230168626]  # fmt: skip
P_VALUES = [0.000775, 0.025125, 0.051975, 0.47025, 0.70115, 0.70115]


def noted() -> Floats:
    """The block sums of six trials of which arch 8.0.0 was asked."""
    noise = np.random.default_rng(11).standard_normal((96, TRIALS))
    values = np.empty_like(noise)
    values[0] = noise[0]
    for at in range(1, 96):
        values[at] = 0.3 * values[at - 1] + noise[at] + 0.5 * noise[at, :1]
    return np.round(values * [1, 2, 1, 0.5, 1, 3] + [0.2, 0.5, 0.1, 0.05, 0.0, -0.6], 3)


def test_the_variance_is_that_of_arch() -> None:
    """SPA(zeros(96), -x, block_size=4)'s variances of the differences."""
    x = noted()
    assert stationary_variance(x - x.mean(axis=0), 4) == pytest.approx(np.array(VARIANCES), rel=1e-12)


def test_the_step_down_is_that_of_arch() -> None:
    """Of x by its deviation the upper p-value of SPA(zeros(96), -x, block_size=4, reps=40_000), step by step.

    With each set of trials without the better ones, and never below theirs; arch takes one error for all resamples.
    """
    x = noted() / np.sqrt(VARIANCES)
    t = x.mean(axis=0) * 96**0.5
    order = np.argsort(t)
    draws = [resample(x - x.mean(axis=0), *each).mean(axis=0) * 96**0.5 for each in stationary_pieces(96, 4, 10_000)]
    p, _ = one_step_values(t[order], np.array(draws)[:, order], np.full(10_000, -np.inf))
    found = np.maximum.accumulate(p[::-1])[::-1][np.argsort(order)]
    assert found == pytest.approx(P_VALUES, abs=0.012)


def resample(x: Floats, first: Ints, lengths: Ints) -> Floats:
    places = [np.arange(start, start + length) % len(x) for start, length in zip(first, lengths, strict=True)]
    return x[np.concatenate(places)]


@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 9))
def test_a_draw_is_the_mean_of_a_resample_by_the_error_of_its_pieces(n: int, block: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((n, 3)) * [1.0, 9.0, 0.1]
    x -= x.mean(axis=0)
    pieces = list(stationary_pieces(n, block, 5, seed))
    errors = np.array([0.001, 9.0, 0.01])
    for found, (first, lengths) in zip(studentised_draws(x, errors, pieces), pieces, strict=True):
        drawn = resample(x, first, lengths)
        assert len(drawn) == n
        mean = drawn.mean(axis=0)
        sums = np.array([part.sum(axis=0) for part in np.split(drawn - mean, np.cumsum(lengths)[:-1])])
        own = np.sqrt((sums**2).sum(axis=0)) / n
        assert found == pytest.approx(mean / np.maximum(own, errors / 2), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("t", [0.3, 1.2, 2.3])
def test_of_one_trial_without_dependence_p_is_the_textbooks(t: float) -> None:
    values = np.random.default_rng(0).standard_normal(256)
    values = (values - values.mean()) / values.std(ddof=1) + t / 16
    (found,) = stepdown_p_values(values[:, np.newaxis], 4_000)
    assert found == pytest.approx(scipy.stats.ttest_1samp(values, 0.0, alternative="greater").pvalue, abs=0.03)


@given(st.integers(0, 1_000), st.integers(1, 8), st.integers(0, 4))
def test_p_values_do_not_depend_on_order_or_unit_and_rise_with_t(seed: int, trials: int, flat: int) -> None:
    rng = np.random.default_rng(seed)
    sums = np.hstack([rng.standard_normal((32, trials)) + rng.normal(0, 0.4, trials), np.zeros((32, flat))])
    found = stepdown_p_values(sums, 99)
    assert found[trials:] == [None] * flat
    order = rng.permutation(trials + flat)
    units = 2.0 ** rng.integers(-9, 9, trials + flat)
    moved = stepdown_p_values((sums * units)[:, order], 99)
    assert [moved[at] for at in np.argsort(order)] == found
    t = sums[:, :trials].mean(axis=0) / np.sqrt(stationary_variance(sums - sums.mean(axis=0), 4)[:trials])
    p = [found[at] or 0 for at in np.argsort(-t)]
    assert p == sorted(p)
    assert 0.01 <= p[0] <= p[-1] <= 1


def test_a_trial_more_makes_no_p_value_smaller() -> None:
    x = noted()
    few, many = stepdown_p_values(x[:, :3]), stepdown_p_values(x)
    assert all((one or 0) <= (other or 0) for one, other in zip(few, many, strict=False))


@pytest.mark.long
def test_luck_alone_seldom_has_a_small_p_value() -> None:
    """300 families of 20 trials that lean on one another and on their past, bar by bar; 0.05 is what is promised."""
    wrong = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        noise = rng.standard_t(4, (1_024, 20)) + rng.standard_t(4, (1_024, 1))
        noise[1:] += 0.3 * noise[:-1]
        wrong += min(p or 0 for p in stepdown_p_values(noise.reshape(128, 8, 20).sum(axis=1), 199)) <= 0.05
    assert wrong <= 300 * 0.05 + 1.96 * (300 * 0.05 * 0.95) ** 0.5


def test_a_trial_that_seldom_loses_does_not_hide_the_others() -> None:
    rng = np.random.default_rng(3)
    seldom = np.where(np.arange(256) == 100, -1.0, 0.0)
    found = stepdown_p_values(np.column_stack([rng.standard_normal(256) + 0.4, seldom]))
    assert found[0] is not None and found[0] < 0.01
    assert found[1] is not None and found[1] > 0.3


def test_an_edge_is_found_among_many_and_counts_no_more() -> None:
    """After the good ones the step down looks at the rest alone."""
    rng = np.random.default_rng(3)
    sums = rng.standard_normal((256, 50))
    sums[:, 7] += 0.5
    found = stepdown_p_values(sums)
    assert found[7] is not None and found[7] < 0.01
    rest = stepdown_p_values(np.delete(sums, 7, axis=1))
    assert [p for at, p in enumerate(found) if at != 7] == rest


# The probability of backtest overfitting, against its definition.


def sums_of(returns: Floats) -> Floats:
    """One return a block: (blocks, trials) -> (trials, blocks, 3)."""
    return np.stack([np.ones_like(returns), returns, returns**2], axis=-1).swapaxes(0, 1)


def by_definition(returns: Floats) -> float:
    """Bailey, Borwein, Lopez de Prado and Zhu, section 2: the share of logits below 0; of those that are 0, half."""
    stretches = np.split(returns, GROUPS)
    below = []
    for inside in combinations(range(GROUPS), GROUPS // 2):
        halves = [np.concatenate([stretches[at] for at in range(GROUPS) if (at in inside) is one])
                  for one in (True, False)]  # fmt: skip
        first, second = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        rank = 1 + (second < second[first.argmax()]).sum()
        below.append(np.sign(rank / (returns.shape[1] + 1) - 0.5))
    return float(np.mean(np.array(below) < 0) + np.mean(np.array(below) == 0) / 2)


@pytest.mark.parametrize("trials", [2, 5, 8])
def test_the_probability_is_that_of_the_definition(trials: int) -> None:
    returns = np.random.default_rng(trials).normal(0.05, 1, (GROUPS * 3, trials))
    found = overfitting_probability(sums_of(returns), np.full(trials, 365.0), np.zeros(trials, np.bool_))
    assert found == pytest.approx(by_definition(returns), abs=1e-12)
    assert 0 < (found or 0) < 1


def test_by_luck_it_is_a_half_and_with_an_edge_it_is_low() -> None:
    rng = np.random.default_rng(1)
    found = []
    for edge in (0.0, 0.3):
        each = []
        for _ in range(30):
            returns = rng.standard_normal((320, 10))
            returns[:, 4] += edge
            each.append(overfitting_probability(sums_of(returns), np.ones(10), np.zeros(10, np.bool_)))
        found.append(np.mean(np.array(each, np.float64)))
    assert found[0] == pytest.approx(0.5, abs=0.12)
    assert found[1] < 0.02


def test_twins_are_a_tie_and_the_ruined_are_last() -> None:
    returns = np.random.default_rng(2).standard_normal((64, 1)) + 0.2
    twins = sums_of(np.hstack([returns, returns]))
    assert overfitting_probability(twins, np.ones(2), np.array([False, False])) == 0.5
    assert overfitting_probability(twins, np.ones(2), np.array([True, False])) == 0.0
    assert overfitting_probability(twins, np.ones(2), np.array([True, True])) is None
    assert overfitting_probability(twins[:1], np.ones(1), np.array([False])) is None


def test_what_never_trades_is_not_chosen_and_earns_nothing() -> None:
    returns = np.random.default_rng(2).standard_normal((64, 1))
    for edge, expected in ((0.9, 0.0), (-0.9, 1.0)):
        sums = sums_of(np.hstack([returns + edge, np.zeros((64, 1))]))
        assert overfitting_probability(sums, np.ones(2), np.zeros(2, np.bool_)) == expected


def test_intervals_are_compared_by_the_year() -> None:
    """The second trial has half of the bars, of a better ratio each, but a worse one a year."""
    returns = np.random.default_rng(4).standard_normal((64, 2)) * 0.01 + [1.0, 0.8]
    returns += np.where(np.arange(64) % 2, 1.0, -1.0)[:, np.newaxis]
    sums = sums_of(returns)
    assert overfitting_probability(sums, np.array([2.0, 1.0]), np.zeros(2, np.bool_)) == 0.0
    assert overfitting_probability(sums, np.array([1.0, 2.0]), np.zeros(2, np.bool_)) == 0.0


def test_of_too_few_blocks_nothing_is_said() -> None:
    few = np.random.default_rng(0).standard_normal((GROUPS - 1, 2))
    assert stepdown_p_values(few) == [None, None]
    assert overfitting_probability(sums_of(few), np.ones(2), np.zeros(2, np.bool_)) is None
