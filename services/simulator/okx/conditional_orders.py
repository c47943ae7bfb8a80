"""Orders of OKX that wait for a price.

https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-get-algo-order-list
https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-post-cancel-algo-order
A row's fields: ccxt's okx.fetch_open_orders has one, recorded.
"""

from decimal import Decimal, InvalidOperation

from services.simulator.engine.matching_engine import CROSS, HEDGE, Ask
from services.simulator.engine.order import LIVE, Declined, Order
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked
from services.simulator.okx.authentication import refused, refused_order
from services.simulator.okx.orders import CODES

KINDS = ("conditional", "oco", "chase", "trigger", "move_order_stop", "iceberg", "twap")
TOGETHER = {"conditional", "oco"}  # asked for together; any other kind by itself only
MOST_ROWS = 100
MOST_CANCELS = 10


class OkxAlgo:
    """Answers about them. They are not among the pending orders, and each kind is asked for by its name.

    One that fires becomes an order with an id of its own, which tells the algo order's (`algoId`, `algoClOrdId`):
    https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details

    The setting `algo:CLIENT_ID` says of which kind an order is; `trigger` without.
    """

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def place(self, asked: Asked) -> object:
        """POST trade/order-algo: `trigger` by its triggerPx, `conditional` by its slTriggerPx or tpTriggerPx."""
        content, book = asked.content, self._floor.book
        client_id, kind = content.get("algoClOrdId", ""), content.get("ordType", "")
        listing = book.listings.get(content.get("instId", ""))
        if listing is None or kind not in KINDS:
            raise refused_order("51000", "Parameter ordType error", client_id)
        prices = [content[name] for name in ("triggerPx", "slTriggerPx", "tpTriggerPx") if content.get(name)]
        try:
            trigger, qty = Decimal(prices[0]), Decimal(content["sz"]) * listing.contract_size
        except (IndexError, KeyError, InvalidOperation):
            raise refused_order("51000", "Parameter triggerPx error", client_id) from None
        side, leg = content.get("posSide", "net"), ""
        if listing.kind == "swap":
            leg = side.upper() if side != "net" else (CROSS if content.get("tdMode") == "cross" else "")
        now = book.prices.quote(listing.id, self._floor.now_ms()).mid
        ask = Ask(
            listing.id, qty if content["side"] == "buy" else -qty, client_id,
            str(content.get("reduceOnly")).lower() == "true", None, leg=leg, trigger=trigger, rises=trigger > now,
            algo=kind,
        )  # fmt: skip
        try:
            order = self._floor.place(ask)
        except Declined as declined:
            raise refused_order(*CODES[declined.why], client_id) from declined
        return [{"algoId": str(order.id), "algoClOrdId": client_id, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}]

    def pending(self, asked: Asked) -> object:
        """GET trade/orders-algo-pending: newest first; `after`: older than this one."""
        query, book = asked.query, self._floor.book
        self._floor.seen_ms(asked)
        kinds = set(query.get("ordType", "").split(","))
        if not kinds <= set(KINDS) or (len(kinds) > 1 and kinds != TOGETHER):
            raise refused("51000", "Parameter ordType error")
        found = [order for order in book.waiting_orders(query.get("instId")) if self._kind(order) in kinds]
        if "instType" in query:
            found = [order for order in found if book.listings[order.sym].kind.upper() == query["instType"]]
        if "after" in query:
            found = [order for order in found if order.id < int(query["after"])]
        newest = sorted(found, key=lambda order: -order.id)
        return [self._shown(order) for order in newest[: min(int(query.get("limit", MOST_ROWS)), MOST_ROWS)]]

    def cancel(self, asked: Asked) -> object:
        """POST trade/cancel-algos: a list of ids."""
        if len(asked.content) > MOST_CANCELS:
            raise refused("51000", "Parameter algoId error")
        orders = [self._floor.book.by_id(int(row["algoId"])) for row in asked.content]
        for order in orders:
            if order is None or order.state not in LIVE:
                raise refused_order("51400", "Cancellation failed as the order does not exist.")
            self._floor.book.cancel(order, self._floor.now_ms())
        return [{"algoId": row["algoId"], "algoClOrdId": "", "sCode": "0", "sMsg": ""} for row in asked.content]

    def _kind(self, order: Order) -> str:
        return order.algo or self._floor.book.settings.get(f"algo:{order.client_id}", "trigger")

    def _shown(self, order: Order) -> dict[str, object]:
        listing = self._floor.book.listings[order.sym]
        swap = listing.kind == "swap"
        return {
            "activePx": "", "actualPx": "", "actualSide": "", "actualSz": "0", "algoId": str(order.id),
            "algoClOrdId": order.client_id, "cTime": str(order.created_ms), "callbackRatio": "", "callbackSpread": "",
            "ccy": "", "clOrdId": "", "instId": order.sym, "instType": listing.kind.upper(), "last": "",
            "lever": str(self._floor.book.leverage(order.sym)) if swap else "", "notionalUsd": "", "ordId": "",
            "ordPx": "-1" if order.limit is None else order.limit, "ordType": self._kind(order),
            "posSide": order.leg.lower() if order.leg in HEDGE else "net", "reduceOnly": str(order.reduce_only).lower(),
            "side": "buy" if order.side > 0 else "sell", "slOrdPx": "",
            "slTriggerPx": order.trigger if self._kind(order) == "conditional" else "", "state": "live",
            "sz": abs(order.signed_qty) / listing.contract_size, "tag": "",
            "tdMode": ("cross" if order.leg == CROSS else "isolated") if swap else "cash", "tgtCcy": "", "tpOrdPx": "",
            "tpTriggerPx": "", "triggerPx": order.trigger, "triggerPxType": "last", "triggerTime": "",
            "uTime": str(order.updated_ms),
        }  # fmt: skip
