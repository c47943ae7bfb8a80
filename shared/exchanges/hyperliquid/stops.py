"""Hyperliquid: stops are trigger orders of the account's own, and an entry can carry them. The letters: profile.py.

They are signed by our client, as entries are, each by one POST: ccxt gives an entry and its stops the same cloid (C:
create_orders_request), and sends `na` for a stop that was asked for alone. DOCS: facts.py.

**What an order is called behind its trigger nobody has told**: whether it keeps its oid, and its cloid. Both are read
here. One that is `triggered` is followed by its fills: those of its oid, those of its cloid, else those without a
cloid, on its side, right behind it, which no other stop has become. So an order that has another oid and fills nothing
is not found; the stop stays TRIGGERING, which ends as the gateway's rules say. Of two stops that fire within AT_ONCE_MS
each gets an order; whether each gets its own is not told.

Others match a stop's fills by its own oid (richkuo/go-trader, pull request 686), as if it stayed the same (K).
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from shared.exchanges.hyperliquid.client import CLOID, order_row, own_id
from shared.exchanges.hyperliquid.fills import fills_between, forced
from shared.exchanges.hyperliquid.rows import EVER_LATE_MS, ccxt_status, order_status, rows_of
from shared.exchanges.hyperliquid.rows import order_row as ccxt_row
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading.amounts import contracts, limit_at, plain
from shared.exchanges.trading.paging import LEEWAY_MS, Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.stop_profile import Market, StopForm, StopProfile, trigger_price
from shared.messages.reasons import Reason, StopKind
from shared.orders.stops import StopPhase, StopReport, StopRequest

TPSL = {StopKind.STOP: "sl", StopKind.TAKE_PROFIT: "tp"}
KINDS = {"Stop Market": StopKind.STOP, "Take Profit Market": StopKind.TAKE_PROFIT}  # C: frontendOrder; K: issue 5018
WHOLE = "0"  # C: amount_to_precision: "a whole position tp/sl order is sent with grouping positionTpsl and size 0"
# P: hyperliquid-docs/trading/take-profit-and-stop-loss-orders-tp-sl: those at market have a tolerance of 10 %. It is
# sent as the price, which must be on the far side of the trigger: issue 3611 of nautechsystems/nautilus_trader
TOLERANCE = Decimal("0.1")
BAD_PRICE = "Invalid TP/SL price"
LOOKS_BACK_MS = 86_400_000
AT_ONCE_MS = 10_000  # so long behind its trigger an order that nobody has named is taken for a stop's
FORM = StopForm(
    # P: DOCS/exchange-endpoint#place-an-order: tpsl is tp or sl. A trailing stop is an action of its own, of a fixed
    # size (df-hyperliquid-core's trailing.rs, by the same page): what becomes of it is not known, so it is not used
    kinds=frozenset(TPSL),
    whole=frozenset(TPSL),  # C (WHOLE); P: the page above: they "attempt to close the entire position"
    attached=frozenset(TPSL),  # K: the official SDK's basic_tpsl.py: an IOC entry with both, normalTpsl
    attached_part=False,  # P: the page above: "if and only if a parent order is fully filled", or runs out of margin
    attached_reduces=True,  # P: DOCS/exchange-endpoint#place-an-order: `r` is each order's own
    replaced="new_first",  # K: basic_tpsl.py, users: of a size of their own several rest; `modify` makes another oid
    own_id=True,  # P: DOCS/exchange-endpoint#place-an-order: `c`, each order's own
    # https://github.com/nktkas/hyperliquid/pull/96: "waitingForTrigger" and no oid; one of a fixed size tells it
    told_id=False,
    keeps_id=False,  # not verified: see above
    expires=True,  # P: DOCS/exchange-endpoint#expires-after: of any action, in the hash
    absent_proves=False,  # https://github.com/ccxt/ccxt/issues/27113: unknownOid of orders that were executed
    ends_with_position=False,  # not verified: no page says it; `reduceOnlyCanceled` may be it
    list_ms=2_500,  # P: DOCS/rate-limits-and-user-limits: frontendOpenOrders weighs 20 of 1200 a minute
)


class HyperliquidStops(StopProfile):
    """HyperliquidStops are triggered by the mark price, as liquidation is."""

    form: ClassVar[StopForm] = FORM
    refusals: ClassVar[Mapping[str, Reason]] = {}
    beyond: ClassVar[frozenset[str]] = frozenset({BAD_PRICE})  # P: DOCS/error-responses
    gone: ClassVar[frozenset[str]] = frozenset({"Order was never placed, already canceled, or filled"})  # likewise

    async def send(self, client: Any, market: Market, request: StopRequest) -> str:
        """Posts one trigger order, for the whole position or for a quantity."""
        whole = request.whole and request.kind in self.form.whole
        qty = WHOLE if whole else contracts(market.rules, request.signed_qty)
        row = _order(market, request, client.market(market.rules.market), qty)
        return _told_id(await client.post_orders([row], "positionTpsl" if whole else "na"))

    def carried(self, market: Market, requests: Sequence[StopRequest]) -> Mapping[str, Any]:
        """Returns what the client posts behind the entry, of its quantity."""
        return {"carried": [_order(market, one, {"baseId": "0"}, WHOLE) for one in requests]}

    async def waiting(self, caller: RestCaller, markets: Mapping[str, Market]) -> list[StopReport]:
        """Asks frontendOpenOrders, which has those of all markets."""
        by_coin = {_coin(caller, market): market for market in markets.values()}

        def read(answer: Any) -> list[StopReport]:
            rows = [row for row in rows_of(answer) if row["coin"] in by_coin and row["isTrigger"] is True]
            return [_report(by_coin[row["coin"]], row, StopPhase.WAITING) for row in rows]

        asked = {"type": "frontendOpenOrders", "user": _account(caller)}
        found: list[StopReport] = await caller.ask(caller.client.public_post_info, asked, read=read)
        return found

    async def find(
        self, caller: RestCaller, market: Market, stop: StopReport, taken: Collection[str] = ()
    ) -> StopReport | None:
        """Asks for it by the exchange's number, then by ours; where neither is known, its fills may tell it."""
        cloid = f"{CLOID}{stop.stop_id}" if stop.stop_id else ""
        for id_ in (int(stop.venue_id) if stop.venue_id else "", cloid):
            told = await _status(caller, id_) if id_ else None
            if told is not None:
                return await self._read(caller, market, stop, told, taken)
        fills = await _fills(caller, market, caller_ms(caller) - LOOKS_BACK_MS)
        own = [row for row in fills if str(row["oid"]) == stop.venue_id or (cloid and row.get("cloid") == cloid)]
        return stop._replace(phase=StopPhase.TRIGGERED, order_id=str(own[0]["oid"])) if own else None

    async def _read(
        self, caller: RestCaller, market: Market, stop: StopReport, told: Mapping[str, Any], taken: Collection[str]
    ) -> StopReport:
        row, status = told["order"], told["status"]
        if row.get("isTrigger") is not True:  # its cloid is an order's by now
            return stop._replace(phase=StopPhase.TRIGGERED, order_id=str(row["oid"]), text=status)
        report = _report(market, row, StopPhase.WAITING)._replace(text=status)
        if status == "open":
            return report
        fills = await _fills(caller, market, min(told["at_ms"], int(row["timestamp"])))
        order_id = _own_order(row, fills)
        if not order_id and status == "triggered":
            account = _account(caller)
            unnamed = [fill for fill in fills if str(fill["oid"]) not in taken and forced(fill, account) is None]
            order_id = _likely_order(row, unnamed, told["at_ms"])
        if order_id or status == "filled":
            return report._replace(phase=StopPhase.TRIGGERED, order_id=order_id or report.venue_id)
        return report._replace(phase=_ended(status))

    async def cancel(self, caller: RestCaller, market: Market, stop: StopReport) -> bool:
        """Sends `cancel`, or `cancelByCloid` where no number is known."""
        ids, given = ([stop.venue_id], {}) if stop.venue_id else ([], {"clientOrderId": stop.stop_id})
        call, symbol = caller.client.cancel_orders, market.rules.market
        return await caller.ask(call, ids, symbol, given, tolerated=self.gone) is not None

    async def order(
        self, caller: RestCaller, market: Market, order_id: str, asked_qty: Decimal = Decimal(0)
    ) -> Row | None:
        """Makes its row of its state and its fills, as of any order; one sized by the position tells no quantity."""
        told = await _status(caller, int(order_id))
        if told is None:
            return None
        fills = await _fills(caller, market, int(told["order"]["timestamp"]))
        mine = [row for row in fills if str(row["oid"]) == order_id]
        rows, now_ms = caller.client.parse_trades(mine), caller_ms(caller)
        if not number(told["order"]["origSz"]):
            filled = sum((number(row["sz"]) for row in mine), Decimal(0))
            size, left = _size(told, filled, abs(asked_qty) or filled + market.rules.step, now_ms)
            told = {**told, "order": {**told["order"], "origSz": size, "sz": left}}
        return ccxt_row(told, rows, now_ms)


