"""Two moving averages say which side to be on; this strategy needs no model."""

from collections import deque
from decimal import Decimal
from itertools import islice
from math import fsum
from typing import Annotated, Any

from pydantic import Field, model_validator

from shared.bar import Bar
from shared.messages import Gap
from shared.messages.reasons import Reason
from shared.strategies.basic_taker import BasicTaker
from shared.strategies.decider import BarePrediction
from shared.strategies.stateful import Made, StatefulStrategy


class MovingAverageCross(StatefulStrategy):
    """A MovingAverageCross is long while the mean of its `fast` last prices is above that of the `slow`, else short.

    It trades where the position is on the other side, or flat; so it runs with signal.model = "none". Where the means
    are equal the position stays. Until `slow` prices came, also after a gap, it answers WARMING_UP.

    - long_only: it is flat instead of short.
    - leverage, netting: as BasicTaker's, but with one order for the change as the default.

    >>> from tickline import Account
    >>> strategy = MovingAverageCross(fast=1, slow=2).bind("BTCUSDT", Account(100))
    >>> made = [strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(price))) for n, price in enumerate((40, 50))]
    >>> str(made[0]), str(made[1][0])
    ('WARMING_UP', 'Order(BUY 2 BTCUSDT)')
    """

    fast: Annotated[int, Field(ge=1)] = 10
    slow: Annotated[int, Field(ge=2)] = 50
    long_only: bool = False
    leverage: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    netting: bool = True

    _prices: deque[float]

    @model_validator(mode="after")
    def _fast_is_faster(self) -> "MovingAverageCross":
        if self.fast >= self.slow:
            raise ValueError(f"fast is below slow, not {self.fast} and {self.slow}")
        return self

    def model_post_init(self, context: Any) -> None:
        """Makes the window."""
        self._prices = deque(maxlen=self.slow)

    def on_tick(self, bar: Bar) -> Made:
        """Returns the orders that lead to the side of the averages."""
        prices = self._prices
        prices.append(bar.close)
        if len(prices) < self.slow:
            return Reason.WARMING_UP
        fast = fsum(islice(prices, self.slow - self.fast, None)) / self.fast
        slow = fsum(prices) / self.slow
        side, held = (fast > slow) - (fast < slow), self.held()
        if side < 0 and self.long_only:
            return self.close() or Reason.NO_CHANGE
        if not side or held * side > 0:
            return Reason.NO_CHANGE
        taker = BasicTaker(leverage=self.leverage, netting=self.netting)
        return taker.decide(BarePrediction(self.sym, float(side), bar.price), self.account)

    def on_gap(self, gap: Gap) -> None:
        """Forgets the prices."""
        self._prices.clear()
