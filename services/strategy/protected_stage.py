"""The strategy's stage where a position has stops, and no exchange at which they could lie: it simulates them.

A bar that fires one leaves the stop's order, of which there is no decision, and waits whole until that is booked. So
the strategy decides on the bar as a live one would, whose stop fired at the exchange before the bar was over.
"""

from decimal import Decimal
from typing import cast

from services.strategy.price_limits import PriceLimits
from services.strategy.stage import NO_LIMITS, BookSnapshot, StrategyStage
from shared.account.simulated_stop import BarPrices, FiredStop, SimulatedStop, StopSnapshot
from shared.messages import ExecutionReport, Gap, Leg, Message, OrderIntent, Origin, Prediction, Stream
from shared.messages.protect import ProtectTerms
from shared.record import unvalidated
from shared.strategies import AnyStrategy
from shared.tick import State

_stop_order = unvalidated(OrderIntent, always=("by", "origin", "trigger_price", "stop"))
_ZERO = Decimal(0)


class ProtectedStage(StrategyStage):
    """The protected stage is a StrategyStage whose positions have simulated stops.

    - stop: those of the position.
    """

    def __init__(
        self,
        sym: str,
        strategy: AnyStrategy,
        balance: Decimal,
        book: str,
        protect: ProtectTerms,
        *,
        qty_step: Decimal | None = None,
        by: str = "",
        limits: PriceLimits = NO_LIMITS,
    ) -> None:
        super().__init__(sym, strategy, balance, book, qty_step=qty_step, by=by, limits=limits)
        self.stop = SimulatedStop(protect)

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes a Prediction, an ExecutionReport or a Gap."""
        if not isinstance(val, ExecutionReport | Gap):
            message = cast(Prediction, val)
            fired = self.stop.on_bar(BarPrices.of(message.price, message.bar))
            if fired is not None:
                self._stopped_at = message
                return [self._order_of(fired, message)]
        return super().on_tick(val)

    def _order_of(self, fired: FiredStop, message: Prediction) -> OrderIntent:
        """Returns the order of a stop that has fired; it is in flight from now on."""
        position = self.account.position(self._sym)
        assert position is not None
        order_id = self._writer.new_id(message.tr, Leg.STOP, Origin.TICK, 0)
        self._writer.keep(message.tr, [order_id])
        self._in_flight.append(order_id)
        return _stop_order(
            n=self._numbers.next(Stream.ORDERS), sym=self._sym, ts_event=message.ts_event, tr=message.tr,
            tick_n=message.tick_n, client_order_id=order_id, leg=Leg.STOP,
            signed_qty=position.signed_qty.copy_negate(), reduce_only=True, price=fired.price, valid_until=0,
            after=None, by=self._writer.decided_by(message.model), origin=Origin.TICK, trigger_price=fired.trigger,
            stop=fired.kind,
        )  # fmt: skip

    def _on_execution(self, report: ExecutionReport) -> None:
        super()._on_execution(report)
        position, price = self.account.position(self._sym), self.last_price
        if position is None or price is None:
            self.stop.follow(_ZERO, _ZERO)
        else:  # nothing else was decided since the orders that led to it
            self.stop.follow(position.signed_qty, price)

    def _stop_to_save(self) -> StopSnapshot | None:
        return self.stop.lies

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        super().restore(state)
        held, saved = self.account.position(self._sym), BookSnapshot.of(state).stop
        self.stop.take_back(saved, *((_ZERO, _ZERO) if held is None else (held.signed_qty, held.price)))
