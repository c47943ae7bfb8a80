"""Stops of Bybit's linear swaps: they belong to the position, and are listed among its orders.

https://bybit-exchange.github.io/docs/v5/position/trading-stop (P)
https://bybit-exchange.github.io/docs/v5/order/create-order, stopLoss and takeProfit (P)
https://bybit-exchange.github.io/docs/v5/enum#stopordertype, #createtype, #canceltype (P)
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from services.simulator.bybit.orders import INDEX, LEGS, LINEAR, BybitOrders
from services.simulator.bybit.rest import BybitError, listing_of, number_of, order_id, private
from services.simulator.engine.events import Declined, EngineOrder, State
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.stops import EngineStop, StopState
from services.simulator.http.request import Handler, HttpRequest

STOP_LOSS, TAKE_PROFIT, TRAILING = "StopLoss", "TakeProfit", "TrailingStop"
FIELDS = {"stopLoss": STOP_LOSS, "takeProfit": TAKE_PROFIT, "trailingStop": TRAILING}
OFF = (None, "", "0")
MOST = 10  # conditional orders per symbol: create-order (P)
VIEWS = {
    StopState.WAITING: (State.UNTRIGGERED, "Untriggered"), StopState.TRIGGERING: (State.UNTRIGGERED, "Triggered"),
    StopState.CANCELED: (State.CANCELED, "Deactivated"), StopState.FAILED: (State.EXPIRED, "Rejected"),
}  # fmt: skip
CANCEL_TYPES = {"user": "CancelByUser", "position": "CancelByTpSlTsClear"}
REJECT_REASONS = {"margin": "EC_NoEnoughQtyToFill", "reduce_only": "EC_Others"}


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`, of orders and of a position's stops."""
    state.engine.stops.keeps_id = True
    orders, stops = BybitEntries(state), BybitTradingStop(state)
    table: dict[str, Handler] = {
        "POST order/create": orders.place,
        "POST order/cancel": orders.cancel,
        "POST order/cancel-all": orders.cancel_all,
        "GET order/realtime": orders.realtime,
        "GET order/history": orders.history,
        "POST position/trading-stop": stops.set,
    }
    return private(state, table)


