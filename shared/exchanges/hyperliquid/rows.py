"""What Hyperliquid's answers say, read out of its own rows. Pure; what cannot be read raises Unreadable."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.exchanges.client import NotAllThere, Unreadable
from shared.exchanges.hyperliquid.client import own_id
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import Modes
from shared.orders.answers import FundingPayment

EVER_LATE_MS = 10_000  # so long after an order's end, all of its fills are there to be read
MISSED = ("iocCancelRejected", "marketOrderNoLiquidityRejected")  # nothing, or no more, was there within its limit


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


def sides_of(answer: Any) -> tuple[str | None, str | None]:
    """Reads bid and ask of l2Book; None for a side that is empty.

    >>> sides_of({"levels": [[{"px": "9.0"}, {"px": "8.0"}], []], "time": 7})
    ('9.0', None)
    """
    bids, asks = answer["levels"]
    return (bids[0]["px"] if bids else None), (asks[0]["px"] if asks else None)


def best_of(answer: Any) -> dict[str, Any]:
    """Reads bid and ask of l2Book, and its time."""
    bid, ask = sides_of(answer)
    if bid is None or ask is None:
        raise Unreadable("a side of the book is empty")
    return {"bid": bid, "ask": ask, "timestamp": int(answer["time"])}


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


def fills_of(fills: Sequence[Row], client_id: str) -> list[Row]:
    """Returns those of one order of ours: a fill has the id of its order (as the SDK has recorded them)."""
    return [row for row in fills if row["info"]["clientOrderId"] == client_id]


def order_row(told: Mapping[str, Any], fills: Sequence[Row], now_ms: int, answered_qty: Decimal | None = None) -> Row:
    """Makes ccxt's structure of an order out of what is told of it, and of its fills, which were asked for after that.

    One that is over must have as many fills as its row says, and with none it must have ended long ago: they may come
    later than its row, and the row's own count may be of the order's begin.

    - now_ms: the exchange's clock
    - answered_qty: what the answer to the order said was filled, of all of it; None: that answer is not known here

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
    elif word != "open" and not _whole(status, asked, rest, filled, answered_qty, late=late):
        text = f"the order is {status}, and its fills are {filled} of {asked}: not all are there yet"
        if status == "filled" or filled == asked:
            raise Unreadable(text)
        raise NotAllThere(text, filled if order["side"] == "B" else -filled)
    if word == "rejected" and filled:
        word = "canceled"
    return {
        "id": str(order["oid"]), "clientOrderId": own_id(order.get("cloid")),
        "side": "buy" if order["side"] == "B" else "sell", "amount": asked, "filled": filled,
        "cost": sum((number(fill["amount"]) * number(fill["price"]) for fill in fills), Decimal(0)),
        "status": word, "timestamp": int(order["timestamp"]), "trades": list(fills),
        "info": {"status": status},
    }  # fmt: skip


def _whole(
    status: str, asked: Decimal, rest: Decimal, filled: Decimal, answered_qty: Decimal | None = None, *, late: bool
) -> bool:
    """Says whether these are all fills of an order that is over. rest: the row's `sz`, which may be that of its begin.

    What an IOC is called that was filled in part no page says: `filled`, canceled for want of margin (ccxt's issue
    23998), or by any other end. So no word of an end says that nothing was filled, but those of an order that was not
    taken; and fills that are fewer than the row has counted are never all of them.

    >>> two, one, none = Decimal(2), Decimal(1), Decimal(0)
    >>> [_whole("canceled", two, two, none, late=late) for late in (False, True)]
    [False, True]
    >>> _whole("filled", two, two, none, late=True), _whole("canceled", two, one, none, late=True)
    (False, False)
    """
    counted = asked - rest
    if answered_qty is not None:
        return filled == answered_qty
    if filled == asked:
        return True
    if filled < counted or (status == "filled" and not filled):
        return False
    if not filled and ccxt_status(status) == "rejected":
        return True
    return late or 0 < filled == counted


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
