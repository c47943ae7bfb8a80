"""The last equity and price of each calendar month."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.research.metrics.results import Month


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
