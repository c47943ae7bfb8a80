"""Orders of Binance's USD-M futures that wait for a price: since December 2025 in a service of their own.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Current-All-Algo-Open-Orders
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Cancel-All-Algo-Open-Orders
A row's fields: ccxt's binance.parse_order has one, recorded.
"""

from services.fake_exchange.asked import Asked
from services.fake_exchange.binance_signed import refused
from services.fake_exchange.floor import Floor
from services.fake_exchange.order import Order


class BinanceAlgo:
    """Answers about them. They are neither in openOrders nor cancelled by allOpenOrders."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def open_orders(self, asked: Asked) -> object:
        """GET openAlgoOrders: of one market, or of all."""
        self._floor.seen_ms(asked)
        return [self._shown(order) for order in self._floor.book.waiting_orders(asked.form.get("symbol"))]

    def cancel_all(self, asked: Asked) -> object:
        """DELETE algoOpenOrders: of one market."""
        if asked.form.get("symbol") not in self._floor.book.listings:
            raise refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        for order in self._floor.book.waiting_orders(asked.form["symbol"]):
            self._floor.book.cancel(order, self._floor.now_ms())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _shown(self, order: Order) -> dict[str, object]:
        return {
            "algoId": order.id, "clientAlgoId": order.client_id or f"web_{order.id}", "algoType": "CONDITIONAL",
            "orderType": "STOP_MARKET" if order.limit is None else "STOP", "symbol": order.sym,
            "side": "BUY" if order.side > 0 else "SELL", "positionSide": order.leg or "BOTH", "timeInForce": "GTC",
            "quantity": abs(order.signed_qty), "algoStatus": "NEW", "triggerPrice": order.trigger,
            "price": order.limit or "0.00", "icebergQuantity": None, "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "CONTRACT_PRICE", "priceMatch": "NONE", "closePosition": False, "priceProtect": False,
            "reduceOnly": order.reduce_only, "createTime": order.created_ms, "updateTime": order.updated_ms,
            "triggerTime": 0, "goodTillDate": 0,
        }  # fmt: skip
