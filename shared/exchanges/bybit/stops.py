"""Bybit: stops of linear swaps belong to the position, and an entry can carry them. DOCS: facts.py."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from shared.exchanges.bybit.facts import STOP_ORDER_TYPES
from shared.exchanges.client import Unreadable
from shared.exchanges.profile import all_of
from shared.exchanges.rest_caller import Refusing, RestCaller
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.stop_profile import BPS, Market, StopForm, StopProfile, TrailRange, trigger_price
from shared.messages.reasons import Reason, StopKind
from shared.orders.stops import StopPhase, StopReport, StopRequest

FIELDS = {StopKind.STOP: "stopLoss", StopKind.TAKE_PROFIT: "takeProfit", StopKind.TRAIL: "trailingStop"}
TRIGGERS = {StopKind.STOP: "slTriggerBy", StopKind.TAKE_PROFIT: "tpTriggerBy"}
WHOLE = frozenset({"StopLoss", "TakeProfit", "TrailingStop"})
PHASES = {  # P: DOCS/enum#orderstatus; Cancelled: see _phase
    "Untriggered": StopPhase.WAITING,
    "Triggered": StopPhase.TRIGGERING,  # the instant between Untriggered and New; it may stay so
    "New": StopPhase.TRIGGERED,
    "PartiallyFilled": StopPhase.TRIGGERED,
    "Filled": StopPhase.TRIGGERED,
    "Rejected": StopPhase.FAILED,
    "Deactivated": StopPhase.CANCELED,
}
CANCELED_BY = frozenset({  # P: DOCS/enum, CancelByPzSideCh of an older copy
    "CancelByUser", "CancelByTpSlTsClear", "CancelByPzSideCh", "CancelByAdmin", "CancelByPrepareLiq",
    "CancelAllBeforeLiq", "CancelByPrepareAdl", "CancelAllBeforeAdl", "CancelBySettle", "CancelByDelivery",
    "CancelByDCP", "CancelByAccountBlocking", "CancelByOCOTpCanceledBySlTriggered",
    "CancelByOCOSlCanceledByTpTriggered",
})  # fmt: skip
PLAIN = (None, "", "UNKNOWN")  # what an order has there that is no stop
OFF = "0"  # P: DOCS/position/trading-stop: 0 cancels it
ZERO_POSITION = "zero position"
PAGE = 50
FORM = StopForm(
    kinds=frozenset(StopKind),  # P: DOCS/position/trading-stop
    whole=frozenset(StopKind),  # P: the same page: Full; the exchange follows the position's size
    # P: DOCS/order/create-order: stopLoss, takeProfit, tpslMode; not with reduceOnly. They are there once it is filled
    # in part, and their prices replace the position's: https://help.bybit.com/hc/en-us/articles/360039260454
    attached=frozenset({StopKind.STOP, StopKind.TAKE_PROFIT}),
    attached_reduces=True,  # P: trading-stop: they are the position's, whose size they follow and with which they end
    replaced="in_place",  # P: trading-stop: in Full it modifies the one there is
    own_id=False,  # P: trading-stop has none; https://github.com/bybit-exchange/pybit/issues/190
    told_id=False,  # P: trading-stop: Response Parameters: None. The list tells it
    keeps_id=True,  # P: DOCS/enum#orderstatus: Untriggered, Triggered, New are states of one order
    expires=True,  # U: DOCS/guide#parameters-for-authenticated-endpoints
    absent_proves=False,  # without an id of ours nothing says whose stop is absent
    ends_with_position=True,  # P: trading-stop: the system cancels them if the position is closed
    trail=TrailRange(Decimal(1), Decimal(10_000), Decimal(1)),  # P: trading-stop: a price distance; the range is U
)


class BybitStops(StopProfile):
    """BybitStops are triggered by the mark price, as liquidation is; a trailing one has no such choice."""

    form: ClassVar[StopForm] = FORM
    refusals: ClassVar[Mapping[str, Reason]] = {
        # C: the number of them, what the mode forbids
        **all_of(Reason.VENUE_REFUSED, "110009 110054 110055 110056 110057 110058 110060 110061"),
        **all_of(Reason.NOTHING_TO_REDUCE, "110034"),  # C: there is no net position
    }
    beyond: ClassVar[frozenset[str]] = frozenset({"110092", "110093"})  # C
    # https://github.com/ccxt/ccxt/issues/21031: 10001 "... set for Buy position should lower than base_price:..."
    beyond_words: ClassVar[tuple[str, ...]] = ("than base_price",)
    # Users' records: 10001 "can not set tp/sl/ts for zero position", also right after the fill
    meant: ClassVar[Mapping[str, Reason]] = {ZERO_POSITION: Reason.NOTHING_TO_REDUCE}
    # https://github.com/verata-veritatis/bybit-market-maker/issues/4
    unchanged: ClassVar[frozenset[str]] = frozenset({"34040"})
    gone: ClassVar[frozenset[str]] = frozenset({"110001", "34040"})  # C

    async def send(self, client: Any, market: Market, request: StopRequest) -> str:
        """Sends POST position/trading-stop, which tells no id."""
        await client.privatePostV5PositionTradingStop({**_position(market), **_set(market, request)})
        return ""

    def carried(self, market: Market, requests: Sequence[StopRequest]) -> Mapping[str, Any]:
        """Returns the fields of order/create."""
        return {"tpslMode": "Full", **{k: v for one in requests for k, v in _set(market, one).items()}}

    async def waiting(self, caller: RestCaller, markets: Mapping[str, Market]) -> list[StopReport]:
        """Asks GET order/realtime for StopOrder, page by page: of one market, or of all that settle in a coin."""
        coins = sorted({market.rules.quote for market in markets.values()})
        asked = [{"symbol": next(iter(markets))}] if len(markets) == 1 else [{"settleCoin": coin} for coin in coins]

        def read(answer: Any) -> tuple[list[StopReport], str]:
            result = answer["result"]
            rows = [row for row in result["list"] if row["symbol"] in markets and row.get("stopOrderType") not in PLAIN]
            return [_report(markets[row["symbol"]], row) for row in rows], result.get("nextPageCursor") or ""

        found: list[StopReport] = []
        for which in asked:
            params, cursor = {"category": "linear", "orderFilter": "StopOrder", "limit": PAGE, **which}, "first"
            while cursor:
                reports, cursor = await caller.ask(caller.client.privateGetV5OrderRealtime, params, read=read)
                found += reports
                params = {**params, "cursor": cursor}
        return found

    async def find(
        self, caller: RestCaller, market: Market, stop: StopReport, taken: Collection[str] = ()
    ) -> StopReport | None:
        """Asks for it by its id, where the list has told one; else it is the position's one of its kind."""
        if not stop.venue_id:
            listed = await self.waiting(caller, {market.id: market})
            return next((one for one in listed if one.kind is stop.kind and one.whole), None)

        def read(answer: Any) -> StopReport | None:
            rows = answer["result"]["list"]
            return _report(market, rows[0]) if rows else None

        found: StopReport | None = await self._by_id(caller, market, stop.venue_id, read)
        return found

    async def cancel(self, caller: RestCaller, market: Market, stop: StopReport) -> bool:
        """Sends POST order/cancel, or takes the position's one of its kind away."""
        client = caller.client
        if stop.venue_id:
            asked = {"category": "linear", "symbol": market.id, "orderId": stop.venue_id}
            return await caller.ask(client.privatePostV5OrderCancel, asked, tolerated=self.gone) is not None
        if stop.kind is None:
            raise Unreadable("a stop without an id is of no kind that can be taken away")
        asked = {**_position(market), FIELDS[stop.kind]: OFF}
        try:
            return await caller.ask(client.privatePostV5PositionTradingStop, asked, tolerated=self.gone) is not None
        except Refusing as error:
            if ZERO_POSITION in str(error):
                return False
            raise

    async def order(
        self, caller: RestCaller, market: Market, order_id: str, asked_qty: Decimal = Decimal(0)
    ) -> Row | None:
        """Asks the open list, which keeps the last that have ended, then the history."""

        def read(answer: Any) -> Row | None:
            rows = answer["result"]["list"]
            known = caller.client.markets[market.rules.market]
            parsed: Row | None = caller.client.parse_order(rows[0], known) if rows else None
            return parsed

        found: Row | None = await self._by_id(caller, market, order_id, read)
        return found

    async def _by_id(self, caller: RestCaller, market: Market, id_: str, read: Any) -> Any:
        asked, client = {"category": "linear", "symbol": market.id, "orderId": id_}, caller.client
        ask = partial(caller.ask, read=read)
        return await ask(client.privateGetV5OrderRealtime, asked) or await ask(client.privateGetV5OrderHistory, asked)


