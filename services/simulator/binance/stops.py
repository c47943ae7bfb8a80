"""Stops of Binance's USD-M futures: conditional orders at market, in the algo service.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Algo-Order (P)
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Algo-Order (P)
https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Algo-Order-Update (P)
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from services.simulator.binance.orders import CLIENT_ID, BinanceConditionalOrders, BinanceOrders, leg_of
from services.simulator.binance.rest import FUTURES, api_error, private
from services.simulator.engine.events import OPEN, Declined
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.stops import EngineStop, StopState
from services.simulator.http.request import Handler, HttpRequest

AT_MARKET = ("STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
TRAILING = "TRAILING_STOP_MARKET"
FORGOTTEN_MS = 3 * 86_400_000  # Query-Algo-Order: CANCELED or EXPIRED, and no trade
SIZED_STOPS = "sized_stops"  # the setting: `refused` takes no stop by quantity that only reduces
LEAST_RATE, MOST_RATE = Decimal("0.1"), Decimal(10)  # New-Algo-Order: callbackRate, in percent
STATUS = {
    StopState.WAITING: "NEW", StopState.TRIGGERING: "TRIGGERING", StopState.TRIGGERED: "TRIGGERED",
    StopState.CANCELED: "CANCELED", StopState.FAILED: "REJECTED",
}  # fmt: skip


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`, of orders and of the algo service."""
    state.engine.triggered_client_id = lambda waited: waited.client_id  # see BinanceConditionalOrders
    state.engine.stops.order_client_id = lambda stop: stop.client_id  # the same
    orders, conditional, futures = BinanceOrders(state), BinanceAlgoOrders(state), f"{FUTURES}/v1"
    table: dict[str, Handler] = {
        f"POST {futures}/order": orders.place,
        f"GET {futures}/order": orders.find,
        f"DELETE {futures}/order": orders.cancel,
        f"GET {futures}/openOrders": orders.open_orders,
        f"DELETE {futures}/allOpenOrders": orders.cancel_all,
        f"POST {futures}/algoOrder": conditional.place,
        f"GET {futures}/algoOrder": conditional.find,
        f"DELETE {futures}/algoOrder": conditional.cancel,
        f"GET {futures}/openAlgoOrders": conditional.open_orders,
        f"DELETE {futures}/algoOpenOrders": conditional.cancel_all,
        f"GET {futures}/allOrders": orders.all_orders,
        f"GET {futures}/userTrades": orders.trades,
    }
    return private(state, table)


