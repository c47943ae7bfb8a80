"""Orders and fills of OKX, and orders that wait for a price, of swap and spot; sizes of a swap are contracts.

Each public method answers one endpoint. OkxOrders has those of orders and fills, OkxConditionalOrders those of what
waits for a price. `P` and `U` say against what a fact was checked: see shared/exchanges/profile.py.

https://www.okx.com/docs-v5/en/#order-book-trading-trade
"""

import re
from decimal import ROUND_DOWN, Decimal, InvalidOperation

from services.simulator.engine.events import (
    CROSS,
    HEDGE,
    LIVE,
    OPEN,
    Declined,
    DeclineReason,
    EngineFill,
    EngineOrder,
    NewOrder,
    State,
)
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest
from services.simulator.okx.rest import api_error, order_error, stamp_ms_of

CLIENT_ID = re.compile(r"^[A-Za-z0-9]{1,32}$")
STATES = {
    State.NEW: "live", State.PARTIALLY_FILLED: "partially_filled", State.FILLED: "filled", State.CANCELED: "canceled",
    State.EXPIRED: "canceled", State.UNTRIGGERED: "live",
}  # fmt: skip
CODES = {
    DeclineReason.MARGIN: ("51008", "Order failed. Insufficient margin in account."),
    DeclineReason.REDUCE_ONLY: (
        "51169",
        "Order failed because you don't have any positions in this direction to reduce.",
    ),
    DeclineReason.DUPLICATE: ("51016", "Duplicated client order ID."),
    DeclineReason.STEP: ("51121", "Order quantity must be a multiple of the lot size."),
    DeclineReason.MIN_QTY: ("51020", "Order amount should be greater than the min available amount."),
    DeclineReason.MIN_NOTIONAL: ("51020", "Order amount should be greater than the min available amount."),
    DeclineReason.MOST_MARKET: ("51202", "Market order amount exceeds the maximum amount."),
    DeclineReason.NOT_TRADING: ("51022", "Contract suspended."),
    DeclineReason.WOULD_TRIGGER: ("51278", "SL trigger price can not be higher than the last price"),
    # Recorded: "Order price is not within the price limit (Maximum buy price: 26,899.6; minimum sell price: 25,844.6)"
    # for pxAmendType 0, the default (P: #order-book-trading-trade-post-place-order). 51150: P, the page of errors.
    DeclineReason.PRICE_TOO_HIGH: ("51006", "Order price is not within the price limit (Maximum buy price: {})"),
    DeclineReason.PRICE_TOO_LOW: ("51006", "Order price is not within the price limit (Minimum sell price: {})"),
    DeclineReason.PRICE_STEP: ("51150", "The precision of the number of trades or the price exceeds the limit."),
}
KINDS = ("market", "limit", "ioc")
# P: cancelSource of #order-book-trading-trade-ws-order-channel; the text of GET order is U
CANCELS = {State.CANCELED: ("1", "Order canceled by user"), State.EXPIRED: ("14", "IOC order was partially canceled")}
# Who made an order, by EngineOrder.origin; of a trade, with what it sold and what it bought: one-way.
# https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details and
# #trading-account-rest-api-get-bills-details-last-7-days (P)
CATEGORIES = {"": "normal", "liquidation": "full_liquidation", "adl": "adl", "settlement": "delivery"}
SUB_TYPES = {"": ("2", "1"), "liquidation": ("107", "106"), "adl": ("128", "127"), "settlement": ("112", "113")}
MOST_ROWS = 100
DAYS_3_MS = 3 * 86_400_000
# P: #order-book-trading-trade-get-transaction-details-last-3-months advises to ask for the last 3 days in their list;
# c9s/bbgo#1878: the list of months is behind. How far, nobody says.
HISTORY_LATE_MS = 60_000
FORGOTTEN_MS = 2 * 3_600_000
MOST_CANCELS = 10
ALGO_KINDS = ("conditional", "oco", "chase", "trigger", "move_order_stop", "iceberg", "twap")
ALGO_KINDS_TOGETHER = {"conditional", "oco"}  # asked for together; any other kind by itself only
AVERAGE = Decimal("0.1")  # an average price is rounded, so it does not tell what was paid


