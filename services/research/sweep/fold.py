"""A fold makes a model of all before a stretch of time, and trades it there in every way."""

from array import array
from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch

from services.research.backtest import Backtest, Inputs, Observer, Totals
from services.research.fast import (
    Asked,
    BarColumns,
    ExactRun,
    FastRun,
    Floats,
    OnlyExact,
    Terms,
    predict_all,
    require_same,
)
from services.research.fast import trade as trade_fast
from services.research.fast.backtest import asked_of
from services.research.fast.predictions import bars_before
from services.research.in_process_line import LinePlans, Tap, line_plans, line_plans_with
from services.research.sweep.data import BarSeries, Span
from services.research.sweep.spec import Learner, Trading
from services.research.sweep.traded import Ints, Traded
from services.research.train import Fitted, fit
from shared.account import RoundTrip
from shared.config import Settings
from shared.errors import ConfigError, DataError, UserCodeFailed
from shared.features.vector import FeatureVector
from shared.models.choose import NO_MODEL
from shared.models.dataset import Seen, samples, seen
from shared.models.model import Predict
from shared.models.model_files import weights_bytes
from shared.user_code import blaming
from shared.user_code.bundle import Bundle


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
    - exact: the exact engine trades all of it.
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
    exact: bool = False


def trade(task: Task) -> list[Traded]:
    """Returns what each trading came to, in their order.

    Raises DataError, ConfigError or UserCodeFailed, with the task's name in front.
    """
    try:
        with task.code.in_use():
            model = learn(task)
            fast = _Fast(task, model)
            return [_traded(task, model, trading, fast) for trading in task.tradings]
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


def backtest(
    task: Task, model: Fitted | None, trading: Trading, observers: list[Observer], tap: Tap | None = None
) -> Totals:
    """Trades the span through the line's own stages, flat at its start; bars before it only warm the features."""
    settings = trading.settings(task.settings)
    with blaming(_sym(task)):
        inputs = Inputs(task.bars.bars(_first_warming(task)), _plans(task, model, settings), task.needs)
    return Backtest(settings, start_ns=task.span.start_ns, end_ns=task.span.end_ns, inputs=inputs).run(
        observers, tap=tap
    )


def _first_warming(task: Task) -> int:
    """Returns the first bar that features see: all before the span, unless it is known how few are enough."""
    before = task.bars.count_until(task.span.start_ns)
    if task.learner is None:
        return before if task.settings.signal.model == NO_MODEL else 0
    warming = bars_before(FeatureVector(task.learner.features), task.learner.window)
    return 0 if warming is None else max(before - warming, 0)


def _plans(task: Task, model: Fitted | None, settings: Settings) -> LinePlans:
    if model is None or task.learner is None:
        return line_plans(settings)
    learner = task.learner
    return line_plans_with(
        settings, Predict(model.module, batched=model.batched), learner.features, "sweep", window=learner.window
    )


def _sym(task: Task) -> str:
    return task.settings.symbols[0]


def compare(task: Task) -> int:
    """Trades each trading with both engines and returns how many bars these were.

    What only the exact engine trades is left out. Raises EnginesDiffer, with the task's name, unless both do the same.
    """
    bars = 0
    with task.code.in_use():
        model = learn(task)
        fast = _Fast(task, model)
        for trading in task.tradings:
            try:
                found = fast.run(trading, keep=True)
            except OnlyExact:
                continue
            exact = ExactRun()
            backtest(task, model, trading, [exact], exact.tap)
            step = float(task.settings.strategy.step_of(_sym(task)) or 0)
            times = task.bars.ts[fast.first : fast.last].tolist()
            require_same(found, fast.y_hat, exact, times, step, f"{task.name}, {trading}")
            bars += len(times)
    return bars


def _traded(task: Task, model: Fitted | None, trading: Trading, fast: "_Fast") -> Traded:
    start = float(task.settings.strategy.balance)
    try:
        found = fast.run(trading)
    except OnlyExact as handed_back:
        seen = _Equity(start)
        totals = backtest(task, model, trading, [seen])
        equity, ts = np.frombuffer(seen.values), np.frombuffer(seen.ts, np.int64)
        return Traded.of(equity, ts, task.edges, totals.fills, handed_back.kind)
    ts = task.bars.ts[fast.first : fast.last]
    return Traded.of(np.concatenate([[start], found.equity]), ts, task.edges, found.fills)


class _Fast:
    """What the fast engine trades of a task: its prices, and the predictions of its model, made when first asked for.

    - first, last: the places of the span's bars.
    """

    def __init__(self, task: Task, model: Fitted | None) -> None:
        self._task, self._model = task, model
        self.first, self.last = (task.bars.count_until(ns) for ns in task.span)

    def run(self, trading: Trading, *, keep: bool = False) -> FastRun:
        """Trades one way; raises OnlyExact where it may not."""
        if self._task.exact:
            raise OnlyExact("asked")
        terms = Terms.of(trading.settings(self._task.settings))
        return trade_fast(self._bars, self.y_hat, terms, keep=keep)

    @cached_property
    def _prices(self) -> Floats:
        return self._task.bars.text[: self.last].astype(np.float64)

    @cached_property
    def _bars(self) -> BarColumns:
        found, close = self._task.bars, self._prices[self.first :]
        bars = BarColumns.of_closes(found.ts[self.first : self.last], close)
        if found.columns is None:
            return bars
        opens, highs, lows = (found.columns[name][self.first : self.last] for name in ("open", "high", "low"))
        return bars._replace(open=opens.astype(np.float64), high=highs.astype(np.float64), low=lows.astype(np.float64))

    @cached_property
    def y_hat(self) -> Floats:
        """The prediction at each bar of the span."""
        asked = self._asked()
        with blaming(_sym(self._task)):
            vector = asked.vector
            shown = self._task.bars.arrays(vector.columns, self.last) if vector.takes_bars else self._prices
            found = predict_all(asked, shown, self.first)
        if found is None:
            raise OnlyExact("features")
        if not np.isfinite(found).any() or not np.ptp(self._prices[self.first :]):
            raise OnlyExact("data")  # the exact engine says what is wrong with the data
        return found

    def _asked(self) -> Asked:
        task, model = self._task, self._model
        if model is not None and task.learner is not None:
            told = repr((task.learner, task.code)).encode() + weights_bytes(model.module.state_dict())
            predict = Predict(model.module, batched=model.batched)
            return Asked(predict, sha256(told).hexdigest(), task.learner.features, task.learner.window)
        return asked_of(task.settings)


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
