"""Orders of Bybit, linear and spot.

https://bybit-exchange.github.io/docs/v5/order/create-order
https://bybit-exchange.github.io/docs/v5/order/open-order
https://bybit-exchange.github.io/docs/v5/order/order-list
https://bybit-exchange.github.io/docs/v5/enum#orderstatus
"""

import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation

from services.simulator.bybit.rest import (
    DEFAULT_MS,
    BybitError,
    category,
    checked_category,
    listing_of,
    number_of,
    order_id,
    page,
    window,
)
from services.simulator.engine.events import LIVE, LONG, SHORT, Declined, DeclineReason, EngineOrder, NewOrder, State
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest

CLIENT_ID = re.compile(r"^[A-Za-z0-9_-]{0,36}$")
LEGS = {0: "", 1: LONG, 2: SHORT}
INDEX = {leg: index for index, leg in LEGS.items()}
ENDED_SHOWN = 500
SLIPPAGE = Decimal("1.05")
STATES = {
    State.NEW: "New", State.PARTIALLY_FILLED: "PartiallyFilled", State.FILLED: "Filled", State.CANCELED: "Cancelled",
    State.EXPIRED: "Cancelled", State.UNTRIGGERED: "Untriggered",
}  # fmt: skip
CREATED_BY = {
    "": "CreateByUser", "liquidation": "CreateByTakeOver_PassThrough", "adl": "CreateByAdl_PassThrough",
    "settlement": "CreateBySettle",
}  # fmt: skip
# Texts as users have posted them; https://bybit-exchange.github.io/docs/v5/error
LINEAR = {
    DeclineReason.MARGIN: (110007, "ab not enough for new order"),
    DeclineReason.REDUCE_ONLY: (110017, "current position is zero, cannot fix reduce-only order qty"),
    DeclineReason.DUPLICATE: (110072, "OrderLinkedID is duplicate"),
    DeclineReason.STEP: (10001, "Qty invalid"),
    DeclineReason.MIN_QTY: (10001, "The number of contracts exceeds minimum limit allowed"),
    DeclineReason.MIN_NOTIONAL: (110094, "Order does not meet minimum order value 5USDT"),
    DeclineReason.MOST_MARKET: (10001, "The number of contracts exceeds maximum limit allowed: too large"),
    DeclineReason.NOT_TRADING: (110074, "This contract is not live"),
    DeclineReason.WOULD_TRIGGER: (110093, "expect Falling, but trigger_price >= current??LastPrice"),
    DeclineReason.PRICE_TOO_HIGH: (110003, "Order price exceeds the allowable range."),  # P: the page of errors
    DeclineReason.PRICE_TOO_LOW: (110003, "Order price exceeds the allowable range."),
    DeclineReason.PRICE_STEP: (10001, "Price invalid"),
}
SPOT = {
    **LINEAR,
    DeclineReason.MARGIN: (170131, "Insufficient balance."),
    DeclineReason.DUPLICATE: (170141, "Duplicate clientOrderId"),
    DeclineReason.STEP: (170137, "Order volume decimal too long."),
    DeclineReason.MIN_QTY: (170136, "Order quantity exceeded lower limit."),
    DeclineReason.MIN_NOTIONAL: (170140, "Order value exceeded lower limit."),
    DeclineReason.MOST_MARKET: (170135, "Order quantity exceeded upper limit."),
    DeclineReason.NOT_TRADING: (170157, "The trading pair is not available for api trading."),
    # Recorded: "Buy order price cannot be higher than 43183.1929USDT."
    DeclineReason.PRICE_TOO_HIGH: (170193, "Buy order price cannot be higher than {}USDT."),
    DeclineReason.PRICE_TOO_LOW: (170194, "Sell order price cannot be lower than {}USDT."),
    DeclineReason.PRICE_STEP: (170134, "Order price decimal too long."),
}
TIMES_IN_FORCE = ("GTC", "IOC")


