"""The log return measures the move from one price to the next."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature, checked_prices
from shared.record import Snapshot, fields_of
from shared.tick import State
from shared.windows.numpy_window import NumpyWindow

_EXACT_RATIO = 1e300  # beyond it, and below its inverse, a ratio of doubles overflows or loses digits
_LEAST_RATIO = 1 / _EXACT_RATIO


class LogReturnSnapshot(Snapshot):
    """The saved form of a LogReturn."""

    prices: Any


_snapshot = fields_of(LogReturnSnapshot)


class LogReturn(Feature[float]):
    """A LogReturn computes ln(p_t / p_{t-1}), the natural log return; it returns None for the first price.

    - Input: a price in any unit, finite and positive; any other raises ValueError and changes nothing.
    - Output: a number without a unit, always finite.
    - Formula: Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), 1.4.1.

    >>> f = LogReturn()
    >>> f.on_tick(90.0), f.on_tick(100.0)
    (None, np.float64(0.10536051565782635))
    >>> f
    LogReturn(window=NumpyWindow(capacity=2, size=2, values=[90.0, 100.0]))
    """

    looks_back = 2

    def __init__(self) -> None:
        self._window = NumpyWindow(2)

    def on_tick(self, val: float) -> float | None:
        """Takes a price; returns the log return since the one before."""
        price = float(val)
        if not 0.0 < price < math.inf:
            raise ValueError(f"a price must be finite and positive, not {val!r}")
        window = self._window
        if window.on_tick(price) is None and not window.is_full():
            return None
        before = float(window[0])
        ratio = price / before
        if _LEAST_RATIO < ratio < _EXACT_RATIO:
            result: float = np.log(ratio)
        else:
            result = np.log(price) - np.log(before)
        return result

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the log returns of n prices, of shape (n, 1)."""
        rows = np.full((len(prices), 1), np.nan, np.float32)
        rows[1:, 0] = log_returns(prices)
        return rows

    def state(self) -> State:
        """Returns the last one or two prices."""
        return _snapshot(prices=self._window.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        self._window.restore(LogReturnSnapshot.of(state).prices)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(window={self._window})"


def log_returns(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the n − 1 log returns of n prices, as LogReturn computes each; ValueError for what is no price.

    >>> log_returns(np.array([90.0, 100.0]))
    array([0.10536052])
    """
    prices = checked_prices(prices)
    with np.errstate(over="ignore", under="ignore"):
        ratios = prices[1:] / prices[:-1]
    with np.errstate(divide="ignore"):
        results: NDArray[np.float64] = np.log(ratios)
    apart = ~((ratios > _LEAST_RATIO) & (ratios < _EXACT_RATIO))
    if apart.any():
        logs = np.log(prices)
        results[apart] = (logs[1:] - logs[:-1])[apart]
    return results
