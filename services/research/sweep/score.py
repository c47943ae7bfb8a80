"""What a trial's returns are worth."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from services.research.metrics.equity_curve import YEAR_NS, Moments
from services.research.sweep.fold import Traded
from shared.intervals import interval_ns


class Score(BaseModel):
    """Of the period returns of all folds, joined. total: their product − 1. sharpe: a year's, of 365 days.

    sharpe_per_period, skewness and kurtosis (3 for a normal one) are what a deflated Sharpe needs. None where there is
    no variance, and after ruin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    periods: int
    fills: int
    ruined: bool
    total: float | None = None
    sharpe: float | None = None
    sharpe_per_period: float | None = None
    skewness: float | None = None
    kurtosis: float | None = None


def score(folds: Sequence[Traded], interval: str) -> Score:
    """The score of folds in the order of time.

    >>> fold = Traded(np.array([0.01, -0.005]), fills=2, ruined=False)
    >>> found = score([fold, fold], "1d")
    >>> found.periods, round(found.sharpe_per_period, 4), round(found.sharpe, 2)
    (4, 0.2887, 5.52)
    """
    returns = np.concatenate([fold.returns for fold in folds])
    fills, ruined = sum(fold.fills for fold in folds), any(fold.ruined for fold in folds)
    if ruined:
        return Score(periods=len(returns), fills=fills, ruined=True)
    moments = Moments()
    moments.add(returns)
    sharpe = moments.mean / moments.std if moments.std else None
    return Score(
        periods=moments.n,
        fills=fills,
        ruined=False,
        total=float(np.prod(1 + returns)) - 1,
        sharpe=None if sharpe is None else sharpe * periods_per_year(interval) ** 0.5,
        sharpe_per_period=sharpe,
        skewness=moments.skewness,
        kurtosis=moments.kurtosis,
    )


def periods_per_year(interval: str) -> float:
    """How many bars a year of 365 days has."""
    return YEAR_NS / interval_ns(interval)
