"""A person's word on an order becomes its end and its one terminal report. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from services.gateway.execution.records import following, open_order_of, report_of
from shared.config.gateway import GatewaySettings
from shared.control.books import execution_row
from shared.control.whereabouts import Currencies
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.rows import ExecutionRow, FillRow, OrderRow
from shared.messages.reasons import OrderPhase
from shared.orders import OrderStatusReport, VenueFill
from shared.orders.fees import fees_in
from shared.orders.outcome import outcome
from shared.orders.state import Resolve
from shared.orders.transitions import on_event


class ResolveAs(StrEnum):
    """An order ends as FILLED to EXPIRED. A difference is EXTERNAL, taken note of, or its position is BOT's or MINE.

    BOT: the book takes the position over. MINE: a person's coins, which the bot neither counts nor sells; spot only.
    """

    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXTERNAL = "external"
    BOT = "bot"
    MINE = "mine"


OF_DIFFERENCES = frozenset({ResolveAs.EXTERNAL, ResolveAs.BOT, ResolveAs.MINE})


class ResolveRequest(NamedTuple):
    """A request says how an order ended, and what was filled at what average price.

    None: the order's quantity if it is FILLED, else the known one.
    """

    state: OrderPhase
    qty: Decimal | None
    price: Decimal | None
    by: str
    at_ms: int


class Resolution(NamedTuple):
    """A resolution is what is written, and one line of what it means."""

    row: OrderRow
    execution: ExecutionRow
    shown: str


def resolution(
    row: OrderRow, fills: Sequence[FillRow], said: ResolveRequest, seq: int, gateway: GatewaySettings
) -> Resolution:
    """Returns the order as said. seq: of its report in the book. ConfigError or SafetyRefusal where it cannot be so."""
    state = open_order_of(row).state
    snapshot = OrderStatusReport(said.state, *_filled(row, said), row.venue_order_id)
    if state.ended or row.state is OrderPhase.INTENT:
        raise ConfigError(f"order {row.client_order_id} is {row.state}: there is nothing to resolve")
    try:
        state = on_event(state, Resolve(said.at_ms, snapshot, said.by), gateway.grace_ms).state
    except ValueError as error:
        raise SafetyRefusal(f"order {row.client_order_id}: {error}") from error
    base, quote = Currencies.of(gateway.markets.get(row.sym, ""))
    booked = outcome(
        state,
        [
            VenueFill(
                fill.trade_id,
                fill.venue_order_id,
                fill.client_order_id,
                fill.sym,
                fill.signed_qty,
                fill.price,
                fill.fee,
                fill.fee_currency,
                fill.at_ms,
                tuple(fees_in(fill.extra_fees or "")),
            )
            for fill in fills
        ],
        quote,
        base,
    )
    assert booked is not None, "an order that a person ended is booked as said"
    ended = following(row, state, row.epoch, said.at_ms, booked.commission)
    report = report_of(ended, seq, booked, said.at_ms)
    price = f" at {booked.last_px}" if booked.last_px is not None else ""
    shown = f"will be {said.state}: {booked.last_qty} of {row.signed_qty} {row.sym}{price}, fees {booked.commission}"
    return Resolution(ended, execution_row(row.book, report, said.at_ms), shown)


def _filled(row: OrderRow, said: ResolveRequest) -> tuple[Decimal, Decimal]:
    """Returns the signed quantity that was filled, and what was paid for it."""
    qty = said.qty if said.qty is not None else (row.signed_qty if said.state is OrderPhase.FILLED else row.filled_qty)
    if qty == row.filled_qty and said.price is None:
        return qty, row.paid
    if not qty:
        return qty, Decimal(0)
    if said.price is None or said.price <= 0:
        raise ConfigError(f"--price: say at which average price {qty} {row.sym} was filled")
    qty = qty.copy_abs().copy_sign(row.signed_qty)
    if abs(qty) > abs(row.signed_qty):
        raise ConfigError(f"--qty {qty}: the order was for {row.signed_qty}")
    return qty, abs(qty) * said.price
