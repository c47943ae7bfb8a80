"""The observer sums a backtest up as it runs; all metrics come from these sums."""

import math
from dataclasses import dataclass
from decimal import Decimal
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.equity_curve import EquityCurve, periods_per_year
from services.research.metrics.forecasts import Forecasts
from services.research.metrics.metrics import MonthReturn, Results
from services.research.metrics.statistics import RESAMPLES, Floats
from shared.account import RoundTrip
from shared.intervals import interval_ns

if TYPE_CHECKING:
    from services.research.backtest.observer import Totals

Ints = NDArray[np.int64]

CHUNK = 16_384  # marks and trips that wait for numpy; with any other number the metrics are the same

MARK = np.dtype([("ts", "i8"), ("price", "f8"), ("equity", "f8"), ("exposure", "f8"), ("y_hat", "f8")])
TRIP = np.dtype(
    [
        ("entry_ts", "i8"),
        ("exit_ts", "i8"),
        ("side", "i8"),
        ("log_return", "f8"),
        ("qty", "f8"),
        ("price", "f8"),
        ("gross", "f8"),
        ("fee", "f8"),
    ]
)
_MARK_SIZE, _TRIP_SIZE = MARK.itemsize, TRIP.itemsize
_put_mark = Struct("=qdddd").pack_into
_put_trip = Struct("=qqqddddd").pack_into


class ExposureSums:
    """Counts the bars that ended with a position, and keeps the largest exposure.

    An exposure is a signed position value / equity, 0 when flat.

    >>> sums = ExposureSums()
    >>> sums.add(np.array([0.0, 1.0, -1.5, 1.0]))
    >>> sums.share, sums.long, sums.short, sums.highest
    (0.75, 0.5, 0.25, 1.5)
    """

    def __init__(self) -> None:
        self._bars = self._long = self._short = 0
        self._highest = 0.0

    def add(self, exposure: Floats) -> None:
        """Takes the next bars' exposures."""
        self._bars += len(exposure)
        self._long += int((exposure > 0).sum())
        self._short += int((exposure < 0).sum())
        sizes = np.abs(exposure)
        self._highest = max(self._highest, float(sizes.max(initial=0.0, where=np.isfinite(sizes))))

    @property
    def share(self) -> float | None:
        """Returns the share of bars with a position; None without a bar, as the others."""
        return self._of_bars(self._long + self._short)

    @property
    def long(self) -> float | None:
        """Returns the share of bars with a long position."""
        return self._of_bars(self._long)

    @property
    def short(self) -> float | None:
        """Returns the share of bars with a short position."""
        return self._of_bars(self._short)

    @property
    def highest(self) -> float | None:
        """Returns the largest exposure of either sign."""
        return self._highest if self._bars else None

    def _of_bars(self, count: int) -> float | None:
        return count / self._bars if self._bars else None


class _Last(NamedTuple):
    equity: float
    price: float


class Months:
    """Keeps the last equity and price of each calendar month.

    start_equity: what the first month's return is of.
    """

    def __init__(self, start_equity: float) -> None:
        self._start_equity = start_equity
        self._first_price: float | None = None
        self._last: dict[int, _Last] = {}  # months since January 1970, ascending

    def add(self, ts: Ints, equity: Floats, price: Floats) -> None:
        """Takes the next marks; ts ascending, ns since 1970 UTC."""
        if not len(ts):
            return
        if self._first_price is None:
            self._first_price = float(price[0])
        lasts = np.array([len(ts) - 1])
        first, last = _months(ts[[0, -1]])
        if first != last:
            lasts = np.append(np.flatnonzero(np.diff(_months(ts))), lasts)
        for number, i in zip(_months(ts[lasts]).tolist(), lasts, strict=True):
            self._last[number] = _Last(float(equity[i]), float(price[i]))

    def months(self) -> tuple[MonthReturn, ...]:
        """Returns each month that had a mark. A strategy's month that began with no equity has no return."""
        if self._first_price is None:
            return ()
        before = _Last(self._start_equity, self._first_price)
        found = []
        for number, last in self._last.items():
            total = last.equity / before.equity - 1 if before.equity > 0 else None
            year, month = divmod(number, 12)
            held = last.price / before.price - 1
            found.append(MonthReturn(year=1970 + year, month=month + 1, total=total, buy_and_hold=held))
            before = last
        return tuple(found)


