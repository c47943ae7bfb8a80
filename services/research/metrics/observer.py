"""The observer of a backtest sums up what happens, and gives the metrics at the end."""

import math
from collections.abc import Iterator
from decimal import Decimal
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.metrics import formats
from services.research.metrics.equity_curve import EquityCurve, periods_per_year
from services.research.metrics.forecasts import Forecasts
from services.research.metrics.metrics import Results, utc_time
from services.research.metrics.sums import TRIP, ExposureSums, Months, TripSums
from services.research.statistics import RESAMPLES
from services.research.verdict.held import EVERY_BAR, HeldReturns, Sample
from services.research.verdict.verdict import Verdict, verdicts
from shared.account import RoundTrip
from shared.intervals import interval_ns

if TYPE_CHECKING:
    from services.research.backtest.observer import Totals

CHUNK = 16_384  # marks and trips that wait for numpy; with any other number the metrics are the same

MARK = np.dtype([("ts", "i8"), ("price", "f8"), ("equity", "f8"), ("exposure", "f8"), ("y_hat", "f8"), ("paid", "f8")])
_MARK_SIZE, _TRIP_SIZE = MARK.itemsize, TRIP.itemsize
_put_mark = Struct("=qddddd").pack_into
_put_trip = Struct("=qqqddddd").pack_into


class Measured(NamedTuple):
    """All metrics are computed of these measurements.

    - interval: of the bars; interval_ns: its length.
    - equity, price: their curves; None without a bar.
    - forecasts, verdict: of what is out of sample. remembered, memory: of the rest. note: what is to be said of that.
    - long, short: the round trips of each side.
    - totals: what the backtest gave at its end.
    """

    interval: str
    interval_ns: int
    start_equity: float
    bars: int
    equity: EquityCurve | None
    price: EquityCurve | None
    exposure: ExposureSums
    months: Months
    forecasts: Forecasts
    remembered: Forecasts
    verdict: Verdict
    memory: Verdict
    note: str
    long: TripSums
    short: TripSums
    totals: "Totals"

    @property
    def periods_per_year(self) -> float:
        """Returns how many bars a year of 365 days has."""
        return periods_per_year(self.interval_ns)

    @property
    def net(self) -> Decimal:
        """Returns the change of the equity, after all costs."""
        return self.totals.end_equity - self.totals.start_equity

    @property
    def paid(self) -> Decimal:
        """Returns the cost of trading: fees and slippage."""
        return self.totals.fees + self.totals.slippage

    def notes(self) -> Iterator[str]:
        """Yields what a reader must know beside the numbers."""
        yield (
            f"Annualised with 365 days, from the interval: {self.interval} is {self.periods_per_year:,.6g} "
            "periods a year; a period return is equity / equity one bar before - 1."
        )
        ruined = utc_time(self.equity.ruined_ts) if self.equity else None
        if ruined is not None:
            yield (
                f"Ruin: equity was 0 or less at {formats.moment(ruined)} UTC; "
                "CAGR, volatility, Sharpe, Sortino, Calmar and probabilistic Sharpe are not defined."
            )
        if self.forecasts.sampled is not None:
            yield (
                f"Rank IC and its interval are of a sample: {self.forecasts.sampled:,} of "
                f"{self.forecasts.count:,} predictions, "
                "in blocks of neighbours drawn with equal chance; all else is of all."
            )
        if self.note:
            yield self.note
        yield f"Verdict: {self.verdict}."