def caller_ms(caller: RestCaller) -> int:
    """Returns the exchange's time, as its client reckons it."""
    client = caller.client
    return int(client.milliseconds()) - int(client.options.get("timeDifference") or 0)


def _account(caller: RestCaller) -> str:
    return str(caller.client.walletAddress).lower()


def _coin(caller: RestCaller, market: Market) -> str:
    return str(caller.client.markets[market.rules.market]["baseName"])


def _order(market: Market, request: StopRequest, of: Mapping[str, Any], qty: str) -> dict[str, Any]:
    buys, at = request.signed_qty > 0, trigger_price(market.rules, request)
    worst = at * (1 + TOLERANCE) if buys else at * (1 - TOLERANCE)
    return order_row(
        of,
        buys=buys,
        amount=qty,
        price=plain(limit_at(market.rules, worst, Decimal(1 if buys else -1))),
        reduce_only=True,
        cloid=f"{CLOID}{request.stop_id}",
        trigger={"isMarket": True, "triggerPx": plain(at), "tpsl": TPSL[request.kind]},
    )


def _told_id(answer: Any) -> str:
    """Reads the answer to one: its number, or nothing but that it waits.

    >>> _told_id({"response": {"data": {"statuses": ["waitingForTrigger"]}}})
    ''
    >>> _told_id({"response": {"data": {"statuses": [{"resting": {"oid": 7}}]}}})
    '7'
    """
    (told,) = answer["response"]["data"]["statuses"]
    if isinstance(told, str):
        return ""
    ((_, of),) = told.items()
    return str(int(of["oid"]))