class BybitTradingStop:
    """Handles the stops of a position: one of each kind, which closes all of it and ends with it.

    Its errors are 10001 with a text, as users have posted them: https://github.com/ccxt/ccxt/issues/21031 of a price
    that is passed; "zero position", also right after the fill; 34040:
    https://github.com/verata-veritatis/bybit-market-maker/issues/4
    """

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def set(self, request: HttpRequest) -> object:
        """Answers POST position/trading-stop: `{}`, without an id. In Full mode it changes the one there is."""
        content, state = request.content, self._state
        listing = listing_of(state, content)
        if "positionIdx" not in content:
            raise BybitError(10001, "params error: positionIdx is required")
        if content.get("tpslMode") != "Full":
            raise BybitError(10001, "slOrderType can not have a value when tpSlMode is empty")
        leg = LEGS.get(int(content.get("positionIdx", 0)), "")
        state.engine.advance(state.now_ms())
        held = state.engine.wallet.holding(listing.id, leg=leg).qty
        if not held:
            raise BybitError(10001, "can not set tp/sl/ts for zero position")
        wanted = [(name, kind) for name, kind in FIELDS.items() if name in content]
        if not wanted:
            raise BybitError(10001, "params error: nothing to set")
        changed = [self._set_one(listing, held, leg, kind, content[name]) for name, kind in wanted]
        if not any(changed):
            raise BybitError(34040, "not modified")
        return {}

    def carried(self, listing: Listing, content: Mapping[str, str]) -> list[EngineStop]:
        """Returns what an entry carries, or raises BybitError."""
        given = {kind: content[name] for name, kind in FIELDS.items() if content.get(name) not in OFF}
        if not given:
            return []
        if content.get("reduceOnly") or TRAILING in given:
            raise BybitError(10001, "params error: tp/sl of a reduce-only order")
        side, leg = (-1 if content["side"] == "Buy" else 1), LEGS.get(int(content.get("positionIdx", 0)), "")
        made = [self._stop(listing, side, leg, kind, self._price(listing, text)) for kind, text in given.items()]
        for stop in made:
            self._check(listing, stop, -side)
        return made

    def of_position(self, sym: str, leg: str) -> dict[str, object]:
        """Returns what a position's row tells of them."""
        there = {one.kind: one for one in self._state.engine.stops.waiting(sym) if one.leg == leg}
        shown = {name: there[kind].trigger if kind in there else "" for name, kind in FIELDS.items()}
        return {**shown, "trailingStop": there[TRAILING].distance if TRAILING in there else "0"}

    def _set_one(self, listing: Listing, held: Decimal, leg: str, kind: str, text: str) -> bool:
        state, stops = self._state, self._state.engine.stops
        there = next((one for one in stops.waiting(listing.id) if (one.kind, one.leg) == (kind, leg)), None)
        if text in OFF:
            if there is not None:
                stops.cancel(there, state.now_ms())
            return there is not None
        side, price = (-1 if held > 0 else 1), self._price(listing, text)
        stop = self._stop(listing, side, leg, kind, price)
        self._check(listing, stop, -side)
        if there is not None and (there.trigger if kind != TRAILING else there.distance) == price:
            return False
        try:
            if there is not None and kind != TRAILING:
                stops.change(there, price, state.now_ms())
                return True
            if there is not None:
                stops.cancel(there, state.now_ms())
            if len(stops.waiting(listing.id)) + len(state.engine.waiting_orders(listing.id)) >= MOST:
                raise BybitError(110009, "The number of stop orders exceeds maximum limit allowed")
            state.place_stop(stop)
        except Declined as declined:
            raise BybitError(*LINEAR[declined.why]) from declined
        return True

    def _stop(self, listing: Listing, side: int, leg: str, kind: str, price: Decimal) -> EngineStop:
        trails = kind == TRAILING
        return EngineStop(
            id=0, client_id="", sym=listing.id, kind=kind, side=side, qty=Decimal(0), trigger=None if trails else price,
            rises=(side > 0) == (kind != TAKE_PROFIT), created_ms=0, updated_ms=0, leg=leg,
            distance=price if trails else None, with_position=True,
        )  # fmt: skip

    def _check(self, listing: Listing, stop: EngineStop, held: int) -> None:
        mid = self._state.engine.prices.quote(listing.id, self._state.now_ms()).mid
        if stop.trigger is not None and stop.reached(mid):
            far = "lower" if stop.trigger >= mid else "higher"
            side, price = "Buy" if held > 0 else "Sell", round(stop.trigger * 10_000)
            text = f"{stop.kind}:{price} set for {side} position should {far} than base_price:{round(mid * 10_000)}"
            raise BybitError(10001, f"{text}??MarkPrice")

    def _price(self, listing: Listing, text: str) -> Decimal:
        try:
            price = Decimal(text)
        except InvalidOperation:
            raise BybitError(10001, "params error: price invalid") from None
        if price <= 0 or price % listing.tick:
            raise BybitError(10001, "params error: price invalid")
        return price


