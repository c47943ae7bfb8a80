"""The sums over a backtest grow neither with its bars nor with its trades: exposures, months, round trips."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from services.research.statistics import Floats

Ints = NDArray[np.int64]


class Trips(NamedTuple):
    """Round trips are columns, one row for each: what the account says of it, see RoundTrip. side: 1 or -1."""

    entry_ts: Ints
    exit_ts: Ints
    side: Ints
    log_return: Floats
    qty: Floats
    price: Floats
    gross: Floats
    fee: Floats

    def part(self, rows: NDArray[np.intp]) -> "Trips":
        """Returns those of these places."""
        return Trips._make(column.take(rows, mode="clip") for column in self)  # to look for errors takes as long again


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
        self._long += int(np.count_nonzero(exposure > 0))
        self._short += int(np.count_nonzero(exposure < 0))
        finite = np.isfinite(exposure)
        sizes = np.abs(exposure if finite.all() else exposure[finite])
        self._highest = max(self._highest, float(sizes.max(initial=0.0)))

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


class MonthReturn(BaseModel):
    """A month has the return of the strategy and that of holding; months are the calendar's, in UTC.

    A bar belongs to the month that it ended in, one that ended on the first at 00:00 to the month before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    year: int
    month: int
    total: float | None = None
    buy_and_hold: float | None = None


class _Last(NamedTuple):
    equity: float
    price: float


class Months:
    """Months keep the last equity and price of each calendar month.

    - start_equity: what the first month's return is of.
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
        first, last = _months(ts[[0, -1]]).tolist()
        begins = np.arange(first + 1, last + 1).astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
        lasts = np.append(np.searchsorted(ts, begins, side="right"), len(ts)) - 1
        for number, i in zip(_months(ts[lasts]).tolist(), lasts.tolist(), strict=True):
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
    """Returns months since January 1970, UTC; a bar that ends at a month's first instant was in the month before."""
    return (ts - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


@dataclass(frozen=True)
class TripSums:
    """These are sums of any number of round trips; two of them add up to that of both."""

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
    def of(cls, trips: Trips) -> "TripSums":
        """Returns the sums of trips."""
        if not len(trips.side):
            return cls()
        net = trips.gross - trips.fee
        returns = net / np.abs(trips.qty * trips.price)
        return cls(
            n=len(net),
            wins=int(np.count_nonzero(net > 0)),
            losses=int(np.count_nonzero(net < 0)),
            gross_wins=int(np.count_nonzero(trips.log_return > 0)),
            won=float(np.maximum(net, 0.0).sum()),
            lost=-float(np.minimum(net, 0.0).sum()),
            gross=float(trips.gross.sum()),
            fees=float(trips.fee.sum()),
            log_return=float(trips.log_return.sum()),
            returns=float(returns.sum()),
            time_ns=float((trips.exit_ts - trips.entry_ts).sum()),
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
