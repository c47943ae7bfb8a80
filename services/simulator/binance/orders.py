"""Orders and trades of Binance's USD-M futures, and orders that wait for a price.

Each public method answers one endpoint. BinanceOrders has those of orders and trades (spot's are a subclass of it),
BinanceConditionalOrders those of what waits for a price, which is another service there. A `P` says that the page has
it: see shared/exchanges/profile.py.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from services.simulator.binance.rest import api_error
from services.simulator.engine.events import (
    HEDGE,
    OPEN,
    Declined,
    DeclineReason,
    EngineFill,
    EngineOrder,
    NewOrder,
    State,
)
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest

CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
WEEK_MS = 7 * 86_400_000
FORGOTTEN_MS = 3 * 86_400_000  # P: trade/rest-api/Query-Order: "These orders will not be found"
MOST_TRADES = 1000
# Not taken by POST order since December 2025: https://developers.binance.com/docs/derivatives/change-log
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
RISE_TO_BUY = ("STOP", "STOP_MARKET")
# Event-Algo-Order-Update: TRIGGERED while the order that it became lives, FINISHED when that has ended.
ALGO_STATUS = {State.UNTRIGGERED: "NEW", State.CANCELED: "CANCELED", State.TRIGGERED: "TRIGGERED"}


def leg_of(form: Mapping[str, str], hedged: bool) -> str:
    """Returns the leg that a request's positionSide names.

    It must be as the account's mode is; in a hedge no order is told to reduce only.
    """
    side = form.get("positionSide", "BOTH")
    if side not in (HEDGE if hedged else ("BOTH",)):
        raise api_error(-4061, "Order's position side does not match user's setting.")
    if hedged and "reduceOnly" in form:
        raise api_error(-1106, "Parameter 'reduceonly' sent when not required.")
    return side if hedged else ""


class BinanceOrders:
    """It answers requests about orders and trades."""

    SPAN_MS: ClassVar[int] = WEEK_MS  # of trades, in one question
    TOO_LONG: ClassVar[tuple[int, str]] = (-4165, "Maximum time interval is 7 days")
    CODES: ClassVar[Mapping[DeclineReason, tuple[int, str]]] = {
        DeclineReason.MARGIN: (-2019, "Margin is insufficient."),
        DeclineReason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
        DeclineReason.DUPLICATE: (-4116, "ClientOrderId is duplicated."),
        DeclineReason.STEP: (-1111, "Precision is over the maximum defined for this asset."),
        DeclineReason.MIN_QTY: (-4003, "Quantity less than or equal to zero."),
        DeclineReason.MIN_NOTIONAL: (
            -4164,
            "Order's notional must be no smaller than 100 (unless you choose reduce only).",
        ),
        DeclineReason.MOST_MARKET: (-4005, "Quantity greater than max quantity."),
        DeclineReason.NOT_TRADING: (-4140, "Invalid symbol status for opening position."),
        DeclineReason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
        # Recorded: "Limit price can't be higher than 0.7720058."; the rule: PERCENT_PRICE of exchangeInfo (P)
        DeclineReason.PRICE_TOO_HIGH: (-4016, "Limit price can't be higher than {}."),
        DeclineReason.PRICE_TOO_LOW: (-4024, "Limit price can't be lower than {}."),
        DeclineReason.PRICE_STEP: (-4014, "Price not increased by tick size."),
    }

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def place(self, request: HttpRequest) -> object:
        """Answers POST order."""
        form = request.form
        try:
            order = self._state.place(self._new_order(form))
        except Declined as declined:
            raise api_error(*declined.told(self.CODES)) from declined
        return self._answer(order, form)

    def _answer(self, order: EngineOrder, form: Mapping[str, str]) -> dict[str, object]:
        """Returns what a new order is answered with: RESULT has how a market order or an IOC ended, ACK has not.

        P: trade/rest-api/New-Order: ACK unless RESULT is asked for; "LIMIT order with special timeInForce: the final
        status result of the order (FILLED or EXPIRED)".
        """
        shown = self._row(order)
        if form.get("newOrderRespType", "ACK") == "RESULT":
            return shown
        return {**shown, "status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0.00"}

    def find(self, request: HttpRequest) -> object:
        """Answers GET order."""
        seen_ms = self._state.seen_ms(request)
        order = self._found(request, seen_ms)
        if order is None:
            raise api_error(-2013, "Order does not exist.")
        return self._row(order)

    def cancel(self, request: HttpRequest) -> object:
        """Answers DELETE order."""
        order = self._found(request, None)
        if order is None or order.state not in OPEN:
            raise api_error(-2011, "Unknown order sent.")
        return self._row(self._state.engine.cancel(order, self._state.now_ms()))

    def open_orders(self, request: HttpRequest) -> object:
        """Answers GET openOrders."""
        seen_ms, sym = self._state.seen_ms(request), self._sym(request.form) if "symbol" in request.form else None
        return [self._row(order) for order in self._state.engine.open_orders(sym, seen_ms)]

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers DELETE allOpenOrders."""
        for order in self._state.engine.open_orders(self._sym(request.form)):
            self._state.engine.cancel(order, self._state.now_ms())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def all_orders(self, request: HttpRequest) -> object:
        """Answers GET allOrders."""
        found = self._state.engine.orders(self._sym(request.form), self._state.seen_ms(request))
        return [self._row(order) for order in found if self._is_listed(order)]

    def trades(self, request: HttpRequest) -> object:
        """Answers GET userTrades: seven days, oldest first; fromId goes with no time."""
        form, seen_ms = request.form, self._state.seen_ms(request)
        start_ms = int(form.get("startTime", seen_ms - self.SPAN_MS))
        end_ms = min(int(form.get("endTime", start_ms + self.SPAN_MS)), seen_ms)
        if end_ms - start_ms > self.SPAN_MS:
            raise api_error(*self.TOO_LONG)
        if "fromId" in form and ("startTime" in form or "endTime" in form):
            raise api_error(-1128, "Combination of optional parameters invalid.")
        limit = int(form.get("limit", 500))
        if "orderId" in form:
            fills = [fill for fill in self._state.fills(None, 0, seen_ms) if fill.order_id == int(form["orderId"])]
        elif "fromId" in form:
            fills = [fill for fill in self._state.fills(self._sym(form), 0, seen_ms) if fill.id >= int(form["fromId"])]
        else:
            fills = self._state.fills(self._sym(form), start_ms, seen_ms, end_ms)
            fills = fills if "startTime" in form else fills[-limit:]
        return [self._trade(fill) for fill in fills[: min(limit, MOST_TRADES)]]

    def _new_order(self, form: dict[str, str]) -> NewOrder:
        client_id, kind = form.get("newClientOrderId", ""), form.get("type", "")
        if not CLIENT_ID.match(client_id):
            raise api_error(-4015, "Client order id is not valid.")
        if kind in CONDITIONAL:
            raise api_error(
                -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints."
            )
        if kind not in ("MARKET", "LIMIT") or form.get("side") not in ("BUY", "SELL"):
            raise api_error(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
        leg, in_force = leg_of(form, self._state.engine.settings.get("dual") == "true"), form.get("timeInForce")
        if kind == "LIMIT" and in_force is None:
            raise api_error(-1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.")
        if in_force not in (None, "GTC", "IOC"):
            raise api_error(-1115, "Invalid timeInForce.")
        if kind == "MARKET" and in_force is not None:
            raise api_error(-1106, "Parameter 'timeInForce' sent when not required.")
        try:
            qty = Decimal(form["quantity"])
            limit = Decimal(form["price"]) if kind == "LIMIT" else None
        except (KeyError, InvalidOperation):
            raise api_error(
                -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."
            ) from None
        return NewOrder(
            sym=self._sym(form),
            signed_qty=qty if form["side"] == "BUY" else -qty,
            client_id=client_id,
            reduce_only=form.get("reduceOnly") == "true",
            limit=limit,
            stamp_ms=int(form["timestamp"]),
            validity_ms=int(form.get("recvWindow", 0)),
            leg=leg,
            ioc=in_force == "IOC",
        )

    def _sym(self, form: dict[str, str]) -> str:
        if form.get("symbol") not in self._state.engine.listings:
            raise api_error(-1121, "Invalid symbol.")
        return form["symbol"]

    def _found(self, request: HttpRequest, seen_ms: int | None) -> EngineOrder | None:
        """Returns the order that a request names, as it could be seen then; None where this service knows none."""
        form, engine = request.form, self._state.engine
        self._sym(form)
        if "origClientOrderId" in form:
            found = engine.by_client(form["origClientOrderId"], seen_ms)
        else:
            found = engine.by_id(int(form.get("orderId", 0)), seen_ms)
        return found if found is None or self._is_listed(found) else None

    def _is_listed(self, order: EngineOrder) -> bool:
        """Says whether this service tells of an order.

        What waits for a price lies in another service. An order that came to nothing is found for three days.
        """
        forgotten = order.came_to_nothing(self._state.now_ms() - FORGOTTEN_MS)
        return not forgotten and not self._state.engine.kept_apart(order)

    def _row(self, order: EngineOrder) -> dict[str, object]:
        kind = "MARKET" if order.limit is None else "LIMIT"
        average = order.paid / abs(order.filled) if order.filled else Decimal(0)
        return {
            "orderId": order.id, "symbol": order.sym, "status": order.state, "clientOrderId": client_id_of(order),
            "price": order.limit or Decimal(0), "avgPrice": average.quantize(Decimal("0.00001")),
            "origQty": abs(order.signed_qty), "executedQty": abs(order.filled), "cumQty": abs(order.filled),
            "cumQuote": order.paid, "timeInForce": "IOC" if order.ioc else "GTC", "type": kind, "origType": kind,
            "reduceOnly": order.reduce_only, "closePosition": False, "side": "BUY" if order.side > 0 else "SELL",
            "positionSide": order.leg or "BOTH", "stopPrice": "0", "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "priceMatch": "NONE", "selfTradePreventionMode": "NONE", "goodTillDate": 0, "time": order.created_ms,
            "updateTime": order.updated_ms,
        }  # fmt: skip

    def _trade(self, fill: EngineFill) -> dict[str, object]:
        return {
            "symbol": fill.sym, "id": fill.id, "orderId": fill.order_id, "side": "BUY" if fill.qty > 0 else "SELL",
            "price": fill.price, "qty": abs(fill.qty), "realizedPnl": fill.profit,
            "quoteQty": abs(fill.qty) * fill.price, "commission": fill.fee, "commissionAsset": fill.fee_currency,
            "time": fill.at_ms, "positionSide": fill.leg or "BOTH", "maker": False, "buyer": fill.qty > 0,
        }  # fmt: skip


def client_id_of(order: EngineOrder) -> str:
    """Returns the account's client id, or that of an order of Binance's own.

    How these begin: user-data-streams/Event-Order-Update (P). The digits behind are as in the example of
    trade/rest-api/Users-Force-Orders.
    """
    start = {"liquidation": "autoclose-", "settlement": "settlement_autoclose-"}.get(order.origin)
    if start is not None:
        return f"{start}{order.created_ms}{order.id:06}"
    return "adl_autoclose" if order.origin == "adl" else order.client_id


class BinanceConditionalOrders:
    """It answers requests about orders that wait for a price: since December 2025 in a service of their own.

    They are neither in openOrders nor cancelled by allOpenOrders.
    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Current-All-Algo-Open-Orders
    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Cancel-All-Algo-Open-Orders
    https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Algo-Order
    A row's fields: ccxt's binance.parse_order has one, recorded. One that fires becomes an order of the matching engine
    with an id of its own, `actualOrderId`, and the same client id: an ALGO_UPDATE of X TRIGGERED with "aid"
    1000000033225453 and "ai" 88937381063 is recorded in
    https://github.com/nautechsystems/nautilus_trader/issues/3287.
    """

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def place(self, request: HttpRequest) -> object:
        """Answers POST algoOrder."""
        form, engine = request.form, self._state.engine
        kind, sym, buys = form.get("type", ""), form.get("symbol", ""), form.get("side") == "BUY"
        if form.get("algoType") != "CONDITIONAL" or kind not in CONDITIONAL:
            raise api_error(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
        if sym not in engine.listings:
            raise api_error(-1121, "Invalid symbol.")
        leg, closes = leg_of(form, engine.settings.get("dual") == "true"), form.get("closePosition") == "true"
        try:
            trigger = Decimal(form["triggerPrice"])
            qty = abs(engine.wallet.holding(sym, leg=leg).qty) if closes else Decimal(form["quantity"])
        except (KeyError, InvalidOperation):
            raise api_error(
                -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."
            ) from None
        new = NewOrder(
            sym=sym,
            signed_qty=qty if buys else -qty,
            client_id=form.get("clientAlgoId", ""),
            reduce_only=closes or form.get("reduceOnly") == "true",
            limit=Decimal(form["price"]) if "price" in form else None,
            leg=leg,
            trigger=trigger,
            rises=buys == (kind in RISE_TO_BUY),
            algo=kind,
        )
        try:
            return self._row(self._state.place(new))
        except Declined as declined:
            raise api_error(*declined.told(BinanceOrders.CODES)) from declined

    def find(self, request: HttpRequest) -> object:
        """Answers GET algoOrder: also one that was cancelled, or has fired."""
        named, engine = (request.form.get("algoId"), request.form.get("clientAlgoId")), self._state.engine
        kept = [order for order in engine.orders() if engine.kept_apart(order)]
        found = next((order for order in kept if str(order.id) == named[0] or order.client_id == named[1]), None)
        if found is None:
            raise api_error(-2013, "Order does not exist.")
        return self._row(found)

    def cancel(self, request: HttpRequest) -> object:
        """Answers DELETE algoOrder."""
        named = (request.form.get("algoId"), request.form.get("clientAlgoId"))
        waiting = self._state.engine.waiting_orders()
        found = next((order for order in waiting if str(order.id) == named[0] or order.client_id == named[1]), None)
        if found is None:
            raise api_error(-2011, "Unknown order sent.")
        self._state.engine.cancel(found, self._state.now_ms())
        return {"algoId": found.id, "clientAlgoId": found.client_id, "code": "200", "msg": "success"}

    def open_orders(self, request: HttpRequest) -> object:
        """Answers GET openAlgoOrders: of one market, or of all."""
        self._state.seen_ms(request)
        return [self._row(order) for order in self._state.engine.waiting_orders(request.form.get("symbol"))]

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers DELETE algoOpenOrders: of one market."""
        if request.form.get("symbol") not in self._state.engine.listings:
            raise api_error(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        for order in self._state.engine.waiting_orders(request.form["symbol"]):
            self._state.engine.cancel(order, self._state.now_ms())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _row(self, order: EngineOrder) -> dict[str, object]:
        actual = self._state.engine.by_id(order.became)
        status = "FINISHED" if actual is not None and actual.state not in OPEN else ALGO_STATUS[order.state]
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
