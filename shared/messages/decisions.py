"""The strategy service decides on each prediction."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import Field

from shared.later_fields import Since
from shared.messages.base import ClientOrderId, Message, Stream
from shared.messages.reasons import Origin, Reason, reason_at
from shared.plural import plural
from shared.record import BY_VALUE


class Decision(Message):
    """A decision is a strategy's answer to one prediction: its orders, or the reason why there are none.

    - booked_n: n of the last execution report that was booked before this decision (0: none yet).
    - balance, signed_qty: the book as the decision found it; signed_qty includes dust, which the decision did not see.
    - origin: the call that decided.
    - target: the position aimed at, in base units, also without an order; None where the strategy does not say. An
      order that must miss its author's limit, at the slippage assumed, does not count.
    """

    STREAM: ClassVar[Stream] = Stream.DECISIONS

    tick_n: int
    prediction_n: int
    booked_n: int
    y_hat: float | None
    balance: Decimal
    signed_qty: Decimal
    orders: Annotated[tuple[ClientOrderId, ...], Field(strict=False)]
    reason: Annotated[Reason | None, BY_VALUE]
    origin: Annotated[Origin, BY_VALUE, Since(4)] = Origin.PREDICTION
    target: Annotated[Decimal | None, Since(4)] = None

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them, with a reason that its readers know."""
        return {**super().downgrade(fields, wire), "reason": reason_at(wire, fields["reason"])}

    def human(self) -> str:
        """Returns e.g. `BTCUSDT 2 orders` or `BTCUSDT no order: NO_CHANGE`."""
        return (
            f"{self.sym} {plural(len(self.orders), 'order')}" if self.orders else f"{self.sym} no order: {self.reason}"
        )