class OkxOrders:
    """It answers requests about orders and fills."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def place(self, request: HttpRequest) -> object:
        """Answers POST trade/order, and trade/batch-orders with one."""
        content = request.content[0] if isinstance(request.content, list) else request.content
        client_id = content.get("clOrdId", "")
        try:
            order = self._state.place(self._new_order(content, request))
        except Declined as declined:
            raise order_error(*declined.told(CODES), client_id) from declined
        return [{"clOrdId": client_id, "ordId": str(order.id), "sCode": "0", "sMsg": "Order placed", "tag": ""}]

    def find(self, request: HttpRequest) -> object:
        """Answers GET trade/order."""
        seen_ms = self._state.seen_ms(request)
        order = self._found(request.query, seen_ms)
        if order is None:
            raise api_error("51603", "Order does not exist")
        return [self._row(order)]

    def cancel(self, request: HttpRequest) -> object:
        """Answers POST trade/cancel-order."""
        order = self._found(request.content, None)
        if order is None or order.state not in OPEN:
            raise order_error("51400", "Cancellation failed as the order has been filled, canceled or does not exist.")
        self._state.engine.cancel(order, self._state.now_ms())
        return [{"clOrdId": order.client_id, "ordId": str(order.id), "sCode": "0", "sMsg": ""}]

    def open_orders(self, request: HttpRequest) -> object:
        """Answers GET trade/orders-pending."""
        seen_ms = self._state.seen_ms(request)
        found = self._state.engine.open_orders(request.query.get("instId"), seen_ms)[::-1]
        if "after" in request.query:
            found = [order for order in found if order.id < int(request.query["after"])]
        return [self._row(order) for order in found[: _limit(request)]]

    def fills(self, request: HttpRequest) -> object:
        """Answers GET trade/fills: those of the last three days, newest first."""
        seen_ms = self._state.seen_ms(request)
        return self._listed(request, self._state.now_ms() - DAYS_3_MS, seen_ms)

    def fills_history(self, request: HttpRequest) -> object:
        """Answers GET trade/fills-history: all, newest first, and each some time after it was."""
        return self._listed(request, 0, self._state.seen_ms(request) - HISTORY_LATE_MS)

    def _listed(self, request: HttpRequest, since_ms: int, seen_ms: int) -> object:
        query = request.query
        begin_ms, end_ms = max(int(query.get("begin", 0)), since_ms), min(int(query.get("end", seen_ms)), seen_ms)
        found = self._state.fills(query.get("instId"), begin_ms, seen_ms, end_ms)
        if "ordId" in query:
            found = [fill for fill in found if str(fill.order_id) == query["ordId"]]
        if "after" in query:
            found = [fill for fill in found if fill.id < int(query["after"])]
        return [self._fill(fill) for fill in found[::-1][: _limit(request)]]

    def _new_order(self, content: dict[str, str], request: HttpRequest) -> NewOrder:
        client_id, id_, kind = content.get("clOrdId", ""), content.get("instId", ""), content.get("ordType", "")
        listing = self._state.engine.listings.get(id_)
        if listing is None:
            raise order_error("51001", "Instrument ID doesn't exist.", client_id)
        modes = ("isolated", "cross") if listing.kind == "swap" else ("cash",)
        if not CLIENT_ID.match(client_id) or content.get("tdMode") not in modes or kind not in KINDS:
            raise order_error("51000", "Parameter error", client_id)
        try:
            qty = Decimal(content["sz"]) * listing.contract_size
            limit = None if kind == "market" else Decimal(content["px"])
        except (KeyError, InvalidOperation):
            raise order_error("51000", "Parameter sz error", client_id) from None
        in_money = listing.kind == "spot" and content["side"] == "buy" and limit is None  # tgtCcy: of market orders
        if in_money and content.get("tgtCcy", "quote_ccy") == "quote_ccy":
            qty = self._for_money(listing, qty)
        stamp_ms = stamp_ms_of(request)
        side = content.get("posSide", "net")
        hedged = listing.kind == "swap" and self._state.engine.settings.get("mode") == "long_short_mode"
        if side not in (("long", "short") if hedged else ("net",)):
            raise order_error("51000", "Parameter posSide error", client_id)
        leg = side.upper() if hedged else CROSS if content["tdMode"] == "cross" else ""
        return NewOrder(
            sym=id_,
            signed_qty=qty if content["side"] == "buy" else -qty,
            client_id=client_id,
            reduce_only=str(content.get("reduceOnly")).lower() == "true",
            limit=limit,
            stamp_ms=stamp_ms,
            validity_ms=int(request.headers.get("exptime", stamp_ms)) - stamp_ms,
            leg=leg,
            ioc=kind == "ioc",
        )

    def _for_money(self, listing: Listing, money: Decimal) -> Decimal:
        """Returns how much a market order buys for an amount of the quote currency."""
        ask = self._state.engine.prices.quote(listing.id, self._state.now_ms()).ask
        return (money / ask / listing.step).to_integral_value(ROUND_DOWN) * listing.step

    def _found(self, query: dict[str, str], seen_ms: int | None) -> EngineOrder | None:
        """Returns the order that a request names, as it could be seen then; None where there is none."""
        engine = self._state.engine
        if query.get("clOrdId"):
            found = engine.by_client(query["clOrdId"], seen_ms)
        else:
            found = engine.by_id(int(query.get("ordId") or 0), seen_ms)
        if found is None or engine.kept_apart(found):
            return None
        # P: #order-book-trading-trade-get-order-history-last-7-days: "The incomplete orders that have been canceled are
        # only reserved for 2 hours"; of GET order the page says nothing
        return None if found.came_to_nothing(self._state.now_ms() - FORGOTTEN_MS) else found

    def _row(self, order: EngineOrder) -> dict[str, object]:
        listing = self._state.engine.listings[order.sym]
        fills = self._state.engine.fills_of(order)
        average = (order.paid / abs(order.filled)).quantize(AVERAGE) if order.filled else ""
        cancel_source, cancel_reason = CANCELS.get(order.state, ("", ""))
        return {
            "accFillSz": abs(order.filled) / listing.contract_size, "avgPx": average, "cTime": str(order.created_ms),
            "clOrdId": order.client_id, "ordId": str(order.id), "instId": order.sym, "instType": listing.kind.upper(),
            "fee": -sum(fill.fee for fill in fills), "feeCcy": fills[0].fee_currency if fills else listing.quote,
            "fillPx": fills[-1].price if fills else "",
            "fillSz": abs(fills[-1].qty) / listing.contract_size if fills else "",
            "fillTime": str(order.updated_ms) if fills else "", "tradeId": str(fills[-1].id) if fills else "",
            "lever": str(self._state.engine.leverage(order.sym)),
            "ordType": "market" if order.limit is None else "ioc" if order.ioc else "limit",
            "cancelSource": cancel_source, "cancelSourceReason": cancel_reason,
            "px": "" if order.limit is None else order.limit, "posSide": _side(order.leg), "state": STATES[order.state],
            "side": "buy" if order.side > 0 else "sell", "sz": abs(order.signed_qty) / listing.contract_size,
            "tdMode": _mode(listing, order.leg), "category": CATEGORIES[order.origin],
            "reduceOnly": str(order.reduce_only).lower(),
            "tgtCcy": "" if listing.kind == "swap" else "base_ccy", "uTime": str(order.updated_ms), "tag": "",
            **self._algo(order),
        }  # fmt: skip

    def _algo(self, order: EngineOrder) -> dict[str, object]:
        """Returns of which waiting order this one was made.

        - source: 6 is a trigger order, 7 a take-profit or stop-loss order.
        """
        was = self._state.engine.by_id(order.was)
        if was is None:
            return {"algoId": "", "algoClOrdId": "", "source": ""}
        source = "7" if was.algo in ("conditional", "oco") else "6"
        return {"algoId": str(was.id), "algoClOrdId": was.client_id, "source": source}

    def _fill(self, fill: EngineFill) -> dict[str, object]:
        listing = self._state.engine.listings[fill.sym]
        return {
            "instType": listing.kind.upper(), "instId": fill.sym, "tradeId": str(fill.id), "ordId": str(fill.order_id),
            "clOrdId": fill.client_id, "billId": str(fill.id), "fillPx": fill.price,
            "posSide": _side(fill.leg), "execType": "T",
            "fillSz": abs(fill.qty) / listing.contract_size, "side": "buy" if fill.qty > 0 else "sell",
            "fee": -fill.fee, "feeCcy": fill.fee_currency, "ts": str(fill.at_ms), "fillTime": str(fill.at_ms),
            "tag": "", "fillPnl": fill.profit, "subType": SUB_TYPES[fill.origin][fill.qty > 0],
        }  # fmt: skip


def _limit(request: HttpRequest) -> int:
    return min(int(request.query.get("limit", MOST_ROWS)), MOST_ROWS)


def _side(leg: str) -> str:
    return leg.lower() if leg in HEDGE else "net"


def _mode(listing: Listing, leg: str) -> str:
    if listing.kind == "spot":
        return "cash"
    return "cross" if leg == CROSS else "isolated"


class OkxConditionalOrders:
    """It answers requests about orders that wait for a price.

    They are not among the pending orders, and each kind is asked for by its name.
    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-get-algo-order-list
    https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-post-cancel-algo-order
    A row's fields: ccxt's okx.fetch_open_orders has one, recorded.

    One that fires becomes an order with an id of its own, which tells the algo order's (`algoId`, `algoClOrdId`):
    https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details

    The setting `algo:CLIENT_ID` says of which kind an order is; `trigger` without.
    """

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def place(self, request: HttpRequest) -> object:
        """Answers POST trade/order-algo.

        A `trigger` order waits for its triggerPx, a `conditional` one for its slTriggerPx or tpTriggerPx. A contract's
        `trigger` order takes no reduceOnly: nautechsystems/nautilus_trader#3693, and others have measured it.
        """
        content, engine = request.content, self._state.engine
        client_id, kind = content.get("algoClOrdId", ""), content.get("ordType", "")
        listing = engine.listings.get(content.get("instId", ""))
        if listing is None or kind not in ALGO_KINDS:
            raise order_error("51000", "Parameter ordType error", client_id)
        prices = [content[name] for name in ("triggerPx", "slTriggerPx", "tpTriggerPx") if content.get(name)]
        try:
            trigger, qty = Decimal(prices[0]), Decimal(content["sz"]) * listing.contract_size
        except (IndexError, KeyError, InvalidOperation):
            raise order_error("51000", "Parameter triggerPx error", client_id) from None
        side, leg = content.get("posSide", "net"), ""
        reduces = str(content.get("reduceOnly")).lower() == "true"
        if listing.kind == "swap" and kind == "trigger" and reduces:
            raise order_error("51205", "Reduce Only is not available.", client_id)
        if listing.kind == "swap":
            leg = side.upper() if side != "net" else (CROSS if content.get("tdMode") == "cross" else "")
        now = engine.prices.quote(listing.id, self._state.now_ms()).mid
        new = NewOrder(
            sym=listing.id,
            signed_qty=qty if content["side"] == "buy" else -qty,
            client_id=client_id,
            reduce_only=reduces,
            leg=leg,
            trigger=trigger,
            rises=trigger > now,
            algo=kind,
        )
        try:
            order = self._state.place(new)
        except Declined as declined:
            raise order_error(*declined.told(CODES), client_id) from declined
        return [{"algoId": str(order.id), "algoClOrdId": client_id, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}]

    def pending(self, request: HttpRequest) -> object:
        """Answers GET trade/orders-algo-pending: newest first; `after`: older than this one."""
        query, engine = request.query, self._state.engine
        self._state.seen_ms(request)
        kinds = set(query.get("ordType", "").split(","))
        if not kinds <= set(ALGO_KINDS) or (len(kinds) > 1 and kinds != ALGO_KINDS_TOGETHER):
            raise api_error("51000", "Parameter ordType error")
        found = [order for order in engine.waiting_orders(query.get("instId")) if self._kind(order) in kinds]
        if "instType" in query:
            found = [order for order in found if engine.listings[order.sym].kind.upper() == query["instType"]]
        if "after" in query:
            found = [order for order in found if order.id < int(query["after"])]
        newest = sorted(found, key=lambda order: -order.id)
        return [self._row(order) for order in newest[: min(int(query.get("limit", MOST_ROWS)), MOST_ROWS)]]

    def cancel(self, request: HttpRequest) -> object:
        """Answers POST trade/cancel-algos: a list of ids."""
        if len(request.content) > MOST_CANCELS:
            raise api_error("51000", "Parameter algoId error")
        orders = [self._state.engine.by_id(int(row["algoId"])) for row in request.content]
        for order in orders:
            if order is None or order.state not in LIVE:
                raise order_error("51400", "Cancellation failed as the order does not exist.")
            self._state.engine.cancel(order, self._state.now_ms())
        return [{"algoId": row["algoId"], "algoClOrdId": "", "sCode": "0", "sMsg": ""} for row in request.content]

    def _kind(self, order: EngineOrder) -> str:
        return order.algo or self._state.engine.settings.get(f"algo:{order.client_id}", "trigger")

    def _row(self, order: EngineOrder) -> dict[str, object]:
        listing = self._state.engine.listings[order.sym]
        swap = listing.kind == "swap"
        return {
            "activePx": "", "actualPx": "", "actualSide": "", "actualSz": "0", "algoId": str(order.id),
            "algoClOrdId": order.client_id, "cTime": str(order.created_ms), "callbackRatio": "", "callbackSpread": "",
            "ccy": "", "clOrdId": "", "instId": order.sym, "instType": listing.kind.upper(), "last": "",
            "lever": str(self._state.engine.leverage(order.sym)) if swap else "", "notionalUsd": "", "ordId": "",
            "ordPx": "-1" if order.limit is None else order.limit, "ordType": self._kind(order),
            "posSide": order.leg.lower() if order.leg in HEDGE else "net", "reduceOnly": str(order.reduce_only).lower(),
            "side": "buy" if order.side > 0 else "sell", "slOrdPx": "",
            "slTriggerPx": order.trigger if self._kind(order) == "conditional" else "", "state": "live",
            "sz": abs(order.signed_qty) / listing.contract_size, "tag": "",
            "tdMode": ("cross" if order.leg == CROSS else "isolated") if swap else "cash", "tgtCcy": "", "tpOrdPx": "",
            "tpTriggerPx": "", "triggerPx": order.trigger, "triggerPxType": "last", "triggerTime": "",
            "uTime": str(order.updated_ms),
        }  # fmt: skip
