"""What Hyperliquid's answers say, read out of its own rows. Pure; what cannot be read raises Unreadable."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.exchanges.client import Unreadable
from shared.exchanges.hyperliquid.client import own_id
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import Modes
from shared.orders.answers import FundingPayment

EVER_LATE_MS = 10_000  # so long after an order's end, all of its fills are there to be read
MISSED = ("iocCancelRejected", "marketOrderNoLiquidityRejected")  # nothing of it was filled


def rows_of(answer: Any) -> list[Any]:
    """Returns an answer that must be a list."""
    if not isinstance(answer, list):
        raise Unreadable(f"a list is {str(answer)[:100]!r}")
    return answer


def requests_left(answer: Any) -> int:
    """Reads userRateLimit, as the official SDK has it recorded; reserved ones stand in nRequestsSurplus (U).

    >>> requests_left({"cumVlm": "2854574.593578", "nRequestsUsed": 2890, "nRequestsCap": 2864574})
    2861684
    """
    return int(answer["nRequestsCap"]) - int(answer["nRequestsUsed"]) + int(answer.get("nRequestsSurplus") or 0)


def best_of(answer: Any) -> dict[str, Any]:
    """Reads bid and ask of l2Book, and its time."""
    bids, asks = answer["levels"]
    if not bids or not asks:
        raise Unreadable("a side of the book is empty")
    return {"bid": bids[0]["px"], "ask": asks[0]["px"], "timestamp": int(answer["time"])}


def contexts_of(answer: Any) -> list[dict[str, Any]]:
    """Reads metaAndAssetCtxs: a row for each market, in the order of their numbers."""
    meta, contexts = answer
    return [{**of, **context} for of, context in zip(meta["universe"], contexts, strict=True)]


def modes_of(leverage: Mapping[str, Any]) -> Modes:
    """Reads a market's `leverage`: its type is isolated or cross."""
    return Modes(hedged=False, margin=str(leverage["type"]), leverage=number(leverage["value"]))


def held_modes(answer: Any) -> dict[str, Modes]:
    """Reads the positions of clearinghouseState; each is `oneWay`."""
    rows = list(answer["assetPositions"])
    if strange := {str(row["type"]) for row in rows} - {"oneWay"}:
        raise Unreadable(f"a position is {', '.join(sorted(strange))}")
    return {str(row["position"]["coin"]): modes_of(row["position"]["leverage"]) for row in rows}


def payment_of(coins: Mapping[str, str], row: Mapping[str, Any]) -> FundingPayment:
    """Reads a row of userFunding. coins: of which symbol each is."""
    coin, at_ms = str(row["delta"]["coin"]), int(row["time"])
    return FundingPayment(f"{coin}:{at_ms}", coins[coin], number(row["delta"]["usdc"]), at_ms)


def order_status(answer: Any) -> Mapping[str, Any]:
    """Reads orderStatus of an order that is there: its row, its state, and since when it is in that."""
    told: Mapping[str, Any] = answer["order"]
    return {"order": told["order"], "status": str(told["status"]), "at_ms": int(told["statusTimestamp"])}


def may_have_fills(told: Mapping[str, Any]) -> bool:
    """Says whether the fills of an order are to be asked for: not where its state alone tells that there are none."""
    return told["status"] not in MISSED and ccxt_status(told["status"]) != "rejected"


def order_row(told: Mapping[str, Any], fills: Sequence[Row], now_ms: int) -> Row:
    """Makes ccxt's structure of an order out of what is told of it, and of its fills.

    One that is over must have as many fills as its row says, or have ended long ago: they may come later than its row.

    >>> order = {"oid": 7, "cloid": "0x0a", "side": "B", "sz": "0.0", "origSz": "2.0", "tif": "Ioc", "timestamp": 5}
    >>> fill = {"amount": "2.0", "price": "10.0"}
    >>> row = order_row({"order": order, "status": "filled", "at_ms": 5}, [fill], 6)
    >>> row["status"], row["filled"], row["cost"]
    ('closed', Decimal('2.0'), Decimal('20.00'))
    """
    order, status = told["order"], told["status"]
    asked, rest = number(order["origSz"]), number(order["sz"])
    filled = sum((number(fill["amount"]) for fill in fills), Decimal(0))
    word, late = ccxt_status(status), now_ms >= told["at_ms"] + EVER_LATE_MS
    if word == "open" and filled == asked:  # the state is behind the fills, which nothing can be added to
        word = "closed"
    elif word != "open" and not _whole(status, asked, rest, filled, late=late):
        raise Unreadable(f"the order is {status}, and its fills are {filled} of {asked}: not all are there yet")
    return {
        "id": str(order["oid"]), "clientOrderId": own_id(order.get("cloid")),
        "side": "buy" if order["side"] == "B" else "sell", "amount": asked, "filled": filled,
        "cost": sum((number(fill["amount"]) * number(fill["price"]) for fill in fills), Decimal(0)),
        "status": word, "timestamp": int(order["timestamp"]), "trades": list(fills), "info": {},
    }  # fmt: skip


def _whole(status: str, asked: Decimal, rest: Decimal, filled: Decimal, *, late: bool) -> bool:
    """Says whether these are all fills of an order that is over. rest: the row's `sz`, which may be that of its begin.

    An order that was filled in part at once, and not for the rest, may be called `filled`, too.

    >>> asked = Decimal(2)
    >>> _whole("filled", asked, asked, Decimal(0), late=True), _whole("canceled", asked, asked, Decimal(0), late=False)
    (False, True)
    """
    if status == "filled":
        return filled == asked or (filled > 0 and (late or filled == asked - rest))
    return late or filled == asked - rest


def ccxt_status(status: str) -> str:
    """Returns ccxt's word for an order's state. P: DOCS/info-endpoint#query-order-status-by-oid-or-cloid.

    >>> [ccxt_status(word) for word in ("open", "filled", "selfTradeCanceled", "tickRejected", "scheduledCancel")]
    ['open', 'closed', 'canceled', 'rejected', 'canceled']
    """
    if status in ("open", "triggered"):
        return "open"
    if status == "filled":
        return "closed"
    if status in MISSED:
        return "canceled"
    if status.lower().endswith("rejected"):
        return "rejected"
    if status.endswith(("anceled", "Cancel")):
        return "canceled"
    raise Unreadable(f"the order's status is {status[:30]!r}")
