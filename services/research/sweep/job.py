"""A job runs the whole sweep, from a price file to ranked trials and one score of the best."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

from services.research.metrics import Metrics
from services.research.sweep.data import MIN_BARS, Periods, PriceSeries, Span, periods
from services.research.sweep.fold import Task, Traded, backtest, learn, trade
from services.research.sweep.pool import Pool
from services.research.sweep.results import Holdout, RankedTrial, Score, Swept, highest_by_luck, rank, score
from services.research.sweep.spec import SweepSpec, Trading, Trial, tradings, trials
from shared.config import Settings
from shared.errors import DataError
from shared.history import HistoryBar, bars
from shared.history.bar import resample
from shared.history.times import time_text
from shared.history.zone import DAY_NS
from shared.intervals import interval_ns
from shared.plural import plural

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: not known)


def sweep(settings: Settings, spec: SweepSpec, pool: Pool | None = None, progress: Progress | None = None) -> Swept:
    """Tries every trial of `spec` on the file of the settings' first symbol, walking forward.

    Then it scores the best one, once, on the hold-out. A model is made once for each interval, lags and fold, on that
    fold's past, and traded in all ways: that is a task of the pool. Results do not depend on the pool. Of the settings
    it takes the file and its interval, balance, fee and slippage.

    Raises DataError for a file that cannot be used, ConfigError for what cannot be done with it or for the pool.
    """
    say = progress or _silent
    path = settings.ingestor.files[settings.symbols[0]]
    say("reading", 0, 0)
    own = settings.interval
    spec = spec if spec.intervals else spec.model_copy(update={"intervals": (own,)})
    timezone = settings.ingestor.timezone
    base = list(bars(path, own, timezone=timezone))
    prices = {
        interval: PriceSeries.of(interval, _resampled(base, own, interval, path, timezone))
        for interval in spec.intervals
    }
    cuts = periods(PriceSeries.of(own, base).ts, spec.folds, spec.holdout)
    _require_bars(prices, cuts, path)
    scores = _scores(settings, spec, pool or Pool(), prices, cuts, say)
    rows = rank(scores, spec.earlier_trials)
    if rows[0].sharpe is None:
        raise DataError(
            f"{path}: {plural(len(rows), 'trial')}, none with a Sharpe ratio, all were ruined or never traded: "
            "use lower thresholds or leverage"
        )
    say("hold-out", 0, 0)
    return Swept(
        trials=len(rows) + spec.earlier_trials,
        expected_max_sharpe=highest_by_luck(list(scores.values()), spec.earlier_trials),
        folds=tuple((time_text(span.start_ns), time_text(span.end_ns)) for span in cuts.folds),
        rows=tuple(rows),
        holdout=_holdout(settings, spec, prices[rows[0].interval], cuts.holdout, rows[0]),
    )


def _resampled(base: Sequence[HistoryBar], own: str, interval: str, path: Path, timezone: str) -> Iterable[HistoryBar]:
    length, shortest = interval_ns(interval), interval_ns(own)
    if length % shortest:
        raise DataError(
            f"{path}: its bars are {own} long, which make no {interval}: pass --interval {own} or multiples"
        )
    if timezone and length != shortest and length % DAY_NS == 0:
        raise DataError(
            f"{path}: with --timezone no bars of {interval} are made of its {own}: pass --interval {own}, or other data"
        )
    return base if length == shortest else resample(base, length)


def _require_bars(prices: Mapping[str, PriceSeries], cuts: Periods, path: Path) -> None:
    for interval, found in prices.items():
        for span in (*cuts.folds, cuts.holdout):
            count = found.count_until(span.end_ns) - found.count_until(span.start_ns)
            if count < MIN_BARS:
                raise DataError(
                    f"{path}: {plural(count, 'bar')} of {interval} from {time_text(span.start_ns)} on, "
                    f"{MIN_BARS} are the least "
                    "for a fold or the hold-out: use fewer folds, shorter intervals or more rows"
                )


def _scores(
    settings: Settings, spec: SweepSpec, pool: Pool, prices: Mapping[str, PriceSeries], cuts: Periods, say: Progress
) -> dict[Trial, Score]:
    ways, path = tuple(tradings(spec)), settings.ingestor.files[settings.symbols[0]]
    models = list(product(spec.intervals, spec.lags))
    known = {interval: found.until(cuts.holdout.start_ns) for interval, found in prices.items()}
    tasks = [
        Task(
            f"{path}: {interval}, {plural(lags, 'lag')}, fold {number} of {spec.folds}",
            _settings(settings, interval),
            known[interval],
            lags,
            span,
            spec.fit,
            ways,
        )
        for interval, lags in models
        for number, span in enumerate(cuts.folds, 1)
    ]
    say("walk-forward", 0, len(tasks))
    found: dict[int, list[Traded]] = {}
    for at, traded in pool.map(trade, tasks):
        found[at] = traded
        say("walk-forward", len(found), len(tasks))
    scores = {}
    for at, (interval, lags) in enumerate(models):
        folds = [found[at * spec.folds + number] for number in range(spec.folds)]
        for way, joined in zip(ways, zip(*folds, strict=True), strict=True):
            scores[Trial(interval, lags, way)] = score(joined, interval)
    return {trial: scores[trial] for trial in trials(spec)}


def _holdout(settings: Settings, spec: SweepSpec, prices: PriceSeries, span: Span, chosen: RankedTrial) -> Holdout:
    way = Trading(chosen.sizing, chosen.leverage, chosen.threshold, spec.netting)
    task = Task("hold-out", _settings(settings, chosen.interval), prices, chosen.lags, span, spec.fit, (way,))
    metrics = Metrics(chosen.interval, float(settings.strategy.balance))
    totals = backtest(task, learn(task), way, [metrics])
    return Holdout(trained_until=time_text(int(prices.until(span.start_ns).ts[-1])), results=metrics.result(totals))


def _settings(settings: Settings, interval: str) -> Settings:
    return settings.model_copy(update={"interval": interval})


def _silent(what: str, done: int, total: int) -> None:
    return None
