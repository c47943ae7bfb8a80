"""Orders of Binance's USD-M futures that wait for a price: since December 2025 in a service of their own.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Current-All-Algo-Open-Orders
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Cancel-All-Algo-Open-Orders
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Algo-Order
A row's fields: ccxt's binance.parse_order has one, recorded. One that fires becomes an order of the matching engine
with an id of its own, `actualOrderId`, and the same client id: an ALGO_UPDATE of X TRIGGERED with "aid"
1000000033225453 and "ai" 88937381063 is recorded in https://github.com/nautechsystems/nautilus_trader/issues/3287.
"""

from decimal import Decimal, InvalidOperation

from services.simulator.binance.authentication import refused
from services.simulator.binance.orders import CONDITIONAL, BinanceOrders, leg_of
from services.simulator.engine.matching_engine import Ask
from services.simulator.engine.order import OPEN, Declined, Order, State
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import Asked

# Event-Algo-Order-Update: TRIGGERED while the order that it became lives, FINISHED when that has ended.
STATUS = {State.UNTRIGGERED: "NEW", State.CANCELED: "CANCELED", State.TRIGGERED: "TRIGGERED"}
RISE_TO_BUY = ("STOP", "STOP_MARKET")


class BinanceAlgo:
    """Answers about them. They are neither in openOrders nor cancelled by allOpenOrders."""

    def __init__(self, floor: SimulatorState) -> None:
        self._floor = floor

    def place(self, asked: Asked) -> object:
        """POST algoOrder."""
        form, book = asked.form, self._floor.book
        kind, sym, buys = form.get("type", ""), form.get("symbol", ""), form.get("side") == "BUY"
        if form.get("algoType") != "CONDITIONAL" or kind not in CONDITIONAL:
            raise refused(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
        if sym not in book.listings:
            raise refused(-1121, "Invalid symbol.")
        leg, closes = leg_of(form, book.settings.get("dual") == "true"), form.get("closePosition") == "true"
        try:
            trigger = Decimal(form["triggerPrice"])
            qty = abs(book.wallet.holding(sym, leg=leg).qty) if closes else Decimal(form["quantity"])
        except (KeyError, InvalidOperation):
            raise refused(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.") from None
        ask = Ask(
            sym, qty if buys else -qty, form.get("clientAlgoId", ""), closes or form.get("reduceOnly") == "true",
            Decimal(form["price"]) if "price" in form else None, leg=leg, trigger=trigger,
            rises=buys == (kind in RISE_TO_BUY), algo=kind,
        )  # fmt: skip
        try:
            return self._shown(self._floor.place(ask))
        except Declined as declined:
            raise refused(*BinanceOrders.CODES[declined.why]) from declined

    def find(self, asked: Asked) -> object:
        """GET algoOrder: also one that was cancelled, or has fired."""
        named, book = (asked.form.get("algoId"), asked.form.get("clientAlgoId")), self._floor.book
        kept = [order for order in book.orders() if book.elsewhere(order)]
        found = next((order for order in kept if str(order.id) == named[0] or order.client_id == named[1]), None)
        if found is None:
            raise refused(-2013, "Order does not exist.")
        return self._shown(found)

    def cancel(self, asked: Asked) -> object:
        """DELETE algoOrder."""
        named = (asked.form.get("algoId"), asked.form.get("clientAlgoId"))
        waiting = self._floor.book.waiting_orders()
        found = next((order for order in waiting if str(order.id) == named[0] or order.client_id == named[1]), None)
        if found is None:
            raise refused(-2011, "Unknown order sent.")
        self._floor.book.cancel(found, self._floor.now_ms())
        return {"algoId": found.id, "clientAlgoId": found.client_id, "code": "200", "msg": "success"}

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
        actual = self._floor.book.by_id(order.became)
        status = "FINISHED" if actual is not None and actual.state not in OPEN else STATUS[order.state]
        average = abs(actual.paid / actual.filled) if actual is not None and actual.filled else Decimal(0)
        return {
            "algoId": order.id, "clientAlgoId": order.client_id or f"web_{order.id}", "algoType": "CONDITIONAL",
            "orderType": order.algo or ("STOP_MARKET" if order.limit is None else "STOP"), "symbol": order.sym,
            "side": "BUY" if order.side > 0 else "SELL", "positionSide": order.leg or "BOTH", "timeInForce": "GTC",
            "quantity": abs(order.signed_qty), "algoStatus": status, "triggerPrice": order.trigger,
            "actualOrderId": str(order.became or ""), "actualPrice": average.quantize(Decimal("0.00001")),
            "price": order.limit or "0.00", "icebergQuantity": None, "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "CONTRACT_PRICE", "priceMatch": "NONE", "closePosition": False, "priceProtect": False,
            "reduceOnly": order.reduce_only, "createTime": order.created_ms, "updateTime": order.updated_ms,
            "triggerTime": order.updated_ms if order.became else 0, "goodTillDate": 0,
        }  # fmt: skip
