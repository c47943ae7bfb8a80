"""A fold makes a model of all before a stretch of time, and trades it there in every way."""

from array import array
from typing import NamedTuple

import numpy as np
import torch

from services.research.backtest import Backtest, Inputs, Observer, Totals
from services.research.line import line_plans_with
from services.research.sweep.data import PriceSeries, Span
from services.research.sweep.spec import Trading
from services.research.train import fit
from services.research.train.fit import FitSpec
from shared.account import RoundTrip
from shared.config import Settings
from shared.errors import ConfigError, DataError, UserCodeFailed
from shared.models.dataset import Floats, samples
from shared.models.model import Model
from shared.user_code import blaming


class Task(NamedTuple):
    """A task has all that a worker needs; it can be pickled, and no file is read.

    The model depends on prices, lags and fit alone, so it is made once for all tradings.

    name: what it is, in errors.
    prices: with or without those after the span.
    """

    name: str
    settings: Settings
    prices: PriceSeries
    lags: int
    span: Span
    fit: FitSpec
    tradings: tuple[Trading, ...]


class Traded(NamedTuple):
    """This is what one way to trade gave. returns: one a bar of the span, from the start equity; none after ruin."""

    returns: Floats
    fills: int
    ruined: bool


def trade(task: Task) -> list[Traded]:
    """Returns what each trading came to, in their order.

    Raises DataError, ConfigError or UserCodeFailed, with the task's name in front.
    """
    try:
        model = learn(task)
        return [_traded(task, model, trading) for trading in task.tradings]
    except (DataError, ConfigError, UserCodeFailed) as error:
        raise type(error)(f"{task.name}: {error}") from error


def learn(task: Task) -> Model:
    """Makes the model of all prices before the span; not even the span's first price is seen."""
    torch.set_num_threads(1)
    with blaming(_sym(task)):
        return fit(samples(task.prices.until(task.span.start_ns).closes(), features(task)), task.fit).module


def backtest(task: Task, model: Model, trading: Trading, observers: list[Observer]) -> Totals:
    """Trades the span through the line's own stages, flat at its start; prices before it only warm the features."""
    settings = trading.settings(task.settings)
    warm = max(task.prices.count_until(task.span.start_ns) - task.lags, 0)
    with blaming(_sym(task)):
        inputs = Inputs(task.prices.bars(warm), line_plans_with(settings, model, features(task), "sweep"))
    return Backtest(settings, start_ns=task.span.start_ns, end_ns=task.span.end_ns, inputs=inputs).run(observers)


def features(task: Task) -> str:
    """Returns the spec of what the model sees."""
    return f"log_return_lags({task.lags})"


def _sym(task: Task) -> str:
    return task.settings.symbols[0]


def _traded(task: Task, model: Model, trading: Trading) -> Traded:
    equity = _Equity(float(task.settings.strategy.balance))
    totals = backtest(task, model, trading, [equity])
    returns, ruined = equity.returns()
    return Traded(returns, totals.fills, ruined)


class _Equity:
    """Watches a backtest (an Observer) and keeps the equity at each bar."""

    def __init__(self, start: float) -> None:
        self._values = array("d", [start])

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        self._values.append(equity)

    def on_trip(self, trip: RoundTrip) -> None:
        """Does nothing: the equity has it."""

    def returns(self) -> tuple[Floats, bool]:
        """Returns the period returns up to ruin, and whether there was one."""
        values = np.frombuffer(self._values)
        ruin = np.flatnonzero(values <= 0)
        known = values[: ruin[0] + 1] if len(ruin) else values
        return known[1:] / known[:-1] - 1, bool(len(ruin))
