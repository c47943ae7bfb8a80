"""What fills cost is compared with what the config assumes."""

from decimal import Decimal

from services.monitor.ranges import MeasuredValue
from shared.drift.twin import Costs
from shared.messages import ExecutionReport, Message, OrderIntent
from shared.messages.monitor import Measure
from shared.record import Snapshot
from shared.tick import State, Tick

FILLS = 20  # behind a reading
OPEN = 1_000  # orders of a symbol without a report, at most
BPS = 10_000
LEAST = -float(BPS)
_ZERO = Decimal(0)


class RealisedSnapshot(Snapshot):
    """The saved form of RealisedCosts. prices: of orders without a report, by id."""

    prices: dict[str, Decimal]
    cost: Decimal
    notional: Decimal
    fills: int


class RealisedCosts(Tick[Message, list[MeasuredValue]]):
    """Realised costs takes one symbol's OrderIntents and ExecutionReports; returns their mean after every FILLS fills.

    It is the fee and the way from the decision's price to the fill's, over the notional, in basis points; negative
    where the market came the order's way.

    - costs: what is assumed of each fill.
    """

    def __init__(self, costs: Costs) -> None:
        self._assumed = round(costs.rate * BPS, 6)
        self._prices: dict[str, Decimal] = {}
        self._begin()

    def _begin(self) -> None:
        self._cost, self._notional, self._fills = _ZERO, _ZERO, 0

    def on_tick(self, val: Message) -> list[MeasuredValue]:
        """Takes a message; any other kind says nothing."""
        if isinstance(val, OrderIntent):
            self._prices[val.client_order_id] = val.price
            if len(self._prices) > OPEN:
                del self._prices[next(iter(self._prices))]
        elif isinstance(val, ExecutionReport):
            price = self._prices.pop(val.client_order_id, None)
            if price is not None and val.last_px is not None and val.last_qty:
                return self._filled(price, val.last_px, val)
        return []

    def _filled(self, price: Decimal, paid: Decimal, report: ExecutionReport) -> list[MeasuredValue]:
        self._cost += report.last_qty * (paid - price) + report.commission
        self._notional += report.last_qty.copy_abs() * price
        self._fills += 1
        if self._fills < FILLS:
            return []
        mean = round(float(self._cost / self._notional) * BPS, 6)
        self._begin()
        return [MeasuredValue(Measure.COSTS, "", mean, LEAST, self._assumed, FILLS)]

    def state(self) -> State:
        """Returns the sums, and what waits for its report."""
        return RealisedSnapshot(prices=dict(self._prices), cost=self._cost, notional=self._notional, fills=self._fills)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = RealisedSnapshot.of(state)
        self._prices, self._fills = dict(saved.prices), saved.fills
        self._cost, self._notional = saved.cost, saved.notional