async def _status(caller: RestCaller, id_: int | str) -> Mapping[str, Any] | None:
    asked = {"type": "orderStatus", "user": _account(caller), "oid": id_}
    try:
        found: Mapping[str, Any] = await caller.ask(caller.client.public_post_info, asked, read=order_status)
    except NotThere:
        return None
    return found


async def _fills(caller: RestCaller, market: Market, since_ms: int) -> list[Row]:
    rows = await caller.ask(fills_between, caller.client, _account(caller), since_ms, caller_ms(caller) + LEEWAY_MS)
    return [row for row in rows if row["coin"] == _coin(caller, market)]


def _own_order(row: Row, fills: Sequence[Row]) -> str:
    """Returns the order that a stop became, by the fills that have its oid, else its cloid; empty where none has.

    >>> stop = {"oid": 7, "cloid": "0x0a"}
    >>> _own_order(stop, [{"oid": 9, "cloid": None}]), _own_order(stop, [{"oid": 9, "cloid": "0x0a"}])
    ('', '9')
    """
    cloid = row.get("cloid")
    own = [fill for fill in fills if fill["oid"] == row["oid"]]
    own += [fill for fill in fills if cloid is not None and fill.get("cloid") == cloid]
    return str(own[0]["oid"]) if own else ""


def _likely_order(row: Row, fills: Sequence[Row], since_ms: int) -> str:
    """Returns the order that a stop became which has another oid and no cloid then; empty where there is none.

    It trades on the stop's side, right behind its trigger. Of several it is the oldest, so that none is left which is
    too old for another stop; of those of one moment, one that is no larger than the stop and nearest to its trigger.

    >>> stop = {"side": "A", "origSz": "2", "triggerPx": "95"}
    >>> fill = {"oid": 9, "cloid": None, "side": "A", "time": 5, "sz": "2", "px": "94"}
    >>> _likely_order(stop, [fill], 5), _likely_order(stop, [fill], 6)
    ('9', '')
    >>> _likely_order(stop, [{**fill, "oid": 8, "px": "99"}, fill, {**fill, "oid": 7, "sz": "3", "px": "95"}], 5)
    '9'
    >>> _likely_order(stop, [fill, {**fill, "oid": 8, "px": "95", "time": 6}], 5)
    '9'
    """
    orders = dict[str, list[Row]]()
    for fill in fills:
        behind = since_ms <= int(fill["time"]) <= since_ms + AT_ONCE_MS
        if behind and fill.get("cloid") is None and fill["side"] == row["side"]:
            orders.setdefault(str(fill["oid"]), []).append(fill)
    size, trigger = number(row["origSz"], "0"), number(row["triggerPx"])

    def unlike(order_id: str) -> tuple[int, bool, Decimal]:
        parts = orders[order_id]
        larger = bool(size) and sum((number(part["sz"]) for part in parts), Decimal(0)) > size
        return int(parts[0]["time"]), larger, abs(number(parts[0]["px"]) - trigger)

    return min(orders, key=unlike, default="")


