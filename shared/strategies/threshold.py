"""This strategy trades on strong predictions only."""

from typing import Annotated

from pydantic import Field

from shared.account import Account, Order
from shared.messages.reasons import Reason
from shared.strategies.basic_taker import BasicTaker
from shared.strategies.decider import AnyPrediction


class Threshold(BasicTaker):
    """A Threshold trades as BasicTaker where |y_hat| exceeds `threshold` (a log return); else the position stays.

    >>> from decimal import Decimal
    >>> from tickline import BarePrediction
    >>> strategy = Threshold(threshold=0.001)
    >>> print(strategy.decide(BarePrediction("BTCUSDT", 0.0008, Decimal(50)), Account(Decimal(100))))
    BELOW_THRESHOLD
    """

    threshold: Annotated[float, Field(ge=0)]

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        """Returns what BasicTaker does, or BELOW_THRESHOLD."""
        if 0 < abs(prediction.y_hat) <= self.threshold:
            return Reason.BELOW_THRESHOLD
        return super().decide(prediction, account)
