"""Conditional orders of Binance's USD-M futures, which live in a service of their own since December 2025.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Algo-Order and its neighbours;
C: ccxt's binance.parse_order has a recorded row.
"""

from decimal import Decimal, InvalidOperation

from services.fake_exchange.asked import Asked
from services.fake_exchange.binance_orders import CONDITIONAL, BinanceOrders, leg_of
from services.fake_exchange.binance_signed import refused
from services.fake_exchange.book import Ask
from services.fake_exchange.floor import Floor
from services.fake_exchange.order import Order, State
from services.fake_exchange.refusal import Declined

RISE_TO_BUY = ("STOP", "STOP_MARKET")


class BinanceAlgo:
    """Answers about orders that wait, in Binance's words; those that have been triggered are orders like any other."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, asked: Asked) -> object:
        """POST algoOrder."""
        form, book = asked.form, self._floor.book
        kind = form.get("type", "")
        if form.get("algoType") != "CONDITIONAL" or kind not in CONDITIONAL:
            raise refused(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
        if form.get("symbol") not in book.listings:
            raise refused(-1121, "Invalid symbol.")
        buys = form.get("side") == "BUY"
        leg = leg_of(form, book.settings.get("dual") == "true")
        try:
            trigger = Decimal(form["triggerPrice"])
            qty = abs(book.wallet.holding(form["symbol"], leg=leg).qty)
            qty = qty if form.get("closePosition") == "true" else Decimal(form["quantity"])
        except (KeyError, InvalidOperation):
            raise refused(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.") from None
        reduces = "true" in (form.get("reduceOnly"), form.get("closePosition"))
        ask = Ask(
            form["symbol"], qty if buys else -qty, form.get("clientAlgoId", ""), reduces,
            Decimal(form["price"]) if "price" in form else None, leg=leg, trigger=trigger,
            rises=buys == (kind in RISE_TO_BUY), algo=kind,
        )  # fmt: skip
        try:
            return self._shown(self._floor.place(ask))
        except Declined as declined:
            raise refused(*BinanceOrders.CODES[declined.why]) from declined

    def open_orders(self, asked: Asked) -> object:
        """GET openAlgoOrders: of one symbol, or of all."""
        self._floor.book.advance(self._floor.now_ms())
        return [self._shown(order) for order in self._floor.book.waiting_orders(asked.form.get("symbol"))]

    def cancel_all(self, asked: Asked) -> object:
        """DELETE algoOpenOrders: of one symbol."""
        for order in self._floor.book.waiting_orders(asked.form["symbol"]):
            self._floor.book.cancel(order, self._floor.now_ms())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def cancel(self, asked: Asked) -> object:
        """DELETE algoOrder."""
        form = asked.form
        found = [
            order
            for order in self._floor.book.waiting_orders()
            if str(order.id) == form.get("algoId") or order.client_id == form.get("clientAlgoId", order.id)
        ]
        if not found:
            raise refused(-2011, "Unknown order sent.")
        order = self._floor.book.cancel(found[0], self._floor.now_ms())
        return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def _shown(self, order: Order) -> dict[str, object]:
        return {
            "algoId": order.id, "clientAlgoId": order.client_id, "algoType": "CONDITIONAL",
            "orderType": order.algo or "STOP_MARKET", "symbol": order.sym, "side": "BUY" if order.side > 0 else "SELL",
            "positionSide": order.leg or "BOTH", "timeInForce": "GTC", "quantity": abs(order.signed_qty),
            "algoStatus": "NEW" if order.state is State.UNTRIGGERED else order.state, "triggerPrice": order.trigger,
            "price": order.limit or Decimal("0.00"), "icebergQuantity": None, "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "CONTRACT_PRICE", "priceMatch": "NONE", "closePosition": False, "priceProtect": False,
            "reduceOnly": order.reduce_only, "createTime": order.created_ms, "updateTime": order.updated_ms,
            "triggerTime": 0, "goodTillDate": 0,
        }  # fmt: skip
