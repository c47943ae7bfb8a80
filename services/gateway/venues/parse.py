"""ccxt's structures as our answers; numbers come as the venue's digits, amounts as its contracts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.gateway.venues.venue import MarketRules
from shared.messages.reasons import OrderState
from shared.orders.answers import FundingPayment, Snapshot, VenueFill, VenuePosition, VenueQuote

ENDED = {
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


class Unreadable(Exception):
    """An answer without what it must have."""


def snapshot(rules: MarketRules, order: Mapping[str, Any], asked_qty: Decimal | None = None) -> Snapshot:
    """What an order is now; its `paid` is exact only where the venue tells exactly (Facts.exact_cost).

    asked_qty: ours, signed, for an answer that names no side. An answer without status is a bare acknowledgement: NEW.
    """
    id_, status, side = order.get("id"), order.get("status"), order.get("side")
    if not id_:
        raise Unreadable("the order has no id")
    filled = number(order.get("filled"), "0") * rules.contract_size
    sign = -1 if (side == "sell" if side else (asked_qty or Decimal(0)) < 0) else 1
    paid = number(order.get("cost"), "0") if filled else Decimal(0)
    if status in (None, "open"):
        state = OrderState.PARTIALLY_FILLED if filled else OrderState.NEW
    elif status in ENDED:
        state = ENDED[status]
    else:
        raise Unreadable(f"the order's status is {str(status)[:20]!r}")
    return Snapshot(state, sign * filled if filled else Decimal(0), paid, str(id_))


def fill(rules: MarketRules, sym: str, trade: Mapping[str, Any]) -> VenueFill:
    """One trade."""
    qty = number(trade.get("amount")) * rules.contract_size
    if trade.get("side") not in ("buy", "sell"):
        raise Unreadable("the trade has no side")
    fee = trade.get("fee") or {}
    info = trade.get("info") or {}
    client_id = next((info[name] for name in ("clOrdId", "orderLinkId", "clientOrderId") if info.get(name)), "")
    return VenueFill(
        trade_id=str(trade["id"]), venue_order_id=str(trade.get("order") or ""), client_order_id=str(client_id),
        sym=sym, signed_qty=qty if trade["side"] == "buy" else -qty, price=number(trade.get("price")),
        fee=number(fee.get("cost"), "0"), fee_currency=str(fee.get("currency") or rules.quote),
        at_ms=int(trade["timestamp"]),
    )  # fmt: skip


def position(rules: MarketRules, sym: str, held: Mapping[str, Any], row: str = "") -> VenuePosition:
    """One of a swap's."""
    qty = number(held.get("contracts"), "0") * rules.contract_size
    if qty and held.get("side") not in ("long", "short"):
        raise Unreadable(f"the position in {sym} has no side")
    entry = number(held.get("entryPrice"), "0")
    return VenuePosition(sym, -qty if held.get("side") == "short" else qty, entry if qty and entry else None, row)


def funding(sym: str, row: Mapping[str, Any]) -> FundingPayment:
    """One payment."""
    return FundingPayment(str(row["id"]), sym, number(row.get("amount")), int(row["timestamp"]))


def quote(sym: str, ticker: Mapping[str, Any], asked_ms: int) -> VenueQuote:
    """Bid and ask; at the time of asking where the venue gives none."""
    return VenueQuote(
        sym, number(ticker.get("bid")), number(ticker.get("ask")), int(ticker.get("timestamp") or asked_ms)
    )


def number(value: object, default: str | None = None) -> Decimal:
    """The venue's digits, exactly."""
    if value is None or value == "":
        if default is None:
            raise Unreadable("a number is missing")
        return Decimal(default)
    made = Decimal(str(value))
    if not made.is_finite():
        raise Unreadable(f"{made} is no number")
    return made
