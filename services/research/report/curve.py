"""The charts' observer keeps what they need of a backtest, in memory that does not grow with it."""

import math
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.research.statistics import Floats, pair_sums
from shared.account.round_trips import RoundTrip

Ints = NDArray[np.int64]
T = TypeVar("T")

POINTS = 4_000  # more than a screen is wide
DOTS = 2_000
CHUNK = 4_096  # bars that are taken at once


class EveryKth(Generic[T]):
    """It keeps every k-th item and the last one, at most `limit` + 1 in all; k doubles whenever there would be more.

    >>> sample = EveryKth[int](limit=4)
    >>> sample.extend(range(7))
    >>> sample.extend(range(7, 10))
    >>> sample.values(), sample.step, sample.seen
    ([0, 4, 8, 9], 4, 10)
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a sample's limit must be at least 1, not {limit}")
        self.step = 1
        self.seen = 0
        self._limit = limit
        self._kept: list[T] = []
        self._last: list[T] = []

    def extend(self, items: Sequence[T]) -> None:
        """Takes the next items."""
        if not items:
            return
        self._kept.extend(items[-self.seen % self.step :: self.step])
        self.seen += len(items)
        self._last = [items[-1]]
        while len(self._kept) > self._limit:
            del self._kept[1::2]
            self.step *= 2

    def values(self) -> list[T]:
        """Returns what is kept, in order."""
        last_is_kept = (self.seen - 1) % self.step == 0
        return self._kept.copy() if last_is_kept else self._kept + self._last


class Points(NamedTuple):
    """Each point of a curve stands for some bars in a row.

    - bar: the number of its last bar, from 0.
    - ts_event (ns), price, equity: at that bar.
    - drawdown: the deepest of all its bars, ≤ 0.
    - pairs: `pair_sums` of prediction and outcome over all of them, shape (points, 6).
    """

    bar: Ints
    ts_event: Ints
    price: Floats
    equity: Floats
    drawdown: Floats
    pairs: Floats

    @classmethod
    def none(cls) -> "Points":
        """Returns a curve without a point."""
        ints, floats = np.empty(0, np.int64), np.empty(0)
        return cls(ints, ints, floats, floats, floats, np.empty((0, 6)))

    def then(self, more: "Points") -> "Points":
        """Returns these points, followed by `more`."""
        return Points(*(np.concatenate(both) for both in zip(self, more, strict=True)))

    def joined(self, bars: int) -> "Points":
        """Joins neighbours, so that there is at most one point for each `bars` bars."""
        group = self.bar // bars
        first = np.flatnonzero(np.diff(group, prepend=-1))
        last = np.append(first[1:], len(group)) - 1
        return Points(
            self.bar[last],
            self.ts_event[last],
            self.price[last],
            self.equity[last],
            np.minimum.reduceat(self.drawdown, first),
            np.add.reduceat(self.pairs, first, axis=0),
        )


class FirstBar(NamedTuple):
    """The first bar has its end and its close."""

    ts_event: int
    price: float


_NO_BAR = FirstBar(0, math.nan)


class Dot(NamedTuple):
    """A dot is a prediction and the log return to the next bar, known at `ts_event`."""

    ts_event: int
    y_hat: float
    outcome: float


class PaidFees(NamedTuple):
    """These are gross profit and fees of all round trips closed until `ts_event`, in quote units."""

    ts_event: int
    gross: float
    fees: float


class Curve:
    """Watches a backtest (an Observer) and keeps at most `points` points of its curves.

    A point stands for `bars_per_point` bars, which doubles whenever there would be more points. Nothing of drawdown or
    correlation is lost by that: a point has the deepest of its bars, and the sums over all of them. Predictions with
    their outcomes (`dots`) and round trips (`paid`) are sampled, every k-th; their counts and totals are of all.

    - start_equity: quote units; the first peak.

    >>> curve = Curve(100.0)
    >>> for at, (price, equity) in enumerate([(50.0, 100.0), (60.0, 80.0), (66.0, 110.0)]):
    ...     curve.on_mark(at, price, equity, 1.0, 0.01, 0.0)
    >>> curve.points().drawdown.round(3).tolist()
    [0.0, -0.2, 0.0]
    >>> [round(dot.outcome, 4) for dot in curve.dots()], curve.quadrants()[1, 1]
    ([0.1823, 0.0953], 2)
    """

    def __init__(self, start_equity: float, points: int = POINTS, dots: int = DOTS) -> None:
        if points < 1:
            raise ValueError(f"a curve needs at least 1 point, not {points}")
        self.start_equity = start_equity
        self._first = _NO_BAR
        self._bars = 0
        self._bars_per_point = 1
        self._limit = points
        self._rows: list[tuple[int, float, float, float]] = []
        self._points = Points.none()
        self._peak = start_equity
        self._price = self._y_hat = math.nan  # of the last bar taken
        self._dots = EveryKth[Dot](dots)
        self._quadrants = np.zeros((3, 3), np.int64)
        self._paid = EveryKth[PaidFees](dots)
        self._gross = self._fees = 0.0

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Takes a bar's end: see Observer."""
        self._rows.append((ts_event, price, equity, y_hat))
        if len(self._rows) >= CHUNK:
            self._take()

    def on_trip(self, trip: RoundTrip) -> None:
        """Takes a closed round trip: see Observer."""
        self._gross += float(trip.gross_pnl)
        self._fees += float(trip.fee)
        self._paid.extend((PaidFees(trip.exit_datetime, self._gross, self._fees),))

    @property
    def bars(self) -> int:
        """Returns how many bars were seen."""
        self._take()
        return self._bars

    @property
    def bars_per_point(self) -> int:
        """Returns how many bars one point stands for."""
        self._take()
        return self._bars_per_point

    @property
    def first(self) -> FirstBar:
        """Returns the first bar; price NaN where there was none."""
        self._take()
        return self._first

    def points(self) -> Points:
        """Returns the curve; its last point is the last bar."""
        self._take()
        return self._points

    def dots(self) -> list[Dot]:
        """Returns every `dot_step`-th pair of a prediction and its outcome."""
        self._take()
        return self._dots.values()

    @property
    def dot_step(self) -> int:
        """Returns how many pairs one kept pair stands for."""
        return self._dots.step

    def quadrants(self) -> dict[tuple[int, int], int]:
        """Counts the pairs by the signs (-1, 0, 1) of prediction and outcome; of all pairs."""
        self._take()
        return {(x - 1, y - 1): int(count) for (x, y), count in np.ndenumerate(self._quadrants)}

    def paid(self) -> list[PaidFees]:
        """Returns every `paid_step`-th round trip and the last one, each with the totals until then."""
        return self._paid.values()

    @property
    def paid_step(self) -> int:
        """Returns how many round trips one kept trip stands for."""
        return self._paid.step

    @property
    def trips(self) -> int:
        """Returns how many round trips were closed."""
        return self._paid.seen

    def _take(self) -> None:
        if not self._rows:
            return
        ts_event, price, equity, y_hat = zip(*self._rows, strict=True)
        self._rows.clear()
        self._fold(np.array(ts_event, np.int64), np.array(price), np.array(equity), np.array(y_hat))

    def _fold(self, ts_event: Ints, price: Floats, equity: Floats, y_hat: Floats) -> None:
        if not self._bars:
            self._first = FirstBar(int(ts_event[0]), float(price[0]))
        peaks = np.maximum.accumulate(np.append(self._peak, equity))
        known, was = np.append(self._y_hat, y_hat[:-1]), np.append(self._price, price[:-1])
        outcome = np.log(price / was)
        bar = np.arange(self._bars, self._bars + len(price))
        fresh = Points(bar, ts_event, price, equity, equity / peaks[1:] - 1.0, pair_sums(known, outcome))
        self._bars += len(price)
        self._peak, self._price, self._y_hat = float(peaks[-1]), float(price[-1]), float(y_hat[-1])
        self._sample(ts_event, known, outcome)
        points = self._points.then(fresh).joined(self._bars_per_point)
        while len(points.bar) > self._limit:
            self._bars_per_point *= 2
            points = points.joined(self._bars_per_point)
        self._points = points

    def _sample(self, ts_event: Ints, y_hat: Floats, outcome: Floats) -> None:
        pairs = np.isfinite(y_hat) & np.isfinite(outcome)
        ts_event, y_hat, outcome = ts_event[pairs], y_hat[pairs], outcome[pairs]
        np.add.at(self._quadrants, (np.sign(y_hat).astype(int) + 1, np.sign(outcome).astype(int) + 1), 1)
        self._dots.extend([Dot(*dot) for dot in zip(ts_event.tolist(), y_hat.tolist(), outcome.tolist(), strict=True)])
