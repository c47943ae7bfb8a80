"""A cool-down lets some ticks pass between the end of a position and the next one."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.account import Order
from shared.bar import Bar
from shared.messages import ExecutionReport, Leg, Reason
from shared.strategies.decider import Prediction
from shared.strategies.stateful import Made
from shared.strategies.wrapper import Wrapper


class CoolDown(Wrapper):
    """A CoolDown answers what adds with COOLING_DOWN for `ticks` ticks after the one in which the symbol became flat.

    Whatever closed the position: a stop within or around it, the strategy, the exchange. Orders that close and open at
    once do not count. What only reduces passes.

    >>> from decimal import Decimal
    >>> from tickline import Account, BasicTaker, Prediction
    >>> account = Account(100)
    >>> strategy = CoolDown(ticks=1).around(BasicTaker()).bind("BTCUSDT", account)
    >>> def tick(n):
    ...     strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(50)))
    ...     return strategy.on_prediction(
    ...         Prediction(n=n, sym="BTCUSDT", ts_event=n, tr="t", tick_n=n, price=Decimal(50), y_hat=0.01, model="")
    ...     )
    >>> _ = account.book("BTCUSDT", Decimal(2), Decimal(50)), tick(1)
    >>> _ = account.book("BTCUSDT", Decimal(-2), Decimal(50))
    >>> str(tick(2)), str(tick(3)[0])
    ('COOLING_DOWN', 'Order(BUY 2 BTCUSDT)')
    """

    ticks: Annotated[int, Field(ge=1)]

    _held: bool = False
    _left: int = 0

    def on_execution(self, report: ExecutionReport) -> None:
        """Passes it on; what it has opened may be closed again, by a stop, before anything is asked."""
        super().on_execution(report)
        self._held = self._held or bool(self.held())

    def on_tick(self, bar: Bar) -> Made:
        """Returns what the strategy within makes of it, without what adds while it is cooling down."""
        self._left = max(0, self._left - 1)
        self._look(self.ticks)
        return self._cooled(self.ask_tick(bar))

    def on_prediction(self, prediction: Prediction) -> Made:
        """Returns what the strategy within makes of it, without what adds while it is cooling down."""
        self._look(self.ticks + 1)  # the tick whose prediction this is does not count
        return self._cooled(self.ask_prediction(prediction))

    def _look(self, left: int) -> None:
        held = self.account.position(self.sym) is not None
        if self._held and not held:
            self._left = left
        self._held = held

    def _cooled(self, made: Made) -> Made:
        if not self._left or not isinstance(made, list):
            return made
        return reducing(made, self.held()) or Reason.COOLING_DOWN


def reducing(orders: list[Order], held: Decimal) -> list[Order]:
    """Returns the orders if together they only reduce the position, else the part of them that closes it.

    That is their close legs; where they have none, and lead to the other side, one that closes the whole position.

    >>> two = [Order("BTCUSDT", Decimal(-2), Leg.CLOSE), Order("BTCUSDT", Decimal(-3))]
    >>> one = [Order("BTCUSDT", Decimal(-5), Leg.NET)]
    >>> [[str(order) for order in reducing(orders, Decimal(2))] for orders in (two, one)]
    [['Order(SELL 2 BTCUSDT)'], ['Order(SELL 2 BTCUSDT)']]
    """
    after = held + sum((order.signed_qty for order in orders), _ZERO)
    if abs(after) <= abs(held) and after * held >= 0:
        return orders
    closing = [order for order in orders if order.leg is Leg.CLOSE]
    if closing or after * held >= 0:
        return closing
    first = next(order for order in orders if order.signed_qty * held < 0)
    return [Order(first.sym, held.copy_negate(), Leg.CLOSE, limit_price=first.limit_price)]


_ZERO = Decimal(0)
