"""A job runs the whole sweep, from a price file to ranked trials and one score of the best."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

from services.research.fast import compile_kernel
from services.research.metrics import Metrics
from services.research.sweep.data import MIN_BARS, BarSeries, Periods, Span, periods
from services.research.sweep.fold import Task, backtest, compare, learn, learns_until, trade
from services.research.sweep.kept import Kept
from services.research.sweep.pool import Pool
from services.research.sweep.results import Engines, Holdout, Swept, best_first, highest_by_luck, ranked, scored
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
GATED_BARS = 20_000  # at the beginning, and at the end, that both engines trade in every sweep


def sweep(
    settings: Settings,
    spec: SweepSpec,
    pool: Pool | None = None,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Swept:
    """Tries every trial of `spec` on the file of the settings' first symbol, walking forward.

    The fast engine trades what it can; the first and the last 20,000 bars, and the best trial whole, are traded by both
    engines, which must do the same. Then it scores the best one, once, on the hold-out. A model is made once for each
    interval, learner and fold, on that fold's past, and traded in all ways: that is a task of the pool. Results do not
    depend on the pool, nor on what of the tasks was done and `kept` before. Of the settings it takes the file and its
    interval, the strategy, balance, fee and slippage.

    Raises DataError for a file that cannot be used, ConfigError for what cannot be done with it or for the pool, and
    EnginesDiffer.
    """
    say = progress or _silent
    path = settings.ingestor.files[settings.symbols[0]]
    spec = spec if spec.intervals else spec.model_copy(update={"intervals": (settings.interval,)})
    plan = planned(settings, spec)
    say("reading", 0, 0)
    require_columns(path, plan.needs, "what is tried", plan.fields)
    needs = plan.needs | stop_needs(settings)
    series, cuts = _read(path, settings, spec, needs)
    _require_bars(series, cuts, path)
    edges = block_edges([each.ts for each in series.values()], cuts.folds[0].start_ns, cuts.folds[-1].end_ns)
    if not spec.exact:
        compile_kernel(lambda what: say(what, 0, 0))
    pool = pool or Pool()
    folds = _walk_forward(settings, spec, plan, pool, series, cuts, edges, say, kept)
    say("ranking", 0, 0)
    as_tried, overfitting = scored(folds, len(edges) - 1)
    scores = best_first(as_tried)
    best, first = scores[0]
    if first.sharpe is None:
        raise DataError(
            f"{path}: {plural(len(scores), 'trial')}, none with a Sharpe ratio, all were ruined or never traded: "
            "use lower thresholds or leverage"
        )
    fast = [trial for trial, found in as_tried if not found.exact]
    gated = _gate(settings, spec, plan, pool, series, cuts, edges, fast, best, say)
    say("hold-out", 0, 0)
    return Swept(
        trials=len(scores) + spec.earlier_trials,
        expected_max_sharpe=highest_by_luck([found for _, found in scores], spec.earlier_trials),
        folds=tuple((time_text(span.start_ns), time_text(span.end_ns)) for span in cuts.folds),
        rows=tuple(ranked(scores, spec.earlier_trials)),
        overfitting=overfitting,
        earlier_trials=spec.earlier_trials,
        holdout=_holdout(settings, spec, plan, series[best.interval], cuts.holdout, edges, best),
        engines=Engines.of([score.exact for _, score in scores], gated),
        best=best,
    )


def _read(
    path: Path, settings: Settings, spec: SweepSpec, needs: frozenset[str]
) -> tuple[dict[str, BarSeries], Periods]:
    """Returns the bars by interval, as arrays; what they are made of takes ten times the memory, and ends here."""
    own, timezone = settings.interval, settings.ingestor.timezone
    base = list(bars(path, own, timezone=timezone, groups=needs))
    series = {
        interval: BarSeries.of(interval, longer(base, own, interval, path, timezone), bool(needs))
        for interval in spec.intervals
    }
    return series, periods(BarSeries.of(own, base).ts, spec.folds, spec.holdout)


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
            spec.exact,
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


def _gate(
    settings: Settings,
    spec: SweepSpec,
    plan: Plan,
    pool: Pool,
    series: Mapping[str, BarSeries],
    cuts: Periods,
    edges: Ints,
    fast: Sequence[Trial],
    best: Trial,
    say: Progress,
) -> int:
    """Lets both engines trade the ends of the time and the best trial whole; returns how many bars these were.

    fast: the trials of the fast engine, as the grid has them; the ends are traded by its first and its last one.
    """
    wanted = []
    for trial in (*fast[:1], *fast[1:][-1:]):
        ts, first, last = series[trial.interval].ts, cuts.folds[0], cuts.folds[-1]
        begins = ts[ts >= first.start_ns][:GATED_BARS]
        ends = ts[ts < last.end_ns][-GATED_BARS:]
        wanted.append((trial, Span(first.start_ns, min(int(begins[-1]) + 1, first.end_ns))))
        wanted.append((trial, Span(max(int(ends[0]), last.start_ns), last.end_ns)))
    if best in fast:
        wanted += [(best, span) for span in (*cuts.folds, cuts.holdout)]
    needs = plan.needs | stop_needs(settings)
    tasks = [
        Task(
            f"{settings.ingestor.files[settings.symbols[0]]}: {trial.interval}",
            _settings(settings, trial.interval),
            series[trial.interval].until(span.end_ns),
            span,
            trial.learner,
            (trial.trading,),
            needs,
            plan.code,
            edges,
            spec.purge,
            spec.embargo_of(series[trial.interval].count_until(cuts.holdout.start_ns)),
        )
        for trial, span in wanted
    ]
    say("both engines", 0, len(tasks))
    bars = 0
    for done, (_, compared) in enumerate(pool.map(compare, tasks), 1):
        bars += compared
        say("both engines", done, len(tasks))
    return bars


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
