"""A trailing stop of one's own: it follows the model, and leaves a position that falls back from its best price.

Run it:

    tickline backtest --data bars.csv --sym BTCUSDT --strategy trailing_stop.py:Trailing --param distance=0.03
    tickline run --data bars.csv --sym BTCUSDT --interval 12h --strategy trailing_stop.py:Trailing --param distance=0.03

The shipped one goes around any strategy, in the config or in code: `TrailingStop(distance=0.03).around(BasicTaker())`.
"""

from typing import Annotated

from pydantic import Field

from tickline import Bar, Gap, Made, Prediction, Reason, StatefulStrategy


class Trailing(StatefulStrategy):
    """It holds all its money in the direction of y_hat, and stays out for some ticks after its stop was hit."""

    distance: Annotated[float, Field(gt=0, lt=1)] = 0.03  # from the best price since entry, as a share of it
    out: Annotated[int, Field(ge=0)] = 4  # ticks

    _best: float = 0.0  # the best close since entry; 0: flat
    _out: int = 0

    def on_tick(self, bar: Bar) -> Made:
        """Moves the stop, and closes beyond it."""
        held = self.held()
        self._out = max(self._out - 1, 0)
        if not held:
            self._best = 0.0
            return None
        side = 1 if held > 0 else -1
        self._best = side * max(side * self._best, side * bar.close) if self._best else bar.close
        if side * bar.close > side * self._best * (1 - side * self.distance):
            return None
        self._out = self.out
        return self.close()

    def on_prediction(self, prediction: Prediction) -> Made:
        """Takes the side of the prediction, unless the stop was just hit."""
        if self._out:
            return Reason.COOLING_DOWN
        if not prediction.y_hat:
            return Reason.ZERO_PREDICTION
        size = self.account.equity(self.sym, prediction.price) / prediction.price
        return self.move_to(size if prediction.y_hat > 0 else -size)

    def on_gap(self, gap: Gap) -> None:
        """Keeps the best price: what is missing can only have moved the stop further."""
