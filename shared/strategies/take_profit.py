"""A take-profit closes a position that has gained enough."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.strategies.exit import Exit, PriceRange


class TakeProfit(Exit):
    """A TakeProfit closes a position where the price reaches its average entry price and `gain` beyond it.

    - gain: a share of the entry price.
    - bars: see Exit; then a bar's high counts for a long, its low for a short. The order goes out at the bar's end, at
      the price of then.

    >>> from decimal import Decimal
    >>> from tickline import Account, Bar, BasicTaker
    >>> account = Account(100.0)
    >>> strategy = TakeProfit(gain=0.5).around(BasicTaker()).bind("BTCUSDT", account)
    >>> account.open_position("BTCUSDT", Decimal(-1), Decimal(100))
    >>> [strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(price))) for n, price in enumerate((100, 51, 50))]
    [None, None, [Order(sym='BTCUSDT', signed_qty=Decimal('1'))]]
    """

    gain: Annotated[Decimal, Field(gt=0)]

    def begin(self, entry: Decimal) -> None:
        """Needs nothing of it: the position knows its entry price."""

    def is_hit(self, seen: PriceRange, side: int, entry: Decimal) -> bool:
        """Says whether the bar reached the price."""
        best = seen.high if side > 0 else seen.low
        return side * best >= side * entry * (1 + side * self.gain)
