"""ccxt's structures as our answers. Numbers come as the exchange's digits, amounts as its contracts."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from shared.exchanges.client import Unreadable
from shared.exchanges.profile import TradingFacts
from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import OrderPhase
from shared.orders.answers import OrderStatusReport, VenueFill, VenuePosition, VenueQuote

ENDED = {
    "closed": OrderPhase.FILLED,
    "canceled": OrderPhase.CANCELED,
    "expired": OrderPhase.EXPIRED,
    "rejected": OrderPhase.REJECTED,
}
ENDED_SHORT = frozenset({OrderPhase.CANCELED, OrderPhase.EXPIRED, OrderPhase.REJECTED})

if TYPE_CHECKING:
    from shared.exchanges.trading.profile import TradingProfile


def answer(
    profile: "TradingProfile", rules: MarketRules, order: Mapping[str, Any], asked_qty: Decimal
) -> OrderStatusReport:
    """Reads the answer to the send; where it has the fills, also what they come to of an order that ended short."""
    made = snapshot(profile.facts, rules, order, asked_qty)
    fills = (order.get("info") or {}).get(profile.facts.fills_name)
    if made.phase not in ENDED_SHORT or not isinstance(fills, list):
        return made
    traded = sum((number(trade.get("amount")) * rules.contract_size for trade in order["trades"]), Decimal(0))
    return made._replace(traded_qty=-traded if asked_qty < 0 else traded)


def snapshot(
    facts: TradingFacts, rules: MarketRules, order: Mapping[str, Any], asked_qty: Decimal | None = None
) -> OrderStatusReport:
    """Reads what an order is now; its `paid` is exact only where the exchange tells exactly (TradingFacts.exact_cost).

    - asked_qty: ours, signed, for an answer that names no side. An answer without status is a bare acknowledgement:
      NEW.
    """
    id_, side = order_id(facts, order), order.get("side")
    if not id_:
        raise Unreadable("the order has no id")
    filled = number(order.get("filled"), "0") * rules.contract_size
    sign = -1 if (side == "sell" if side else (asked_qty or Decimal(0)) < 0) else 1
    paid = number(order.get("cost"), "0") if filled else Decimal(0)
    qty = number(order.get("amount"), "0") * rules.contract_size
    state = _state(facts, order, filled, max(qty, abs(asked_qty or Decimal(0))))
    cause = _cause(facts, order) if state in ENDED_SHORT else ""
    if state is OrderPhase.REJECTED and _is_ioc(order) and _missed(facts, order):
        state = OrderPhase.CANCELED  # it was taken first, so it is no refusal
    return OrderStatusReport(state, sign * filled if filled else Decimal(0), paid, id_, cause=cause)


def _is_ioc(order: Mapping[str, Any]) -> bool:
    return order.get("type") == "limit" and order.get("timeInForce") == "IOC"


def _missed(facts: TradingFacts, order: Mapping[str, Any]) -> bool:
    return any((order.get("info") or {}).get(name) in facts.missed for name in facts.causes)


def _cause(facts: TradingFacts, order: Mapping[str, Any]) -> str:
    """Returns the exchange's words for another end than that by its limit; empty where it has none."""
    info = order.get("info") or {}
    told = [str(info[name]) for name, usual in facts.causes.items() if info.get(name) and str(info[name]) not in usual]
    return ", ".join(told)


def order_id(facts: TradingFacts, order: Mapping[str, Any]) -> str:
    """Returns an order's id at the exchange, by which it is cancelled and its trades are found; empty without one.

    >>> fired = {"id": "7", "info": {"ordId": "8", "algoId": "7"}}
    >>> order_id(TradingFacts(order_id_name="ordId"), fired), order_id(TradingFacts(), fired)
    ('8', '7')
    """
    return str((order.get("info") or {}).get(facts.order_id_name) or order.get("id") or "")


