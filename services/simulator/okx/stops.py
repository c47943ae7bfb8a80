"""Stops of OKX's swaps: algo orders of the types `conditional` and `move_order_stop`, and those that entries carry.

https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-post-place-algo-order (P)
https://www.okx.com/docs-v5/en/#order-book-trading-algo-trading-get-algo-order-details (P)
https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-place-order, attachAlgoOrds (P)
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from services.simulator.engine.events import CROSS, HEDGE, Declined, EngineOrder
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.stops import NEVER_MS, EngineStop, StopState
from services.simulator.http.request import Handler, HttpRequest
from services.simulator.okx.orders import (
    CLIENT_ID,
    CODES,
    MOST_CANCELS,
    MOST_ROWS,
    OkxConditionalOrders,
    OkxOrders,
)
from services.simulator.okx.rest import api_error, order_error, private

TAKE_PROFIT, STOP_LOSS, TRAILING = "tp", "sl", "move_order_stop"
# C: 51277 to 51280: on which side of the price a trigger may lie, by its prefix and whether it sells.
BEYOND = {
    (TAKE_PROFIT, False): ("51277", "TP trigger price can not be higher than the last price"),
    (STOP_LOSS, False): ("51278", "SL trigger price can not be lower than the last price"),
    (TAKE_PROFIT, True): ("51279", "TP trigger price can not be lower than the last price"),
    (STOP_LOSS, True): ("51280", "SL trigger price can not be higher than the last price"),
}
STATES = {
    StopState.WAITING: "live", StopState.TRIGGERING: "effective", StopState.TRIGGERED: "effective",
    StopState.CANCELED: "canceled", StopState.FAILED: "order_failed",
}  # fmt: skip
FAIL_CODES = {"margin": "51008", "reduce_only": "51169", "unattached": "51020"}
ATTACHED_REDUCES = "attached_reduces"  # the setting: `true` lets stops that entries carry only reduce
SIZED_STOPS = "sized_stops"  # the setting: `refused` takes no stop by quantity that only reduces
ZERO = Decimal(0)


def routes(state: SimulatorState) -> dict[str, Handler]:
    """Returns the handler of each `METHOD HOST/PATH`, of orders and of algo orders."""
    state.engine.triggered_client_id = lambda waited: ""  # see OkxConditionalOrders
    orders, conditional = OkxEntries(state), OkxAlgoOrders(state)
    table: dict[str, Handler] = {
        "POST trade/order": orders.place,
        "POST trade/batch-orders": orders.place,
        "GET trade/order": orders.find,
        "POST trade/cancel-order": orders.cancel,
        "GET trade/orders-pending": orders.open_orders,
        "GET trade/fills": orders.fills,
        "GET trade/fills-history": orders.fills_history,
        "POST trade/order-algo": conditional.place,
        "GET trade/order-algo": conditional.details,
        "GET trade/orders-algo-pending": conditional.pending,
        "POST trade/cancel-algos": conditional.cancel,
    }
    return private(state, table)


class OkxAlgoOrders(OkxConditionalOrders):
    """Handles requests about algo orders: stops of swaps, and beside them all that waits otherwise.

    No request of theirs expires: https://www.okx.com/docs-v5/en/#overview-transaction-timeouts (U). Of those with
    closeFraction one may wait for a position (51088: the page of errors, P), and none without one (51058, P; that it is
    this code is U). With cxlOnClosePos they end with the position.
    """

    def place(self, request: HttpRequest) -> object:
        """Answers POST trade/order-algo."""
        content = request.content
        listing = self._state.engine.listings.get(content.get("instId", ""))
        if listing is None or listing.kind != "swap" or content.get("ordType") not in ("conditional", TRAILING):
            return super().place(request)
        client_id = content.get("algoClOrdId", "")
        if client_id and not CLIENT_ID.match(client_id):
            raise order_error("51000", "Parameter algoClOrdId error", client_id)
        stop = _stop(self._state.engine.prices.quote(listing.id, self._state.now_ms()).mid, listing, content)
        waiting = self._state.engine.stops.waiting(listing.id)
        if stop.whole and not self._state.engine.wallet.holding(listing.id, leg=stop.leg).qty:
            raise order_error("51058", "No available position for this algo order", client_id)
        if stop.whole and any(one.whole and one.leg == stop.leg for one in waiting):
            raise order_error("51088", "You can only place 1 TP/SL order to close an entire position", client_id)
        if not stop.whole and self._state.engine.settings.get(SIZED_STOPS) == "refused":
            raise order_error("51205", "Reduce Only is not available.", client_id)
        try:
            placed = self._state.place_stop(stop)
        except Declined as declined:
            raise order_error(*_code(declined, stop), client_id) from declined
        return [
            {"algoId": str(placed.id), "algoClOrdId": client_id, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}
        ]

    def details(self, request: HttpRequest) -> object:
        """Answers GET trade/order-algo: by either id."""
        query, now_ms = request.query, self._state.seen_ms(request)
        stops = self._state.engine.stops.all(now_ms)
        if query.get("algoId"):
            found = next((stop for stop in stops if str(stop.id) == query["algoId"]), None)
        else:
            named = query.get("algoClOrdId")
            found = next((stop for stop in reversed(stops) if named and stop.client_id == named), None)
        if found is None:
            raise api_error("51603", "Order does not exist")
        return [self._stop_row(found)]

    def pending(self, request: HttpRequest) -> object:
        """Answers GET trade/orders-algo-pending: newest first, stops among the others of their type."""
        query, rows = request.query, super().pending(request)
        assert isinstance(rows, list)
        kinds, now_ms = query.get("ordType", "").split(","), self._state.seen_ms(request)
        if query.get("instType", "SWAP") != "SWAP":
            return rows
        stops = [
            stop
            for stop in self._state.engine.stops.waiting(query.get("instId"), now_ms)
            if _type(stop) in kinds and ("after" not in query or stop.id < int(query["after"]))
        ]
        both = [*rows, *map(self._stop_row, stops)]
        newest = sorted(both, key=lambda row: -int(row["algoId"]))
        return newest[: min(int(query.get("limit", MOST_ROWS)), MOST_ROWS)]

    def cancel(self, request: HttpRequest) -> object:
        """Answers POST trade/cancel-algos: a list of ids, of either kind; an error of one is all that is told here."""
        if len(request.content) > MOST_CANCELS:
            raise api_error("51000", "Parameter algoId error")
        now_ms = self._state.now_ms()
        self._state.engine.advance(now_ms)
        waiting, others, answer = self._state.engine.stops.waiting(seen_ms=now_ms), [], []
        for row in request.content:
            named = row.get("algoId"), row.get("algoClOrdId")
            stop = next((one for one in waiting if str(one.id) == named[0] or (one.client_id == named[1] != "")), None)
            if stop is not None:
                self._state.engine.stops.cancel(stop, now_ms)
                answer.append({"algoId": str(stop.id), "algoClOrdId": "", "sCode": "0", "sMsg": ""})
            elif named[0] is None or self._state.engine.stops.by_id(int(named[0])) is not None:
                raise order_error("51400", "Cancellation failed as the order does not exist.")
            else:
                others.append(row)
        if others:
            rest = super().cancel(request._replace(body=json.dumps(others)))
            assert isinstance(rest, list)
            answer += rest
        return answer

    def _stop_row(self, stop: EngineStop) -> dict[str, object]:
        listing, now_ms = self._state.engine.listings[stop.sym], self._state.now_ms()
        told = self._state.engine.stops.told_order(stop, now_ms)
        prefix = stop.kind if stop.kind in (TAKE_PROFIT, STOP_LOSS) else ""
        prices = {
            f"{name}{field}": value if name == prefix else ""
            for name in (TAKE_PROFIT, STOP_LOSS)
            for field, value in (("TriggerPx", stop.trigger), ("TriggerPxType", "mark"), ("OrdPx", "-1"))
        }
        order_id = "" if told is None else str(told.id)
        return {
            "activePx": "", "actualPx": "", "actualSide": prefix if stop.fired_ms else "", "actualSz": "0",
            "algoClOrdId": stop.client_id, "algoId": str(stop.id), "attachAlgoOrds": [], "cTime": str(stop.created_ms),
            "callbackRatio": "" if stop.trail is None else stop.trail, "callbackSpread": "", "ccy": "", "clOrdId": "",
            "closeFraction": "1" if stop.whole else "",
            "failCode": FAIL_CODES.get(stop.why, "51008") if stop.state == StopState.FAILED else "0",
            "instId": stop.sym, "instType": "SWAP", "last": "", "lever": str(self._state.engine.leverage(stop.sym)),
            "linkedOrd": {"ordId": ""},
            "moveTriggerPx": stop.trigger if stop.trail is not None and stop.trigger is not None else "",
            "ordId": order_id, "ordIdList": [order_id] if order_id else [], "ordPx": "", "ordType": _type(stop),
            "posSide": stop.leg.lower() if stop.leg in HEDGE else "net", "reduceOnly": str(stop.reduce_only).lower(),
            "side": "buy" if stop.side > 0 else "sell", "state": STATES[StopState(stop.state)],
            "sz": "" if stop.whole else stop.qty / listing.contract_size, "tag": "",
            "tdMode": "cross" if stop.leg == CROSS else "isolated", "tgtCcy": "", "triggerPx": "", "triggerPxType": "",
            "triggerTime": str(stop.fired_ms or ""), "uTime": str(stop.updated_ms), **prices,
        }  # fmt: skip


class OkxEntries(OkxOrders):
    """Handles requests about orders, with the stops that they carry.

    A stop is placed when its order has ended with something filled, for what was filled (announcement of 1 July 2026,
    P: okx-announcement-on-optimizing-order-placement-for-order-attached-take-profit-stop-loss); it may fail then, as
    failCode tells, and it stays when its position is closed: https://github.com/okxapi/python-okx/issues/112.

    **It is none that only reduces**: attachAlgoOrds has no reduceOnly (P: post-place-order), and others have had
    reverse positions of them (https://github.com/yubing744/trading-gpt/pull/74). ATTACHED_REDUCES changes that.
    """

    def place(self, request: HttpRequest) -> object:
        """Answers POST trade/order, and trade/batch-orders with one."""
        content = request.content[0] if isinstance(request.content, list) else request.content
        listing = self._state.engine.listings.get(content.get("instId", ""))
        stops = [self._carried(listing, content, one) for one in content.get("attachAlgoOrds") or []]
        answer = super().place(request)
        assert isinstance(answer, list)
        for stop in stops:
            try:
                self._state.place_stop(stop._replace(parent=int(answer[0]["ordId"])))
            except Declined as declined:  # the price has moved since: the order is there, its stop is not
                failed = stop._replace(id=self._state.engine.next_id(), parent=int(answer[0]["ordId"]))
                why = declined.why.name.lower()
                self._state.engine.note(failed._replace(state=StopState.FAILED, why=why, shown_ms=NEVER_MS))
        return answer

    def _carried(self, listing: Listing | None, content: Mapping[str, Any], one: Mapping[str, Any]) -> EngineStop:
        if listing is None or listing.kind != "swap":
            raise order_error("51000", "Parameter attachAlgoOrds error", content.get("clOrdId", ""))
        side = "sell" if content["side"] == "buy" else "buy"
        terms = {**one, "side": side, "sz": content["sz"], "posSide": content.get("posSide", "net"),
                 "tdMode": content.get("tdMode"), "reduceOnly": True, "ordType": "conditional",
                 "algoClOrdId": one.get("attachAlgoClOrdId", "")}  # fmt: skip
        price = self._state.engine.prices.quote(listing.id, self._state.now_ms()).mid
        reduces = self._state.engine.settings.get(ATTACHED_REDUCES) == "true"
        stop = _stop(price, listing, terms)._replace(reduce_only=reduces)
        if stop.reached(price):
            raise order_error(*BEYOND[stop.kind, stop.side < 0], content.get("clOrdId", ""))
        return stop

    def _row(self, order: EngineOrder) -> dict[str, object]:
        carried = self._state.engine.stops.carried_by(order.id)
        return {**super()._row(order), "attachAlgoOrds": [_attached_row(stop) for stop in carried]}

    def _algo(self, order: EngineOrder) -> dict[str, object]:
        stop = self._state.engine.stops.of_order(order.id)
        if stop is None:
            return super()._algo(order)
        return {"algoId": str(stop.id), "algoClOrdId": stop.client_id, "source": "7"}


def _stop(price: Decimal, listing: Listing, content: Mapping[str, Any]) -> EngineStop:
    """Reads a request's stop. A `conditional` with both prices does as if the take-profit's were not there (P)."""
    client_id, sells = content.get("algoClOrdId", ""), content.get("side") == "sell"
    if content.get("side") not in ("buy", "sell") or content.get("tdMode") not in ("isolated", "cross"):
        raise order_error("51000", "Parameter side error", client_id)
    if str(content.get("reduceOnly")).lower() != "true":
        raise order_error("51328", "closeFraction is only available for reduceOnly orders", client_id)
    trails = content["ordType"] == TRAILING
    kind = TRAILING if trails else STOP_LOSS if content.get("slTriggerPx") else TAKE_PROFIT
    whole = "closeFraction" in content
    try:
        qty = ZERO if whole else Decimal(content["sz"]) * listing.contract_size
        trigger = None if trails else Decimal(content[f"{kind}TriggerPx"])
        trail = Decimal(content["callbackRatio"]) if trails else None
    except (KeyError, InvalidOperation):
        raise order_error("51000", "Parameter triggerPx error", client_id) from None
    if (whole and (trails or content["closeFraction"] != "1")) or ("sz" in content) == whole:
        raise order_error("51000", "Parameter closeFraction error", client_id)
    if not trails and content.get(f"{kind}OrdPx") != "-1":
        raise order_error("51330", "closeFraction is only available for stop market orders", client_id)
    if (trigger is not None and trigger % listing.tick) or qty % listing.step:
        raise order_error("51121", "Order quantity must be a multiple of the lot size.", client_id)
    side = content.get("posSide", "net")
    leg = side.upper() if side != "net" else (CROSS if content["tdMode"] == "cross" else "")
    return EngineStop(
        id=0, client_id=client_id, sym=listing.id, kind=kind, side=-1 if sells else 1, qty=qty, trigger=trigger,
        rises=sells == (kind == TAKE_PROFIT), created_ms=0, updated_ms=0, leg=leg, trail=trail,
        with_position=str(content.get("cxlOnClosePos")).lower() == "true",
    )  # fmt: skip


def _code(declined: Declined, stop: EngineStop) -> tuple[str, str]:
    beyond = declined.why.name == "WOULD_TRIGGER" and (stop.kind, stop.side < 0) in BEYOND
    return BEYOND[stop.kind, stop.side < 0] if beyond else CODES[declined.why]


def _type(stop: EngineStop) -> str:
    return TRAILING if stop.kind == TRAILING else "conditional"


def _attached_row(stop: EngineStop) -> dict[str, object]:
    """Returns a row of attachAlgoOrds. Its attachAlgoId is not the algo order's id (P)."""
    failed = stop.state == StopState.FAILED and stop.why not in ("margin", "reduce_only")
    return {
        "attachAlgoClOrdId": stop.client_id, "attachAlgoId": str(stop.id + 1), "slTriggerPx": stop.trigger,
        "slTriggerPxType": "mark", "slOrdPx": "-1", "tpTriggerPx": "", "tpOrdPx": "", "sz": "",
        "failCode": FAIL_CODES["unattached"] if failed else "", "failReason": "Parameter error" if failed else "",
    }  # fmt: skip
