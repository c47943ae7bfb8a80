"""The paper venue fills orders at their decision price, plus slippage. Here is the plan of any gateway, too."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, cast

from shared.account.paper_fill import PaperFill, within
from shared.config import Settings
from shared.later_fields import Since
from shared.messages import ExecutionReport, Leg, Message, OrderIntent, OrderStatus, Reason, Stream
from shared.messages.reasons import FIRED
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import Input, Output, SequenceNumbers, ServiceSpec, Stage, StageFactory
from shared.tick import State

_report = unvalidated(ExecutionReport)
_ZERO = Decimal(0)
_EXECUTIONS, _FILLED, _CLOSE = Stream.EXECUTIONS, OrderStatus.FILLED, Leg.CLOSE


class PaperSnapshot(Snapshot):
    """The snapshot keeps the stream numbers. missed: the close leg that missed, while what follows comes after it."""

    numbers: Any
    missed: Annotated[str, Since(5)] = ""


_snapshot = fields_of(PaperSnapshot)


class PaperStage(Stage):
    """The stage turns each order of a symbol into one report; price and commission are PaperFill's.

    A stop that has fired is an order at the market's price of then, and its report says which it was. An order is
    FILLED whole, or CANCELED where the price is beyond its limit; one that comes after a canceled one is EXPIRED, as at
    an exchange.
    """

    def __init__(self, fee: Decimal, slippage_bps: Decimal) -> None:
        self._fill = PaperFill(fee, slippage_bps)
        self._numbers = SequenceNumbers()
        self._missed = ""

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes an OrderIntent."""
        order = cast(OrderIntent, val)
        return [self.answer(order, order.price, order.ts_event)]

    def answer(self, order: OrderIntent, price: Decimal, ts_event: int) -> ExecutionReport:
        """Returns the report of an order when the market is at `price`."""
        if self._missed:
            if order.after == self._missed:
                return self._unfilled(order, OrderStatus.EXPIRED, Reason.CLOSE_NOT_FILLED, ts_event)
            self._missed = ""
        qty, limit = order.signed_qty, order.limit_price
        price, commission = self._fill.of(qty, price)
        if limit is not None and not within(limit, qty, price):
            return self._unfilled(order, OrderStatus.CANCELED, Reason.BEYOND_LIMIT, ts_event)
        return _report(
            n=self._numbers.next(_EXECUTIONS), sym=order.sym, ts_event=ts_event, tr=order.tr,
            tick_n=order.tick_n, order_n=order.n, client_order_id=order.client_order_id, leg=order.leg,
            status=_FILLED, last_qty=qty, last_px=price,
            commission=commission, reason=None if order.stop is None else FIRED[order.stop], dust=_ZERO, capital=None,
        )  # fmt: skip

    def _unfilled(self, order: OrderIntent, status: OrderStatus, reason: Reason, ts_event: int) -> ExecutionReport:
        """Returns the report of an order that is not filled; none that comes after it may be, either.

        What comes after a close leg may be several orders, so only another close leg takes its place.
        """
        if order.leg is _CLOSE:
            self._missed = order.client_order_id
        return _report(
            n=self._numbers.next(_EXECUTIONS), sym=order.sym, ts_event=ts_event, tr=order.tr,
            tick_n=order.tick_n, order_n=order.n, client_order_id=order.client_order_id, leg=order.leg,
            status=status, last_qty=_ZERO, last_px=None, commission=_ZERO, reason=reason, dust=_ZERO, capital=None,
        )  # fmt: skip

    def state(self) -> State:
        """Returns the stream numbers, and what missed."""
        return _snapshot(numbers=self._numbers.state(), missed=self._missed)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = PaperSnapshot.of(state)
        self._numbers.restore(saved.numbers)
        self._missed = saved.missed


def plan(settings: Settings) -> ServiceSpec:
    """Returns the plan of a gateway on paper."""
    own = settings.gateway
    return plan_with(settings, lambda sym: PaperStage(own.fee, own.slippage_bps))


def plan_with(settings: Settings, make_stage: StageFactory, kept: Iterable[Stream] = ()) -> ServiceSpec:
    """Returns what both gateways have in common: orders in, executions out; one replica is active, others stand by.

    - kept: see ServiceSpec.
    """
    return ServiceSpec(
        instance=settings.gateway.instance,
        make_stage=make_stage,
        inputs=(Input(Stream.ORDERS, settings.strategy.instance, strict=True),),
        outputs=(
            Output(
                Stream.EXECUTIONS,
                (settings.strategy.instance,),
                settings.bus.bound,
                trim=True,
                recorders=settings.recorder.of(Stream.EXECUTIONS),
                hold_s=settings.recorder.hold_s,
                hold_entries=settings.recorder.hold_entries,
            ),
        ),
        exclusive=True,
        kept=frozenset(kept),
    )
