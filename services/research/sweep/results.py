"""A sweep reports the score of each trial, their ranks and the hold-out, as lines and as CSV."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from statistics import variance
from typing import Annotated, TextIO

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from services.research.fast import WHY
from services.research.metrics import Results
from services.research.metrics.equity_curve import periods_per_year
from services.research.metrics.formats import number, percent
from services.research.overfitting import overfitting_probability, stepdown_p_values
from services.research.statistics import deflated_sharpe, expected_max_sharpe
from services.research.sweep.grid import Value
from services.research.sweep.spec import SweepSpec, Trial
from services.research.sweep.traded import Traded, joined_blocks, joined_moments
from shared.config import Settings
from shared.intervals import interval_ns
from shared.plural import plural

COLUMNS = {
    "sharpe": ("Sharpe", 8),
    "deflated_sharpe": ("deflated", 9),
    "p_value": ("p of all", 9),
    "total": ("total", 11),
    "fills": ("fills", 8),
}  # of the table, behind those of the grid: heading and width
_SMALL = 0.05


class Score(BaseModel):
    """A trial's score is computed of the period returns of all folds, joined.

    - total: their product − 1.
    - sharpe: a year's, of 365 days; None where there is no variance, and after ruin.
    - sharpe_per_period, skewness, kurtosis (3 for a normal one): what a deflated Sharpe needs; None likewise.
    - p_value: of "no edge", adjusted for all trials of the sweep (Romano and Wolf); None likewise, or for too few bars.
    - exact: why the exact engine traded a part of it, a kind of `fast.WHY`; empty where the fast one traded all.
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
    p_value: float | None = None
    exact: str = ""


def score(folds: Sequence[Traded], interval: str, p_value: float | None = None) -> Score:
    """Returns the score of folds in the order of time.

    >>> fold = Traded.of(np.array([100, 101, 100.495]), np.array([1, 2]), np.array([0, 3]), fills=2)
    >>> found = score([fold, fold], "1d")
    >>> found.periods, round(found.sharpe_per_period, 4), round(found.sharpe, 2)
    (4, 0.2887, 5.52)
    """
    moments = joined_moments(folds)
    fills, ruined = sum(fold.fills for fold in folds), any(fold.ruined for fold in folds)
    exact = next((fold.exact for fold in folds if fold.exact), "")
    if ruined:
        return Score(periods=moments.n, fills=fills, ruined=True, exact=exact)
    sharpe = moments.mean / moments.std if moments.std else None
    return Score(
        periods=moments.n,
        fills=fills,
        ruined=False,
        total=math.prod(fold.growth for fold in folds) - 1,
        sharpe=None if sharpe is None else sharpe * periods_per_year(interval_ns(interval)) ** 0.5,
        sharpe_per_period=sharpe,
        skewness=moments.skewness,
        kurtosis=moments.kurtosis,
        p_value=None if sharpe is None else p_value,
        exact=exact,
    )


def scored(
    tried: list[tuple[Trial, tuple[Traded, ...]]], blocks: int
) -> tuple[list[tuple[Trial, Score]], float | None]:
    """Returns each trial with its score, and the probability of backtest overfitting.

    - tried: each trial with its folds in the order of time. blocks: how many all folds have.
    """
    sums = np.array([joined_blocks(folds, blocks) for _, folds in tried])
    ruined = np.array([any(fold.ruined for fold in folds) for _, folds in tried])
    a_year = np.array([periods_per_year(interval_ns(trial.interval)) for trial, _ in tried])
    p_values = stepdown_p_values(np.ascontiguousarray(sums[:, :, 1].T))
    scores = [
        (trial, score(folds, trial.interval, p_value)) for (trial, folds), p_value in zip(tried, p_values, strict=True)
    ]
    return scores, overfitting_probability(sums, a_year, ruined)


class RankedTrial(Score):
    """A ranked trial has its score and its rank.

    - rank: 1 for the highest Sharpe; trials without one come last, as the grid has them.
    - values: of the grid, by name.
    - deflated_sharpe: probability that the true Sharpe is above 0, after the best of so many trials was looked for.
    """

    rank: int
    interval: str
    values: dict[str, Value]
    deflated_sharpe: float | None = None