class BybitEntries(BybitOrders):
    """Handles requests about orders, with the stops that entries carry, and all stops among them.

    A stop keeps its id when it is triggered. One that an entry carries is there once the entry is filled, in full or in
    part (P: help-center/article/How-to-Set-Up-and-Modify-TP-SL-Perpetual-Futures-Contracts), and its price replaces
    that of the one which the position had (P: https://help.bybit.com/hc/en-us/articles/360039260454).
    """

    def __init__(self, state: SimulatorState) -> None:
        super().__init__(state)
        self._stops = BybitTradingStop(state)

    def place(self, request: HttpRequest) -> object:
        """Answers POST order/create."""
        content = request.content
        listing = listing_of(self._state, content)
        stops = self._stops.carried(listing, content) if listing.kind == "swap" else []
        answer = super().place(request)
        assert isinstance(answer, dict)
        for stop in stops:
            try:
                self._state.place_stop(stop._replace(parent=number_of(answer["orderId"]), at_first_fill=True))
            except Declined:  # the price has moved since: the order is there, its stop is not
                continue
        return answer

    def cancel(self, request: HttpRequest) -> object:
        """Answers POST order/cancel."""
        content, now_ms = request.content, self._state.now_ms()
        self._state.engine.advance(now_ms)
        stop = self._state.engine.stops.by_id(number_of(content.get("orderId", "")))
        if stop is None or stop.order_id:
            return super().cancel(request)
        if stop.state != StopState.WAITING:
            raise BybitError(110001, "order not exists or too late to cancel")
        self._state.engine.stops.cancel(stop, now_ms)
        return {"orderId": order_id(stop.id), "orderLinkId": ""}

    def cancel_all(self, request: HttpRequest) -> object:
        """Answers POST order/cancel-all: of contracts the stops, too, unless `Order` is asked for."""
        answer, content, stops = super().cancel_all(request), request.content, self._state.engine.stops
        assert isinstance(answer, dict)
        if content["category"] == "linear" and content.get("orderFilter") in (None, "StopOrder", "tpslOrder"):
            gone = stops.waiting(content.get("symbol"))
            for stop in gone:
                stops.cancel(stop, self._state.now_ms())
            answer["list"] += [{"orderId": order_id(stop.id), "orderLinkId": ""} for stop in gone]
        return answer

    def _live(self, sym: str | None, seen_ms: int) -> list[EngineOrder]:
        waiting = self._state.engine.stops.waiting(sym, seen_ms)
        return super()._live(sym, seen_ms) + [_view(stop) for stop in waiting]

    def _every(self, sym: str | None, seen_ms: int) -> list[EngineOrder]:
        stops = [stop for stop in self._state.engine.stops.all(seen_ms) if not stop.order_id]
        return super()._every(sym, seen_ms) + [_view(stop) for stop in stops if sym in (None, stop.sym)]

    def _order_named(self, fields: Mapping[str, str], seen_ms: int | None) -> EngineOrder | None:
        stop = self._state.engine.stops.by_id(number_of(fields.get("orderId", "")))
        if stop is None or stop.order_id:
            return super()._order_named(fields, seen_ms)
        late = seen_ms is not None and stop.shown_ms > seen_ms
        hidden = late or stop.state in (StopState.DORMANT, StopState.DISCARDED)
        return None if hidden else _view(stop)

    def _recent(self) -> frozenset[int]:
        return super()._recent() | {stop.id for stop in self._state.engine.stops.all()}

    def _row(self, order: EngineOrder) -> dict[str, object]:
        row, stop = super()._row(order), self._state.engine.stops.by_id(order.id)
        if stop is None:
            return row
        shown = {
            "stopOrderType": stop.kind, "createType": f"CreateBy{stop.kind}", "tpslMode": "Full", "reduceOnly": True,
            "closeOnTrigger": True, "triggerBy": "MarkPrice",
            "triggerPrice": "" if stop.kind == TRAILING else stop.trigger,  # P: open-order: its activation, if anything
            "triggerDirection": 1 if stop.rises else 2, "positionIdx": INDEX.get(stop.leg, 0), "orderType": "Market",
        }  # fmt: skip
        if not stop.order_id:
            held = abs(self._state.engine.wallet.holding(stop.sym, leg=stop.leg).qty)
            shown |= {
                "orderStatus": self._word(stop), "cancelType": CANCEL_TYPES.get(stop.why, "UNKNOWN"),
                "rejectReason": REJECT_REASONS.get(stop.why, "EC_NoError"), "qty": held, "leavesQty": held,
                "timeInForce": "IOC", "price": "0",
            }  # fmt: skip
        return {**row, **shown}

    def _word(self, stop: EngineStop) -> str:
        """Returns its status. One that was cancelled as it waited is Deactivated (enum, P) or Cancelled (a user's)."""
        if stop.state == StopState.CANCELED and stop.id % 2:
            return "Cancelled"
        return VIEWS[StopState(stop.state)][1]


def _view(stop: EngineStop) -> EngineOrder:
    """Returns a stop as an order, for lists and pages; its row is made of the stop."""
    return EngineOrder(
        id=stop.id, client_id="", sym=stop.sym, signed_qty=Decimal(stop.side), reduce_only=True, limit=None,
        stamp_ms=0, validity_ms=0, created_ms=stop.created_ms, updated_ms=stop.updated_ms, leg=stop.leg,
        state=VIEWS[StopState(stop.state)][0], trigger=stop.trigger, rises=stop.rises, algo=stop.kind,
    )  # fmt: skip
