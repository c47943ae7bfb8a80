"""OKX: stops of swaps are algo orders, and an entry can carry one. DOCS: profile.py.

All rows are read raw: ccxt calls one that has fired `closed`, with nothing filled.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.exchanges.client import Unreadable
from shared.exchanges.profile import all_of
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading.amounts import contracts, plain
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.stop_profile import BPS, Market, StopForm, StopProfile, TrailRange, trigger_price
from shared.messages.reasons import Reason, StopKind
from shared.orders.stops import StopPhase, StopReport, StopRequest

PLACE = "#order-book-trading-algo-trading-post-place-algo-order"
PREFIXES = {StopKind.STOP: "sl", StopKind.TAKE_PROFIT: "tp"}
AT_MARKET = "-1"
PHASES = {  # P: DOCS/#order-book-trading-algo-trading-get-algo-order-details
    "live": StopPhase.WAITING,
    "pause": StopPhase.WAITING,
    "effective": StopPhase.TRIGGERED,
    "partially_effective": StopPhase.TRIGGERED,
    "canceled": StopPhase.CANCELED,
    "order_failed": StopPhase.FAILED,
    "partially_failed": StopPhase.FAILED,
}
LISTED = ("conditional,oco", "move_order_stop")  # P: DOCS/#...-get-algo-order-list: each type by itself, but these two
PAGE = 100
FORM = StopForm(
    kinds=frozenset(StopKind),  # P: DOCS/PLACE
    # P: DOCS/PLACE: closeFraction is of `conditional` at market, and one such order is all that a position has: a
    # take-profit beside a stop is sized by quantity
    whole=frozenset({StopKind.STOP}),
    # P: DOCS/#order-book-trading-trade-post-place-order: attachAlgoOrds. It is placed when the entry has ended with
    # something filled, for what was filled (P: announcement of 1 July 2026; before, only when all of it was)
    attached=frozenset({StopKind.STOP}),
    # P: the same page: attachAlgoOrds has no reduceOnly, and no cxlOnClosePos. Others have had reverse positions from
    # them: https://github.com/yubing744/trading-gpt/pull/74. What is so of one, its row tells
    attached_reduces=False,
    # P: an amendment keeps the id, and what was amended last is not told: the new one is placed first
    replaced="new_first",
    own_id=True,  # P: DOCS/PLACE: algoClOrdId; of an attached one attachAlgoClOrdId becomes it
    told_id=True,  # P: DOCS/PLACE: algoId; of an attached one: no, and its attachAlgoId is another
    keeps_id=False,  # P: DOCS/#...-get-algo-order-details: ordIdList
    expires=False,  # U: DOCS/#overview-transaction-timeouts names placing and amending of orders, and no algo order
    absent_proves=False,  # follows from the row above
    # https://github.com/okxapi/python-okx/issues/112: attached ones stay; cxlOnClosePos (P: DOCS/PLACE) is ours to send
    ends_with_position=False,
    trail=TrailRange(Decimal(10), Decimal(10_000), Decimal(1)),  # P: callbackRatio, 0.01 is 1 %; the range is U
)


class OkxStops(StopProfile):
    """OkxStops are triggered by the mark price, as liquidation is."""

    form: ClassVar[StopForm] = FORM
    refusals: ClassVar[Mapping[str, Reason]] = {
        # C: what contradicts closeFraction; the trail's rate, and how many may wait
        **all_of(Reason.VENUE_REFUSED, "51250 51257 51258 51259 51260 51261 51275 51276 51327 51328 51329 51330"),
    }
    # P (a copy of July 2026): "You can only place 1 TP/SL order to close an entire position"
    occupied: ClassVar[frozenset[str]] = frozenset({"51088"})
    beyond: ClassVar[frozenset[str]] = frozenset({"51277", "51278", "51279", "51280"})  # C
    gone: ClassVar[frozenset[str]] = frozenset({"51400", "51401", "51402", "51410", "51416", "51603"})  # C, K, P

    async def send(self, client: Any, market: Market, request: StopRequest) -> str:
        """Sends POST order-algo. Without a clOrdId ccxt adds one of its own, and a broker's tag."""
        whole = request.whole and request.kind in self.form.whole
        answer = await client.privatePostTradeOrderAlgo(
            {
                "instId": market.id,
                "tdMode": "isolated",
                "side": "buy" if request.signed_qty > 0 else "sell",
                "algoClOrdId": request.stop_id,
                "clOrdId": request.stop_id,
                "reduceOnly": True,
                **({"closeFraction": "1"} if whole else {"sz": contracts(market.rules, request.signed_qty)}),
                **(_trail(request) if request.kind is StopKind.TRAIL else _conditional(market, request)),
            }
        )
        row = answer["data"][0]
        if row.get("algoClOrdId") not in (None, "", request.stop_id):
            raise Unreadable("the answer is about another stop")
        return str(row["algoId"])

    def carried(self, market: Market, requests: Sequence[StopRequest]) -> Mapping[str, Any]:
        """Returns attachAlgoOrds, with an id of its own: it becomes the algo order's."""
        return {
            "attachAlgoOrds": [
                {"attachAlgoClOrdId": request.stop_id, **_triggers(market, request)} for request in requests
            ]
        }

    async def waiting(self, caller: RestCaller, markets: Mapping[str, Market]) -> list[StopReport]:
        """Asks GET orders-algo-pending, by type and page by page: of one market, or of all swaps."""
        only = {"instId": next(iter(markets))} if len(markets) == 1 else {}

        def read(answer: Any) -> tuple[list[StopReport], str]:
            rows = answer["data"]
            last = rows[-1]["algoId"] if len(rows) >= PAGE else ""
            return [_report(markets[row["instId"]], row) for row in rows if row["instId"] in markets], last

        found: list[StopReport] = []
        for kind in LISTED:
            asked, last = {"instType": "SWAP", "ordType": kind, "limit": str(PAGE), **only}, "first"
            while last:
                reports, last = await caller.ask(caller.client.privateGetTradeOrdersAlgoPending, asked, read=read)
                found += reports
                asked = {**asked, "after": last}
        return found

    async def find(
        self, caller: RestCaller, market: Market, stop: StopReport, taken: Collection[str] = ()
    ) -> StopReport | None:
        """Asks GET order-algo."""

        def read(answer: Any) -> StopReport | None:
            return _report(market, answer["data"][0]) if answer["data"] else None

        try:
            found: StopReport | None = await caller.ask(caller.client.privateGetTradeOrderAlgo, _ids(stop), read=read)
        except NotThere:
            return None
        return found

    async def cancel(self, caller: RestCaller, market: Market, stop: StopReport) -> bool:
        """Sends POST cancel-algos."""
        asked = [{"instId": market.id, **_ids(stop)}]
        answer = await caller.ask(caller.client.privatePostTradeCancelAlgos, asked, tolerated=self.gone)
        return answer is not None