def _position(market: Market) -> dict[str, Any]:
    return {"category": "linear", "symbol": market.id, "tpslMode": "Full", "positionIdx": 0}


def _set(market: Market, request: StopRequest) -> dict[str, Any]:
    if request.kind is StopKind.TRAIL:
        distance = request.price * (request.trail_bps or Decimal(0)) / BPS
        return {FIELDS[request.kind]: plain(_ticks(distance, market.rules.price_tick))}
    price = plain(trigger_price(market.rules, request))
    return {FIELDS[request.kind]: price, TRIGGERS[request.kind]: "MarkPrice"}


def _ticks(distance: Decimal, tick: Decimal) -> Decimal:
    return max((distance / tick).to_integral_value() * tick, tick)


def _report(market: Market, row: Row) -> StopReport:
    word, id_, phase = str(row.get("stopOrderType") or ""), str(row["orderId"]), _phase(row)
    whole = word in WHOLE
    qty = Decimal(0) if whole else number(row.get("qty"), "0")
    return StopReport(
        sym=market.sym,
        kind=STOP_ORDER_TYPES.get(word),
        phase=phase,
        venue_id=id_,
        stop_id=str(row.get("orderLinkId") or ""),
        trigger_price=number(row.get("triggerPrice"), "0") or None,  # a trailing one's activates it (P)
        signed_qty=qty if row["side"] == "Buy" else -qty,
        whole=whole,
        order_id=id_ if phase is StopPhase.TRIGGERED else "",
        text=_text(row),
        reduce_only=whole or row.get("reduceOnly") is True,
    )


def _phase(row: Row) -> StopPhase:
    """Reads a row's status. One that was cancelled without a fill was cancelled as it waited, or when it was triggered.

    The first has somebody who cancelled it, the other a reason of the engine's: P: DOCS/enum#canceltype.
    """
    word = str(row["orderStatus"])
    if word in ("Cancelled", "PartiallyFilledCanceled"):
        if number(row.get("cumExecQty"), "0"):
            return StopPhase.TRIGGERED
        return StopPhase.CANCELED if row.get("cancelType") in CANCELED_BY else StopPhase.FAILED
    if word not in PHASES:
        raise Unreadable(f"the stop's status is {word[:30]!r}")
    return PHASES[word]


def _text(row: Row) -> str:
    words = (row["orderStatus"], row.get("rejectReason"), row.get("cancelType"))
    return ": ".join(str(word) for word in words if word not in (None, "", "EC_NoError", "UNKNOWN"))
