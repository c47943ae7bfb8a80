"""A job runs the whole sweep, from a price file to ranked trials and one score of the best."""

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

from services.research.metrics import Metrics
from services.research.sweep.data import MIN_BARS, BarSeries, Periods, Span, periods
from services.research.sweep.fold import Task, backtest, learn, learns_until, trade
from services.research.sweep.kept import Kept
from services.research.sweep.pool import Pool
from services.research.sweep.results import Holdout, Swept, best_first, highest_by_luck, ranked, scored
from services.research.sweep.spec import Plan, SweepSpec, Trial, planned
from services.research.sweep.traded import Ints, Traded, block_edges
from services.research.verdict.held import EVERY_BAR, Sample
from shared.config import Settings
from shared.errors import DataError
from shared.history import bars
from shared.history.resampled import longer, require_columns
from shared.history.times import time_text
from shared.models.choose import chosen_card
from shared.needs import stop_needs
from shared.plural import plural

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: not known)


def sweep(
    settings: Settings,
    spec: SweepSpec,
    pool: Pool | None = None,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Swept:
    """Tries every trial of `spec` on the file of the settings' first symbol, walking forward.

    Then it scores the best one, once, on the hold-out. A model is made once for each interval, learner and fold, on
    that fold's past, and traded in all ways: that is a task of the pool. Results do not depend on the pool, nor on what
    of the tasks was done and `kept` before. Of the settings it takes the file and its interval, the strategy, balance,
    fee and slippage.

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
    folds = _walk_forward(settings, spec, plan, pool or Pool(), series, cuts, edges, say, kept)
    say("ranking", 0, 0)
    scores, overfitting = scored(folds, len(edges) - 1)
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
        holdout=_holdout(settings, spec, plan, series[best.interval], cuts.holdout, edges, best),
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
    kept: Kept | None,
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
            spec.purge,
            spec.embargo_of(len(known[interval])),
        )
        for interval, learner in models
        for number, span in enumerate(cuts.folds, 1)
    ]
    before = {} if kept is None else {at: kept.find(task) for at, task in enumerate(tasks)}
    found = {at: traded for at, traded in before.items() if traded is not None}
    left = [at for at in range(len(tasks)) if at not in found]
    say("walk-forward", len(found), len(tasks))
    for place, traded in pool.map(trade, [tasks[at] for at in left]):
        found[left[place]] = traded
        if kept is not None:
            kept.add(tasks[left[place]], traded)
        say("walk-forward", len(found), len(tasks))
    joined = []
    for at, (interval, learner) in enumerate(models):
        folds = [found[at * spec.folds + number] for number in range(spec.folds)]
        for way, each in zip(plan.tradings, zip(*folds, strict=True), strict=True):
            joined.append((Trial(interval, learner, way), each))
    return joined


def _holdout(
    settings: Settings, spec: SweepSpec, plan: Plan, series: BarSeries, span: Span, edges: Ints, best: Trial
) -> Holdout:
    own, way, needs = _settings(settings, best.interval), best.trading, plan.needs | stop_needs(settings)
    embargo = spec.embargo_of(series.count_until(span.start_ns))
    task = Task("hold-out", own, series, span, best.learner, (way,), needs, plan.code, edges, spec.purge, embargo)
    sample = EVERY_BAR if best.learner is not None else Sample.of(chosen_card(settings))
    metrics = Metrics(best.interval, float(settings.strategy.balance), sample=sample)
    totals, until = backtest(task, learn(task), way, [metrics]), learns_until(task)
    last = time_text(int(series.until(until).ts[-1]))
    return Holdout(trained_until=last, until=time_text(until), results=metrics.result(totals))


def _settings(settings: Settings, interval: str) -> Settings:
    return settings.model_copy(update={"interval": interval})


def _silent(what: str, done: int, total: int) -> None:
    return None
