"""Our engine, as `tickline backtest` runs one variant."""

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.research.backtest import Backtest, Observer, Totals
from services.research.backtest.observer import CsvRows
from services.research.metrics import Metrics
from shared.account import RoundTrip
from shared.history.times import MAX_NS
from tests.bench.backtest.market import CASH, FIRST_START_S, INTERVAL, INTERVAL_S, Market

_RESAMPLES = 1_000


class Watch:
    """Keeps what is compared: each bar's prediction, and the round trips."""

    def __init__(self) -> None:
        self.y_hats: list[float] = []
        self.trips: list[RoundTrip] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        self.y_hats.append(y_hat)

    def on_trip(self, trip: RoundTrip) -> None:
        self.trips.append(trip)

    def predictions(self) -> npt.NDArray[np.float64]:
        return np.array(self.y_hats)


def run(market: Market, netting: bool, observers: Sequence[Observer] = (), but_the_last: bool = False) -> Totals:
    """but_the_last: without the last bar, whose orders the other engine never fills."""
    last_end_ns = (FIRST_START_S + INTERVAL_S * market.bars) * 10**9 if but_the_last else MAX_NS
    return Backtest(market.settings(netting), end_ns=last_end_ns).run(observers)


def with_metrics(market: Market, netting: bool, resamples: int = 0) -> Totals:
    """And the metrics; without resamples these have no intervals, as the other engine's have none."""
    metrics = Metrics(INTERVAL, CASH, resamples=resamples)
    totals = run(market, netting, [metrics])
    metrics.result(totals)
    return totals


def with_rows_only(market: Market, netting: bool) -> Totals:
    """No metrics, but a row for each round trip; the rows are formed and go nowhere."""
    with open(os.devnull, "w") as file:
        return run(market, netting, [CsvRows(file)])


def with_rows(market: Market, netting: bool) -> Totals:
    """All that `tickline backtest --csv` does for one variant: metrics with their intervals, and the rows."""
    metrics = Metrics(INTERVAL, CASH, resamples=_RESAMPLES)
    with open(os.devnull, "w") as file:
        totals = run(market, netting, [metrics, CsvRows(file)])
    metrics.result(totals)
    return totals
