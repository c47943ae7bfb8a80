"""Orders and fills of Hyperliquid; all quantities are base units.

.../api/exchange-endpoint#place-an-order, #cancel-order-s, #cancel-order-s-by-cloid
.../api/info-endpoint#query-order-status-by-oid-or-cloid, #retrieve-a-users-open-orders-with-additional-frontend-info,
#retrieve-a-users-fills-by-time
.../api/tick-and-lot-size
(... is https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers)

Rows as they are recorded in the official SDK's tests (cassettes of its info_test), in ccxt's response fixtures, and in
answers that users have posted: an order's `sz` is what it was when its state last changed (issue 141 of the SDK), and
of a filled one it may be all of it still (issue 46 of JKorf/HyperLiquid.Net). What an IOC that was filled in part is
called, no page says; one that ran out of margin was `marginCanceled` (ccxt's issue 23998). Here it is `filled`,
`canceled`, `marginCanceled` or `iocCancelRejected`, and its `sz` what is left of it or all of it, both by its number.

How long an order that is over is told, no page says: here for an hour. Of executed orders users have been told
`unknownOid` (ccxt's issue 27113).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.simulator.engine.events import (
    LIVE,
    OPEN,
    Declined,
    DeclineReason,
    EngineFill,
    EngineOrder,
    NewOrder,
    State,
)
from services.simulator.engine.listing import Listing
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest
from services.simulator.hyperliquid.rest import OWNER, Action, num, unreadable

HASH = "0x" + "0" * 64
DIGITS, DECIMALS = 5, 6
LEAST = Decimal(10)
SMALL_REDUCE = "small_reduce"  # the setting: `true` takes also reducing orders of less; nobody knows what is so
MOST_FILLS, KEPT_FILLS = 500, 10_000
KEPT_MS = "orders_kept_ms"  # the setting: so long after its end an order is told
KEPT_BY_ITSELF_MS = 2 * 3_600_000
PARTS = ("filled", "canceled", "marginCanceled", "iocCancelRejected")
TIFS = ("Alo", "Ioc", "Gtc")
MISSED = "Order could not immediately match against any resting orders."
GONE = "Order was never placed, already canceled, or filled."
TEXTS = {
    DeclineReason.MARGIN: "Insufficient margin to place order.",
    DeclineReason.REDUCE_ONLY: "Reduce only order would increase position.",
    DeclineReason.STEP: "Order has invalid size.",
    DeclineReason.MIN_QTY: "Order has zero size.",
    DeclineReason.MIN_NOTIONAL: "Order must have minimum value of $10.",
    DeclineReason.MOST_MARKET: "Order has invalid size.",
    DeclineReason.PRICE_STEP: "Price must be divisible by tick size.",
    DeclineReason.PRICE_TOO_HIGH: "Order price cannot be more than 80% away from the reference price",
    DeclineReason.PRICE_TOO_LOW: "Order price cannot be more than 80% away from the reference price",
}
# What it says to an id that another open order has, and to a market that is closed, no page tells: a text of no table.
UNTOLD = "Order was rejected."
DIRS = {"adl": "Auto-Deleveraging", "settlement": "Settlement"}


def tid(id_: int) -> int:
    """Returns a trade's number, which tells nothing of the order in time.

    >>> tid(1_000_001) == tid(1_000_001), tid(1_000_001) < 2**50
    (True, True)
    """
    return (id_ * 1_099_511_627_791 + 12_345) % (1 << 50)


def cloid(client_id: str) -> str | None:
    """Returns a client id as it comes: 16 bytes; None where an order has none, or one that is no such number."""
    text = client_id.removeprefix("0x")
    return f"0x{text}" if len(text) == 32 else None


class HyperliquidOrders:
    """Handles actions and questions about orders."""

    def __init__(self, state: SimulatorState, coins: Mapping[int, str]) -> None:
        self._state, self._coins = state, coins

    def place(self, action: Action, request: HttpRequest) -> object:
        """Does `order`: one after the other, each with an answer of its own."""
        rows = [self._place(order, request) for order in action["orders"]]
        return {"type": "order", "data": {"statuses": rows}}

    def cancel(self, action: Action, request: HttpRequest) -> object:
        """Does `cancel`: by the exchange's numbers."""
        found = [self._state.engine.by_id(int(one["o"])) for one in action["cancels"]]
        return self._cancelled(found, [int(one["a"]) for one in action["cancels"]])

    def cancel_by_cloid(self, action: Action, request: HttpRequest) -> object:
        """Does `cancelByCloid`."""
        found = [self._state.engine.by_client(str(one["cloid"]).removeprefix("0x")) for one in action["cancels"]]
        return self._cancelled(found, [int(one["asset"]) for one in action["cancels"]])

    def _cancelled(self, found: list[EngineOrder | None], assets: list[int]) -> object:
        statuses: list[object] = []
        for order, asset in zip(found, assets, strict=True):
            if order is None or order.state not in LIVE or order.sym != self._coins.get(asset):
                statuses.append({"error": f"{GONE} asset={asset}"})
            else:
                self._state.engine.cancel(order, self._state.now_ms())
                statuses.append("success")
        return {"type": "cancel", "data": {"statuses": statuses}}

    def status(self, request: HttpRequest) -> object:
        """Answers orderStatus: by number or by client id."""
        content, seen_ms = request.content, self._state.seen_ms(request)
        asked, engine = content["oid"], self._state.engine
        if isinstance(asked, str):
            order = engine.by_client(asked.removeprefix("0x"), seen_ms)
        else:
            order = engine.by_id(int(asked), seen_ms)
        kept_ms = int(engine.settings.get(KEPT_MS, KEPT_BY_ITSELF_MS))
        gone = order is not None and order.state not in LIVE and order.updated_ms + kept_ms < seen_ms
        if order is None or gone or content["user"].lower() != OWNER:
            return {"status": "unknownOid"}
        return {"status": "order", "order": self._ended_row(order)}

    def open_orders(self, request: HttpRequest) -> object:
        """Answers frontendOpenOrders: all that rest and all that wait for a price, newest first, in one answer."""
        seen_ms = self._state.seen_ms(request)
        if request.content["user"].lower() != OWNER:
            return []
        engine = self._state.engine
        found = engine.open_orders(None, seen_ms) + engine.waiting_orders()
        return [self._row(order, abs(order.signed_qty - order.filled)) for order in sorted(found, reverse=True)]

    def fills(self, request: HttpRequest) -> object:
        """Answers userFillsByTime: the first 500 of a time, of the 10,000 newest."""
        content, seen_ms = request.content, self._state.seen_ms(request)
        since_ms, until_ms = int(content["startTime"]), int(content.get("endTime") or seen_ms)
        if content["user"].lower() != OWNER:
            return []
        kept = {fill.id for fill in self._state.engine.fills[-KEPT_FILLS:]}
        found = [fill for fill in self._state.fills(None, since_ms, seen_ms, until_ms) if fill.id in kept]
        return [self._fill(fill) for fill in sorted(found, key=lambda fill: fill.at_ms)[:MOST_FILLS]]

    def _place(self, order: Action, request: HttpRequest) -> object:
        asset, told = int(order["a"]), f" asset={order['a']}"
        sym = self._coins.get(asset)
        tif = order["t"].get("limit", {}).get("tif")
        if sym is None or tif not in TIFS or tif == "Alo":
            raise unreadable()
        listing, price, size = self._state.engine.listings[sym], Decimal(order["p"]), Decimal(order["s"])
        if size % listing.step:
            return {"error": "Order has invalid size."}
        if not size:
            return {"error": "Order has zero size."}
        if not valid_price(listing, price):
            return {"error": f"{TEXTS[DeclineReason.PRICE_STEP]}{told}"}
        small = self._state.engine.settings.get(SMALL_REDUCE) == "true" and bool(order["r"])
        if price * size < LEAST and not small:
            return {"error": f"{TEXTS[DeclineReason.MIN_NOTIONAL]}{told}"}
        nonce, expires = int(request.content["nonce"]), request.content.get("expiresAfter")
        new = NewOrder(
            sym=sym,
            signed_qty=size if order["b"] else -size,
            client_id=str(order.get("c", "")).removeprefix("0x"),
            reduce_only=bool(order["r"]),
            limit=price,
            stamp_ms=nonce,
            validity_ms=0 if expires is None else int(expires) - nonce,
            ioc=tif == "Ioc",
        )
        try:
            made = self._state.place(new)
        except Declined as declined:
            return {"error": f"{TEXTS.get(declined.why, UNTOLD)}{told}"}
        return self._answer(made, told)

    def _answer(self, order: EngineOrder, told: str) -> object:
        named = {"oid": order.id, **({"cloid": cloid(order.client_id)} if cloid(order.client_id) else {})}
        if order.state in OPEN:
            return {"resting": named}
        if not order.filled:
            return {"error": f"{MISSED}{told}"}
        average = (order.paid / abs(order.filled)).normalize()
        digits = Decimal(1).scaleb(average.adjusted() - DIGITS)
        return {"filled": {"totalSz": num(abs(order.filled)), "avgPx": num(average.quantize(digits)), **named}}

    def _ended_row(self, order: EngineOrder) -> dict[str, object]:
        asked, rest = abs(order.signed_qty), abs(order.signed_qty - order.filled)
        if order.state in LIVE:
            word, rest = "open", asked  # it says so until its state changes
        elif order.state is State.FILLED:
            word, rest = "filled", rest if order.id % 2 == 0 else asked
        elif order.state is State.CANCELED:
            word = "canceled"
        elif not order.filled:
            word = "iocCancelRejected"
        else:
            word, rest = PARTS[order.id % len(PARTS)], rest if order.id // len(PARTS) % 2 else asked
        return {"order": self._row(order, rest), "status": word, "statusTimestamp": order.updated_ms}

    def _row(self, order: EngineOrder, rest: Decimal) -> dict[str, object]:
        waits = order.trigger is not None
        return {
            "coin": order.sym, "side": "B" if order.side > 0 else "A",
            "limitPx": num(order.limit if order.limit is not None else order.trigger or Decimal(0)), "sz": num(rest),
            "oid": order.id, "timestamp": order.created_ms,
            "triggerCondition": f"Price {'above' if order.rises else 'below'} {order.trigger}" if waits else "N/A",
            "isTrigger": waits, "triggerPx": num(order.trigger or Decimal(0)), "children": [],
            "isPositionTpsl": False, "reduceOnly": order.reduce_only,
            "orderType": "Stop Market" if waits else "Limit", "origSz": num(abs(order.signed_qty)),
            "tif": None if waits else "Ioc" if order.ioc else "Gtc", "cloid": cloid(order.client_id),
        }  # fmt: skip

    def _fill(self, fill: EngineFill) -> dict[str, Any]:
        made: dict[str, Any] = {
            "coin": fill.sym, "px": num(fill.price), "sz": num(abs(fill.qty)), "side": "B" if fill.qty > 0 else "A",
            "time": fill.at_ms, "startPosition": "0.0",
            "dir": DIRS.get(fill.origin, "Open Long" if fill.qty > 0 else "Open Short"), "closedPnl": num(fill.profit),
            "hash": HASH, "oid": fill.order_id, "crossed": True, "fee": num(fill.fee), "tid": tid(fill.id),
            "cloid": cloid(fill.client_id), "feeToken": fill.fee_currency, "twapId": None,
        }  # fmt: skip
        if fill.origin == "liquidation":
            made |= {"liquidation": {"liquidatedUser": OWNER, "markPx": num(fill.price), "method": "market"}}
        return made


def valid_price(listing: Listing, price: Decimal) -> bool:
    """Says whether a price has at most five digits that count, or no decimal places, and few enough of these.

    >>> listing = Listing("BTC", "swap", "BTC", "USDC", *map(Decimal, ("42000", "1", "0.00001", "0.00001")))
    >>> [valid_price(listing, Decimal(price)) for price in ("1234.5", "1234.56", "123456", "0.12")]
    [True, False, True, False]
    """
    exact = price.normalize()
    places = max(-int(exact.as_tuple().exponent), 0)
    most = DECIMALS - max(-int(listing.step.normalize().as_tuple().exponent), 0)
    return price > 0 and places <= most and (not places or len(exact.as_tuple().digits) <= DIGITS)
