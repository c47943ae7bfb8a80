"""Binance's USD-M futures: stops lie in the algo service, apart from orders. DOCS: profile.py.

All rows are read raw: ccxt calls one that has fired `closed`, with nothing filled.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.exchanges.client import Unreadable
from shared.exchanges.profile import DAY_MS, all_of
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading.amounts import contracts, plain
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.stop_profile import Market, StopForm, StopProfile, TrailRange, trigger_price
from shared.messages.reasons import Reason, StopKind
from shared.orders.stops import StopPhase, StopReport, StopRequest

TYPES = {
    StopKind.STOP: "STOP_MARKET",
    StopKind.TAKE_PROFIT: "TAKE_PROFIT_MARKET",
    StopKind.TRAIL: "TRAILING_STOP_MARKET",
}
KINDS = {word: kind for kind, word in TYPES.items()}
PHASES = {  # P: DOCS/user-data-streams/Event-Algo-Order-Update
    "NEW": StopPhase.WAITING,
    "TRIGGERING": StopPhase.TRIGGERING,
    "TRIGGERED": StopPhase.TRIGGERED,
    "FINISHED": StopPhase.TRIGGERED,
    "CANCELED": StopPhase.CANCELED,
    "REJECTED": StopPhase.FAILED,
    "EXPIRED": StopPhase.FAILED,
}
MOST_BY_SYMBOL = 40  # P: DOCS/trade/rest-api/Current-All-Algo-Open-Orders: weight 1 a symbol, 40 for all
FORM = StopForm(
    kinds=frozenset(StopKind),  # P: DOCS/trade/rest-api/New-Algo-Order
    # P: the same page: closePosition goes with neither quantity nor reduceOnly; C: -4136: not with a trailing stop.
    # A second one in a direction is refused with -4130 (K: what clients have recorded)
    whole=frozenset({StopKind.STOP, StopKind.TAKE_PROFIT}),
    attached=frozenset(),  # P: DOCS/trade/rest-api/New-Order has no such parameter
    replaced="new_first",  # P: DOCS/trade/rest-api has no amendment of an algo order; K: by quantity two may rest
    own_id=True,  # P: New-Algo-Order: clientAlgoId, unique among the open ones only
    told_id=True,  # P: New-Algo-Order: algoId
    keeps_id=False,  # P: Event-Algo-Order-Update: `ai`; https://github.com/nautechsystems/nautilus_trader/issues/3287
    expires=True,  # U: DOCS/general-info#timing-security
    absent_proves=False,  # https://github.com/freqtrade/freqtrade/issues/12681: -2013 of stops that it had acknowledged
    forgotten_ms=3 * DAY_MS,  # P: DOCS/trade/rest-api/Query-Algo-Order: CANCELED or EXPIRED without a trade
    ends_with_position=False,  # https://github.com/Binance-docs/Binance_Futures_python/issues/100
    trail=TrailRange(Decimal(10), Decimal(1000), Decimal(10)),  # P: New-Algo-Order: 0.1 to 10 %; the step is U
)


class BinanceStops(StopProfile):
    """BinanceStops are triggered by the mark price, as liquidation is."""

    form: ClassVar[StopForm] = FORM
    refusals: ClassVar[Mapping[str, Reason]] = {
        # C, P: DOCS/error-code: the limit of such orders, and what contradicts closePosition
        **all_of(Reason.VENUE_REFUSED, "-4045 -4136 -4137 -4138"),
        **all_of(Reason.NOTHING_TO_REDUCE, "-4509"),  # P: DOCS/error-code: GTE only with an open position
    }
    beyond: ClassVar[frozenset[str]] = frozenset({"-2021"})  # C, P: Order would immediately trigger
    occupied: ClassVar[frozenset[str]] = frozenset({"-4130"})  # K: what clients have recorded
    gone: ClassVar[frozenset[str]] = frozenset({"-2011", "-2013"})  # C

    async def send(self, client: Any, market: Market, request: StopRequest) -> str:
        """Sends POST algoOrder."""
        trails = request.kind is StopKind.TRAIL
        priced = (
            {"callbackRate": plain((request.trail_bps or Decimal(0)) / 100)}  # in percent
            if trails
            else {"triggerPrice": plain(trigger_price(market.rules, request))}
        )
        sized = (
            {"closePosition": "true"}
            if request.whole and request.kind in self.form.whole
            else {"quantity": contracts(market.rules, request.signed_qty), "reduceOnly": "true"}
        )
        answer = await client.fapiPrivatePostAlgoOrder(
            {
                "algoType": "CONDITIONAL",
                "symbol": market.id,
                "side": "BUY" if request.signed_qty > 0 else "SELL",
                "type": TYPES[request.kind],
                "workingType": "MARK_PRICE",
                "clientAlgoId": request.stop_id,
                **priced,
                **sized,
            }
        )
        if answer.get("clientAlgoId") not in (None, request.stop_id):
            raise Unreadable("the answer is about another stop")
        return str(answer["algoId"])

    async def waiting(self, caller: RestCaller, markets: Mapping[str, Market]) -> list[StopReport]:
        """Asks GET openAlgoOrders, of each market or of all."""
        asked = [{"symbol": id_} for id_ in markets] if len(markets) <= MOST_BY_SYMBOL else [{}]

        def read(rows: Sequence[Row]) -> list[StopReport]:
            return [_report(markets[row["symbol"]], row) for row in rows if row["symbol"] in markets]

        found: list[StopReport] = []
        for params in asked:
            found += await caller.ask(caller.client.fapiPrivateGetOpenAlgoOrders, params, read=read)
        return found

    async def find(
        self, caller: RestCaller, market: Market, stop: StopReport, taken: Collection[str] = ()
    ) -> StopReport | None:
        """Asks GET algoOrder."""

        def read(row: Row) -> StopReport:
            return _report(market, row)

        try:
            found: StopReport = await caller.ask(caller.client.fapiPrivateGetAlgoOrder, _ids(stop), read=read)
        except NotThere:
            return None
        return found

    async def cancel(self, caller: RestCaller, market: Market, stop: StopReport) -> bool:
        """Sends DELETE algoOrder."""
        answer = await caller.ask(caller.client.fapiPrivateDeleteAlgoOrder, _ids(stop), tolerated=self.gone)
        return answer is not None


def _ids(stop: StopReport) -> dict[str, str]:
    return {"algoId": stop.venue_id} if stop.venue_id else {"clientAlgoId": stop.stop_id}


def _report(market: Market, row: Row) -> StopReport:
    word, order_id = str(row["algoStatus"]), str(row.get("actualOrderId") or "")
    if word not in PHASES:
        raise Unreadable(f"the stop's status is {word[:30]!r}")
    phase, whole = PHASES[word], row.get("closePosition") is True
    if phase is StopPhase.TRIGGERED and not order_id:
        phase = StopPhase.TRIGGERING
    qty = Decimal(0) if whole else number(row.get("quantity"), "0") * market.rules.contract_size
    return StopReport(
        sym=market.sym,
        kind=KINDS.get(str(row["orderType"])),
        phase=phase,
        venue_id=str(row["algoId"]),
        stop_id=str(row.get("clientAlgoId") or ""),
        trigger_price=number(row.get("triggerPrice"), "0") or None,
        signed_qty=qty if row["side"] == "BUY" else -qty,
        whole=whole,
        order_id=order_id,
        text=word,
        reduce_only=whole or row.get("reduceOnly") is True,
    )
