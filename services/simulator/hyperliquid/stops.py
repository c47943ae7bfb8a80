"""Stops of Hyperliquid: trigger orders, alone or carried by an entry.

.../api/exchange-endpoint#place-an-order: `t.trigger`, grouping `na`, `normalTpsl`, `positionTpsl`
.../trading/take-profit-and-stop-loss-orders-tp-sl: they wait for the mark price; those that an entry carries are placed
if and only if all of it was filled, and have its size; at market they have a tolerance of 10 %, which clients send as
the price: one that is better than the trigger is an "Invalid TP/SL price" (nautechsystems/nautilus_trader, issue 3611)
.../api/error-responses, .../api/info-endpoint#query-order-status-by-oid-or-cloid
(... is https://hyperliquid.gitbook.io/hyperliquid-docs)

Rows as in ccxt's class (frontendOrder), in issue 22476 and 24318 of ccxt and issue 5018 of nautilus_trader; size 0 is
the whole position (ccxt's amount_to_precision), shown as "0.0" with isPositionTpsl. The answer is a bare word without a
number (nktkas/hyperliquid, 96); to one with a size it is `resting` (WayfinderFoundation/wayfinder-paths-sdk, 429).

Not known, and so a setting, the less kind by default:

- TRIGGER_ID: `same` keeps oid and cloid behind the trigger; else the order has another oid, and no cloid
- SECOND: `taken` lets a second one of the whole position and of a kind rest; else it is refused by an unknown text
- ENDS: `true` ends them with the position; else they stay
- CHILD: `refuses` refuses an entry whose stop the market is beyond; else the entry is taken, and its stop is not
- SMALL_REDUCE (orders.py): `true` lets one that is triggered close less than 10 USDC, too; else it ends as
  minTradeNtlRejected, the page's word for an order below the least value
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.simulator.engine.events import Declined, DeclineReason, EngineOrder
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.stops import EngineStop, StopState
from services.simulator.http.request import HttpRequest
from services.simulator.hyperliquid.orders import (
    KEPT_BY_ITSELF_MS,
    KEPT_MS,
    LEAST,
    SMALL_REDUCE,
    TEXTS,
    UNTOLD,
    HyperliquidOrders,
    cloid,
    valid_price,
)
from services.simulator.hyperliquid.rest import OWNER, Action, num, unreadable

ZERO = Decimal(0)
TRIGGER_ID, SECOND, ENDS, CHILD = "trigger_id", "second_tpsl", "tpsl_ends", "child_tpsl"
TYPES = {"sl": "Stop Market", "tp": "Take Profit Market"}
BEYOND = "Invalid TP/SL price."
WAITS = "waitingForTrigger"
ENDED = {"user": "canceled", "position": "reduceOnlyCanceled", "margin": "perpMarginRejected",
         "reduce_only": "reduceOnlyRejected", "least": "minTradeNtlRejected"}  # fmt: skip


class NotTaken(Exception):
    """One trigger order is not taken; its text."""


class HyperliquidTriggers(HyperliquidOrders):
    """Handles actions and questions about orders, with those that wait for a price."""

    def __init__(self, state: SimulatorState, coins: Mapping[int, str]) -> None:
        super().__init__(state, coins)
        state.engine.stops.order_client_id = lambda stop: stop.client_id if self._keeps_id() else ""
        state.engine.stops.is_too_small = self._is_too_small
        self._keeps_id()

    def _keeps_id(self) -> bool:
        stops, settings = self._state.engine.stops, self._state.engine.settings
        stops.keeps_id = settings.get(TRIGGER_ID) == "same"
        return stops.keeps_id

    def _is_too_small(self, stop: EngineStop, qty: Decimal) -> bool:
        small = abs(qty) * (stop.limit or ZERO) < LEAST
        return small and self._state.engine.settings.get(SMALL_REDUCE) != "true"

    def place(self, action: Action, request: HttpRequest) -> object:
        """Does `order`: an entry with its stops, or one after the other."""
        self._keeps_id()
        orders, grouping = action["orders"], action["grouping"]
        if grouping == "normalTpsl":
            rows = self._with_stops(orders, request)
        elif grouping in ("na", "positionTpsl"):
            rows = [
                self._alone(one, whole=grouping == "positionTpsl")
                if "trigger" in one["t"]
                else self._place(one, request)
                for one in orders
            ]
        else:
            raise unreadable()
        return {"type": "order", "data": {"statuses": rows}}

    def _with_stops(self, orders: list[Action], request: HttpRequest) -> list[object]:
        """What is wrong with any of them by itself refuses all, and is told once (error-responses, P)."""
        entry, *others = orders
        if "trigger" in entry["t"] or not all("trigger" in one["t"] for one in others):
            raise unreadable()
        try:
            stops = [self._read(one, whole=False) for one in others]
            if any(Decimal(one["s"]) != Decimal(entry["s"]) or one["b"] is entry["b"] for one in others):
                raise NotTaken(UNTOLD)
            if self._state.engine.settings.get(CHILD) == "refuses":
                for stop in stops:
                    self._check_beyond(stop)
        except NotTaken as refused:
            return [{"error": f"{refused} asset={entry['a']}"}]
        answer = self._place(entry, request)
        told = answer.get("filled") or answer.get("resting") if isinstance(answer, dict) else None
        if told is None:
            return [answer, *(answer for _ in stops)]
        rows: list[object] = [answer]
        for stop in stops:
            try:
                self._state.place_stop(stop._replace(parent=told["oid"], if_all=True))
                rows.append(WAITS)
            except Declined as declined:
                rows.append({"error": f"{self._text(declined)} asset={entry['a']}"})
        return rows

    def _alone(self, order: Action, *, whole: bool) -> object:
        state, engine = self._state, self._state.engine
        try:
            stop = self._read(order, whole=whole)
            engine.advance(state.now_ms())
            if engine.wallet.holding(stop.sym).qty * stop.side >= 0:
                raise NotTaken(TEXTS[DeclineReason.REDUCE_ONLY])
            same = [one for one in engine.stops.waiting(stop.sym) if one.whole and one.kind == stop.kind]
            if stop.whole and same and engine.settings.get(SECOND) != "taken":
                raise NotTaken(UNTOLD)
            made = state.place_stop(stop)
        except NotTaken as refused:
            return {"error": f"{refused} asset={order['a']}"}
        except Declined as declined:
            return {"error": f"{self._text(declined)} asset={order['a']}"}
        named = {"oid": made.id, **({"cloid": cloid(made.client_id)} if cloid(made.client_id) else {})}
        return WAITS if whole else {"resting": named}

    def _read(self, order: Action, *, whole: bool) -> EngineStop:
        """Reads one, or raises NotTaken for what is wrong with it by itself."""
        sym, wanted = self._coins.get(int(order["a"])), order["t"]["trigger"]
        if sym is None or wanted["tpsl"] not in TYPES or wanted["isMarket"] is not True or order["r"] is not True:
            raise unreadable()  # the simulator keeps none that could add, and none with a limit
        listing, engine = self._state.engine.listings[sym], self._state.engine
        trigger, price, size = Decimal(wanted["triggerPx"]), Decimal(order["p"]), Decimal(order["s"])
        side = 1 if order["b"] else -1
        if size % listing.step:
            raise NotTaken(TEXTS[DeclineReason.STEP])
        if not size and not whole:
            raise NotTaken(TEXTS[DeclineReason.MIN_QTY])
        if not valid_price(listing, trigger) or not valid_price(listing, price):
            raise NotTaken(TEXTS[DeclineReason.PRICE_STEP])
        if side * (price - trigger) < 0:
            raise NotTaken(BEYOND)
        if size and price * size < LEAST and engine.settings.get(SMALL_REDUCE) != "true":
            raise NotTaken(TEXTS[DeclineReason.MIN_NOTIONAL])
        return EngineStop(
            id=0, client_id=str(order.get("c", "")).removeprefix("0x"), sym=sym, kind=wanted["tpsl"], side=side,
            qty=size, trigger=trigger, rises=(side > 0) == (wanted["tpsl"] == "sl"), created_ms=0, updated_ms=0,
            with_position=engine.settings.get(ENDS) == "true", limit=price,
        )  # fmt: skip

    def _check_beyond(self, stop: EngineStop) -> None:
        if stop.reached(self._state.engine.prices.quote(stop.sym, self._state.now_ms()).mid):
            raise NotTaken(BEYOND)

    def _text(self, declined: Declined) -> str:
        return BEYOND if declined.why is DeclineReason.WOULD_TRIGGER else TEXTS.get(declined.why, UNTOLD)

    def cancel(self, action: Action, request: HttpRequest) -> object:
        """Does `cancel`."""
        return self._each(action, request, "cancel", lambda stop, one: stop.id == int(one["o"]))

    def cancel_by_cloid(self, action: Action, request: HttpRequest) -> object:
        """Does `cancelByCloid`."""
        return self._each(action, request, "cancel_by_cloid", lambda stop, one: cloid(stop.client_id) == one["cloid"])

    def _each(self, action: Action, request: HttpRequest, name: str, same: Any) -> object:
        stops, now_ms, statuses = self._state.engine.stops, self._state.seen_ms(request), list[object]()
        for one in action["cancels"]:
            stop = next((stop for stop in stops.waiting(seen_ms=now_ms) if same(stop, one)), None)
            if stop is not None:
                stops.cancel(stop, self._state.now_ms())
                statuses.append("success")
            else:
                done: Any = getattr(super(), name)({**action, "cancels": [one]}, request)
                statuses += done["data"]["statuses"]
        return {"type": "cancel", "data": {"statuses": statuses}}

    def status(self, request: HttpRequest) -> object:
        """Answers orderStatus."""
        content, seen_ms, engine = request.content, self._state.seen_ms(request), self._state.engine
        asked = content["oid"]
        found = [
            stop
            for stop in engine.stops.all(seen_ms)
            if (cloid(stop.client_id) == asked if isinstance(asked, str) else stop.id == asked)
        ]
        stop = found[-1] if found and content["user"].lower() == OWNER else None
        if stop is None or (stop.order_id and stop.order_id == stop.id):
            return super().status(request)
        ended = stop.state in (StopState.CANCELED, StopState.FAILED)
        if ended and stop.updated_ms + int(engine.settings.get(KEPT_MS, KEPT_BY_ITSELF_MS)) < seen_ms:
            return {"status": "unknownOid"}
        at_ms = stop.fired_ms or stop.updated_ms
        told = {"order": self._stop_row(stop), "status": _word(stop), "statusTimestamp": at_ms}
        return {"status": "order", "order": told}

    def open_orders(self, request: HttpRequest) -> object:
        """Answers frontendOpenOrders, with those that wait for their price, newest first."""
        rows: Any = super().open_orders(request)
        if request.content["user"].lower() != OWNER:
            return rows
        stops = self._state.engine.stops.waiting(seen_ms=self._state.seen_ms(request))
        return sorted([*rows, *map(self._stop_row, stops)], key=lambda row: -int(row["oid"]))

    def _row(self, order: EngineOrder, rest: Decimal) -> dict[str, object]:
        """Returns an order's row: of a stop that has kept its number, the stop's."""
        stop = self._state.engine.stops.by_id(order.id)
        return super()._row(order, rest) if stop is None else self._stop_row(stop)

    def _stop_row(self, stop: EngineStop) -> dict[str, object]:
        side = "above" if stop.rises else "below"
        return {
            "coin": stop.sym, "side": "B" if stop.side > 0 else "A", "limitPx": num(stop.limit or ZERO),
            "sz": num(stop.qty), "oid": stop.id, "timestamp": stop.created_ms,
            "triggerCondition": f"Price {side} {stop.trigger}", "isTrigger": True,
            "triggerPx": num(stop.trigger or ZERO), "children": [], "isPositionTpsl": stop.whole,
            "reduceOnly": stop.reduce_only, "orderType": TYPES[stop.kind], "origSz": num(stop.qty), "tif": None,
            "cloid": cloid(stop.client_id),
        }  # fmt: skip


def _word(stop: EngineStop) -> str:
    """Returns a state as orderStatus tells it. For want of margin it is one of two words, by its number."""
    if stop.state == StopState.WAITING:
        return "open"
    if stop.state in (StopState.TRIGGERING, StopState.TRIGGERED):
        return "triggered"
    if stop.why == "margin" and stop.id % 2:
        return "marginCanceled"
    return ENDED.get(stop.why, "rejected")
