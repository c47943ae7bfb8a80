"""The last log returns form a model's input."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.features.feature import Feature
from shared.features.log_return import LogReturn, log_returns
from shared.record import Snapshot, fields_of
from shared.tick import State
from shared.windows.capacity import whole
from shared.windows.numpy_window import NumpyWindow

if TYPE_CHECKING:
    import torch

_FLOAT32 = np.dtype(np.float32)


class LogReturnLagsSnapshot(Snapshot):
    """The saved form of a LogReturnLags."""

    lags: Any
    log_return: Any


_snapshot = fields_of(LogReturnLagsSnapshot)


class LogReturnLags(Feature["torch.Tensor"]):
    """LogReturnLags gives the last `no_lags` log returns, newest first; None until it has seen no_lags + 1 prices.

    - no_lags: a whole number, positive, else ValueError.
    - Input: a price, finite and positive, else ValueError.
    - Output: float32 tensor of shape (no_lags,), without a unit, in memory of its own. The returns are computed in
      float64 and rounded once.

    >>> lags = LogReturnLags(3)
    >>> [lags.on_tick(p) for p in (90, 100, 150)]
    [None, None, None]
    >>> lags.on_tick(110)
    tensor([-0.3102,  0.4055,  0.1054])
    """

    def __init__(self, no_lags: int) -> None:
        self.width = whole(no_lags, "no_lags")
        self.looks_back = self.width + 1
        self._lags = NumpyWindow(self.width)
        self._log_return = LogReturn()

    def on_tick(self, val: float) -> "torch.Tensor | None":
        """Takes a price; returns the lags as a tensor once there are enough."""
        import torch  # a signal process without torch asks for `numbers`

        lags = self.numbers(val)
        return None if lags is None else torch.from_numpy(lags)

    def numbers(self, val: float) -> NDArray[np.float32] | None:
        """Takes a price; returns the lags in numpy memory once there are enough."""
        log_return = self._log_return.on_tick(val)
        if log_return is None:
            return None
        lags = self._lags
        if lags.append_left(log_return) is None and not lags.is_full():
            return None
        return lags.astype(_FLOAT32)

    def array(self, prices: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns the lags at each of n prices, of shape (n, no_lags)."""
        rows = np.full((len(prices), self.width), np.nan, np.float32)
        if len(prices) > self.width:
            returns = log_returns(prices).astype(_FLOAT32)
            rows[self.width :] = np.lib.stride_tricks.sliding_window_view(returns, self.width)[:, ::-1]
        return rows

    def state(self) -> State:
        """Returns the lags and the last prices."""
        return _snapshot(lags=self._lags.state(), log_return=self._log_return.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = LogReturnLagsSnapshot.of(state)
        self._lags.restore(saved.lags)
        self._log_return.restore(saved.log_return)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lags={self._lags}, log_return={self._log_return})"