def _months(ts: Ints) -> Ints:
    """Months since January 1970, UTC; a bar that ends at a month's first instant was in the month before."""
    return (ts - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


@dataclass(frozen=True)
class TripSums:
    """Sums of any number of round trips; two of them add up to that of both."""

    n: int = 0
    wins: int = 0
    losses: int = 0
    gross_wins: int = 0
    won: float = 0.0
    lost: float = 0.0
    gross: float = 0.0
    fees: float = 0.0
    log_return: float = 0.0
    returns: float = 0.0
    time_ns: float = 0.0
    best: float = -math.inf
    worst: float = math.inf
    best_return: float = -math.inf
    worst_return: float = math.inf

    @classmethod
    def of(cls, trips: NDArray[np.void]) -> "TripSums":
        """Returns the sums of an array of TRIP."""
        if not len(trips):
            return cls()
        net = trips["gross"] - trips["fee"]
        returns = net / np.abs(trips["qty"] * trips["price"])
        return cls(
            n=len(trips),
            wins=int((net > 0).sum()),
            losses=int((net < 0).sum()),
            gross_wins=int((trips["log_return"] > 0).sum()),
            won=float(net[net > 0].sum()),
            lost=-float(net[net < 0].sum()),
            gross=float(trips["gross"].sum()),
            fees=float(trips["fee"].sum()),
            log_return=float(trips["log_return"].sum()),
            returns=float(returns.sum()),
            time_ns=float((trips["exit_ts"] - trips["entry_ts"]).sum()),
            best=float(net.max()),
            worst=float(net.min()),
            best_return=float(returns.max()),
            worst_return=float(returns.min()),
        )

    def __add__(self, other: "TripSums") -> "TripSums":
        return TripSums(
            n=self.n + other.n,
            wins=self.wins + other.wins,
            losses=self.losses + other.losses,
            gross_wins=self.gross_wins + other.gross_wins,
            won=self.won + other.won,
            lost=self.lost + other.lost,
            gross=self.gross + other.gross,
            fees=self.fees + other.fees,
            log_return=self.log_return + other.log_return,
            returns=self.returns + other.returns,
            time_ns=self.time_ns + other.time_ns,
            best=max(self.best, other.best),
            worst=min(self.worst, other.worst),
            best_return=max(self.best_return, other.best_return),
            worst_return=min(self.worst_return, other.worst_return),
        )

    @property
    def net(self) -> float:
        """Returns wins less losses, after fees."""
        return self.won - self.lost


class Measured(NamedTuple):
    """The measurements from which all metrics come; equity and price are None without a bar.

    interval: of the bars; interval_ns: its length. long, short: the round trips of each side. totals: what the
    backtest gave at its end.
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


class Metrics:
    """Watches a backtest (an Observer) and gives its Results. Memory does not grow with the number of bars or trades.

    interval: of the bars, e.g. "12h"; ValueError when unknown.
    start_equity: quote units, finite and above 0, else ValueError.
    seed: of the bootstrap, and of the sample that ranks are made of when there are too many predictions.
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
        self._equity: EquityCurve | None = None
        self._price: EquityCurve | None = None
        self._exposure, self._months = ExposureSums(), Months(start_equity)
        self._forecasts = Forecasts(seed=seed, resamples=resamples)
        self._long, self._short = TripSums(), TripSums()

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        """Takes a bar's end, ns since 1970 UTC and ascending: see Observer."""
        at = self._marks_at
        _put_mark(self._marks, at, ts_event, price, equity, exposure, y_hat)
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

    def result(self, totals: "Totals") -> Results:
        """Returns the metrics of all that was taken so far. totals: what the backtest gave at its end."""
        return Results.of(self.measured(totals))

    def measured(self, totals: "Totals") -> Measured:
        """Returns what the metrics are computed of: for a `MetricSection` with entries of your own."""
        self._take_marks()
        self._take_trips()
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
            long=self._long,
            short=self._short,
            totals=totals,
        )

    def _take_marks(self) -> None:
        marks = np.frombuffer(self._marks, MARK, self._marks_at // _MARK_SIZE)
        self._marks_at = 0
        if not len(marks):
            return
        ts, price, equity = marks["ts"].copy(), marks["price"].copy(), marks["equity"].copy()
        if self._equity is None or self._price is None:
            self._equity = EquityCurve(self._start_equity, int(ts[0]) - self._interval_ns)
            self._price = EquityCurve(float(price[0]), int(ts[0]))
            self._price.add(ts[1:], price[1:])
        else:
            self._price.add(ts, price)
        self._bars += len(marks)
        self._equity.add(ts, equity)
        self._exposure.add(marks["exposure"].copy())
        self._months.add(ts, equity, price)
        self._forecasts.add(price, marks["y_hat"])

    def _take_trips(self) -> None:
        trips = np.frombuffer(self._trips, TRIP, self._trips_at // _TRIP_SIZE)
        self._trips_at = 0
        self._long += TripSums.of(trips[trips["side"] > 0])
        self._short += TripSums.of(trips[trips["side"] < 0])
