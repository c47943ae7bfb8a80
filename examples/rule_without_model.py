"""A rule without a model, in the form that needs no memory of its own: a feature remembers, the rule decides.

Run it:

    tickline backtest --data bars.csv --sym BTCUSDT --model none --strategy rule_without_model.py:Reversal
    tickline run --data bars.csv --sym BTCUSDT --interval 12h --model none --strategy rule_without_model.py:Reversal
"""

from datetime import UTC, datetime
from decimal import Decimal

from tickline import Bar, LogReturn, Made, Reason, StatefulStrategy


class Reversal(StatefulStrategy):
    """It buys after a fall and sells after a rise, on working days; at weekends it is flat."""

    move: float = 0.01  # the log return from which on it acts
    share: Decimal = Decimal("0.5")  # of the equity

    _log_return: LogReturn = LogReturn()

    def on_tick(self, bar: Bar) -> Made:
        """Looks at each close."""
        moved = self._log_return.on_tick(bar.close)
        if moved is None:
            return Reason.WARMING_UP
        if datetime.fromtimestamp(bar.ts_event // 10**9, UTC).isoweekday() > 5:
            return self.move_to(Decimal(0))
        if abs(moved) < self.move:
            return Reason.BELOW_THRESHOLD
        size = self.account.equity(self.sym, bar.price) * self.share / bar.price
        return self.move_to(-size if moved > 0 else size)
