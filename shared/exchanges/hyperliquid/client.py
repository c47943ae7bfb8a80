"""Hyperliquid's client: it signs an order by itself, as one action, and posts that once.

ccxt's own `create_order` posts three requests before the first one: it approves a builder's fee, takes a referrer, and
asks what kind of account it is. Then it attaches the builder, with 1 bp of every order, drops `expiresAfter`, and sends
our id as it is, which must be `0x` and 32 digits there (C: hyperliquid.initialize_client, create_orders_request).
"""

import json
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.exchanges.client import Unreadable, current
from shared.exchanges.hyperliquid.pace import ACCOUNT_PACE, MARKET_PACE, paced_client
from shared.exchanges.trading.client import current_stamp

CLOID = "0x"
NONCES_KEPT = ANSWERS_KEPT = 1_000
IOC = "Ioc"
MISSES = ("Order could not immediately match against any resting orders", "No liquidity available for market order")
EXPIRED, EXPIRED_COSTS = "Action already expired", 5  # P: DOCS/exchange-endpoint#expires-after: so many requests


def signing_client(parent: Any) -> Any:
    """Makes a subclass of ccxt's class whose signed actions are only those that were asked for."""
    used, answers = deque[int](maxlen=NONCES_KEPT), OrderedDict[str, Decimal]()

    def remember(client_id: str, filled: Decimal) -> None:
        answers[client_id] = filled
        if len(answers) > ANSWERS_KEPT:
            answers.popitem(last=False)

    class Signing(paced_client(parent, ACCOUNT_PACE)):  # type: ignore[misc]
        requests_counted = 0  # those of which the address has so many, as this client has used them

        def answered_qty(self, client_id: str) -> Decimal | None:
            """Returns what the answer to an order said was filled; None where none is known here."""
            return answers.get(client_id)

        async def initialize_client(self) -> Any:  # ccxt's approves a builder and takes a referrer
            return True

        def incrementing_nonce(self) -> Any:
            """Returns a nonce that no other action of this client has: an order's own time, or the next that is free.

            Two orders of one millisecond are two nonces; until when they are good stands in `expiresAfter`.
            """
            nonce = int(self.nonce())
            while nonce in used:
                nonce += 1
            used.append(nonce)
            return nonce

        def sign_l1_action(self, *given: Any, **named: Any) -> Any:
            self.requests_counted += 1
            return super().sign_l1_action(*given, **named)

        async def create_order(
            self, symbol: Any, type: Any, side: Any, amount: Any, price: Any = None, params: Any = None
        ) -> Any:
            """Posts one order. amount, price: as they shall stand in what is signed. A market order needs a price.

            params: `carried`, its stops (`order_row`), posted in the same action.
            """
            given = params or {}
            client_id: str = given["clientOrderId"]
            row = order_row(
                self.market(symbol),
                buys=side == "buy",
                amount=amount,
                price=price,
                reduce_only=bool(given.get("reduceOnly", False)),
                cloid=f"{CLOID}{client_id}",
            )
            carried = [{**one, "a": row["a"], "s": amount} for one in given.get("carried", ())]
            try:
                answer = await self.post_orders([row, *carried], "normalTpsl" if carried else "na")
            except Exception as error:
                answer = taken_all_the_same()
                if answer is None:
                    if any(text in str(error) for text in MISSES):
                        remember(client_id, Decimal(0))
                    raise
            made, filled = answered(answer, amount, client_id)
            if filled is not None:
                remember(client_id, filled)
            return made

        async def post_orders(self, rows: Sequence[Mapping[str, Any]], grouping: str) -> Any:
            """Posts orders as one action, signed once, and good until the sending task's stamp says."""
            action = {"type": "order", "orders": list(rows), "grouping": grouping}
            self.requests_counted += len(rows) - 1
            stamp, nonce = current_stamp(), self.incrementing_nonce()
            until_ms = None if stamp is None else stamp.until_ms
            request = {
                "action": action,
                "nonce": nonce,
                "signature": self.sign_l1_action(action, nonce, None, until_ms),
                **({} if until_ms is None else {"expiresAfter": until_ms}),
            }
            try:
                return await self.privatePostExchange(request)
            finally:
                if stamp is not None and EXPIRED in stamp.body:
                    self.requests_counted += EXPIRED_COSTS - 1

        async def cancel_orders(self, ids: Any, symbol: Any = None, params: Any = None) -> Any:
            """Cancels orders by their numbers, or one by our id. Each counts as a request."""
            given = dict(params or {})
            self.requests_counted += max(len(ids or []) - 1, 0)
            if "clientOrderId" in given:
                given["clientOrderId"] = f"{CLOID}{given['clientOrderId']}"
            return await super().cancel_orders(ids, symbol, given)

        def parse_order(self, order: Any, market: Any = None) -> Any:
            made = super().parse_order(order, market)
            return {**made, "clientOrderId": own_id(made.get("clientOrderId"))}

        def parse_trade(self, trade: Any, market: Any = None) -> Any:
            made = super().parse_trade(trade, market)
            return {**made, "info": {**trade, "clientOrderId": own_id(trade.get("cloid"))}}

    Signing.__name__ = Signing.__qualname__ = parent.__name__
    return Signing


