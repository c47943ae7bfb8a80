"""Bybit: how its markets are read, and how a unified account trades linear swaps and spot. DOCS: facts.py.

The letters: shared/exchanges/profile.py.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from shared.errors import VenueError
from shared.exchanges.bybit.facts import FACTS, MARKET_DATA, STOP_ORDER_TYPES
from shared.exchanges.profile import ExchangeProfile, TradingFacts
from shared.exchanges.rest_caller import NotThere, RestCaller
from shared.exchanges.trading.markets import MarketOrder, decimal_at
from shared.exchanges.trading.paging import Row, all_pages, trades
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import EARLIER_MS, Modes, Rights, TradingProfile, payment_pages, told
from shared.orders.answers import Forced, FundingPayment

WEEK_MS = 7 * 86_400_000
MOST_WEEKS = 104  # P: DOCS/order/order-list: two years
MOST_POSITIONS = 200  # P: DOCS/position
EXEC_TYPES = {  # P: DOCS/enum#exectype
    "BustTrade": Forced.LIQUIDATION, "AdlTrade": Forced.ADL, "Delivery": Forced.SETTLEMENT, "Settle": Forced.SETTLEMENT,
}  # fmt: skip
TRADES = {"Trade", "BlockTrade", "MovePosition", "FutureSpread", *EXEC_TYPES}
CREATED_BY = {  # P: DOCS/enum#createtype
    "CreateByLiq": Forced.LIQUIDATION, "CreateByTakeOver_PassThrough": Forced.LIQUIDATION,
    "CreateByAdl_PassThrough": Forced.ADL, "CreateBySettle": Forced.SETTLEMENT,
}  # fmt: skip
FUNDING, CLASSIC, PORTFOLIO = "Funding", "1", "PORTFOLIO_MARGIN"

# P: DOCS/order/cancel-all: of spot only `Order` is cancelled unless another kind is named
SPOT_KINDS = ("Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder")
UNTRIGGERED = "Untriggered"
INDEX = {"LONG": 1, "SHORT": 2}  # P: DOCS/order/create-order: positionIdx


class BybitProfile(TradingProfile):
    """A BybitProfile knows one API for both kinds, which `category` tells apart."""

    name: ClassVar[str] = "bybit"
    by_kind: ClassVar[Mapping[str, TradingFacts]] = dict.fromkeys(("swap", "spot"), FACTS)
    lookup_name: ClassVar[str] = "orderLinkId"
    margin_of_account: ClassVar[bool] = True  # P: DOCS/account/set-margin-mode

    def more_orders(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """Reads the answer's cursor, which ccxt puts into a row."""
        cursor = next((row["info"]["nextPageCursor"] for row in rows if row["info"].get("nextPageCursor")), None)
        return None if cursor is None else {"cursor": cursor}

    more_trades = more_orders

    async def trades_page(
        self, caller: RestCaller, market: str | None, since: int | None, params: Mapping[str, Any]
    ) -> list[Row]:
        """Asks without `execType`: ccxt asks for `execType=Trade` alone, so that no liquidation would ever be seen."""
        client, known = caller.client, None if market is None else caller.client.markets[market]
        asked = {
            "category": self.facts.market_types[self.kind], "symbol": known and known["id"], "limit": self.facts.page,
            "startTime": since, "endTime": params.get("until"),
            **{name: value for name, value in params.items() if name != "until"},
        }  # fmt: skip
        answer = await client.private_get_v5_execution_list({k: v for k, v in asked.items() if v is not None})
        found: list[Row] = client.parse_trades(client.add_pagination_cursor_to_result(answer), known)
        return found

    def is_trade(self, row: Row) -> bool:
        """Leaves out funding payments; what a person has done elsewhere moves the position at a price."""
        return str(row["info"].get("execType")) in TRADES

    def forced(self, info: Mapping[str, Any]) -> Forced | None:
        """Reads an execution's `execType`, an order's `createType`."""
        return EXEC_TYPES.get(str(info.get("execType"))) or CREATED_BY.get(str(info.get("createType")))

    def fees(self, trade: Row) -> list[tuple[str, Decimal]]:
        """Adds taxes, which stand in a list of their own, and takes the coin that the exchange names.

        P: DOCS/order/execution: feeCurrency, extraFees. ccxt reads neither, and guesses the coin.
        """
        info = trade["info"]
        ((currency, cost),) = super().fees(trade)
        extra = info.get("extraFees") or []
        taxes = json.loads(extra) if isinstance(extra, str) else extra
        named = str(info.get("feeCoin") or info.get("feeCurrency") or currency)
        return [(named, cost), *((str(tax.get("feeCoin") or named), number(tax.get("fee"), "0")) for tax in taxes)]

    def market_order(self, market: Row) -> MarketOrder:
        """Reads maxMktOrderQty of a swap (P: DOCS/market/instrument), maxMarketOrderQty of a spot market.

        The latter is in the answers since 2025, and is smaller than maxOrderQty.
        """
        lot = market["info"].get("lotSizeFilter") or {}
        return MarketOrder(most=decimal_at(lot, "maxMktOrderQty") or decimal_at(lot, "maxMarketOrderQty"))

    async def positions(self, caller: RestCaller, swaps: Sequence[str]) -> list[Row]:
        """Asks for all that are open, by the coin that they settle in: ccxt takes no second symbol."""
        coins = sorted({caller.client.markets[swap]["settle"] for swap in swaps})
        found: list[Row] = []
        for coin in coins:
            params = {"category": "linear", "settleCoin": coin, "limit": MOST_POSITIONS}
            found += await all_pages(caller, self.more_orders, partial(self._positions_page, caller), params)
        return found

    async def _positions_page(self, caller: RestCaller, params: Mapping[str, Any]) -> Any:
        return await caller.client.fetch_positions(None, dict(params))

    trades_at_once: ClassVar[bool] = True

    async def all_open_orders(self, caller: RestCaller, markets: Sequence[str]) -> list[Row]:
        """Asks for those of one market, or of all that settle in a coin: DOCS/order/open-order (P)."""
        if len(markets) == 1:
            return await super().all_open_orders(caller, markets)
        if self.kind == "spot":
            return await self.open_orders(caller, None, {"type": "spot"})
        coins = sorted({caller.client.markets[market]["settle"] for market in markets})
        given = [{"type": "swap", "subType": "linear", "settleCoin": coin} for coin in coins]
        return [row for params in given for row in await self.open_orders(caller, None, params)]

    async def all_trades(self, caller: RestCaller, markets: Sequence[str], since_ms: int, now_ms: int) -> list[Row]:
        """Asks for all markets of a kind at once: DOCS/order/execution (P)."""
        return await trades(caller, self, None, since_ms, now_ms)

    tickers_one_by_one: ClassVar[float] = 4  # beyond, one answer of all, hundreds of kilobytes, is the lesser burden

    async def all_tickers(self, caller: RestCaller, ids: Sequence[str]) -> list[tuple[str, Row]]:
        """Asks for all of a kind: each question costs the same (C)."""
        asked = {"category": self.facts.market_types[self.kind]}
        answer = await caller.ask(caller.client.public_get_v5_market_tickers, asked)
        return [(row["symbol"], row) for row in answer["result"]["list"]]

    async def prepare(self, caller: RestCaller) -> None:
        """Lets ccxt ask which kind of account it is."""
        await caller.ask(caller.client.is_unified_enabled)

    async def unfit(self, caller: RestCaller, *, live: bool) -> str | None:
        """Wants a unified account, in no portfolio margin. P: DOCS/account/account-info, which the demo has not (C)."""
        if not live:
            return None
        info = (await caller.ask(caller.client.private_get_v5_account_info))["result"]
        if str(info["unifiedMarginStatus"]) == CLASSIC:
            return "is a classic account: upgrade it to a unified trading account"
        if info["marginMode"] == PORTFOLIO:
            return "is in portfolio margin: switch its margin mode to isolated margin"
        return None

    async def rights(self, caller: RestCaller) -> Rights:
        """Asks about the key. P: DOCS/user/apikey-info."""
        answer: Any = await caller.ask(caller.client.private_get_v5_user_query_api)
        told = answer["result"]
        permissions = told.get("permissions") or {}
        name, needed = ("ContractTrade", {"Order", "Position"}) if self.kind == "swap" else ("Spot", {"SpotTrade"})
        return Rights(
            trade=str(told["readOnly"]) == "0" and needed <= set(permissions.get(name) or []),
            withdraw="Withdraw" in (permissions.get("Wallet") or []),
            ends_ms=_end_of(told),
        )

    async def account_id(self, caller: RestCaller, *, live: bool) -> str:
        """Returns the key's `userID`, for which the demo has no answer. P: DOCS/user/apikey-info."""
        if not live:
            return ""
        answer: Any = await caller.ask(caller.client.private_get_v5_user_query_api)
        return str(answer["result"].get("userID") or "")

    async def order_by_client_id(
        self, caller: RestCaller, market: str, client_id: str, since_ms: int | None = None
    ) -> Row | None:
        """Asks the open list, which keeps the last 500 that have ended, then the history, a week at a time.

        P: DOCS/order/order-list: without times the last seven days; before these, only what was filled.
        """
        client, params = caller.client, {self.lookup_name: client_id}
        try:
            rows = await caller.ask(client.fetch_open_orders, market, None, None, params)
            rows = rows or await caller.ask(client.fetch_canceled_and_closed_orders, market, None, None, params)
            end_ms = client.milliseconds() - WEEK_MS
            oldest_ms = end_ms if since_ms is None else max(since_ms - EARLIER_MS, end_ms - MOST_WEEKS * WEEK_MS)
            while not rows and end_ms > oldest_ms:
                times = {"startTime": max(end_ms - WEEK_MS, oldest_ms), "endTime": end_ms}
                rows = await caller.ask(
                    client.fetch_canceled_and_closed_orders, market, None, None, {**params, **times}
                )
                end_ms -= WEEK_MS
        except NotThere:
            return None
        if not rows and since_ms is not None and since_ms < client.milliseconds() - WEEK_MS:
            own = await caller.ask(client.fetch_my_trades, market, since_ms - EARLIER_MS, None, params)
            if own:  # cancelled in part, perhaps: the history of weeks ago is said to have only what was filled
                raise VenueError(
                    f"{client.id} has {len(own)} trades of {client_id}, and does not show the order any more"
                )
        return rows[0] if rows else None

    async def set_one_way(self, caller: RestCaller, swaps: Sequence[str]) -> None:
        """Sets it by symbol. It is not told, but asking for what is so has an answer, and orders say positionIdx."""
        for market in swaps:
            await self.set_mode(
                caller, f"{market}: one-way position mode", caller.client.set_position_mode, False, market
            )

    async def modes(self, caller: RestCaller, swaps: Sequence[str]) -> Mapping[str, Modes]:
        """Asks for each market's list of positions: leverage and mode, flat or not; the margin mode is the account's.

        P: DOCS/position, DOCS/account/account-info
        """
        client = caller.client
        margin = await told(caller, "marginMode", client.fetch_margin_mode, swaps[0])

        def read(answer: Any) -> Modes:
            rows = answer["result"]["list"]
            return Modes(any(int(row["positionIdx"]) for row in rows), margin, number(rows[0]["leverage"]))

        found: dict[str, Modes] = {}
        for market in swaps:
            params = {"category": "linear", "symbol": client.markets[market]["id"]}
            found[market] = await caller.ask(client.privateGetV5PositionList, params, read=read)
        return found

    async def margin_and_leverage(self, caller: RestCaller, market: str) -> tuple[str | None, Decimal | None]:
        """Reads the same two answers: ccxt makes a whole number of `2.5`."""
        modes = (await self.modes(caller, [market]))[market]
        return modes.margin, modes.leverage

    def ends_ms(self, market: Row) -> int | None:
        """Reads a perpetual's deliveryTime, 0 until its delisting is announced: DOCS/market/instrument (P)."""
        return int(market["info"].get("deliveryTime") or 0) or None

    def waits(self, info: Mapping[str, Any]) -> bool:
        """Reads a swap's `orderStatus` (P: DOCS/enum#orderstatus); spot's are cancelled kind by kind."""
        return self.kind == "swap" and info.get("orderStatus") == UNTRIGGERED

    def of_position(self, info: Mapping[str, Any]) -> bool:
        """Reads `stopOrderType` of what waits (P: DOCS/enum#stopordertype)."""
        return self.waits(info) and info.get("stopOrderType") in STOP_ORDER_TYPES

    async def cancel_resting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels all of a kind at once; without a kind, a swap's stops would go, too. P: DOCS/order/cancel-all."""
        for kind in ("Order",) if self.kind == "swap" else SPOT_KINDS:
            await caller.ask(
                caller.client.cancel_all_orders, market, {"orderFilter": kind}, tolerated=self.facts.unknown
            )

    async def cancel_waiting(self, caller: RestCaller, market: str, ids: Sequence[str] | None = None) -> None:
        """Cancels a swap's one by one, of which there are at most ten (P: DOCS/order/create-order)."""
        if self.kind == "swap" and ids is None:
            rows = [(str(row["id"]), row["info"]) for row in await self.open_orders(caller, market)]
            ids = [id_ for id_, info in rows if self.waits(info) and not self.of_position(info)]
        for id_ in ids or ():
            await caller.ask(caller.client.cancel_order, id_, market, tolerated=self.facts.unknown)

    def row_of(self, position: Mapping[str, Any]) -> str:
        """Returns LONG or SHORT for a position of a hedge."""
        index = int(position["info"].get("positionIdx") or 0)
        return next((name for name, number in INDEX.items() if number == index), "")

    def closing(self, row: str) -> Mapping[str, Any]:
        """Names the position by its index."""
        return {"positionIdx": INDEX[row], "reduceOnly": True}

    def held(self, answer: Mapping[str, Any]) -> Mapping[str, Decimal]:
        """Reads the coin's `equity`: ccxt's `total` is `walletBalance`, without unrealised profit and what is owed.

        C, P: DOCS/account/wallet-balance.
        """
        accounts = answer["info"]["result"]["list"]
        return {coin["coin"]: number(coin["equity"]) for account in accounts for coin in account["coin"]}

    async def funding(self, caller: RestCaller, syms: Mapping[str, str], since_ms: int) -> list[FundingPayment]:
        """Asks for all markets together, page by page; raw, since ccxt gives `execFee` as the amount that came in."""
        client = caller.client
        ids = {client.market(market)["id"]: sym for market, sym in syms.items()}

        def read(answer: Any) -> tuple[str, list[FundingPayment]]:
            rows = answer["result"]["list"]
            mine = [row for row in rows if row["execType"] == FUNDING and row["symbol"] in ids]
            return answer["result"].get("nextPageCursor") or "", [_payment(ids, row) for row in mine]

        async def page(before: str) -> tuple[list[FundingPayment], str | None]:
            asked = {"category": "linear", "execType": FUNDING, "startTime": since_ms, "limit": self.facts.page}
            further = {"cursor": before} if before else {}
            cursor, payments = await caller.ask(client.private_get_v5_execution_list, {**asked, **further}, read=read)
            return payments, None if cursor in ("", before) else cursor

        return await payment_pages(caller, page, "")


def _payment(ids: Mapping[str, str], row: Mapping[str, Any]) -> FundingPayment:
    """Reads a payment: a positive `execFee` was paid, a negative one came in. P: DOCS/order/execution."""
    return FundingPayment(str(row["execId"]), ids[row["symbol"]], -number(row["execFee"]), int(row["execTime"]))


BYBIT = ExchangeProfile("bybit", MARKET_DATA, BybitProfile)


def _end_of(told: Row) -> int | None:
    """Returns when a key ends that is bound to no address; one that is bound stays. P: DOCS/user/apikey-info.

    >>> _end_of({"ips": ["*"], "expiredAt": "2030-05-15T03:13:24Z"}), _end_of({"ips": ["127.0.0.1"]})
    (1905045204000, None)
    """
    if list(told.get("ips") or []) not in ([], ["*"]) or not told.get("expiredAt"):
        return None
    return int(datetime.fromisoformat(str(told["expiredAt"])).timestamp() * 1_000)
