"""A breakout of the Bollinger bands, without a model: it goes with a price that leaves them, until it is at the mean.

Run it:

    tickline backtest --data bars.csv --sym BTCUSDT --model none --strategy bollinger_breakout.py:Breakout
    tickline run --data bars.csv --sym BTCUSDT --interval 12h --model none --strategy bollinger_breakout.py:Breakout

With other bands: `--param window=30 --param deviations=2.5`.
"""

from decimal import Decimal

from tickline import Bar, Bollinger, Made, Reason, StatefulStrategy


class Breakout(StatefulStrategy):
    """It is long from a close above the upper band on, short from one below the lower, each until the mean."""

    window: int = 20
    deviations: float = 2.0
    leverage: Decimal = Decimal(1)

    _bands: Bollinger

    def model_post_init(self, context: object) -> None:
        """Makes the memory that depends on parameters."""
        self._bands = Bollinger(self.window, self.deviations)

    def on_tick(self, bar: Bar) -> Made:
        """Looks where in the bands each close is: at 0 the lower, at 1 the upper, at 0.5 the mean."""
        found = self._bands.on_tick(bar.close)
        if found is None:
            return Reason.WARMING_UP
        place, side = float(found[0]), self.held()
        if place > 1 and side <= 0:
            return self.move_to(self._size(bar))
        if place < 0 and side >= 0:
            return self.move_to(-self._size(bar))
        if (side > 0 and place < 0.5) or (side < 0 and place > 0.5):
            return self.close()
        return Reason.NO_CHANGE

    def _size(self, bar: Bar) -> Decimal:
        return self.account.equity(self.sym, bar.price) * self.leverage / bar.price
