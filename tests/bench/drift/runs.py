"""Simulated years of a paper twin: held bars' net returns, and the bar at which M first comes to A."""

from math import log, log1p, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.drift.scale import LEAST
from shared.drift.wealth import RUIN, bets_against, bets_for
from shared.messages.monitor import SHOWN
from tests.bench.drift.compiled import Floats, compiled, decayed, log_mean, scaled

SHARE = 0.5  # of the mean out of sample: the floor as shipped
CALM, WILD = 1.0, 3.0  # standard deviations of the two regimes
CHANGES = 1 / 200  # a bar's chance that the regime changes
LONG_RUN = 2_000_000  # bars that a reference is measured on here, so that its mean has no error


class Market(NamedTuple):
    """A market is what a held bar's return is made of: its standard deviation times (d + noise), noise t(4).

    - regimes: its standard deviation changes between CALM and WILD.
    """

    regimes: bool = False


@compiled
def next_noise(wild: bool, regimes: bool) -> tuple[float, float, bool]:
    """Returns a held bar's standard deviation, its noise in units of that, and the regime of the next bar."""
    noise = np.random.standard_t(4.0) / sqrt(2.0)
    level = WILD if wild else CALM
    if regimes and np.random.random() < CHANGES:
        wild = not wild
    return level, noise, wild


@compiled
def long_run(d: float, sd: float, regimes: bool, bars: int, seed: int) -> tuple[float, float]:
    """Returns the mean of X, and the mean square of the net returns; each noise comes with its opposite."""
    np.random.seed(seed)
    wild, total, squares = False, 0.0, 0.0
    variances = np.array([sd * sd, sd * sd])
    for _ in range(bars):
        level, noise, wild = next_noise(wild, regimes)
        for k in range(2):
            net = level * (d + noise * (1 - 2 * k))
            x, variances[k] = scaled(net, variances[k], (LEAST * sd) ** 2)
            total += x
            squares += net * net
    return total / bars / 2, squares / bars / 2


@compiled
def alarms(
    d: float, sd: float, mean: float, bets: Floats, regimes: bool, levels: Floats, most: int, runs: int, seed: int
) -> npt.NDArray[np.int64]:
    """Returns for each run and level A the held bar at which M first comes to it; -1 where it does not in `most`."""
    found = np.full((runs, len(levels)), -1, np.int64)
    logs, held = np.zeros(len(bets)), np.zeros(len(bets))
    for run in range(runs):
        np.random.seed(seed + run)
        held[:] = 0.0
        variance, wild, reached = sd * sd, regimes and np.random.random() < 0.5, 0
        for bar in range(1, most + 1):
            level, noise, wild = next_noise(wild, regimes)
            x, variance = scaled(level * (d + noise), variance, (LEAST * sd) ** 2)
            decayed(x, mean, bets, held, logs)
            if logs.max() < log(levels[reached]):  # the mean is no more than the largest
                continue
            log_m = log_mean(logs)
            while reached < len(levels) and log_m >= log(levels[reached]):
                found[run, reached] = bar
                reached += 1
            if reached == len(levels):
                break
    return found


class Measure(NamedTuple):
    """A measure is what a reference would say: the standard deviation of a net return, and the mean of X."""

    sd: float
    mean: float

    @property
    def least_mean(self) -> float:
        """Returns the floor m."""
        return SHARE * self.mean


def measure_of(d: float, market: Market) -> Measure:
    """Returns the measure of a model whose held bars have a net mean of d standard deviations."""
    _, squares = long_run(d, 1.0, market.regimes, LONG_RUN, 1)
    sd = sqrt(squares)
    return Measure(sd, long_run(d, sd, market.regimes, LONG_RUN, 1)[0])


def d_at(mean: float, card: Measure, market: Market, bars: int = LONG_RUN) -> float:
    """Returns the d at which X has this mean; it grows with d, and nearly in a line."""
    low, high = -mean, 4 * mean
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if long_run(middle, card.sd, market.regimes, bars, 1)[0] < mean else (low, middle)
    return (low + high) / 2


def times(d: float, card: Measure, market: Market, levels: list[int], most: int, runs: int, seed: int) -> Any:
    """Returns `alarms` as floats: held bars, infinite where M did not come to A in `most` bars."""
    bets = np.array(bets_against(card.least_mean))
    at = np.array(levels, np.float64)
    found = alarms(d, card.sd, card.least_mean, bets, market.regimes, at, most, runs, seed).astype(np.float64)
    found[found < 0] = np.inf
    return found


@compiled
def _shown(d: float, bets: Floats, most: int, runs: int, seed: int) -> Floats:
    found = np.full(runs, np.inf)
    logs = np.zeros(len(bets))
    for run in range(runs):
        np.random.seed(seed + run)
        logs[:] = 0.0
        variance = 1.0
        for bar in range(1, most + 1):
            level, noise, _ = next_noise(False, False)
            x, variance = scaled(level * (d + noise), variance, LEAST**2)
            if x < -RUIN:
                break
            for k in range(len(bets)):
                logs[k] += log1p(bets[k] * x)
            if logs.max() >= log(SHOWN) and log_mean(logs) >= log(SHOWN):
                found[run] = bar
                break
    return found


def bars_to_show(sharpe: float, runs: int, seed: int) -> float:
    """Returns the median of held bars until an edge is shown; a bar's mean is `sharpe` standard deviations."""
    return float(np.median(_shown(sharpe, np.array(bets_for()), round(400 / sharpe**2), runs, seed)))
