"""What a sweep says."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import variance
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.research.metrics import Results
from services.research.metrics.statistics import deflated_sharpe, expected_max_sharpe
from services.research.sweep.score import Score, periods_per_year
from services.research.sweep.trials import Trial


class Row(Score):
    """A trial and its score. rank: 1 for the highest Sharpe; trials without one come last, as the grid has them.

    deflated_sharpe: probability that the true Sharpe is above 0, after the best of so many trials was looked for.
    """

    rank: int
    interval: str
    lags: int
    sizing: Literal["compounding", "constant"]
    leverage: Decimal
    threshold: float
    deflated_sharpe: float | None = None


class Holdout(BaseModel):
    """The one score of the chosen trial on what no ranking has seen. trained_until, and times in results: UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trained_until: str
    results: Results


class Swept(BaseModel):
    """rows: all trials, best first; the first is the chosen one. trials: all that count, with earlier ones.

    expected_max_sharpe: a year's Sharpe to expect of the best of so many trials without skill; None where that is not
    known. folds: start and end of each in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trials: int
    expected_max_sharpe: float | None
    folds: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    holdout: Holdout


def rank(scores: Mapping[Trial, Score], earlier_trials: int = 0) -> list[Row]:
    """Rows by descending Sharpe, each with its deflated one.

    After Bailey and López de Prado, "The Deflated Sharpe Ratio" (2014): the benchmark is the highest Sharpe that all
    trials would give without skill, by their number and the variance of their Sharpe ratios. Those of different
    intervals are compared as a year's, and brought to the row's own period.
    """
    count, spread = len(scores) + earlier_trials, sharpe_variance(list(scores.values()))
    order = sorted(scores.items(), key=lambda one: (one[1].sharpe is None, -(one[1].sharpe or 0.0)))
    return [
        Row(
            rank=at, interval=trial.interval, lags=trial.lags, sizing=trial.trading.sizing,
            leverage=trial.trading.leverage, threshold=trial.trading.threshold,
            deflated_sharpe=_deflated(found, trial.interval, count, spread), **found.model_dump(),
        )
        for at, (trial, found) in enumerate(order, 1)
    ]  # fmt: skip


def sharpe_variance(scores: Sequence[Score]) -> float | None:
    """Of a year's Sharpe ratios of those that have one; None for fewer than two."""
    known = [each.sharpe for each in scores if each.sharpe is not None]
    return variance(known) if len(known) > 1 else None


def highest_by_luck(scores: Sequence[Score], earlier_trials: int = 0) -> float | None:
    """A year's Sharpe to expect of the best of these trials without skill; 0 for a single one."""
    count, spread = len(scores) + earlier_trials, sharpe_variance(scores)
    if count == 1:
        return 0.0
    return None if spread is None else expected_max_sharpe(count, spread)


def _deflated(found: Score, interval: str, count: int, spread: float | None) -> float | None:
    if found.sharpe_per_period is None or found.skewness is None or found.kurtosis is None:
        return None
    if spread is None and count > 1:
        return None
    return deflated_sharpe(
        found.sharpe_per_period, found.periods, found.skewness, found.kurtosis,
        trials=count, variance=(spread or 0.0) / periods_per_year(interval),
    )  # fmt: skip
