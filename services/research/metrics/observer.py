"""The observer of a backtest sums up what happens, and gives the metrics at the end."""

import math
from collections.abc import Iterator
from decimal import Decimal
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from services.research.metrics import formats
from services.research.metrics.equity_curve import EquityCurve, periods_per_year
from services.research.metrics.forecasts import Forecasts
from services.research.metrics.metrics import Results, utc_time
from services.research.metrics.sums import ExposureSums, Ints, Months, Trips, TripSums
from services.research.statistics import RESAMPLES, Floats
from services.research.verdict.held import EVERY_BAR, HeldReturns, Sample
from services.research.verdict.verdict import Verdict, verdicts
from shared.account import RoundTrip
from shared.intervals import interval_ns

if TYPE_CHECKING:
    from services.research.backtest.observer import Totals

CHUNK = 32_768  # marks and trips that wait for numpy; with any other number the metrics are the same

_MARK, _TRIP = Struct("=qddddd"), Struct("=qqqddddd")
_MARK_SIZE, _TRIP_SIZE = _MARK.size, _TRIP.size
_put_mark, _put_trip = _MARK.pack_into, _TRIP.pack_into


class Marks(NamedTuple):
    """Marks are columns, one row for each bar's end: see Observer."""

    ts: Ints
    price: Floats
    equity: Floats
    exposure: Floats
    y_hat: Floats
    paid: Floats

    def part(self, rows: slice) -> "Marks":
        """Returns some of them."""
        return Marks._make(column[rows] for column in self)


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

    def take(self, marks: Marks, trips: Trips) -> None:
        """Takes many bars and round trips at once, behind those before."""
        self._take_marks()
        self._take_trips()
        for at in range(0, len(marks.ts), CHUNK):
            self._add_marks(marks.part(slice(at, at + CHUNK)))
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
        ts, *others = _columns(self._marks, self._marks_at, _MARK_SIZE)
        self._marks_at = 0
        if len(ts):
            self._add_marks(Marks(ts.view(np.int64), *others))

    def _add_marks(self, marks: Marks) -> None:
        ts, price, equity, exposure, y_hat, paid = marks
        if self._equity is None or self._price is None:
            self._equity = EquityCurve(self._start_equity, int(ts[0]) - self._interval_ns)
            self._price = EquityCurve(float(price[0]), int(ts[0]))
            self._price.add(ts[1:], price[1:])
        else:
            self._price.add(ts, price)
        self._bars += len(ts)
        self._equity.add(ts, equity)
        self._exposure.add(exposure)
        self._held.add(ts, price, equity, exposure, paid)
        self._months.add(ts, equity, price)
        fresh = int(np.searchsorted(ts, self._sample.fitted_until))
        self._forecasts.add(price, _only(y_hat, slice(fresh, None)))
        self._remembered.add(price, _only(y_hat, slice(fresh)))

    def _take_trips(self) -> None:
        entry, exit_, side, *others = _columns(self._trips, self._trips_at, _TRIP_SIZE)
        self._trips_at = 0
        self._add_trips(Trips(entry.view(np.int64), exit_.view(np.int64), side.view(np.int64), *others))

    def _add_trips(self, trips: Trips) -> None:
        self._long += TripSums.of(trips.part(np.flatnonzero(trips.side > 0)))
        self._short += TripSums.of(trips.part(np.flatnonzero(trips.side < 0)))


def _columns(rows: bytearray, end: int, size: int) -> Floats:
    """Returns the columns of rows, which are numbers of 8 bytes; none of them keeps the rows' memory."""
    return np.frombuffer(rows, np.float64, end // 8).reshape(-1, size // 8).T.copy()


def _only(values: Floats, some: slice) -> Floats:
    """Returns some of the values, and NaN in the place of the others."""
    found = np.full(len(values), np.nan)
    found[some] = values[some]
    return found
