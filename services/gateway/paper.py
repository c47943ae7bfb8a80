"""The paper venue as a Tick stage: every order is filled at its decision price, plus slippage."""

from decimal import Decimal
from typing import cast

from shared.messages import ExecutionReport, Message, OrderIntent, OrderStatus, Stream
from shared.messages.base import trusted
from shared.runner.stage import Numbers, Stage
from shared.tick import State

_BPS = Decimal(10_000)
_report = trusted(ExecutionReport)


class PaperStage(Stage):
    """One symbol's orders in, one FILLED report for each out.

    Price: decision price × (1 ± slippage_bps / 10⁴), against the order. Commission: fee × |qty| × price, quote units.
    Nothing is rounded.
    """

    def __init__(self, fee: Decimal, slippage_bps: Decimal) -> None:
        self._fee = fee
        self._buy = 1 + slippage_bps / _BPS
        self._sell = 1 - slippage_bps / _BPS
        self._slips = slippage_bps != 0
        self._numbers = Numbers()

    def on_tick(self, val: Message) -> list[Message] | None:
        """Take an OrderIntent."""
        order = cast(OrderIntent, val)
        price = order.price
        if self._slips:
            price = price * (self._buy if order.signed_qty > 0 else self._sell)
        return [
            _report(
                n=self._numbers.next(Stream.EXECUTIONS), sym=order.sym, ts_event=order.ts_event, tr=order.tr,
                tick_n=order.tick_n, order_n=order.n, client_order_id=order.client_order_id, leg=order.leg,
                status=OrderStatus.FILLED, last_qty=order.signed_qty, last_px=price,
                commission=self._fee * order.signed_qty.copy_abs() * price, reason=None,
            )
        ]  # fmt: skip

    def state(self) -> State:
        """The stream numbers."""
        return self._numbers.state()

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        self._numbers.restore(state)
