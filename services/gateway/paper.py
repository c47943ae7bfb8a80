"""The paper venue fills every order at its decision price, plus slippage. Here is the plan of any gateway, too."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from shared.account.paper_fill import PaperFill
from shared.config import Settings
from shared.messages import ExecutionReport, Message, OrderIntent, OrderStatus, Stream
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import Input, Output, SequenceNumbers, ServiceSpec, Stage, StageFactory
from shared.tick import State

_report = unvalidated(ExecutionReport)
_ZERO = Decimal(0)
_EXECUTIONS, _FILLED = Stream.EXECUTIONS, OrderStatus.FILLED


class PaperSnapshot(Snapshot):
    """The snapshot keeps the stream numbers."""

    numbers: Any


_snapshot = fields_of(PaperSnapshot)


class PaperStage(Stage):
    """The stage turns each order of a symbol into one FILLED report; price and commission are PaperFill's."""

    def __init__(self, fee: Decimal, slippage_bps: Decimal) -> None:
        self._fill = PaperFill(fee, slippage_bps)
        self._numbers = SequenceNumbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Takes an OrderIntent."""
        order = cast(OrderIntent, val)
        qty = order.signed_qty
        price, commission = self._fill.of(qty, order.price)
        return [
            _report(
                n=self._numbers.next(_EXECUTIONS), sym=order.sym, ts_event=order.ts_event, tr=order.tr,
                tick_n=order.tick_n, order_n=order.n, client_order_id=order.client_order_id, leg=order.leg,
                status=_FILLED, last_qty=qty, last_px=price,
                commission=commission, reason=None, dust=_ZERO, capital=None,
            )
        ]  # fmt: skip

    def state(self) -> State:
        """Returns the stream numbers."""
        return _snapshot(numbers=self._numbers.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        self._numbers.restore(PaperSnapshot.of(state).numbers)


def plan(settings: Settings) -> ServiceSpec:
    """Returns the plan of a gateway on paper."""
    own = settings.gateway
    return plan_with(settings, lambda sym: PaperStage(own.fee, own.slippage_bps))


def plan_with(settings: Settings, make_stage: StageFactory, kept: Iterable[Stream] = ()) -> ServiceSpec:
    """Returns what both gateways have in common: orders in, executions out; one replica is active, others stand by.

    kept: see ServiceSpec.
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