class BybitOrders:
    """Handles requests about orders, those that wait for a price among them."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def place(self, request: HttpRequest) -> object:
        """Answers POST order/create: that the request was taken. A client id is good for one order for ever.

        A contract's limit beyond the price limits is moved to the nearest one that is allowed, unless the account is
        set otherwise (the setting `limit_px`: `modify`, or `reject`); of spot it is refused:
        https://bybit-exchange.github.io/docs/v5/account/set-price-limit (P: what each has by default).
        """
        content = request.content
        listing = listing_of(self._state, content)
        codes = LINEAR if listing.kind == "swap" else SPOT
        client_id = content.get("orderLinkId", "")
        if not CLIENT_ID.match(client_id):
            raise BybitError(10001, "params error: OrderLinkId invalid")
        try:
            if client_id and self._state.engine.by_client(client_id) is not None:
                raise Declined(DeclineReason.DUPLICATE)
            order = self._state.place(self._new_order(listing, content, client_id, request))
        except Declined as declined:
            raise BybitError(*declined.told(codes)) from declined
        return {"orderId": order_id(order.id, listing.kind), "orderLinkId": client_id}

    def realtime(self, request: HttpRequest) -> object:
        """Answers GET order/realtime: open orders of every kind, newest first; by id also the last 500 that ended."""
        query, seen_ms = request.query, self._state.seen_ms(request)
        kind = checked_category(query)
        named = "orderId" in query or "orderLinkId" in query
        if kind == "linear" and not named and not any(name in query for name in ("symbol", "baseCoin", "settleCoin")):
            raise BybitError(10001, "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
        if named:
            found = [order for order in (self._order_named(query, seen_ms),) if order is not None]
            found = [order for order in found if order.state in LIVE or order.id in self._recent()]
        elif query.get("openOnly", "0") == "0":
            found = self._live(query.get("symbol"), seen_ms)
        else:
            ended = [order for order in self._every(query.get("symbol"), seen_ms) if order.state not in LIVE]
            found = ended[-ENDED_SHOWN:]
        return self._page(
            kind, [order for order in found if _matches_filter(order, query, self._state.engine.settings)], query
        )

    def history(self, request: HttpRequest) -> object:
        """Answers GET order/history: those that have ended, of seven days; what Bybit settled was no order."""
        query, seen_ms = request.query, self._state.seen_ms(request)
        kind = checked_category(query)
        since_ms, until_ms = window(query, seen_ms)
        if "orderId" in query or "orderLinkId" in query:
            every = [order for order in (self._order_named(query, seen_ms),) if order is not None]
        else:
            every = self._every(query.get("symbol"), seen_ms)
        found = [order for order in every if since_ms <= order.created_ms <= until_ms]
        return self._page(kind, [o for o in found if o.state not in LIVE and o.origin != "settlement"], query)

    def cancel(self, request: HttpRequest) -> object:
        """Answers POST order/cancel."""
        content = request.content
        listing = listing_of(self._state, content)
        order = self._order_named(content, None)
        if order is None or order.state not in LIVE:
            code = 110001 if listing.kind == "swap" else 170213
            raise BybitError(code, "order not exists or too late to cancel")
        self._state.engine.cancel(order, self._state.now_ms())
        return {"orderId": order_id(order.id, listing.kind), "orderLinkId": order.client_id}

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers POST order/cancel-all: of one market, or of all that settle in a coin.

        Of contracts those that wait, too; of spot only `Order` without another orderFilter:
        https://bybit-exchange.github.io/docs/v5/order/cancel-all
        """
        content, engine = request.content, self._state.engine
        kind = checked_category(content)
        content = {"orderFilter": "Order", **content} if kind == "spot" else content
        if kind == "linear" and not any(name in content for name in ("symbol", "baseCoin", "settleCoin")):
            raise BybitError(10001, "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
        sym = content.get("symbol")
        found = engine.open_orders(sym) + engine.waiting_orders(sym)
        wanted = [order for order in found if _matches_filter(order, content, engine.settings)]
        gone = [order for order in wanted if category(engine.listings[order.sym]) == kind]
        for order in gone:
            engine.cancel(order, self._state.now_ms())
        rows = [
            {"orderId": order_id(order.id, engine.listings[order.sym].kind), "orderLinkId": order.client_id}
            for order in gone
        ]
        return {"list": rows, "success": "1"}

    def _new_order(
        self, listing: Listing, content: Mapping[str, str], client_id: str, request: HttpRequest
    ) -> NewOrder:
        side, kind, swap = content.get("side"), content.get("orderType"), listing.kind == "swap"
        if side not in ("Buy", "Sell"):
            raise BybitError(10001, "params error: side invalid")
        if kind not in ("Market", "Limit"):
            raise BybitError(10001, "params error: orderType invalid")
        try:
            qty = Decimal(content["qty"])
            limit = Decimal(content["price"]) if kind == "Limit" else None
        except (KeyError, InvalidOperation):
            raise BybitError(10001, "Qty invalid") from None
        in_force = content.get("timeInForce", "GTC")
        if in_force not in TIMES_IN_FORCE:
            raise BybitError(10001 if swap else 170115, "Invalid timeInForce.")
        if limit is not None and swap and self._state.engine.settings.get("limit_px", "modify") == "modify":
            limit = self._state.band(listing.id).moved(limit, 1 if side == "Buy" else -1)
        if not swap and kind == "Market" and side == "Buy" and content.get("marketUnit", "quoteCoin") == "quoteCoin":
            ask = self._state.engine.prices.quote(listing.id, self._state.now_ms()).ask
            qty = (qty / ask / listing.step).to_integral_value(ROUND_DOWN) * listing.step
        index = int(content.get("positionIdx", 0))
        hedged = self._state.engine.settings.get("dual", "false") == "true"
        if swap and (index not in LEGS or hedged != bool(index)):
            raise BybitError(10001, "position idx not match position mode")
        trigger = content.get("triggerPrice")
        headers = request.headers
        return NewOrder(
            sym=listing.id,
            signed_qty=qty if side == "Buy" else -qty,
            client_id=client_id,
            reduce_only=bool(content.get("reduceOnly", False)),
            limit=limit,
            ioc=limit is not None and in_force == "IOC",
            stamp_ms=int(headers["x-bapi-timestamp"]),
            validity_ms=int(headers.get("x-bapi-recv-window", DEFAULT_MS)),
            leg=LEGS[index] if swap else "",
            trigger=None if trigger is None else Decimal(trigger),
            rises=str(content.get("triggerDirection", "1")) == "1",
        )

    def _live(self, sym: str | None, seen_ms: int) -> list[EngineOrder]:
        return self._state.engine.open_orders(sym, seen_ms) + self._state.engine.waiting_orders(sym)

    def _every(self, sym: str | None, seen_ms: int) -> list[EngineOrder]:
        return self._state.engine.orders(sym, seen_ms)

    def _order_named(self, fields: Mapping[str, str], seen_ms: int | None) -> EngineOrder | None:
        if "orderId" in fields:
            return self._state.engine.by_id(number_of(fields["orderId"]), seen_ms)
        return self._state.engine.by_client(fields["orderLinkId"], seen_ms)

    def _recent(self) -> frozenset[int]:
        return frozenset(order.id for order in self._state.engine.accepted[-ENDED_SHOWN:])

    def _page(self, kind: str, found: list[EngineOrder], query: Mapping[str, str]) -> object:
        listings = self._state.engine.listings
        mine = [order for order in found if category(listings[order.sym]) == kind]
        rows, cursor = page(sorted(mine, key=lambda order: (-order.created_ms, -order.id)), query, 20, 50)
        return {"list": [self._row(order) for order in rows], "nextPageCursor": cursor, "category": kind}

    def _row(self, order: EngineOrder) -> dict[str, object]:
        listing = self._state.engine.listings[order.sym]
        swap, qty, filled = listing.kind == "swap", abs(order.signed_qty), abs(order.filled)
        fills = self._state.engine.fills_of(order)
        left = qty - filled if order.state in LIVE else Decimal(0)
        fees = sum((fill.fee for fill in fills), Decimal(0))
        price = order.limit if order.limit is not None else self._far_price(listing, order)
        shown: dict[str, object] = {
            "orderId": order_id(order.id, listing.kind), "orderLinkId": order.client_id, "blockTradeId": "",
            "symbol": order.sym, "price": price, "qty": qty, "side": "Buy" if order.side > 0 else "Sell",
            "isLeverage": "" if swap else "0", "positionIdx": INDEX.get(order.leg, 0),
            "orderStatus": _status(order, listing), "cancelType": _cancel_type(order),
            "rejectReason": _reject_reason(order),
            "avgPrice": order.paid / filled if filled else "", "leavesQty": left, "leavesValue": left * price,
            "cumExecQty": filled, "cumExecValue": order.paid, "cumExecFee": fees,
            "cumFeeDetail": {fills[0].fee_currency: str(fees)} if fills else {},
            "timeInForce": "IOC" if order.limit is None or order.ioc else "GTC",
            "orderType": "Market" if order.limit is None else "Limit",
            "stopOrderType": "Stop" if order.trigger is not None else "", "orderIv": "",
            "triggerPrice": "" if order.trigger is None else order.trigger, "takeProfit": "", "stopLoss": "",
            "tpTriggerBy": "", "slTriggerBy": "", "triggerDirection": _trigger_direction(order),
            "triggerBy": "" if order.trigger is None else "LastPrice", "lastPriceOnCreated": "",
            "reduceOnly": order.reduce_only, "closeOnTrigger": False, "smpType": "None", "smpGroup": 0,
            "smpOrderId": "", "tpLimitPrice": "", "slLimitPrice": "", "placeType": "",
            "marketUnit": "" if swap else "baseCoin", "createdTime": str(order.created_ms),
            "updatedTime": str(order.updated_ms),
        }  # fmt: skip
        if swap:
            shown |= {"tpslMode": "", "createType": CREATED_BY[order.origin]}
        return shown

    def _far_price(self, listing: Listing, order: EngineOrder) -> Decimal:
        """Returns the far price of a market order: to Bybit it is a limit order at that price, as its answer shows."""
        mid = self._state.engine.prices.quote(listing.id, self._state.now_ms()).mid
        far = mid * SLIPPAGE if order.side > 0 else mid / SLIPPAGE
        return (far / listing.tick).to_integral_value() * listing.tick


def _matches_filter(order: EngineOrder, fields: Mapping[str, str], settings: Mapping[str, str]) -> bool:
    """Returns whether a request's orderFilter names this order: `Order`, or a kind of those that wait; none names all.

    The setting `filter:CLIENT_ID` says of which kind one that waits is; `StopOrder` without.
    """
    waits = order.state is State.UNTRIGGERED
    kind = settings.get(f"filter:{order.client_id}", "StopOrder") if waits else "Order"
    return fields.get("orderFilter") in (None, kind)


def _status(order: EngineOrder, listing: Listing) -> str:
    if order.state in (State.CANCELED, State.EXPIRED):
        if order.trigger is not None and not order.filled:
            return "Deactivated"
        if order.filled and listing.kind == "spot":
            return "PartiallyFilledCanceled"
    return STATES[order.state]


def _cancel_type(order: EngineOrder) -> str:
    return "CancelByUser" if order.state is State.CANCELED else "UNKNOWN"


def _reject_reason(order: EngineOrder) -> str:
    if order.state is State.EXPIRED:  # P: enum#rejectreason; recorded of orders that nothing was there for: the latter
        return "EC_NoEnoughQtyToFill" if order.filled else "EC_NoImmediateQtyToFill"
    return "EC_PerCancelRequest" if order.state is State.CANCELED else "EC_NoError"


def _trigger_direction(order: EngineOrder) -> int:
    if order.trigger is None:
        return 0
    return 1 if order.rises else 2