def _size(told: Mapping[str, Any], filled: Decimal, asked: Decimal, now_ms: int) -> tuple[Decimal, Decimal]:
    """Returns the size of an order whose row tells none, and how much of it the row has counted as left.

    It is what was to be closed, of which such a row counts nothing; so fewer fills prove nothing by themselves. One
    that was filled has that of its fills, once all of them must be there.

    >>> two, one = Decimal(2), Decimal(1)
    >>> [_size({"status": "filled", "at_ms": 0}, one, two, now_ms) for now_ms in (0, EVER_LATE_MS)]
    [(Decimal('2'), Decimal('2')), (Decimal('1'), Decimal('0'))]
    """
    late = now_ms >= told["at_ms"] + EVER_LATE_MS
    return (filled, Decimal(0)) if told["status"] == "filled" and filled and late else (asked, asked)


def _ended(status: str) -> StopPhase:
    """Reads the state of a trigger order of which no fill is there.

    P: DOCS/info-endpoint#query-order-status-by-oid-or-cloid. Of those that were cancelled, some may have been so when
    they were triggered: the position is open then, and gets another stop, or is closed.

    >>> [_ended(word).name for word in ("triggered", "canceled", "reduceOnlyCanceled", "marginCanceled")]
    ['TRIGGERING', 'CANCELED', 'CANCELED', 'FAILED']
    >>> _ended("perpMarginRejected").name, _ended("iocCancelRejected").name
    ('FAILED', 'FAILED')
    """
    if status == "triggered":
        return StopPhase.TRIGGERING
    word = ccxt_status(status)
    failed = word == "rejected" or status in FAILED_AT_TRIGGER
    return StopPhase.FAILED if failed else StopPhase.CANCELED


FAILED_AT_TRIGGER = frozenset({
    "marginCanceled", "selfTradeCanceled", "openInterestCapCanceled", "iocCancelRejected",
    "marketOrderNoLiquidityRejected",
})  # fmt: skip


def _report(market: Market, row: Row, phase: StopPhase) -> StopReport:
    whole = row.get("isPositionTpsl") is True and not number(row["origSz"], "0")
    qty = Decimal(0) if whole else number(row["origSz"], "0")
    return StopReport(
        sym=market.sym,
        kind=KINDS.get(str(row["orderType"])),
        phase=phase,
        venue_id=str(row["oid"]),
        stop_id=own_id(row.get("cloid")) or "",
        trigger_price=number(row.get("triggerPx"), "0") or None,
        signed_qty=qty if row["side"] == "B" else -qty,
        whole=whole,
        text="open",
        reduce_only=row.get("reduceOnly") is True,
    )
