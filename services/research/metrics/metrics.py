"""The observer that turns a backtest into its metrics."""

import math
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from services.research.metrics.equity_curve import Growth
from services.research.metrics.forecasts import Forecasts
from services.research.metrics.results import Results
from services.research.metrics.sections import (
    benchmark_of,
    costs_of,
    drawdown_of,
    notes_of,
    open_of,
    period_of,
    returns_of,
    risk_of,
)
from services.research.metrics.statistics import RESAMPLES
from services.research.metrics.trips import TRIP, Holding, Months, TripSums
from shared.account import RoundTrip
from shared.intervals import interval_ns

if TYPE_CHECKING:
    from services.research.backtest.rules import Totals

CHUNK = 16_384  # marks and trips that wait for numpy; with any other number the metrics are the same

_MARK = np.dtype([("ts", "i8"), ("price", "f8"), ("equity", "f8"), ("exposure", "f8"), ("y_hat", "f8")])
_MARK_SIZE, _TRIP_SIZE = _MARK.itemsize, TRIP.itemsize
_put_mark = Struct("=qdddd").pack_into
_put_trip = Struct("=qqqddddd").pack_into


class Metrics:
    """Watches a backtest (an Observer) and gives its Results. Memory does not grow with the number of bars or trades.

    interval: of the bars, e.g. "12h"; ValueError when unknown. start_equity: quote units, finite and above 0, else
    ValueError. seed: of the bootstrap, and of the sample that ranks are made of when there are too many predictions.
    resamples: of the bootstrap; 0 for no intervals.
    """

    def __init__(
        self, interval: str, start_equity: float, *, seed: int = 0, resamples: int = RESAMPLES, chunk: int = CHUNK
    ) -> None:
        if not 0 < start_equity < math.inf:
            raise ValueError(f"start equity must be finite and above 0, not {start_equity}")
        self._interval, self._interval_ns = interval, interval_ns(interval)
        self._start_equity = start_equity
        self._marks, self._marks_at = bytearray(chunk * _MARK_SIZE), 0
        self._trips, self._trips_at = bytearray(chunk * _TRIP_SIZE), 0
        self._bars = 0
        self._equity: Growth | None = None
        self._price: Growth | None = None
        self._holding, self._months = Holding(), Months(start_equity)
        self._forecasts = Forecasts(seed=seed, resamples=resamples)
        self._long, self._short = TripSums(), TripSums()

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        """Take a bar's end, ns since 1970 UTC and ascending: see Observer."""
        at = self._marks_at
        _put_mark(self._marks, at, ts_event, price, equity, exposure, y_hat)
        self._marks_at = at = at + _MARK_SIZE
        if at == len(self._marks):
            self._take_marks()

    def on_trip(self, trip: RoundTrip) -> None:
        """Take a closed round trip: see Observer."""
        at = self._trips_at
        _put_trip(
            self._trips, at, trip.datetime, trip.exit_datetime, trip.dir_signal, trip.trade_log_return,
            trip.signed_qty, trip.entry_price, trip.gross_pnl, trip.fee,
        )  # fmt: skip
        self._trips_at = at = at + _TRIP_SIZE
        if at == len(self._trips):
            self._take_trips()

    def result(self, totals: "Totals") -> Results:
        """The metrics of all that was taken so far. totals: what the backtest gave at its end."""
        self._take_marks()
        self._take_trips()
        equity, model = self._equity, self._forecasts.model()
        period = period_of(equity, self._bars, self._interval, self._interval_ns)
        returns, year = returns_of(equity, totals), period.periods_per_year
        return Results(
            period=period,
            exposure=self._holding.exposure(),
            returns=returns,
            risk=risk_of(equity, year),
            drawdown=drawdown_of(equity),
            trades=(self._long + self._short).trades(),
            long=self._long.trades(),
            short=self._short.trades(),
            open=open_of(totals),
            costs=costs_of(totals, period.days),
            benchmark=benchmark_of(self._price, self._start_equity, year),
            model=model,
            monthly=self._months.months(),
            notes=tuple(notes_of(period, returns, model)),
        )

    def _take_marks(self) -> None:
        marks = np.frombuffer(self._marks, _MARK, self._marks_at // _MARK_SIZE)
        self._marks_at = 0
        if not len(marks):
            return
        ts, price, equity = marks["ts"].copy(), marks["price"].copy(), marks["equity"].copy()
        if self._equity is None or self._price is None:
            self._equity = Growth(self._start_equity, int(ts[0]) - self._interval_ns)
            self._price = Growth(float(price[0]), int(ts[0]))
            self._price.add(ts[1:], price[1:])
        else:
            self._price.add(ts, price)
        self._bars += len(marks)
        self._equity.add(ts, equity)
        self._holding.add(marks["exposure"].copy())
        self._months.add(ts, equity, price)
        self._forecasts.add(price, marks["y_hat"])

    def _take_trips(self) -> None:
        trips = np.frombuffer(self._trips, TRIP, self._trips_at // _TRIP_SIZE)
        self._trips_at = 0
        self._long += TripSums.of(trips[trips["side"] > 0])
        self._short += TripSums.of(trips[trips["side"] < 0])
