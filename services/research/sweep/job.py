"""A job runs the whole sweep, from a price file to ranked trials and one score of the best."""

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np

from services.research.metrics import Metrics
from services.research.metrics.equity_curve import periods_per_year
from services.research.overfitting import overfitting_probability, stepdown_p_values
from services.research.sweep.data import MIN_BARS, BarSeries, Periods, Span, periods
from services.research.sweep.fold import Task, backtest, learn, trade
from services.research.sweep.pool import Pool
from services.research.sweep.results import Holdout, Score, Swept, best_first, highest_by_luck, ranked, score
from services.research.sweep.spec import Plan, SweepSpec, Trial, planned
from services.research.sweep.traded import Ints, Traded, block_edges, joined_blocks
from services.research.verdict.held import EVERY_BAR, Sample
from shared.config import Settings
from shared.errors import DataError
from shared.history import bars
from shared.history.resampled import longer, require_columns
from shared.history.times import time_text
from shared.intervals import interval_ns
from shared.models.choose import chosen_card
from shared.needs import stop_needs
from shared.plural import plural

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: not known)


def sweep(settings: Settings, spec: SweepSpec, pool: Pool | None = None, progress: Progress | None = None) -> Swept:
    """Tries every trial of `spec` on the file of the settings' first symbol, walking forward.

    Then it scores the best one, once, on the hold-out. A model is made once for each interval, learner and fold, on
    that fold's past, and traded in all ways: that is a task of the pool. Results do not depend on the pool. Of the
    settings it takes the file and its interval, the strategy, balance, fee and slippage.

    Raises DataError for a file that cannot be used, ConfigError for what cannot be done with it or for the pool.
    """
    say = progress or _silent
    path = settings.ingestor.files[settings.symbols[0]]
    own, timezone = settings.interval, settings.ingestor.timezone
    spec = spec if spec.intervals else spec.model_copy(update={"intervals": (own,)})
    plan = planned(settings, spec)
    say("reading", 0, 0)
    require_columns(path, plan.needs, "what is tried", plan.fields)
    needs = plan.needs | stop_needs(settings)
    base = list(bars(path, own, timezone=timezone, groups=needs))
    series = {
        interval: BarSeries.of(interval, longer(base, own, interval, path, timezone), bool(needs))
        for interval in spec.intervals
    }
    cuts = periods(BarSeries.of(own, base).ts, spec.folds, spec.holdout)
    _require_bars(series, cuts, path)
    edges = block_edges([each.ts for each in series.values()], cuts.folds[0].start_ns, cuts.folds[-1].end_ns)
    folds = _walk_forward(settings, spec, plan, pool or Pool(), series, cuts, edges, say)
    say("ranking", 0, 0)
    scores, overfitting = _scored(folds, len(edges) - 1)
    scores = best_first(scores)
    best, first = scores[0]
    if first.sharpe is None:
        raise DataError(
            f"{path}: {plural(len(scores), 'trial')}, none with a Sharpe ratio, all were ruined or never traded: "
            "use lower thresholds or leverage"
        )
    say("hold-out", 0, 0)
    return Swept(
        trials=len(scores) + spec.earlier_trials,
        expected_max_sharpe=highest_by_luck([found for _, found in scores], spec.earlier_trials),
        folds=tuple((time_text(span.start_ns), time_text(span.end_ns)) for span in cuts.folds),
        rows=tuple(ranked(scores, spec.earlier_trials)),
        overfitting=overfitting,
        earlier_trials=spec.earlier_trials,
        holdout=_holdout(settings, plan, series[best.interval], cuts.holdout, edges, best),
        best=best,
    )


def _require_bars(series: Mapping[str, BarSeries], cuts: Periods, path: Path) -> None:
    for interval, found in series.items():
        for span in (*cuts.folds, cuts.holdout):
            count = found.count_until(span.end_ns) - found.count_until(span.start_ns)
            if count < MIN_BARS:
                raise DataError(
                    f"{path}: {plural(count, 'bar')} of {interval} from {time_text(span.start_ns)} on, "
                    f"{MIN_BARS} are the least "
                    "for a fold or the hold-out: use fewer folds, shorter intervals or more rows"
                )


def _walk_forward(
    settings: Settings,
    spec: SweepSpec,
    plan: Plan,
    pool: Pool,
    series: Mapping[str, BarSeries],
    cuts: Periods,
    edges: Ints,
    say: Progress,
) -> list[tuple[Trial, tuple[Traded, ...]]]:
    """Returns each trial with its folds, as the grid has them."""
    path = settings.ingestor.files[settings.symbols[0]]
    known = {interval: found.until(cuts.holdout.start_ns) for interval, found in series.items()}
    models = list(product(spec.intervals, plan.learners))
    tasks = [
        Task(
            f"{path}: {interval}, {learner or f'model {settings.signal.model}'}, fold {number} of {spec.folds}",
            _settings(settings, interval),
            known[interval],
            span,
            learner,
            plan.tradings,
            plan.needs | stop_needs(settings),
            plan.code,
            edges,
        )
        for interval, learner in models
        for number, span in enumerate(cuts.folds, 1)
    ]
    say("walk-forward", 0, len(tasks))
    found: dict[int, list[Traded]] = {}
    for at, traded in pool.map(trade, tasks):
        found[at] = traded
        say("walk-forward", len(found), len(tasks))
    joined = []
    for at, (interval, learner) in enumerate(models):
        folds = [found[at * spec.folds + number] for number in range(spec.folds)]
        for way, each in zip(plan.tradings, zip(*folds, strict=True), strict=True):
            joined.append((Trial(interval, learner, way), each))
    return joined


def _scored(
    tried: list[tuple[Trial, tuple[Traded, ...]]], blocks: int
) -> tuple[list[tuple[Trial, Score]], float | None]:
    """Returns each trial with its score, and the probability of backtest overfitting."""
    sums = np.array([joined_blocks(folds, blocks) for _, folds in tried])
    ruined = np.array([any(fold.ruined for fold in folds) for _, folds in tried])
    a_year = np.array([periods_per_year(interval_ns(trial.interval)) for trial, _ in tried])
    p_values = stepdown_p_values(np.ascontiguousarray(sums[:, :, 1].T))
    scores = [
        (trial, score(folds, trial.interval, p_value)) for (trial, folds), p_value in zip(tried, p_values, strict=True)
    ]
    return scores, overfitting_probability(sums, a_year, ruined)


def _holdout(settings: Settings, plan: Plan, series: BarSeries, span: Span, edges: Ints, best: Trial) -> Holdout:
    own, way, needs = _settings(settings, best.interval), best.trading, plan.needs | stop_needs(settings)
    task = Task("hold-out", own, series, span, best.learner, (way,), needs, plan.code, edges)
    sample = EVERY_BAR if best.learner is not None else Sample.of(chosen_card(settings))
    metrics = Metrics(best.interval, float(settings.strategy.balance), sample=sample)
    totals = backtest(task, learn(task), way, [metrics])
    return Holdout(trained_until=time_text(int(series.until(span.start_ns).ts[-1])), results=metrics.result(totals))


def _settings(settings: Settings, interval: str) -> Settings:
    return settings.model_copy(update={"interval": interval})


def _silent(what: str, done: int, total: int) -> None:
    return None