class BinanceAlgoOrders(BinanceConditionalOrders):
    """Handles requests about the algo service: stops at market, and beside them what waits with a limit.

    Nothing there ends with its position: https://github.com/Binance-docs/Binance_Futures_python/issues/100. Of those
    with closePosition one of a type may wait in a direction (-4130, as clients have recorded it), and none without a
    position (-4509 of the page of errors, P; whether it says so here is U).
    """

    def place(self, request: HttpRequest) -> object:
        """Answers POST algoOrder."""
        form = request.form
        if form.get("algoType") != "CONDITIONAL" or form.get("type") not in AT_MARKET:
            return super().place(request)
        stop = self._stop(form)
        try:
            return self._stop_row(self._state.place_stop(stop))
        except Declined as declined:
            raise api_error(*BinanceOrders.CODES[declined.why]) from declined

    def find(self, request: HttpRequest) -> object:
        """Answers GET algoOrder: without a symbol, by either id."""
        now_ms = self._state.seen_ms(request)
        found = self._named(self._state.engine.stops.all(now_ms), request)
        if found is None:
            return super().find(request)
        ended = found.state in (StopState.CANCELED, StopState.FAILED)
        if ended and found.created_ms + FORGOTTEN_MS < now_ms:
            raise api_error(-2013, "Order does not exist.")
        return self._stop_row(found)

    def cancel(self, request: HttpRequest) -> object:
        """Answers DELETE algoOrder: of one that waits, and no more."""
        now_ms = self._state.seen_ms(request)
        found = self._named(self._state.engine.stops.waiting(seen_ms=now_ms), request)
        if found is None:
            return super().cancel(request)
        self._state.engine.stops.cancel(found, now_ms)
        return {"algoId": found.id, "clientAlgoId": found.client_id, "code": "200", "msg": "success"}

    def open_orders(self, request: HttpRequest) -> object:
        """Answers GET openAlgoOrders."""
        now_ms = self._state.seen_ms(request)
        stops = self._state.engine.stops.waiting(request.form.get("symbol"), now_ms)
        rows = super().open_orders(request)
        assert isinstance(rows, list)
        return [*rows, *map(self._stop_row, stops)]

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers DELETE algoOpenOrders."""
        answer, now_ms = super().cancel_all(request), self._state.now_ms()
        for stop in self._state.engine.stops.waiting(request.form["symbol"]):
            self._state.engine.stops.cancel(stop, now_ms)
        return answer

    def _stop(self, form: Mapping[str, str]) -> EngineStop:
        kind, sym, side = form["type"], form.get("symbol", ""), form.get("side")
        engine, closes = self._state.engine, form.get("closePosition") == "true"
        if sym not in engine.listings:
            raise api_error(-1121, "Invalid symbol.")
        if side not in ("BUY", "SELL"):
            raise api_error(-1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed.")
        if not CLIENT_ID.match(form.get("clientAlgoId", "")):
            raise api_error(-4015, "Client order id is not valid.")
        leg, sign = leg_of(dict(form), engine.settings.get("dual") == "true"), 1 if side == "BUY" else -1
        self._check_size(form, kind)
        if closes and engine.wallet.holding(sym, leg=leg).qty * sign >= 0:
            raise api_error(
                -4509, "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are "
                "available."
            )  # fmt: skip
        if closes and any(
            (one.kind, one.side, one.leg) == (kind, sign, leg) and one.whole for one in engine.stops.waiting(sym)
        ):
            raise api_error(
                -4130, "An open stop or take profit order with GTE and closePosition in the direction is existing."
            )
        qty, trigger, rate = (self._number(form, name) for name in ("quantity", "triggerPrice", "callbackRate"))
        if kind == TRAILING and (rate is None or not LEAST_RATE <= rate <= MOST_RATE or rate % LEAST_RATE):
            raise api_error(-1130, "Data sent for parameter 'callbackRate' is not valid.")
        if kind != TRAILING and trigger is None:
            raise api_error(-1102, "Mandatory parameter 'triggerPrice' was not sent, was empty/null, or malformed.")
        if trigger is not None and trigger % engine.listings[sym].tick:
            raise api_error(-1111, "Precision is over the maximum defined for this asset.")
        return EngineStop(
            id=0,
            client_id=form.get("clientAlgoId", ""),
            sym=sym,
            kind=kind,
            side=sign,
            qty=Decimal(0) if closes or qty is None else qty,
            trigger=trigger,
            rises=(sign > 0) == (kind != "TAKE_PROFIT_MARKET"),
            created_ms=0,
            updated_ms=0,
            leg=leg,
            trail=None if rate is None or kind != TRAILING else rate / 100,
        )

    def _check_size(self, form: Mapping[str, str], kind: str) -> None:
        """Checks that closePosition stands alone, and that without it a quantity is sent.

        C: -4136, -4137. -1106 of reduceOnly: issues 4192 and 4231 of nautechsystems/nautilus_trader, of a hedge
        (New-Algo-Order, P: "Cannot be sent in Hedge Mode"); the setting SIZED_STOPS says it of any.
        """
        if form.get("closePosition") == "true":
            if kind == TRAILING:
                raise api_error(-4136, "Target strategy invalid for orderType TRAILING_STOP_MARKET,closePosition true")
            if "quantity" in form:
                raise api_error(-4137, "Quantity must be zero with closePosition equals true")
            if "reduceOnly" in form:
                raise api_error(-1106, "Parameter 'reduceonly' sent when not required.")
        elif self._number(form, "quantity") is None:
            raise api_error(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
        elif self._state.engine.settings.get(SIZED_STOPS) == "refused" and "reduceOnly" in form:
            raise api_error(-1106, "Parameter 'reduceonly' sent when not required.")
        elif form.get("reduceOnly") != "true":
            raise api_error(-1102, "the simulator keeps no stop at market that could add: send reduceOnly")

    def _number(self, form: Mapping[str, str], name: str) -> Decimal | None:
        try:
            return Decimal(form[name]) if name in form else None
        except InvalidOperation:
            raise api_error(-1100, f"Illegal characters found in parameter '{name}'.") from None

    def _named(self, stops: list[EngineStop], request: HttpRequest) -> EngineStop | None:
        id_, client_id = request.form.get("algoId"), request.form.get("clientAlgoId")
        if id_ is None and client_id is None:
            raise api_error(-1102, "Param 'algoid' or 'clientalgoid' must be sent, but both were empty/null!")
        found = (
            stop for stop in reversed(stops) if str(stop.id) == id_ or (id_ is None and stop.client_id == client_id)
        )
        return next(found, None)

    def _stop_row(self, stop: EngineStop) -> dict[str, object]:
        actual = self._state.engine.stops.told_order(stop, self._state.now_ms())
        status = "FINISHED" if actual is not None and actual.state not in OPEN else STATUS[StopState(stop.state)]
        shown = "0.00" if stop.trail is not None else stop.trigger
        average = abs(actual.paid / actual.filled) if actual is not None and actual.filled else Decimal(0)
        return {
            "algoId": stop.id, "clientAlgoId": stop.client_id, "algoType": "CONDITIONAL", "orderType": stop.kind,
            "symbol": stop.sym, "side": "BUY" if stop.side > 0 else "SELL", "positionSide": stop.leg or "BOTH",
            "timeInForce": "GTC", "quantity": stop.qty, "algoStatus": status, "triggerPrice": shown,
            "actualOrderId": "" if actual is None else str(actual.id),
            "actualPrice": average.quantize(Decimal("0.00001")), "price": "0.00", "icebergQuantity": None,
            "selfTradePreventionMode": "EXPIRE_MAKER", "workingType": "MARK_PRICE", "priceMatch": "NONE",
            "closePosition": stop.whole, "priceProtect": False, "reduceOnly": not stop.whole,
            "createTime": stop.created_ms, "updateTime": stop.updated_ms, "triggerTime": stop.fired_ms,
            "goodTillDate": 0,
            **({"callbackRate": stop.trail * 100} if stop.trail is not None else {}),
        }  # fmt: skip