def _state(facts: TradingFacts, order: Mapping[str, Any], filled: Decimal, qty: Decimal) -> OrderPhase:
    """Reads the exchange's own word before ccxt's, which calls what was cancelled in part `closed`."""
    word, status = (order.get("info") or {}).get(facts.status_name), order.get("status")
    state = facts.states.get(str(word)) if word else ENDED.get(str(status))
    if state is None and status not in (None, "open"):
        raise Unreadable(f"the order's status is {str(word or status)[:30]!r}")
    if state is OrderPhase.EXPIRED and _is_ioc(order):
        return OrderPhase.CANCELED  # as it was told to end; Binance calls that EXPIRED (P: the page of its enums)
    if state is OrderPhase.FILLED and filled < qty:
        if word:
            raise Unreadable(f"the order is {word}, and {filled} of {qty} are filled")
        return OrderPhase.CANCELED
    if state is None or state is OrderPhase.NEW:
        return OrderPhase.PARTIALLY_FILLED if filled else OrderPhase.NEW
    return state


def fill(profile: "TradingProfile", rules: MarketRules, sym: str, trade: Mapping[str, Any]) -> VenueFill:
    """Reads one trade, with all its fees."""
    qty = number(trade.get("amount")) * rules.contract_size
    if trade.get("side") not in ("buy", "sell"):
        raise Unreadable("the trade has no side")
    info = trade.get("info") or {}
    client_id = next((info[name] for name in ("clOrdId", "orderLinkId", "clientOrderId") if info.get(name)), "")
    (currency, cost), *others = summed(profile.fees(trade)) or [(rules.quote, Decimal(0))]
    return VenueFill(
        trade_id=str(trade["id"]),
        venue_order_id=str(trade.get("order") or ""),
        client_order_id=str(client_id),
        sym=sym,
        signed_qty=qty if trade["side"] == "buy" else -qty,
        price=number(trade.get("price")),
        fee=cost,
        fee_currency=currency or rules.quote,
        at_ms=int(trade["timestamp"]),
        extra_fees=tuple(others),
        forced=profile.forced(info),
    )


def summed(fees: Iterable[tuple[str, Decimal]]) -> list[tuple[str, Decimal]]:
    """Returns one sum a currency, in the order in which they came.

    >>> summed([("USDT", Decimal(1)), ("BTC", Decimal(2)), ("USDT", Decimal(3))])
    [('USDT', Decimal('4')), ('BTC', Decimal('2'))]
    """
    sums = dict[str, Decimal]()
    for currency, cost in fees:
        sums[currency] = sums.get(currency, Decimal(0)) + cost
    return list(sums.items())


def position(rules: MarketRules, sym: str, held: Mapping[str, Any], row: str = "") -> VenuePosition:
    """Reads one of a swap's positions."""
    qty = number(held.get("contracts"), "0") * rules.contract_size
    if qty and held.get("side") not in ("long", "short"):
        raise Unreadable(f"the position in {sym} has no side")
    if not qty:
        return VenuePosition(sym, qty, None, row)
    return VenuePosition(
        sym,
        -qty if held.get("side") == "short" else qty,
        number(held.get("entryPrice"), "0") or None,
        row,
        None if held.get("marginMode") == "cross" else number(held.get("collateral"), "0") or None,
        number(held.get("liquidationPrice"), "0") or None,
    )


def quote(sym: str, ticker: Mapping[str, Any], asked_ms: int, *, trading: bool = True) -> VenueQuote:
    """Reads bid and ask, as they were asked for; the book's own time where the exchange tells it."""
    book_ms = ticker.get("timestamp")
    bid, ask = number(ticker.get("bid")), number(ticker.get("ask"))
    return VenueQuote(sym, bid, ask, asked_ms, None if book_ms is None else int(book_ms), trading)


def number(value: object, default: str | None = None) -> Decimal:
    """Returns the exchange's digits, exactly."""
    if value is None or value == "":
        if default is None:
            raise Unreadable("a number is missing")
        return Decimal(default)
    made = Decimal(str(value))
    if not made.is_finite():
        raise Unreadable(f"{made} is no number")
    return made
