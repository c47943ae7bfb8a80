"""An order leads to a report. Quantities are Decimals in base units."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from shared.later_fields import Since
from shared.messages.base import ClientOrderId, Message, Nanoseconds, Stream
from shared.messages.market import Price
from shared.messages.reasons import (
    Leg,
    OrderStatus,
    OrderType,
    Origin,
    Reason,
    StopKind,
    TimeInForce,
    leg_at,
    reason_at,
)
from shared.record import BY_VALUE


class OrderIntent(Message):
    """An intent is an order that the strategy wants.

    - signed_qty: base units, > 0 buys, < 0 sells.
    - price: the decision price.
    - valid_until: nobody may send it after this time, in ns; 0 means no limit.
    - after: the order that must be FILLED before this one goes out, e.g. an open leg's close leg.
    - by: the hash of what decided (code, parameters, model, card); empty where nobody says.
    - origin: the call of the strategy that it comes from.
    - type: a LIMIT order has limit_price and time_in_force, a MARKET order has neither.
    - limit_price: the worst price, exact; whoever sends it rounds it to the venue's tick, to the safe side.
    - trigger_price: it goes to work when the market comes here; None: at once.
    - stop: of a STOP leg, which of the position's stops has fired. Its `price` is the market's then.
    """

    STREAM: ClassVar[Stream] = Stream.ORDERS
    NOT_DECIDING: ClassVar[frozenset[str]] = Message.NOT_DECIDING | {"by"}  # the same order, whoever decided on it

    tick_n: int
    client_order_id: ClientOrderId
    leg: Annotated[Leg, BY_VALUE]
    signed_qty: Decimal
    reduce_only: bool
    price: Price
    valid_until: Nanoseconds
    after: ClientOrderId | None
    by: Annotated[str, Field(max_length=64), Since(4)] = ""
    origin: Annotated[Origin, BY_VALUE, Since(4)] = Origin.PREDICTION
    type: Annotated[OrderType, BY_VALUE, Since(5)] = OrderType.MARKET
    limit_price: Annotated[Price | None, Since(5)] = None
    time_in_force: Annotated[TimeInForce | None, BY_VALUE, Since(5)] = None
    trigger_price: Annotated[Price | None, Since(5)] = None
    stop: Annotated[StopKind | None, BY_VALUE, Since(5)] = None

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them, with a leg that its readers know."""
        return {**super().downgrade(fields, wire), "leg": leg_at(wire, fields["leg"])}

    @model_validator(mode="after")
    def _type_fits(self) -> "OrderIntent":
        is_limit = self.type is OrderType.LIMIT
        if is_limit is (self.limit_price is None) or is_limit is (self.time_in_force is None):
            raise ValueError(f"a {self.type} order with limit_price {self.limit_price}, {self.time_in_force}")
        return self

    def human(self) -> str:
        """Returns e.g. `BUY 0.00139977 BTCUSDT (open) at 71440.1, limit 71797.3 IOC`."""
        side = "BUY" if self.signed_qty > 0 else "SELL"
        what = self.leg if self.stop is None else self.stop
        said = f"{side} {abs(float(self.signed_qty)):.8g} {self.sym} ({what!s}) at {self.price!s}"
        if self.limit_price is None:
            return said
        return f"{said}, limit {float(self.limit_price):.10g} {self.time_in_force}"


class ExecutionReport(Message):
    """A report is the one terminal report of an order, or books something without one: funding, capital, a correction.

    - last_qty: signed as the order.
    - commission: quote units, positive when paid.
    - dust: what the book holds afterwards, signed, where the venue sells no quantity so small; else 0. A report without
      a fill has it too, of a close that found nothing to sell.
    - capital: the book's new capital, quote units, where a person has changed it.
    """

    STREAM: ClassVar[Stream] = Stream.EXECUTIONS

    tick_n: int
    order_n: int
    client_order_id: ClientOrderId
    leg: Annotated[Leg, BY_VALUE]
    status: Annotated[OrderStatus, BY_VALUE]
    last_qty: Decimal
    last_px: Price | None
    commission: Decimal
    reason: Annotated[Reason | None, BY_VALUE]
    dust: Decimal = Decimal(0)
    capital: Decimal | None = None

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them, with a reason and a leg that its readers know."""
        told = {"reason": reason_at(wire, fields["reason"]), "leg": leg_at(wire, fields["leg"])}
        return {**super().downgrade(fields, wire), **told}

    def human(self) -> str:
        """Returns e.g. `BTCUSDT FILLED 0.00139977 at 71440.1 fee 0.03`."""
        left = f", dust {float(self.dust):.4g} left" if self.dust else ""
        if self.capital is not None:
            return f"{self.sym} capital {self.capital}"
        if self.leg is Leg.FUNDING:
            return f"{self.sym} funding {-self.commission:+f} {'received' if self.commission < 0 else 'paid'}"
        if self.last_px is None:
            return f"{self.sym} {self.status} {self.reason or ''}".rstrip() + left
        qty, fee = float(self.last_qty), float(self.commission)
        why = f" {self.reason}" if self.leg is Leg.STOP and self.reason is not None else ""
        return f"{self.sym} {self.status!s} {qty:+.8g} at {self.last_px!s} fee {fee:.4g}{why}{left}"
