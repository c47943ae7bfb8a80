"""The last log returns form a model's input."""

from typing import Any

import numpy as np
import torch

from shared.features.feature import Feature
from shared.features.log_return import LogReturn
from shared.record import Snapshot, fields_of
from shared.tick import State
from shared.windows.numpy_window import NumpyWindow

_FLOAT32 = np.dtype(np.float32)


class LogReturnLagsSnapshot(Snapshot):
    """The saved form of a LogReturnLags."""

    lags: Any
    log_return: Any


_snapshot = fields_of(LogReturnLagsSnapshot)


class LogReturnLags(Feature[torch.Tensor]):
    """LogReturnLags gives the last `no_lags` log returns, newest first; None until it has seen no_lags + 1 prices.

    - no_lags: positive, else ValueError.
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
        self._lags = NumpyWindow(no_lags)
        self._log_return = LogReturn()
        self.width = no_lags

    @property
    def spec(self) -> str:
        """Returns e.g. `log_return_lags(3)`."""
        return f"log_return_lags({self.width})"

    def on_tick(self, val: float) -> torch.Tensor | None:
        """Takes a price; returns the lags once there are enough."""
        log_return = self._log_return.on_tick(val)
        if log_return is None:
            return None
        lags = self._lags
        if lags.append_left(log_return) is None and not lags.is_full():
            return None
        return torch.from_numpy(lags.astype(_FLOAT32))

    def reset(self) -> None:
        """Forgets all prices."""
        self._lags = NumpyWindow(self.width)
        self._log_return.reset()

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
