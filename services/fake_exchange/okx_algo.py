"""OKX's algo orders, which are none of its orders until they are triggered. Sizes of a swap are contracts.

https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading
"""

from decimal import Decimal, InvalidOperation

from services.fake_exchange.asked import Asked
from services.fake_exchange.book import CROSS, HEDGE, Ask
from services.fake_exchange.floor import Floor
from services.fake_exchange.okx_orders import CODES
from services.fake_exchange.okx_signed import refused, refused_order
from services.fake_exchange.order import Order
from services.fake_exchange.refusal import Declined

TRIGGER = "trigger"
KINDS = (TRIGGER, "conditional", "oco", "move_order_stop", "iceberg", "twap", "chase")
MOST_ROWS = 100


class OkxAlgo:
    """Answers about orders that wait, in OKX's words."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, asked: Asked) -> object:
        """POST trade/order-algo: `trigger` by its triggerPx, `conditional` by its slTriggerPx or tpTriggerPx."""
        content, book = asked.content, self._floor.book
        client_id, kind = content.get("algoClOrdId", ""), content.get("ordType", "")
        listing = book.listings.get(content.get("instId", ""))
        if listing is None:
            raise refused_order("51001", "Instrument ID doesn't exist.", client_id)
        prices = [content.get(name) for name in ("triggerPx", "slTriggerPx", "tpTriggerPx") if content.get(name)]
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
            algo=kind if kind in KINDS else TRIGGER,
        )  # fmt: skip
        try:
            order = self._floor.place(ask)
        except Declined as declined:
            raise refused_order(*CODES[declined.why], client_id) from declined
        return [{"algoId": str(order.id), "algoClOrdId": client_id, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}]

    def open_orders(self, asked: Asked) -> object:
        """GET trade/orders-algo-pending: of the kinds that are asked for, and one must be; newest first."""
        query = asked.query
        kinds = [kind for kind in query.get("ordType", "").split(",") if kind]
        if not kinds:
            raise refused("50014", "Parameter ordType can not be empty.", 400)
        if len(kinds) > 1 and set(kinds) != {"conditional", "oco"}:
            raise refused("51000", "Parameter ordType error")
        book = self._floor.book
        book.advance(self._floor.now_ms())
        waiting = book.waiting_orders(query.get("instId"))
        if "instType" in query:
            waiting = [order for order in waiting if book.listings[order.sym].kind.upper() == query["instType"]]
        found = [order for order in reversed(waiting) if (order.algo or TRIGGER) in kinds]
        rows = [order for order in found if order.id < int(query.get("after", 1 << 62))]
        return [self._shown(order) for order in rows[: min(int(query.get("limit", MOST_ROWS)), MOST_ROWS)]]

    def cancel(self, asked: Asked) -> object:
        """POST trade/cancel-algos: a list, at most ten at once."""
        if len(asked.content) > 10:
            raise refused("51000", "Parameter error: at most 10 orders", 400)
        waiting = {str(order.id): order for order in self._floor.book.waiting_orders()}
        answers = []
        for row in asked.content:
            order = waiting.get(str(row.get("algoId", "")))
            if order is not None:
                self._floor.book.cancel(order, self._floor.now_ms())
            code, text = ("0", "") if order else ("51400", "Cancellation failed as the order does not exist.")
            answers.append({"algoId": row.get("algoId", ""), "algoClOrdId": "", "sCode": code, "sMsg": text})
        if all(answer["sCode"] != "0" for answer in answers):
            raise refused_order(str(answers[0]["sCode"]), str(answers[0]["sMsg"]))
        return answers

    def _shown(self, order: Order) -> dict[str, object]:
        listing = self._floor.book.listings[order.sym]
        kind = order.algo or TRIGGER
        swap = listing.kind == "swap"
        return {
            "algoId": str(order.id), "algoClOrdId": order.client_id, "clOrdId": "", "ordId": "", "ordIdList": [],
            "instType": listing.kind.upper(), "instId": order.sym, "ordType": kind, "state": "live",
            "side": "buy" if order.side > 0 else "sell", "sz": abs(order.signed_qty) / listing.contract_size,
            "posSide": order.leg.lower() if order.leg in HEDGE else "net",
            "tdMode": ("cross" if order.leg == CROSS else "isolated") if swap else "cash",
            "triggerPx": order.trigger if kind == TRIGGER else "", "triggerPxType": "last", "ordPx": "-1",
            "slTriggerPx": order.trigger if kind == "conditional" else "", "slOrdPx": "-1", "slTriggerPxType": "last",
            "tpTriggerPx": "", "tpOrdPx": "", "tpTriggerPxType": "", "reduceOnly": str(order.reduce_only).lower(),
            "actualSz": "", "actualPx": "", "actualSide": "", "triggerTime": "", "cTime": str(order.created_ms),
            "uTime": str(order.updated_ms), "lever": str(self._floor.book.leverage(order.sym)), "ccy": listing.quote,
            "tag": "", "failCode": "", "closeFraction": "", "last": "",
        }  # fmt: skip