def recent_trades_client(parent: Any) -> Any:
    """Makes a subclass of ccxt's class whose trades are the market's: ccxt's `fetch_trades` asks for an account's own.

    How many `recentTrades` has, no page says; it is in DOCS/rate-limits-and-user-limits (P) and the SDKs (K).
    """

    class Recent(paced_client(parent, MARKET_PACE)):  # type: ignore[misc]
        def describe(self) -> Any:  # ccxt copies this to other clients of the same markets, and has it with HIP-3 only
            return self.deep_extend(
                super().describe(), {"options": {"hip3TokensByName": {}, "cachedCurrenciesById": {}}}
            )

        async def fetch_trades(self, symbol: Any, since: Any = None, limit: Any = None, params: Any = None) -> Any:
            await self.load_markets()
            market = self.market(symbol)
            coin = market["baseName"] if market["swap"] else market["id"]
            rows = await self.publicPostInfo({"type": "recentTrades", "coin": coin})
            return self.parse_trades(rows, market, since, limit)

    Recent.__name__ = Recent.__qualname__ = parent.__name__
    return Recent


def order_row(
    market: Mapping[str, Any],
    *,
    buys: bool,
    amount: str,
    price: str,
    reduce_only: bool,
    cloid: str,
    trigger: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns an order as it stands in an action; the order of its fields counts in the hash.

    P: exchange-endpoint#place-an-order. Numbers have no zeros behind (P: signing). trigger: what it waits for
    (`isMarket`, `triggerPx`, `tpsl`); None: nothing, it is an IOC.

    >>> order_row({"baseId": "4"}, buys=True, amount="0.0147", price="1670.1", reduce_only=False, cloid="0x0a")
    {'a': 4, 'b': True, 'p': '1670.1', 's': '0.0147', 'r': False, 't': {'limit': {'tif': 'Ioc'}}, 'c': '0x0a'}
    """
    kind = {"limit": {"tif": IOC}} if trigger is None else {"trigger": dict(trigger)}
    return {
        "a": int(market["baseId"]), "b": buys, "p": price, "s": amount, "r": reduce_only, "t": kind, "c": cloid
    }  # fmt: skip


def taken_all_the_same() -> Any:
    """Returns the answer in which an order was taken and a stop of it was not: ccxt raises the stop's error.

    None: that is not so of the answer that this task has heard.
    """
    reply = current()
    try:
        answer: Any = json.loads(reply.body) if reply is not None else None
        first, *others = answer["response"]["data"]["statuses"]
    except (ValueError, KeyError, TypeError):
        return None
    return answer if others and isinstance(first, dict) and {"filled", "resting"} & first.keys() else None


def answered(answer: Any, amount: str, client_id: str) -> tuple[dict[str, Any], Decimal | None]:
    """Reads the answer to an order, as ccxt's structure of one, and what was filled; what was not filled of it is over.

    Behind it come its stops, of which words like waitingForTrigger say nothing: the list tells of those.

    A whole fill is told as an order that is there: its average price is rounded, and its trades tell what it has cost.
    None: it rests, and nothing is final.

    >>> told = {"response": {"data": {"statuses": [{"filled": {"totalSz": "93.4", "avgPx": "0.26786", "oid": 7}}]}}}
    >>> made, filled = answered(told, "400", "0a")
    >>> made["id"], made["status"], made["filled"], made["amount"], filled
    ('7', 'canceled', '93.4', '400', Decimal('93.4'))
    >>> answered(told, "93.4", "0a")[0]["status"]
    """
    try:
        told, *_ = answer["response"]["data"]["statuses"]
        ((word, of),) = told.items()
        row = {"id": str(int(of["oid"])), "clientOrderId": client_id, "info": {}}
        filled = Decimal(of["totalSz"]) if word == "filled" else None
        short = filled is not None and filled < Decimal(amount)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        raise Unreadable(f"the answer to an order is {str(answer)[:100]!r}") from None
    if short:
        return {**row, "status": "canceled", "filled": of["totalSz"], "amount": amount}, filled
    return {**row, "status": None}, filled


def own_id(cloid: Any) -> str | None:
    """Returns our id of what the exchange calls cloid; None where an order has none.

    >>> own_id("0x00ab"), own_id(None)
    ('00ab', None)
    """
    return None if not isinstance(cloid, str) else cloid.removeprefix(CLOID)