def _triggers(market: Market, request: StopRequest) -> dict[str, Any]:
    prefix = PREFIXES[request.kind]
    return {
        f"{prefix}TriggerPx": plain(trigger_price(market.rules, request)),
        f"{prefix}TriggerPxType": "mark",
        f"{prefix}OrdPx": AT_MARKET,
    }


def _conditional(market: Market, request: StopRequest) -> dict[str, Any]:
    return {"ordType": "conditional", "cxlOnClosePos": True, **_triggers(market, request)}


def _trail(request: StopRequest) -> dict[str, Any]:
    return {"ordType": "move_order_stop", "callbackRatio": plain((request.trail_bps or Decimal(0)) / BPS)}


def _ids(stop: StopReport) -> dict[str, str]:
    return {"algoId": stop.venue_id} if stop.venue_id else {"algoClOrdId": stop.stop_id}


def _report(market: Market, row: Row) -> StopReport:
    word = str(row["state"])
    if word not in PHASES:
        raise Unreadable(f"the stop's state is {word[:30]!r}")
    phase, ids = PHASES[word], [str(id_) for id_ in row.get("ordIdList") or [] if id_]
    order_id = ids[-1] if ids else str(row.get("ordId") or "")
    if phase is StopPhase.TRIGGERED and not order_id:
        phase = StopPhase.TRIGGERING
    whole = bool(row.get("closeFraction"))
    qty = Decimal(0) if whole else number(row.get("sz"), "0") * market.rules.contract_size
    kind, price = _kind(row)
    reason = str(row.get("failCode") or "0")
    return StopReport(
        sym=market.sym,
        kind=kind,
        phase=phase,
        venue_id=str(row["algoId"]),
        stop_id=str(row.get("algoClOrdId") or ""),
        trigger_price=number(price, "0") or None,
        signed_qty=qty if row["side"] == "buy" else -qty,
        whole=whole,
        order_id=order_id,
        text=word if reason == "0" else f"{word}: {reason}",
        reduce_only=whole or str(row.get("reduceOnly")).lower() == "true",
    )


def _kind(row: Row) -> tuple[StopKind | None, Any]:
    """Returns a row's kind, and what triggers it; an `oco`, which is two of ours in one, is none."""
    if row["ordType"] == "move_order_stop":
        return StopKind.TRAIL, row.get("moveTriggerPx")
    told = [kind for kind, prefix in PREFIXES.items() if row.get(f"{prefix}TriggerPx")]
    if row["ordType"] != "conditional" or len(told) != 1:
        return None, row.get("triggerPx") or row.get("slTriggerPx")
    return told[0], row[f"{PREFIXES[told[0]]}TriggerPx"]