class Holdout(BaseModel):
    """The hold-out scores the chosen trial once, on what no ranking has seen. All times are UTC.

    - trained_until: the last bar that the model learned from. until: what was known before this time was learned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trained_until: str
    until: str
    results: Results


class Engines(BaseModel):
    """This says which engine traded the trials.

    - fast: how many the fast one traded. exact: why the exact one traded the others -> how many.
    - gated: the bars that both traded, and did the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fast: int
    exact: dict[str, int]
    gated: int

    @classmethod
    def of(cls, exact: Sequence[str], gated: int) -> "Engines":
        """Counts; exact: of each trial why the exact engine traded it, or an empty text."""
        counted = Counter(exact)
        fast = counted.pop("", 0)
        return cls(fast=fast, exact=dict(counted.most_common()), gated=gated)

    def lines(self) -> list[str]:
        """Returns them for a person.

        >>> for line in Engines.of(["", "", "netting"], 500).lines():
        ...     print(line)
        fast engine: 2 of 3 trials; both engines did the same over 500 bars
        exact engine: 1 trial (netting without a qty_step)
        """
        total = self.fast + sum(self.exact.values())
        gated = f"; both engines did the same over {plural(self.gated, 'bar')}" if self.gated else ""
        first = [f"fast engine: {self.fast:,} of {plural(total, 'trial')}{gated}"] if self.fast else []
        return [
            *first,
            *(f"exact engine: {plural(count, 'trial')} ({WHY[kind]})" for kind, count in self.exact.items()),
        ]


class Swept(BaseModel):
    """This is the result of a whole sweep.

    - trials: how many count, with earlier ones.
    - expected_max_sharpe: a year's Sharpe to expect of the best of so many trials without skill; None where that is not
      known.
    - earlier_trials: how many of them came before this sweep.
    - folds: start and end of each in UTC.
    - rows: all trials, best first; the first is the chosen one, `best`.
    - overfitting: how often the best of one half of the time is below the median in the other, of the rows; None for a
      single one, or for too few bars.
    - engines: which engine traded them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trials: int
    earlier_trials: int = 0
    expected_max_sharpe: float | None
    folds: tuple[tuple[str, str], ...]
    rows: tuple[RankedTrial, ...]
    overfitting: float | None = None
    holdout: Holdout
    engines: Engines
    best: Annotated[Trial, SkipValidation] = Field(exclude=True, repr=False)


def best_first(scores: Sequence[tuple[Trial, Score]]) -> list[tuple[Trial, Score]]:
    """Returns the trials by descending Sharpe; those without one come last."""
    return sorted(scores, key=lambda one: (one[1].sharpe is None, -(one[1].sharpe or 0.0)))


def ranked(scores: Sequence[tuple[Trial, Score]], earlier_trials: int = 0) -> list[RankedTrial]:
    """Returns the rows of trials in the order of `best_first`, each with its deflated Sharpe.

    After Bailey and López de Prado, "The Deflated Sharpe Ratio" (2014): the benchmark is the highest Sharpe that all
    trials would give without skill, by their number and the variance of their Sharpe ratios. Those of different
    intervals are compared as a year's, and brought to the row's own period.
    """
    count, spread = len(scores) + earlier_trials, sharpe_variance([found for _, found in scores])
    return [
        RankedTrial(
            rank=at,
            interval=trial.interval,
            values=dict(trial.chosen),
            deflated_sharpe=_deflated(found, trial.interval, count, spread),
            **found.model_dump(),
        )
        for at, (trial, found) in enumerate(best_first(scores), 1)
    ]


def sharpe_variance(scores: Sequence[Score]) -> float | None:
    """Returns the variance of a year's Sharpe ratios, of those trials that have one; None for fewer than two."""
    known = [each.sharpe for each in scores if each.sharpe is not None]
    return variance(known) if len(known) > 1 else None


def highest_by_luck(scores: Sequence[Score], earlier_trials: int = 0) -> float | None:
    """Returns a year's Sharpe to expect of the best of these trials without skill; 0 for a single one."""
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
        found.sharpe_per_period,
        found.periods,
        found.skewness,
        found.kurtosis,
        trials=count,
        variance=(spread or 0.0) / periods_per_year(interval_ns(interval)),
    )


