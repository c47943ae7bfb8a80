"""Sums over round trips."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.results import Exposure, Month, Trades

# How much of the time a position is held, and how large.


class Holding:
    """Watches exposures: signed position value / equity, 0 when flat.

    >>> holding = Holding()
    >>> holding.add(np.array([0.0, 1.0, -1.5, 1.0]))
    >>> holding.exposure()
    Exposure(share=0.75, long=0.5, short=0.25, max_leverage=1.5)
    """

    def __init__(self) -> None:
        self._bars = self._long = self._short = 0
        self._highest = 0.0

    def add(self, exposure: NDArray[np.float64]) -> None:
        """Take the next bars' exposures."""
        self._bars += len(exposure)
        self._long += int((exposure > 0).sum())
        self._short += int((exposure < 0).sum())
        sizes = np.abs(exposure)
        self._highest = max(self._highest, float(sizes.max(initial=0.0, where=np.isfinite(sizes))))

    def exposure(self) -> Exposure:
        """The shares; None without a bar."""
        if not self._bars:
            return Exposure(share=None, long=None, short=None, max_leverage=None)
        long, short = self._long / self._bars, self._short / self._bars
        both = (self._long + self._short) / self._bars
        return Exposure(share=both, long=long, short=short, max_leverage=self._highest)


# The last equity and price of each calendar month.


class _Last(NamedTuple):
    equity: float
    price: float


class Months:
    """Watches marks; keeps one pair of numbers a month. start_equity: what the first month's return is of."""

    def __init__(self, start_equity: float) -> None:
        self._start_equity = start_equity
        self._first_price: float | None = None
        self._last: dict[int, _Last] = {}  # months since January 1970, ascending

    def add(self, ts: NDArray[np.int64], equity: NDArray[np.float64], price: NDArray[np.float64]) -> None:
        """Take the next marks; ts ascending, ns since 1970 UTC."""
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

    def months(self) -> tuple[Month, ...]:
        """Each month that had a mark. A strategy's month that began with no equity has no return."""
        if self._first_price is None:
            return ()
        before = _Last(self._start_equity, self._first_price)
        found = []
        for number, last in self._last.items():
            total = last.equity / before.equity - 1 if before.equity > 0 else None
            year, month = divmod(number, 12)
            held = last.price / before.price - 1
            found.append(Month(year=1970 + year, month=month + 1, total=total, buy_and_hold=held))
            before = last
        return tuple(found)


def _months(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Months since January 1970, UTC; a bar that ends at a month's first instant was in the month before."""
    return (ts - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


_DAY_NS = 86_400 * 10**9

TRIP = np.dtype([
    ("entry_ts", "i8"), ("exit_ts", "i8"), ("side", "i8"), ("log_return", "f8"),
    ("qty", "f8"), ("price", "f8"), ("gross", "f8"), ("fee", "f8"),
])  # fmt: skip


@dataclass(frozen=True)
class TripSums:
    """Of any number of round trips; two of them add up to that of both."""

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
    best: float = -np.inf
    worst: float = np.inf
    best_return: float = -np.inf
    worst_return: float = np.inf

    @classmethod
    def of(cls, trips: NDArray[np.void]) -> "TripSums":
        """The sums of an array of TRIP."""
        if not len(trips):
            return cls()
        net = trips["gross"] - trips["fee"]
        returns = net / np.abs(trips["qty"] * trips["price"])
        return cls(
            n=len(trips), wins=int((net > 0).sum()), losses=int((net < 0).sum()),
            gross_wins=int((trips["log_return"] > 0).sum()),
            won=float(net[net > 0].sum()), lost=-float(net[net < 0].sum()),
            gross=float(trips["gross"].sum()), fees=float(trips["fee"].sum()),
            log_return=float(trips["log_return"].sum()), returns=float(returns.sum()),
            time_ns=float((trips["exit_ts"] - trips["entry_ts"]).sum()),
            best=float(net.max()), worst=float(net.min()),
            best_return=float(returns.max()), worst_return=float(returns.min()),
        )  # fmt: skip

    def __add__(self, other: "TripSums") -> "TripSums":
        return TripSums(
            n=self.n + other.n, wins=self.wins + other.wins, losses=self.losses + other.losses,
            gross_wins=self.gross_wins + other.gross_wins,
            won=self.won + other.won, lost=self.lost + other.lost,
            gross=self.gross + other.gross, fees=self.fees + other.fees,
            log_return=self.log_return + other.log_return, returns=self.returns + other.returns,
            time_ns=self.time_ns + other.time_ns,
            best=max(self.best, other.best), worst=min(self.worst, other.worst),
            best_return=max(self.best_return, other.best_return),
            worst_return=min(self.worst_return, other.worst_return),
        )  # fmt: skip

    def trades(self) -> Trades:
        """What is shown of them."""
        net = self.won - self.lost
        return Trades(
            trades=self.n, wins=self.wins,
            win_rate=_per(self.wins, self.n), gross_win_rate=_per(self.gross_wins, self.n),
            average_win=_per(self.won, self.wins), average_loss=_per(-self.lost, self.losses),
            best=self.best if self.n else None, worst=self.worst if self.n else None,
            average_return=_per(self.returns, self.n),
            best_return=self.best_return if self.n else None, worst_return=self.worst_return if self.n else None,
            profit_factor=_per(self.won, self.lost), expectancy=_per(net, self.n),
            average_days=_per(self.time_ns / _DAY_NS, self.n),
            gross_pnl=self.gross, fees=self.fees, net_pnl=net, sum_log_return=self.log_return,
        )  # fmt: skip


def _per(value: float, by: float) -> float | None:
    return value / by if by else None
