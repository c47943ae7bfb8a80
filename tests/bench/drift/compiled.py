"""The drift stage, compiled: the same sums in the same order, from prices and sides to X, M, E and the edge's evidence.

A test holds it to the stage itself, to 1e-12 over 100,000 bars.
"""

from collections.abc import Callable
from math import exp, log, log1p, sqrt
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from shared.drift.scale import BOUND, DECAY, LEAST
from shared.drift.twin import FUNDING_H, HOUR_NS
from shared.drift.wealth import RUIN

Floats = npt.NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compiles a function; its arithmetic is that of Python, without shortcuts of numbers."""
    made: Any = numba.njit(cache=False, fastmath=False, error_model="numpy")(function)
    return cast(F, made)


@compiled
def nets_of(prices: Floats, sides: Floats, rates: Floats, bar_ns: float, cost: float, legs: bool) -> Floats:
    """Returns each bar's net return; NaN where it does not count.

    - prices, sides: at each bar's end, and wanted from there on. rates: of funding, known at each end.
    - cost: of one unit of turnover. legs: whoever wants a position closes and opens at each bar.
    """
    found = np.full(len(prices), np.nan)
    side, owed = 0.0, 0.0
    for n in range(len(prices)):
        if n and side:
            found[n] = side * (prices[n] / prices[n - 1] - 1 - rates[n] * bar_ns / (FUNDING_H * HOUR_NS)) - owed
            owed = 0.0
        turnover = abs(side) + abs(sides[n]) if legs else abs(sides[n] - side)
        owed += turnover * cost
        side = sides[n]
    return found


@compiled
def scaled(net: float, variance: float, least: float) -> tuple[float, float]:
    """Returns X of a held bar, and the variance after it."""
    x = min(net / sqrt(max(variance, least)), BOUND)
    return x, variance + (1 - DECAY) * (net * net - variance)


@compiled
def decayed(x: float, mean: float, bets: Floats, held: Floats, logs: Floats) -> None:
    """Takes X into log R, `logs`, by log (1 + R) of before, `held`, which becomes that of now."""
    for k in range(len(bets)):
        each = held[k] + log1p(-bets[k] * (x - mean))
        logs[k] = each
        held[k] = each + log1p(exp(-each)) if each > 0 else log1p(exp(each))


@compiled
def log_mean(logs: Floats) -> float:
    """Returns the logarithm of the mean of numbers whose logarithms these are."""
    most, total = logs[0], 0.0
    for k in range(1, len(logs)):
        most = max(most, logs[k])
    for k in range(len(logs)):
        total += exp(logs[k] - most)
    return most + log(total) - log(len(logs))


@compiled
def evidence_of(nets: Floats, sd: float, mean: float, against: Floats, in_favour: Floats) -> Floats:
    """Returns a row for each bar that counts: X, log M, log E, and the log of the evidence of an edge.

    - sd, mean: the reference's, and m. against, in_favour: the bets.
    """
    rows = np.empty((len(nets), 4))
    count, variance, least, ruined = 0, sd * sd, (LEAST * sd) ** 2, False
    held, logs = np.zeros(len(against)), np.zeros(len(against))
    claim, edge = np.zeros(len(against)), np.zeros(len(in_favour))
    for n in range(len(nets)):
        if np.isnan(nets[n]):
            continue
        x, variance = scaled(nets[n], variance, least)
        decayed(x, mean, against, held, logs)
        ruined = ruined or x < -RUIN
        for k in range(len(against)):
            claim[k] += log1p(-against[k] * (x - mean))
        for k in range(len(in_favour)):
            edge[k] += 0.0 if ruined else log1p(in_favour[k] * x)
        rows[count, 0], rows[count, 1], rows[count, 2] = x, log_mean(logs), log_mean(claim)
        rows[count, 3] = -np.inf if ruined else log_mean(edge)
        count += 1
    return rows[:count]
