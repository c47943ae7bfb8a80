"""A fold makes a model of all before a stretch of time, and trades it there in every way."""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from services.research.backtest import Backtest, Inputs, Observer, Totals
from services.research.in_process_line import LinePlans, line_plans, line_plans_with
from services.research.sweep.data import BarSeries, Span
from services.research.sweep.spec import Learner, Trading
from services.research.sweep.traded import Ints, Traded
from services.research.train import Fitted, fit
from shared.account import RoundTrip
from shared.config import Settings
from shared.errors import ConfigError, DataError, UserCodeFailed
from shared.features.spec import parsed
from shared.features.vector import FeatureVector
from shared.models.choose import NO_MODEL
from shared.models.dataset import Seen, samples, seen
from shared.models.model import Predict
from shared.user_code import blaming
from shared.user_code.bundle import Bundle

LAGS = "log_return_lags"  # the feature of which it is known how many prices it sees


class Task(NamedTuple):
    """A task has all that a worker needs; it can be pickled, and no file is read.

    The model depends on bars and learner alone, so it is made once for all tradings.

    - name: what it is, in errors.
    - bars: with or without those after the span.
    - learner: what the model is made of; None where it is the settings' own.
    - needs: the groups that model, strategy or stops see of a bar.
    - code: the source of the user's own classes.
    - edges: of the blocks, by which the returns are summed: see `block_edges`.
    - purge, embargo: see `learns_until`; bars.
    """

    name: str
    settings: Settings
    bars: BarSeries
    span: Span
    learner: Learner | None
    tradings: tuple[Trading, ...]
    needs: frozenset[str]
    code: Bundle
    edges: Ints
    purge: bool = False
    embargo: int = 0


def trade(task: Task) -> list[Traded]:
    """Returns what each trading came to, in their order.

    Raises DataError, ConfigError or UserCodeFailed, with the task's name in front.
    """
    try:
        with task.code.in_use():
            model = learn(task)
            return [_traded(task, model, trading) for trading in task.tradings]
    except (DataError, ConfigError, UserCodeFailed) as error:
        raise type(error)(f"{task.name}: {error}") from error


def learn(task: Task) -> Fitted | None:
    """Makes the model of all bars before the span, or before the gap; not even the span's first price is seen."""
    if task.learner is None:
        return None
    torch.set_num_threads(1)
    with blaming(_sym(task)):
        vector = FeatureVector(task.learner.features)
        known = task.bars.until(learns_until(task))
        return fit(samples(_seen(task, known, vector), vector, task.learner.window), task.learner.fit)


def learns_until(task: Task) -> int:
    """Returns the time, ns, before which the bars lie that the model learns from: the span's start, less the gap.

    An outcome is the next bar's, so none that is learned lies in the span. The gap has the bars of the embargo, and
    with `purge` those that the features of the span's first sample see: then no outcome that is learned is among them.
    """
    gap = task.embargo + (_bars_of_sample(task) - 1 if task.purge else 0)
    if task.learner is None or not gap:
        return task.span.start_ns
    return int(task.bars.ts[max(task.bars.count_until(task.span.start_ns) - gap, 0)])


def _bars_of_sample(task: Task) -> int:
    """Returns how many bars a sample is made of: those until the features are there, and its window's."""
    if task.learner is None:
        return 1
    count = 0
    with blaming(_sym(task)):
        vector = FeatureVector(task.learner.features)
        for tick in _seen(task, task.bars, vector):
            if vector.takes_bars and tick.bar is None:
                vector.reset()
                count = 0
                continue
            count += 1
            if (vector.on_price(tick.close) if tick.bar is None else vector.on_tick(tick.bar)) is not None:
                break
    return count + task.learner.window - 1


def _seen(task: Task, bars: BarSeries, vector: FeatureVector) -> Iterable[Seen]:
    return seen(bars.bars(), vector, _sym(task)) if vector.takes_bars else bars.closes()


def backtest(task: Task, model: Fitted | None, trading: Trading, observers: list[Observer]) -> Totals:
    """Trades the span through the line's own stages, flat at its start; bars before it only warm the features."""
    settings = trading.settings(task.settings)
    with blaming(_sym(task)):
        inputs = Inputs(task.bars.bars(_first_warming(task)), _plans(task, model, settings), task.needs)
    return Backtest(settings, start_ns=task.span.start_ns, end_ns=task.span.end_ns, inputs=inputs).run(observers)


def _first_warming(task: Task) -> int:
    """Returns the first bar that features see: all before the span, unless it is known how few are enough."""
    before = task.bars.count_until(task.span.start_ns)
    if task.learner is None:
        return before if task.settings.signal.model == NO_MODEL else 0
    calls = [parsed(spec) for spec in task.learner.features]
    if any(call.name != LAGS for call in calls):
        return 0
    longest = max(int(str(value)) for call in calls for value in (*call.args, *call.kwargs.values()))
    return max(before - longest - task.learner.window + 1, 0)


def _plans(task: Task, model: Fitted | None, settings: Settings) -> LinePlans:
    if model is None or task.learner is None:
        return line_plans(settings)
    learner = task.learner
    return line_plans_with(
        settings, Predict(model.module, batched=model.batched), learner.features, "sweep", window=learner.window
    )


def _sym(task: Task) -> str:
    return task.settings.symbols[0]


def _traded(task: Task, model: Fitted | None, trading: Trading) -> Traded:
    equity = _Equity(float(task.settings.strategy.balance))
    totals = backtest(task, model, trading, [equity])
    return Traded.of(np.frombuffer(equity.values), np.frombuffer(equity.ts, np.int64), task.edges, totals.fills)


class _Equity:
    """Watches a backtest (an Observer) and keeps the equity at each bar."""

    def __init__(self, start: float) -> None:
        self.values = array("d", [start])
        self.ts = array("q")

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        self.values.append(equity)
        self.ts.append(ts_event)

    def on_trip(self, trip: RoundTrip) -> None:
        """Does nothing: the equity has it."""