class Metrics:
    """Metrics watch a backtest, as an Observer, and give its Results.

    Their memory does not grow with the number of bars or trades.

    - interval: of the bars, e.g. "12h"; ValueError when unknown.
    - start_equity: quote units, finite and above 0, else ValueError.
    - seed: of the bootstrap, and of the sample that ranks are made of when there are too many predictions.
    - resamples: of the bootstrap; 0 for no intervals.
    - sample: which bars are out of sample; all by default.
    - at_open: orders fill at the next bar's open.
    """

    def __init__(
        self,
        interval: str,
        start_equity: float,
        *,
        sample: Sample = EVERY_BAR,
        at_open: bool = False,
        seed: int = 0,
        resamples: int = RESAMPLES,
        chunk: int = CHUNK,
    ) -> None:
        if not 0 < start_equity < math.inf:
            raise ValueError(f"start equity must be finite and above 0, not {start_equity}")
        self._interval, self._interval_ns = interval, interval_ns(interval)
        self._start_equity = start_equity
        self._marks, self._marks_at = bytearray(chunk * _MARK_SIZE), 0
        self._trips, self._trips_at = bytearray(chunk * _TRIP_SIZE), 0
        self._bars = 0
        self._equity: EquityCurve | None = None
        self._price: EquityCurve | None = None
        self._exposure, self._months = ExposureSums(), Months(start_equity)
        self._sample, self._bootstrap = sample, (resamples, seed)
        self._held = HeldReturns(start_equity, sample, at_open)
        self._forecasts = Forecasts(seed=seed, resamples=resamples)
        self._remembered = Forecasts(seed=seed, resamples=resamples)
        self._long, self._short = TripSums(), TripSums()

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Takes a bar's end, ns since 1970 UTC and ascending: see Observer."""
        at = self._marks_at
        _put_mark(self._marks, at, ts_event, price, equity, exposure, y_hat, paid)
        self._marks_at = at = at + _MARK_SIZE
        if at == len(self._marks):
            self._take_marks()

    def on_trip(self, trip: RoundTrip) -> None:
        """Takes a closed round trip: see Observer."""
        at = self._trips_at
        entry, exit_, side, log_return = trip.datetime, trip.exit_datetime, trip.dir_signal, trip.trade_log_return
        _put_trip(
            self._trips, at, entry, exit_, side, log_return, trip.signed_qty, trip.entry_price, trip.gross_pnl, trip.fee
        )
        self._trips_at = at = at + _TRIP_SIZE
        if at == len(self._trips):
            self._take_trips()

    def take(self, marks: NDArray[np.void], trips: NDArray[np.void]) -> None:
        """Takes many bars and round trips at once, behind those before: rows of MARK and TRIP."""
        self._take_marks()
        self._take_trips()
        for at in range(0, len(marks), CHUNK):
            self._add_marks(marks[at : at + CHUNK])
        self._add_trips(trips)

    def result(self, totals: "Totals") -> Results:
        """Returns the metrics of all that was taken so far. totals: what the backtest gave at its end."""
        return Results.of(self.measured(totals))

    def measured(self, totals: "Totals") -> Measured:
        """Returns what the metrics are computed of: for a `MetricSection` with entries of your own."""
        self._take_marks()
        self._take_trips()
        verdict, memory = verdicts(self._held, *self._bootstrap)
        return Measured(
            interval=self._interval,
            interval_ns=self._interval_ns,
            start_equity=self._start_equity,
            bars=self._bars,
            equity=self._equity,
            price=self._price,
            exposure=self._exposure,
            months=self._months,
            forecasts=self._forecasts,
            remembered=self._remembered,
            verdict=verdict,
            memory=memory,
            note=self._sample.note,
            long=self._long,
            short=self._short,
            totals=totals,
        )

    def _take_marks(self) -> None:
        marks = np.frombuffer(self._marks, MARK, self._marks_at // _MARK_SIZE)
        self._marks_at = 0
        if len(marks):
            self._add_marks(marks)

    def _add_marks(self, marks: NDArray[np.void]) -> None:
        ts, price, equity = marks["ts"].copy(), marks["price"].copy(), marks["equity"].copy()
        if self._equity is None or self._price is None:
            self._equity = EquityCurve(self._start_equity, int(ts[0]) - self._interval_ns)
            self._price = EquityCurve(float(price[0]), int(ts[0]))
            self._price.add(ts[1:], price[1:])
        else:
            self._price.add(ts, price)
        self._bars += len(marks)
        self._equity.add(ts, equity)
        exposure, y_hat = marks["exposure"].copy(), marks["y_hat"]
        self._exposure.add(exposure)
        self._held.add(ts, price, equity, exposure, marks["paid"])
        self._months.add(ts, equity, price)
        fresh = ts >= self._sample.fitted_until
        self._forecasts.add(price, np.where(fresh, y_hat, np.nan))
        self._remembered.add(price, np.where(fresh, np.nan, y_hat))

    def _take_trips(self) -> None:
        trips = np.frombuffer(self._trips, TRIP, self._trips_at // _TRIP_SIZE)
        self._trips_at = 0
        self._add_trips(trips)

    def _add_trips(self, trips: NDArray[np.void]) -> None:
        side = trips["side"]
        self._long += TripSums.of(trips.take(np.flatnonzero(side > 0)))  # a mask would copy rows field by field
        self._short += TripSums.of(trips.take(np.flatnonzero(side < 0)))