def lines(swept: Swept, top: int = 10) -> list[str]:
    """Returns lines for a person: the best rows, what luck alone would give, and the hold-out."""
    first, last, chosen = swept.folds[0], swept.folds[-1], swept.rows[0]
    shown = swept.rows[:top]
    table = [["rank", "interval", *chosen.values, *(heading for heading, _ in COLUMNS.values())]]
    table += [_cells(row) for row in shown]
    least = [4, 9, *(0 for _ in chosen.values), *(width for _, width in COLUMNS.values())]
    widths = [max(width, *map(len, column)) for width, column in zip(least, zip(*table, strict=True), strict=True)]
    return [
        f"walk-forward: {plural(len(swept.folds), 'fold')}, {first[0]} to {last[1]}, {plural(swept.trials, 'trial')}",
        "",
        *(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)) for cells in table),
        *([f"... and {len(swept.rows) - top} more"] if len(swept.rows) > top else []),
        "",
        f"best of {plural(swept.trials, 'trial')} without skill: Sharpe {number(swept.expected_max_sharpe)} to expect; "
        f"probability that the chosen one's is above 0: {percent(chosen.deflated_sharpe)}",
        *_chosen_by_luck(swept),
        *_holdout(swept),
        *swept.engines.lines(),
    ]


def _chosen_by_luck(swept: Swept) -> list[str]:
    """Returns a line for each figure that is about all rows at once."""
    count, p = len(swept.rows), swept.rows[0].p_value
    below = sum(row.p_value is not None and row.p_value <= _SMALL for row in swept.rows)
    known = f"; {plural(swept.earlier_trials, 'earlier trial')} not in it, as their returns are not known"
    return [
        f"probability of backtest overfitting: {percent(swept.overfitting)} (how often the best row of one half of the "
        "time is below the median in the other; 50 % by luck)",
        f"p-value of the chosen row among {plural(count, 'row')}: {_p_text(p)} (Romano-Wolf: how often luck gives one "
        f"as good); {plural(below, 'row')} at {_SMALL:g} or less" + (known if swept.earlier_trials else ""),
    ]


def _p_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def described(settings: Settings, spec: SweepSpec) -> dict[str, object]:
    """Returns how a sweep was run, for its JSON file."""
    sym, own = settings.symbols[0], settings.strategy
    return {
        "data": str(settings.ingestor.files[sym]),
        "sym": sym,
        "strategy": own.name,
        "params": own.params,
        "wrappers": list(own.wrappers),
        "balance": str(own.balance),
        "fee": str(settings.gateway.fee),
        "slippage_bps": str(settings.gateway.slippage_bps),
        "max_slippage_bps": str(own.max_slippage_bps),
        **spec.model_dump(mode="json"),
    }


def write_csv(swept: Swept, file: TextIO) -> None:
    """Writes all rows with a header, each value of the grid in a column of its name; what is not defined is empty."""
    names = list(swept.rows[0].values)
    first = ["rank", "interval", *names, *(name for name in COLUMNS if name != "fills")]
    fields = [*first, *(name for name in RankedTrial.model_fields if name not in (*first, "values"))]
    write = csv.DictWriter(file, fields, lineterminator="\n")
    write.writeheader()
    write.writerows({**row.model_dump(exclude={"values"}), **row.values} for row in swept.rows)


def _holdout(swept: Swept) -> list[str]:
    results = swept.holdout.results
    period, risk = results.period, results.risk
    held = results.benchmark.sharpe
    return [
        f"hold-out, once, trained until {swept.holdout.trained_until}: {plural(period.bars, 'bar')} to "
        f"{period.end:%Y-%m-%d}, "
        f"total {percent(results.returns.total)}, Sharpe {number(risk.sharpe)} "
        f"(above 0 with {percent(risk.probabilistic_sharpe)}), max drawdown {percent(results.drawdown.depth)}; "
        f"buy and hold: Sharpe {number(held)}",
        f"verdict on the hold-out: {results.verdict.words}",
    ]


def _cells(row: RankedTrial) -> list[str]:
    sharpe = "ruined" if row.ruined else number(row.sharpe)
    values = [f"{value:g}" if isinstance(value, float) else str(value) for value in row.values.values()]
    scores = [sharpe, number(row.deflated_sharpe), _p_text(row.p_value), percent(row.total), f"{row.fills:,}"]
    return [str(row.rank), row.interval, *values, *scores]
